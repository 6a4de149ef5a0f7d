"""How much memory all looks into results may hold together: what they inflate is counted inflated, not as it lies in the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from app.services.concurrency import Busy

LINE_BYTES = 150
"""What a line costs beyond its letters: the objects that hold it and its place (measured on Python 3.11)."""


@dataclass
class Room:
    """`most` bytes for all looks. A look that would need more is refused, and gives back what it held."""

    most: int
    held: int = 0

    @contextmanager
    def look(self) -> Iterator[Look]:
        """A look, and what it holds until it ends."""
        look = Look(self)
        try:
            yield look
        finally:
            look.holds()


@dataclass
class Look:
    """What one look holds now."""

    _room: Room
    _bytes: int = field(default=0)

    def holds(self, letters: int = 0, lines: int = 0) -> None:
        """So many bytes of text in so many lines, instead of what it held before. Raises Busy."""
        needed = letters + lines * LINE_BYTES
        if needed > self._bytes and self._room.held + needed - self._bytes > self._room.most:
            raise Busy("Many people look through large results just now. Please try again in a moment.")
        self._room.held += needed - self._bytes
        self._bytes = needed
