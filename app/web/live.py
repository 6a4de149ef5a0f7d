"""Live jobs: one polling loop a process, whatever the number of viewers."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from app.aws.dynamodb import BATCH_KEYS
from app.aws.jobs import Jobs, Key
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

PING_SECONDS = 12.0
"""Between two looks whether the viewer of a job that stands still is there; a stream is written to at every second one."""


class Viewer(Protocol):
    """One live page. A patient one needs no more than one look in STILL_POLLS."""

    keys: set[Key]
    patient: bool

    def show(self, key: Key, job: Job | None) -> None:
        """Hears how a job is now; None: it is gone."""

    def remind(self) -> None:
        """Sends the viewer a sign of life, or wakes who can't be sent one."""

    def end(self) -> None:
        """Wakes the viewer for the last time."""


def never() -> bool:
    """Sends no sign of life."""
    return False


@dataclass(eq=False)
class Watch:
    """One viewer of one job. A slow viewer misses states in between, never the last one."""

    job: Job | None = None
    keys: set[Key] = field(default_factory=set)
    patient: bool = False
    beat: Callable[[], bool] = never
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    def show(self, key: Key, job: Job | None) -> None:
        """Wakes the viewer with a job that is another object than the one known; with None at the end."""
        if job is None or job is not self.job:
            self.job = job
            self.wake.set()

    def remind(self) -> None:
        """Wakes a viewer who knows the job, if `beat` does not reach them."""
        if self.job and not self.beat():
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
    _marks: dict[Key, int] = field(default_factory=dict)  # of their records
    _changed: dict[Key, float] = field(default_factory=dict)  # when, or when another viewer came
    _looks: int = 0
    _beats: deque[tuple[float, Viewer]] = field(default_factory=deque)  # the next sign of life of each, the soonest first

    async def watch(self, user_id: str, job_id: str, beat: Callable[[], bool] = never) -> AsyncGenerator[Job, None]:
        """The job as it is now and after every change, until it is gone or the process stops.

        Where nothing changes, `beat` is called from time to time, and says whether the viewer is there. Where it says no, the
        very same job comes again: what is wrong only a write finds out.
        """
        watch = Watch(beat=beat)
        with self.viewing(watch):
            self.look_at(watch, {(user_id, job_id)})
            while await watch.wake.wait() and (job := watch.job):
                watch.wake.clear()
                yield job

    @contextmanager
    def viewing(self, viewer: Viewer) -> Iterator[None]:
        """While it lasts, the viewer is reminded, and shown what it looks at."""
        self._viewers.add(viewer)
        self._beats.append((time.monotonic() + self.ping_seconds, viewer))
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
                self._marks.pop(key, None)
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
                self._beats.clear()
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
        now = time.monotonic()
        while self._beats and self._beats[0][0] <= now:
            _, viewer = self._beats.popleft()
            if viewer in self._viewers:
                viewer.remind()
                self._beats.append((now + self.ping_seconds, viewer))

    async def _look(self, keys: list[Key]) -> None:
        asked = [(key, viewer) for key in keys for viewer in self._watches.get(key, ())]
        found = await self.jobs.look(keys, self._marks)
        for key, (mark, job) in found.items():
            if job and key in self._watches:
                self._marks[key] = mark
                if job != self._known.get(key):
                    self._known[key], self._changed[key] = job, time.monotonic()
        for key, viewer in asked:
            if key not in found:
                viewer.show(key, None)
            elif job := self._known.get(key):
                viewer.show(key, job)


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
