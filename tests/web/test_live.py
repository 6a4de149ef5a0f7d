"""The loop that watches jobs for all viewers: who sees what, and how often a job that stands still is looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import cast

import pytest

from app.aws.jobs import Jobs, Key
from app.domain.jobs import Job, Status
from app.web import live
from app.web.live import LONG_STILL_POLLS, STILL_POLLS, Live
from tests.support.stream import looked_at

RUNNING = Job(user_id="u", job_id="j", status=Status.RUNNING)


@dataclass
class Table:
    """Records by key, and how often they were read."""

    records: dict[tuple[str, str], Job]
    reads: int = 0
    sizes: list[int] = field(default_factory=list)

    async def look(self, keys: list[Key], seen: Mapping[Key, int]) -> dict[Key, tuple[int, Job | None]]:
        self.reads += 1
        self.sizes.append(len(keys))
        return looked_at(self.records, keys, seen)


@pytest.fixture
async def watched() -> tuple[Live, Table]:
    table = Table({("u", "j"): RUNNING})
    return Live(cast(Jobs, table), poll_seconds=0.001, ping_seconds=1000), table


async def test_every_viewer_sees_each_change_once(watched: tuple[Live, Table]) -> None:
    looking, table = watched
    seen: list[list[int]] = [[], []]

    async def view(number: int) -> None:
        async for job in looking.watch("u", "j"):
            seen[number].append(job.percent)

    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        polling = tasks.create_task(looking.poll())
        viewers = [tasks.create_task(view(number)) for number in range(2)]
        for percent in (0, 50, 100):
            table.records["u", "j"] = replace(RUNNING, percent=percent)
            while not all(percent in one for one in seen):
                await asyncio.sleep(0.001)
        del table.records["u", "j"]
        await asyncio.gather(*viewers)
        polling.cancel()
    assert seen == [[0, 50, 100]] * 2
    assert not (looking._known or looking._marks or looking._changed or looking._watches)


async def test_a_job_that_stands_still_is_looked_at_less_often_until_it_changes(
    watched: tuple[Live, Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    looking, table = watched
    changes = looking.watch("u", "j")
    first = asyncio.create_task(anext(changes))
    await asyncio.sleep(0)
    for _ in range(20):
        await looking._look(looking._due())
    assert (await first, sum(table.sizes)) == (table.records["u", "j"], 20)
    monkeypatch.setattr(live, "STILL_SECONDS", -1.0)
    for _ in range(20):
        await looking._look(looking._due())
    assert sum(table.sizes) == 20 + 20 // STILL_POLLS
    table.records["u", "j"] = replace(RUNNING, percent=7)
    for _ in range(STILL_POLLS):
        await looking._look(looking._due())
    assert (await anext(changes)).percent == 7
    await changes.aclose()


async def test_jobs_that_wait_for_long_are_looked_at_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    records = {("u", str(number)): replace(RUNNING, job_id=str(number)) for number in range(300)}
    looking = Live(cast(Jobs, Table(records)))
    watching = [looking.watch(*key) for key in records]
    waiting = [asyncio.create_task(anext(one)) for one in watching]
    await asyncio.sleep(0)
    monkeypatch.setattr(live, "STILL_SECONDS", -2.0)
    monkeypatch.setattr(live, "LONG_STILL_SECONDS", -1.0)
    looks = [looking._due() for _ in range(LONG_STILL_POLLS)]
    assert sorted(key for look in looks for key in look) == sorted(records), "each once"
    assert max(map(len, looks)) < len(records) / 4
    looking.close()
    await asyncio.gather(*waiting, return_exceptions=True)
    for one in watching:
        await one.aclose()
