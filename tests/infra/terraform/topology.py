"""Where these tests get the declared topology from, and the creator of the local stack."""

from app.topology import create, load

__all__ = ["create", "load"]
