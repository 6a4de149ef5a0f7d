"""Whose turn it is: how many long requests a user, and everybody together, may have at once in this process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from app.domain.limits import ALL_LOOKS, LOOKS


class TooManyRequests(Exception):
    """Not now; the text says why."""


@dataclass
class ConcurrencyLimit:
    """`each` requests of one user at once, and `everybody` of all; further ones are refused, and `said` is what they read."""

    each: int = LOOKS.most
    everybody: int = ALL_LOOKS.most
    said: str = LOOKS.said
    _under_way: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def slot(self, user_id: str) -> Iterator[None]:
        """A turn of this user's. Raises Busy."""
        if self._under_way[user_id] >= self.each:
            raise TooManyRequests(self.said.format(most=self.each))
        if self._under_way.total() >= self.everybody:
            raise TooManyRequests(ALL_LOOKS.said)
        self._under_way[user_id] += 1
        try:
            yield
        finally:
            self._under_way[user_id] -= 1
            self._under_way += Counter()  # forgets who has none
