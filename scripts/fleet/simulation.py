"""Replays arrivals through a queue, a fleet of annotators and the autoscaling that follows the queue.

An event at a time. An instance boots, works with all its slots, and leaves: what it holds it may finish within the drain,
the rest goes back to the queue and starts anew. Metrics are looked at once a minute, late as CloudWatch has them.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from .arrivals import Job
from .policy import Policy

MINUTE = 60
NOISY = 0.1
"""Share of all messages in work from which on a user counts as noisy (SQS fair queues say 10 %)."""


@dataclass(eq=False, slots=True)
class Instance:
    launched: float
    on_demand: bool
    serving: bool = False
    left: float | None = None
    running: set[int] = field(default_factory=set)
    giants: int = 0


@dataclass
class Result:
    """Waits in seconds by kind of job; (minute, instances, messages waiting); what it cost; jobs begun again."""

    waits: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    minutes: list[tuple[int, int, int]] = field(default_factory=list)
    dollars: float = 0
    instance_hours: float = 0
    most: int = 0
    again: int = 0
    unfinished: int = 0

    def wait(self, share: float, *kinds: str) -> float:
        waits = sorted(wait for kind, found in self.waits.items() if not kinds or kind in kinds for wait in found)
        return waits[min(len(waits) - 1, int(share * len(waits)))] if waits else 0.0


class Fleet:
    def __init__(self, policy: Policy, world: dict[str, Any], seed: int = 1) -> None:
        self.policy, self.world, self.chance = policy, world, random.Random(seed)
        self.boot = world["boot"]["baked_seconds" if policy.baked else "stock_seconds"]
        self.events: list[tuple[float, int, str, Any]] = []
        self.small: deque[tuple[float, int, Job]] = deque()
        self.giant: deque[tuple[float, int, Job]] = deque()
        self.free: list[Instance] = []  # an entry a free slot
        self.instances: list[Instance] = []
        self.in_work: Counter[str] = Counter()
        self.holds: dict[int, tuple[Instance, Job]] = {}
        self.metrics: deque[tuple[float, int]] = deque(maxlen=world["scaling"]["in_minutes"] + 5)
        self.wanted = 0
        self.number = 0
        self.result = Result()

    def run(self, arrivals: Iterable[Job], begin: int = 0) -> Result:
        """Until every job has ended, a day after the last arrival at most; with `begin` instances where least is fewer."""
        coming = iter(arrivals)
        job = next(coming, None)
        now = last = job.at if job else 0.0
        self.wanted = min(self.policy.most, max(self.policy.least, begin))
        for _ in range(self.wanted):
            self._up(self._launch(now, booted=True), now)
        self._at(now + MINUTE, "minute", None)
        while self.events:
            if job and job.at <= self.events[0][0]:
                now = last = job.at
                self._wait(now, job)
                job = next(coming, None)
            else:
                now, _, kind, what = heapq.heappop(self.events)
                getattr(self, f"_{kind}")(what, now)
                if job is None and ((not self.holds and not self.small and not self.giant) or now > last + 86_400):
                    break
            self._dispatch(now)
        self.result.unfinished = len(self.small) + len(self.giant) + len(self.holds)
        self._bill(now)
        return self.result

    def _at(self, when: float, kind: str, what: Any) -> None:
        self.number += 1
        heapq.heappush(self.events, (when, self.number, kind, what))

    def _wait(self, now: float, job: Job) -> None:
        self.number += 1
        (self.giant if job.bytes >= self.policy.giant_bytes else self.small).append((now, self.number, job))

    def _dispatch(self, now: float) -> None:
        while self.free and (self.small or self.giant):
            instance = self._place_for_giant() if self.giant and self._giant_first() else None
            if instance:
                self._start(self.giant.popleft(), instance, now, giant=True)
            elif self.small:
                place = self.chance.randrange(len(self.free))
                self.free[place], self.free[-1] = self.free[-1], self.free[place]
                self._start(self.small.popleft(), self.free.pop(), now, giant=False)
            else:
                return

    def _giant_first(self) -> bool:
        if not self.small:
            return True
        user = self.giant[0][2].user
        if self.policy.queue == "fair" and self.in_work[user] > NOISY * len(self.holds) and self.small[0][2].user != user:
            return False
        return self.giant[0][:2] < self.small[0][:2]

    def _place_for_giant(self) -> Instance | None:
        for place, instance in enumerate(self.free):
            if instance.giants < self.policy.giants:
                self.free[place] = self.free[-1]
                self.free.pop()
                return instance
        return None

    def _start(self, waiting: tuple[float, int, Job], instance: Instance, now: float, *, giant: bool) -> None:
        since, _, job = waiting
        self.result.waits[job.kind].append(now - since)
        self.number += 1
        self.holds[self.number] = instance, job
        instance.running.add(self.number)
        instance.giants += giant
        self.in_work[job.user] += 1
        heapq.heappush(self.events, (now + job.seconds, self.number, "done", self.number))

    def _release(self, number: int) -> tuple[Instance, Job]:
        instance, job = self.holds.pop(number)
        instance.running.discard(number)
        instance.giants -= job.bytes >= self.policy.giant_bytes
        self.in_work[job.user] -= 1
        return instance, job

    def _done(self, number: int, now: float) -> None:
        if number not in self.holds:
            return  # its instance left before
        instance, _ = self._release(number)
        if instance.serving:
            self.free.append(instance)
        elif not instance.running and instance.left is None:
            instance.left = now

    def _launch(self, now: float, *, booted: bool = False) -> Instance:
        active = sum(one.left is None and one.on_demand for one in self.instances)
        instance = Instance(now, on_demand=not self.policy.spot or active < self.policy.on_demand)
        self.instances.append(instance)
        if not booted:
            self._at(now + self.boot, "up", instance)
        return instance

    def _up(self, instance: Instance, now: float) -> None:
        if instance.left is None:
            instance.serving = True
            self.free.extend([instance] * self.policy.slots)

    def _leave(self, instance: Instance, now: float) -> None:
        if not instance.serving:
            instance.left = now  # it still booted
            return
        instance.serving = False
        self.free = [one for one in self.free if one is not instance]
        if not instance.running:
            instance.left = now
        else:
            self._at(now + self.policy.drain, "drained", instance)

    def _drained(self, instance: Instance, now: float) -> None:
        for number in list(instance.running):
            _, job = self._release(number)
            self.result.again += 1
            self._wait(now, job)
        if instance.left is None:
            instance.left = now

    def _minute(self, _: None, now: float) -> None:
        serving = sum(one.serving for one in self.instances)
        self.metrics.append((self.policy.measure(len(self.small) + len(self.giant), len(self.holds), serving), serving))
        here = [one for one in self.instances if one.left is None]
        self.result.minutes.append((int(now // MINUTE), len(here), len(self.small) + len(self.giant)))
        self.result.most = max(self.result.most, len(here))
        self._scale(now, here)
        self._at(now + MINUTE, "minute", None)

    def _scale(self, now: float, here: list[Instance]) -> None:
        rules, target = self.world["scaling"], self.policy.backlog
        known = list(self.metrics)[: len(self.metrics) - rules["metric_late_minutes"]]
        if not known:
            return
        values = [value for value, _ in known]
        fits = min(self.policy.most, max(self.policy.least, ceil(values[-1] * max(1, known[-1][1]) / target)))
        if len(values) >= rules["out_minutes"] and min(values[-rules["out_minutes"] :]) > target:
            self.wanted = max(self.wanted, fits)
        elif len(values) >= rules["in_minutes"] and max(values[-rules["in_minutes"] :]) < rules["in_below"] * target:
            self.wanted = min(self.wanted, fits)
        staying = [one for one in here if one.serving or not one.running]
        for _ in range(self.wanted - len(staying)):
            self._launch(now)
        leaving = sorted(staying, key=lambda one: (one.on_demand, self.chance.random()))[: len(staying) - self.wanted]
        for instance in leaving if len(staying) > self.wanted else []:
            self._leave(instance, now)

    def _bill(self, now: float) -> None:
        prices = self.world["prices"]
        for one in self.instances:
            hours = ((one.left or now) - one.launched) / 3600
            price = prices["on_demand_hour" if one.on_demand else "spot_hour"]
            self.result.instance_hours += hours
            self.result.dollars += hours * (price + self.policy.volume_gb * prices["volume_gb_month"] / 730)
