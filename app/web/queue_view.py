"""How long the line is: answers of SQS, kept for a few seconds so that viewers cost nothing."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from app.aws.queues import Queue, Queues

FRESH_SECONDS = 5


@dataclass
class QueueView:
    queues: Queues
    _open: dict[str, Queue] = field(default_factory=dict)
    _waiting: int = 0
    _seen: float = float("-inf")
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def waiting(self) -> int:
        """About how many jobs wait for an annotator, at most a few seconds old."""
        async with self._one_at_a_time:
            if time.monotonic() - self._seen > FRESH_SECONDS:
                self._waiting = await (await self._queue("job_requests")).depth()
                self._seen = time.monotonic()
        return self._waiting

    async def retention(self) -> int:
        """Seconds that a free user's results stay before they are archived: the delay of the archive's own queue."""
        return (await self._queue("archive_requests")).delay

    async def _queue(self, name: str) -> Queue:
        if name not in self._open:
            self._open[name] = await self.queues.open(name)
        return self._open[name]
