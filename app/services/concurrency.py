"""Whose turn it is: how many long requests a user, and everybody together, may have at once in this process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


class TooManyRequests(Exception):
    """Not now; the text says why."""


@dataclass
class ConcurrencyLimit:
    """`each` requests of one user at once, and `everybody` of all. Further ones are refused and asked to come again."""

    each: int = 4
    everybody: int = 32
    _under_way: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def slot(self, user_id: str) -> Iterator[None]:
        """A turn of this user's. Raises Busy."""
        if self._under_way[user_id] >= self.each:
            raise TooManyRequests(f"You have {self.each} looks or downloads under way. Please wait for one of them to end.")
        if self._under_way.total() >= self.everybody:
            raise TooManyRequests("Many people look through results just now. Please try again in a moment.")
        self._under_way[user_id] += 1
        try:
            yield
        finally:
            self._under_way[user_id] -= 1
            self._under_way += Counter()  # forgets who has none
