"""Races of upgrades and retrievals by their names: refusals, failures, and thousands of results at once."""

from __future__ import annotations

import asyncio
import os
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field, replace

import pytest

from app.aws.archives import RetrievalState, Started
from app.aws.dynamodb import to_wire
from app.domain.accounts import Plan
from app.domain.jobs import Job, Speed, Status, Tier, job_id
from app.domain.messages import PlanChanged, RetrievalLook
from app.domain.retrievals import BY_STORAGE_CLASS, FLEXIBLE, Retrievals
from app.local.vault import Vault
from tests.support.service import Service
from workers.runtime import Reschedule

on_the_vault = pytest.mark.parametrize("archive_backend", ["glacier"], indirect=True)


async def upgraded(service: Service) -> Job:
    """An archived job whose account went premium, and whose retrieval the restore daemon has started."""
    account = await service.account()
    job = await service.in_archive(account)
    changed = await service.gas.accounts.change_plan(account.user_id, Plan.PREMIUM)
    assert changed
    await service.handle("restore", PlanChanged(user_id=account.user_id, plan_version=1))
    return await service.now(job)


async def settled(vault: Vault) -> None:
    while any(one.status == "InProgress" for one in vault.retrievals.values()):
        await asyncio.sleep(0.01)


def look(job: Job) -> RetrievalLook:
    return RetrievalLook(user_id=job.user_id, job_id=job.job_id, archive=job.archive)


@on_the_vault
async def test_expedited_refused_goes_standard_and_the_record_says_so(service: Service, vault: Vault) -> None:
    vault.refusing = "Expedited"
    job = await upgraded(service)
    assert (job.tier, job.speed) == (Tier.RESTORING, Speed.STANDARD)
    assert [one.tier for one in vault.retrievals.values()] == ["Standard"]
    await settled(vault)
    await service.handle("thaw", look(job))
    assert (await service.now(job)).tier is Tier.AVAILABLE


@on_the_vault
async def test_expedited_that_is_not_refused_stays_expedited(service: Service, vault: Vault) -> None:
    assert (await upgraded(service)).speed is Speed.EXPEDITED
    assert [one.tier for one in vault.retrievals.values()] == ["Expedited"]


@on_the_vault
async def test_a_glacier_retrieval_that_fails_and_one_that_expires_are_started_again(service: Service, vault: Vault) -> None:
    vault.failing = 1
    job = await upgraded(service)
    await settled(vault)
    with pytest.raises(Reschedule):  # it failed
        await service.handle("thaw", look(job))
    await settled(vault)
    vault.retrievals.clear()  # the second was done, and nobody fetched it in a day
    with pytest.raises(Reschedule):
        await service.handle("thaw", look(job))
    await settled(vault)
    await service.handle("thaw", look(job))
    back = await service.now(job)
    assert back.tier is Tier.AVAILABLE and await service.gas.results.read(str(back.result)) == b"result"
    assert vault.archives == {}


JOBS, PAGE = 300, 50


@dataclass
class Counting:
    """An archive that only counts what is started: this is about the walk."""

    speeds: list[Speed] = field(default_factory=list)
    retrievals: Retrievals = field(default_factory=lambda: FLEXIBLE)

    async def retrieval_state(self, job: Job, retrieval: str | None = None) -> RetrievalState:
        return RetrievalState.NONE

    async def start(self, job: Job, speed: Speed) -> Started:
        self.speeds.append(speed)
        return Started(speed)

    async def list(self, user_id: str, job_id: str) -> AsyncIterator[str]:
        return
        yield


@pytest.mark.slow
async def test_hundreds_of_archived_jobs_on_one_upgrade(service: Service) -> None:
    account = await service.account()
    now, jobs = service.gas.now(), service.gas.jobs
    records = [
        Job(
            user_id=account.user_id,
            job_id=job_id(now - n, os.urandom(10)),
            status=Status.COMPLETED,
            tier=Tier.ARCHIVED,
            archive=f"archive-{n}",
            message="x" * 500,
        )
        for n in range(JOBS)
    ]
    for start in range(0, JOBS, 25):
        puts = [{"PutRequest": {"Item": to_wire(asdict(job))}} for job in records[start : start + 25]]
        await jobs.dynamodb.batch_write_item(RequestItems={jobs.table: puts})
    archive = Counting()
    settings = service.gas.settings.model_copy(update={"page_jobs": PAGE})
    paged = Service(replace(service.gas, archive=archive, settings=settings), service.aws)  # type: ignore[arg-type]
    await service.gas.accounts.change_plan(account.user_id, Plan.PREMIUM)
    message, pages, peaks = PlanChanged(user_id=account.user_id, plan_version=1), 0, dict[int, int]()
    queue = await service.gas.queues.open("restore_requests")
    while True:
        if pages in (1, JOBS // PAGE - 1):
            tracemalloc.start()
        await paged.handle("restore", message)
        if tracemalloc.is_tracing():
            peaks[pages] = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        if pages == 3:
            await paged.handle("restore", message, again=True)  # the daemon died before it deleted its message
        pages += 1
        onwards = await queue.receive(10, 0, 60)
        if not onwards:
            break
        for one in onwards:
            await queue.delete(one)
        assert len(onwards[0].body) < 1_000
        message = PlanChanged.model_validate_json(onwards[0].body)
    assert pages == JOBS // PAGE + 1
    found = [one async for one in jobs.scan() if one.user_id == account.user_id]
    assert len(found) == JOBS and {one.tier for one in found} == {Tier.RESTORING}
    newest = sorted(found, key=lambda one: one.job_id, reverse=True)
    assert [one.speed for one in newest[:100]] == [Speed.EXPEDITED] * 100
    assert {one.speed for one in newest[100:]} == {Speed.STANDARD}
    assert (await service.gas.accounts.get(account.user_id)).deadline is None  # type: ignore[union-attr]
    assert peaks[JOBS // PAGE - 1] < 2 * peaks[1]  # a page, and not the walk, is what is in memory


async def test_an_upgrade_spends_no_expedited_retrieval_where_there_is_none(service: Service) -> None:
    """Deep Archive has no Expedited: the record says Standard, and half a day is no overdue retrieval."""
    account = await service.account()
    job = await service.in_archive(account)
    archive = Counting(retrievals=BY_STORAGE_CLASS["DEEP_ARCHIVE"])
    deep = Service(replace(service.gas, archive=archive), service.aws)  # type: ignore[arg-type]
    await service.gas.accounts.change_plan(account.user_id, Plan.PREMIUM)
    await deep.handle("restore", PlanChanged(user_id=account.user_id, plan_version=1))
    job = await service.now(job)
    assert (job.tier, job.speed, archive.speeds) == (Tier.RESTORING, Speed.STANDARD, [Speed.STANDARD])
    assert job.deadline and job.deadline - service.gas.now() > 12 * 3600 * 1000
