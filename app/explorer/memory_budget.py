"""How much memory all looks into results may hold together: what they inflate is counted inflated, not as it lies in the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from app.services.concurrency import TooManyRequests

LINE_BYTES = 150
"""What a line costs beyond its letters: the objects that hold it and its place (measured on Python 3.11)."""


@dataclass
class MemoryBudget:
    """`most` bytes for all looks. A look that would need more is refused, and gives back what it held."""

    most: int
    held: int = 0

    @contextmanager
    def reserve(self) -> Iterator[Reservation]:
        """A look, and what it holds until it ends."""
        reserved = Reservation(self)
        try:
            yield reserved
        finally:
            reserved.resize()


@dataclass
class Reservation:
    """What one look holds now."""

    _budget: MemoryBudget
    _bytes: int = field(default=0)

    def resize(self, letters: int = 0, lines: int = 0) -> None:
        """So many bytes of text in so many lines, instead of what it held before. Raises TooManyRequests."""
        needed = letters + lines * LINE_BYTES
        if needed > self._bytes and self._budget.held + needed - self._bytes > self._budget.most:
            raise TooManyRequests("Many people look through large results just now. Please try again in a moment.")
        self._budget.held += needed - self._bytes
        self._bytes = needed
