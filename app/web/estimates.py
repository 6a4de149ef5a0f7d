"""How long jobs wait and take: the line as SQS knows it, and an estimate from the jobs that this process saw end."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import fmean, linear_regression, median

from app.aws.queues import Queue, Queues
from app.domain.jobs import Job, Status

FRESH_SECONDS = 5
"""Seconds that the length of the line is shown before SQS is asked again."""

REMEMBERED = 200
LATELY = 10
"""Jobs whose wait says how long the line is now."""

ALIKE = 10
"""A file this many times larger or smaller than every one that was measured is not compared with them."""

PACKED = (".gz", ".bgz", ".bcf")


@dataclass(frozen=True)
class Measured:
    """Of a completed job: its reference and kind of file, bytes, and milliseconds that it waited and took."""

    kind: tuple[str, bool]
    size: int
    waited: int
    took: int


@dataclass
class DurationEstimator:
    """What the last REMEMBERED jobs that completed say about the next."""

    _seen: OrderedDict[str, Measured] = field(default_factory=OrderedDict)

    def observe(self, jobs: Iterable[Job]) -> None:
        """Remembers those that were completed at their first attempt; others say nothing about the next."""
        for job in jobs:
            if job.status is Status.COMPLETED and job.attempts == 1 and job.submitted_at and job.started_at and job.finished_at:
                waited, took = max(0, job.started_at - job.submitted_at), max(0, job.finished_at - job.started_at)
                self._seen[job.job_id] = Measured(_kind(job), job.size, waited, took)
        # job ids sort by time
        self._seen = OrderedDict(sorted(self._seen.items())[-REMEMBERED:])

    def wait(self) -> int | None:
        """Milliseconds that jobs waited lately; None if none was seen."""
        lately = [one.waited for one in self._seen.values()][-LATELY:]
        return round(median(lately)) if lately else None

    def duration(self, job: Job) -> int | None:
        """Milliseconds that a job like this should take: a line through those that were seen; None if none was like it."""
        alike = [one for one in self._seen.values() if one.kind == _kind(job)]
        sizes, times = [one.size for one in alike], [one.took for one in alike]
        if not alike or not min(sizes) / ALIKE <= job.size <= max(sizes) * ALIKE:
            return None
        if len(set(sizes)) == 1:
            return round(fmean(times))
        slope, start = linear_regression(sizes, times)
        return round(max(start + slope * job.size, min(times))) if slope > 0 else round(fmean(times))


def _kind(job: Job) -> tuple[str, bool]:
    return job.bundle, job.file_name.lower().endswith(PACKED)


@dataclass
class QueueView:
    """How long the line is: answers of SQS, kept for a few seconds so that viewers cost nothing."""

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
