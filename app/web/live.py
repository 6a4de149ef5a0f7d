"""Live jobs: one polling loop a process, whatever the number of viewers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import structlog

from app.aws.dynamodb import BATCH_KEYS
from app.aws.jobs import Jobs
from app.domain.jobs import Job

log = structlog.get_logger()

POLL_SECONDS = 1.0
STILL_SECONDS = 10.0
"""Seconds without a change after which a job counts as still: what runs says more often how far it is."""

STILL_POLLS = 5
"""One of so many looks is at a job that is still."""

LONG_STILL_SECONDS = 60.0
LONG_STILL_POLLS = 15
"""The same of jobs that wait for long, as those in a queue or in the archive: most of what is watched, if many watch."""

PING_SECONDS = 15.0
"""How long a viewer hears nothing of a job that stands still."""


@dataclass(eq=False)
class Watch:
    """One viewer of one job. A slow viewer misses states in between, never the last one."""

    key: tuple[str, str]
    job: Job | None = None
    woken: float = 0  # as `time.monotonic` counts
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    def show(self, job: Job | None) -> None:
        """Wakes the viewer with a job that is another object than the one known; with None at the end."""
        if job is None or job is not self.job:
            self.job, self.woken = job, time.monotonic()
            self.wake.set()

    def remind(self, before: float) -> None:
        """Wakes a viewer who knows the job and was not woken since."""
        if self.job and self.woken < before:
            self.woken = time.monotonic()
            self.wake.set()


@dataclass
class Live:
    """The watched jobs of one process, and who watches them."""

    jobs: Jobs
    poll_seconds: float = POLL_SECONDS
    ping_seconds: float = PING_SECONDS
    _watches: dict[tuple[str, str], set[Watch]] = field(default_factory=dict)
    _wanted: asyncio.Event = field(default_factory=asyncio.Event)
    _known: dict[tuple[str, str], Job] = field(default_factory=dict)  # the same object for as long as nothing changes
    _changed: dict[tuple[str, str], float] = field(default_factory=dict)  # when, or when another viewer came
    _looks: int = 0

    async def watch(self, user_id: str, job_id: str) -> AsyncGenerator[Job, None]:
        """The job as it is now and after every change, until it is gone or the process stops.

        Where nothing changes, the very same again from time to time: the viewer may have left, which only a write finds out.
        """
        watch = Watch((user_id, job_id))
        self._watches.setdefault(watch.key, set()).add(watch)
        self._changed[watch.key] = time.monotonic()
        self._wanted.set()
        try:
            while await watch.wake.wait() and (job := watch.job):
                watch.wake.clear()
                yield job
        finally:
            self._watches[watch.key].discard(watch)
            if not self._watches[watch.key]:
                del self._watches[watch.key]
                self._known.pop(watch.key, None)
                self._changed.pop(watch.key, None)

    @property
    def viewers(self) -> int:
        """How many watch."""
        return sum(map(len, self._watches.values()))

    def close(self) -> None:
        """Ends every watch."""
        for watches in self._watches.values():
            for watch in watches:
                watch.show(None)

    async def poll(self) -> None:
        """Looks at all watched jobs, for ever."""
        while True:
            await self._wanted.wait()
            keys = self._due()
            for start in range(0, len(keys), BATCH_KEYS):
                try:
                    await self._look(keys[start : start + BATCH_KEYS])
                except Exception:
                    # the next look may work; a loop that died would leave every page still
                    log.exception("live look failed")
            if not self._watches:
                self._wanted.clear()
            self._remind()
            await asyncio.sleep(self.poll_seconds)

    def _due(self) -> list[tuple[str, str]]:
        """The jobs to look at now."""
        self._looks += 1
        still, long_still = (time.monotonic() - seconds for seconds in (STILL_SECONDS, LONG_STILL_SECONDS))

        def pause(changed: float) -> int:
            return 1 if changed >= still else STILL_POLLS if changed >= long_still else LONG_STILL_POLLS

        # by the hash, so that not all of those that are still are looked at in the same moment
        return [key for key in self._watches if (self._looks + hash(key)) % pause(self._changed[key]) == 0]

    def _remind(self) -> None:
        before = time.monotonic() - self.ping_seconds
        for watches in self._watches.values():
            for watch in watches:
                watch.remind(before)

    async def _look(self, keys: list[tuple[str, str]]) -> None:
        asked = [watch for key in keys for watch in self._watches.get(key, ())]
        found = {(job.user_id, job.job_id): job for job in await self.jobs.get_many(keys)}
        for key, job in found.items():
            if key in self._watches and job != self._known.get(key):
                self._known[key], self._changed[key] = job, time.monotonic()
        for watch in asked:
            watch.show(self._known.get(watch.key, found[watch.key]) if watch.key in found else None)


@asynccontextmanager
async def polling(jobs: Jobs) -> AsyncIterator[Live]:
    """A `Live` whose loop runs."""
    live = Live(jobs)
    loop = asyncio.create_task(live.poll(), name="live jobs")
    try:
        yield live
    finally:
        loop.cancel()
        with suppress(asyncio.CancelledError):
            await loop
