"""Jobs as they arrive: a day of a mix, or a log."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass
from math import pi, sin
from pathlib import Path
from typing import Any

DAY_SECONDS = 86_400


@dataclass(slots=True)
class Job:
    at: float  # second of the day
    bytes: int
    seconds: float  # that it takes an annotator
    user: str
    kind: str


def day(world: dict[str, Any], per_second: float, seed: int, first: float = 0, last: float = DAY_SECONDS) -> Iterator[Job]:
    """Poisson arrivals around a mean of `per_second`, least at midnight and most at noon."""
    chance = random.Random(seed)
    kinds, swing = world["mix"], world["day"]["swing"]
    names, shares = list(kinds), [kind["share"] for kind in kinds.values()]
    highest, at = per_second * (1 + swing), first
    while (at := at + chance.expovariate(highest)) < last:
        if chance.random() * highest <= rate(world, per_second, at):
            name = chance.choices(names, shares)[0]
            size = int(chance.uniform(*kinds[name]["bytes"]))
            yield Job(at, size, seconds(world, size), f"{name}{chance.randrange(kinds[name]['users'])}", name)


def rate(world: dict[str, Any], per_second: float, at: float) -> float:
    """Jobs a second at this second of the day."""
    return per_second * (1 - world["day"]["swing"] * sin(pi / 2 + 2 * pi * at / DAY_SECONDS))


def busy_slots(world: dict[str, Any], per_second: float, at: float) -> float:
    """How many jobs are in work at once, on the average, at this second of the day."""
    mean = sum(kind["share"] * seconds(world, round(sum(kind["bytes"]) / 2)) for kind in world["mix"].values())
    return mean * rate(world, per_second, at)


def log(world: dict[str, Any], path: Path) -> Iterator[Job]:
    """The jobs of a load test's jobs.csv: when each was submitted (milliseconds) and how many bytes it had."""
    with path.open(newline="") as file:
        rows = sorted((float(row["submitted_at"]) / 1000, int(row["bytes"]), row["user"]) for row in csv.DictReader(file))
    for at, size, user in rows:
        yield Job(at - rows[0][0], size, seconds(world, size), user, "logged")


def seconds(world: dict[str, Any], size: int) -> float:
    return world["service"]["start_seconds"] + world["service"]["seconds_per_megabyte"] * size / 1e6
