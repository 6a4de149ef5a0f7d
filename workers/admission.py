"""Keeps an annotator's last slot for jobs that take seconds: files that take minutes never hold them all."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from app.domain.messages import JobRequested
from app.settings import Settings
from workers.runtime import Reschedule

SOONEST, LATEST = 15.0, 300.0
"""Seconds until a giant that found no slot is looked at again: a quarter of its age, so that many of them are no crowd."""


@dataclass
class LargeJobLimit:
    """How many giants this process works on."""

    running: int = 0

    @contextmanager
    def slot(self, message: JobRequested, now: int, slots: int, settings: Settings) -> Iterator[None]:
        """For the time that the job is worked on. Raises Reschedule for a giant where only the last of several slots is left."""
        if message.size < settings.giant_bytes:
            yield
            return
        if self.running >= max(1, slots - 1):
            age = (now - message.occurred_at) / 1000
            raise Reschedule(min(LATEST, max(SOONEST, age / 4)) * random.uniform(0.8, 1.2), "enough giants are in work here")
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1
