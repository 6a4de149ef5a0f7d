"""A live list: how many jobs of a user are in each state, and whether one of them changed, for little.

Of all that is counted only the jobs that may still change are looked at, with those of every other viewer, and the newest job
is asked for ever more rarely: a viewer of a list where nothing happens costs one read every five minutes.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

from app.aws.dynamodb import BATCH_KEYS
from app.aws.jobs import Jobs, Key
from app.domain.accounts import Plan
from app.domain.jobs import Job, JobState, State, Status
from app.web.live import never
from app.web.states import COUNTED, SHOWN, may_change, state

MOST_COUNTED = 1000
"""Jobs that are counted; a list of more says so."""

MOST_WATCHED = BATCH_KEYS
"""Jobs of one list that are looked at, the newest first."""


@dataclass(frozen=True)
class Census:
    """How many jobs are in each state, the newest MOST_WATCHED of those that may change, and which is the newest of all."""

    states: Counter[State]
    moving: Mapping[Key, Job | JobState]
    newest: str
    fingerprint: str  # another one after any change

    @classmethod
    async def take(cls, jobs: Jobs, user_id: str, plan: Plan, batch: str = "") -> Census:
        """Counts the newest MOST_COUNTED jobs of a user, or of a batch."""
        found = await jobs.states(user_id, MOST_COUNTED, batch=batch)
        seen = zlib.crc32(" ".join([f"{job.job_id} {job.rev} {job.percent}" for job in found]).encode())
        return cls(
            states=Counter(map(state, found)),
            moving={(user_id, job.job_id): job for job in islice((one for one in found if may_change(one, plan)), MOST_WATCHED)},
            newest=found[0].job_id if found else "",
            fingerprint=f"{seen:x}",
        )


def strip(states: Counter[State]) -> dict[str, int]:
    """How many jobs are waiting, running and so on, by the names that a list can be narrowed to."""
    return {name: sum(states[one] for one in SHOWN[name]) for name in COUNTED}


def total(states: Counter[State]) -> int:
    """All that are counted, but for those that are being deleted."""
    return states.total() - states[Status.DELETING]


@dataclass(eq=False)
class ListWatch:
    """One viewer of a list: hears of the jobs that may change, and counts."""

    plan: Plan
    states: Counter[State] = field(default_factory=Counter)
    known: dict[Key, Job | JobState] = field(default_factory=dict)
    changed: bool = False
    ended: bool = False
    keys: set[Key] = field(default_factory=set)
    patient: bool = True
    beat: Callable[[], bool] = never
    look: float = 0  # when, as `time.monotonic` counts, the viewer is woken though nothing changed
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    def learn(self, census: Census) -> None:
        """Goes on from what was counted."""
        self.states = census.states
        self.known = dict(census.moving)

    def show(self, key: Key, job: Job | None) -> None:
        """Counts a job that is not as it was, and wakes the viewer."""
        before = self.known.get(key)
        if before is None or (job and (job.rev, job.percent) == (before.rev, before.percent)):
            return
        self.states[state(before)] -= 1
        if job:
            self.states[state(job)] += 1
        if job and may_change(job, self.plan):
            self.known[key] = job
        else:
            del self.known[key]
        self.changed = True
        self.wake.set()

    def remind(self) -> None:
        """Wakes a viewer who wants to look again, or whom `beat` does not reach."""
        if time.monotonic() >= self.look or not self.beat():
            self.wake.set()

    def end(self) -> None:
        """Wakes the viewer for the last time."""
        self.ended = True
        self.wake.set()

    async def wait(self, seconds: float | None) -> None:
        """Returns once the viewer is woken, after `seconds` at the latest, where given."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.wake.wait()
        self.wake.clear()
