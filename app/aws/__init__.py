"""Adapters to AWS: one module a resource, each the only one that speaks to it."""
