"""Spaces calls out to a rate that their service does not tell, and that others use up as well."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

FIRST_INTERVAL, SLOWEST_INTERVAL = 0.05, 10.0
"""Seconds between two calls: after the first refusal, and after however many."""

QUICKER = 0.97
"""What the interval becomes by each call that was taken; it is doubled by one that was refused."""


@dataclass
class AdaptiveRate:
    """Learns the rate by what is refused: twice as slow then, a little quicker at each call that is taken.

    `interval` is seconds between the beginnings of two calls; while nothing is refused there is none.
    """

    interval: float = 0
    _next: float = 0
    _slowed: float = 0
    _gate: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def turn(self) -> float:
        """Waits, behind those who came before, until the next call may begin. Returns when that is, for `refused`."""
        async with self._gate:
            await asyncio.sleep(max(0, self._next - time.monotonic()))
            began = time.monotonic()
            self._next = began + self.interval
            return began

    def taken(self) -> None:
        """A call was taken."""
        self.interval = self.interval * QUICKER if self.interval > FIRST_INTERVAL / 10 else 0

    def refused(self, began: float) -> None:
        """A call that began then was refused for the rate."""
        if began < self._slowed:
            return  # it was made at the pace before, and says nothing of this one
        self.interval = min(SLOWEST_INTERVAL, max(FIRST_INTERVAL, self.interval * 2))
        self._slowed = time.monotonic()
        self._next = self._slowed + self.interval
