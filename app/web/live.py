"""Live jobs: one polling loop a process, whatever the number of viewers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol

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


Key = tuple[str, str]
"""User id and job id."""


class Viewer(Protocol):
    """One live page. A patient one needs no more than one look in STILL_POLLS."""

    keys: set[Key]
    patient: bool

    def show(self, key: Key, job: Job | None) -> None:
        """Hears how a job is now; None: it is gone."""

    def remind(self, before: float) -> None:
        """Wakes a viewer who was not woken since `before`, which counts as `time.monotonic` does."""

    def end(self) -> None:
        """Wakes the viewer for the last time."""


@dataclass(eq=False)
class Watch:
    """One viewer of one job. A slow viewer misses states in between, never the last one."""

    job: Job | None = None
    keys: set[Key] = field(default_factory=set)
    patient: bool = False
    woken: float = 0  # as `time.monotonic` counts
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    def show(self, key: Key, job: Job | None) -> None:
        """Wakes the viewer with a job that is another object than the one known; with None at the end."""
        if job is None or job is not self.job:
            self.job, self.woken = job, time.monotonic()
            self.wake.set()

    def remind(self, before: float) -> None:
        """Wakes a viewer who knows the job and was not woken since."""
        if self.job and self.woken < before:
            self.woken = time.monotonic()
            self.wake.set()

    def end(self) -> None:
        """Wakes the viewer with None."""
        self.job = None
        self.wake.set()


@dataclass
class Live:
    """The watched jobs of one process, and who watches them."""

    jobs: Jobs
    poll_seconds: float = POLL_SECONDS
    ping_seconds: float = PING_SECONDS
    _viewers: set[Viewer] = field(default_factory=set)
    _watches: dict[Key, set[Viewer]] = field(default_factory=dict)
    _wanted: asyncio.Event = field(default_factory=asyncio.Event)
    _known: dict[Key, Job] = field(default_factory=dict)  # the same object for as long as nothing changes
    _changed: dict[Key, float] = field(default_factory=dict)  # when, or when another viewer came
    _looks: int = 0

    async def watch(self, user_id: str, job_id: str) -> AsyncGenerator[Job, None]:
        """The job as it is now and after every change, until it is gone or the process stops.

        Where nothing changes, the very same again from time to time: the viewer may have left, which only a write finds out.
        """
        watch = Watch()
        with self.viewing(watch):
            self.look_at(watch, {(user_id, job_id)})
            while await watch.wake.wait() and (job := watch.job):
                watch.wake.clear()
                yield job

    @contextmanager
    def viewing(self, viewer: Viewer) -> Iterator[None]:
        """While it lasts, the viewer is reminded, and shown what it looks at."""
        self._viewers.add(viewer)
        self._wanted.set()
        try:
            yield
        finally:
            self.look_at(viewer, set())
            self._viewers.discard(viewer)

    def look_at(self, viewer: Viewer, keys: set[Key]) -> None:
        """From now on the viewer is shown these jobs, and no others."""
        for key in keys - viewer.keys:
            self._watches.setdefault(key, set()).add(viewer)
            self._changed[key] = time.monotonic()
        for key in viewer.keys - keys:
            self._watches[key].discard(viewer)
            if not self._watches[key]:
                del self._watches[key]
                self._known.pop(key, None)
                self._changed.pop(key, None)
        viewer.keys = set(keys)

    @property
    def viewers(self) -> int:
        """How many watch."""
        return len(self._viewers)

    def close(self) -> None:
        """Ends every watch."""
        for viewer in self._viewers:
            viewer.end()

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
            if not self._viewers:
                self._wanted.clear()
            self._remind()
            await asyncio.sleep(self.poll_seconds)

    def _due(self) -> list[Key]:
        """The jobs to look at now."""
        self._looks += 1
        still, long_still = (time.monotonic() - seconds for seconds in (STILL_SECONDS, LONG_STILL_SECONDS))

        def pause(key: Key) -> int:
            changed = self._changed[key]
            if changed < long_still:
                return LONG_STILL_POLLS
            return STILL_POLLS if changed < still or all(viewer.patient for viewer in self._watches[key]) else 1

        # by the hash, so that not all of those that are still are looked at in the same moment
        return [key for key in self._watches if (self._looks + hash(key)) % pause(key) == 0]

    def _remind(self) -> None:
        before = time.monotonic() - self.ping_seconds
        for viewer in self._viewers:
            viewer.remind(before)

    async def _look(self, keys: list[Key]) -> None:
        asked = [(key, viewer) for key in keys for viewer in self._watches.get(key, ())]
        found = {(job.user_id, job.job_id): job for job in await self.jobs.get_many(keys)}
        for key, job in found.items():
            if key in self._watches and job != self._known.get(key):
                self._known[key], self._changed[key] = job, time.monotonic()
        for key, viewer in asked:
            viewer.show(key, self._known.get(key, found[key]) if key in found else None)


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
