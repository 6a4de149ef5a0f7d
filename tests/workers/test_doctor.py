"""The doctor: finds what nobody moves on, and sends again the message that moves it."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import replace

import pytest

from app.domain.accounts import Plan
from app.domain.jobs import Job, State, Status, Tier, Trigger
from app.domain.messages import AnyMessage, ArchiveDue, JobFinished, JobRequested, PlanChanged, RetrievalLook
from app.local.vault import Vault
from app.services.backend import Backend
from app.services.doctor import Finding, examine
from tests.workers.conftest import Service, environment


async def examined(gas: Backend, *, full: bool = False) -> list[Finding]:
    return [finding async for finding in examine(gas, repair=True, full=full)]


async def overdue(service: Service, job: Job, state: State) -> Job:
    noted = await replace(service.gas.jobs, patience={state: -1}).note(job, state=state)
    assert noted
    return noted


async def at(service: Service, state: State) -> Job:
    """A job that waits in `state`."""
    account = await service.account()
    if state in (Status.PENDING, Status.RUNNING):
        job = await service.submit(account)
        await service.sent("job_requests")
        running = state is Status.RUNNING and await service.gas.jobs.advance(job.user_id, job.job_id, Trigger.CLAIM)
        return running or job
    if state is Tier.RESTORING:
        job = await service.in_archive(account)
        moved = await service.gas.jobs.advance(job.user_id, job.job_id, Trigger.RESTORE)
        return moved or job
    job = await service.completed(account)
    moved = state is Tier.ARCHIVING and await service.gas.jobs.advance(job.user_id, job.job_id, Trigger.ARCHIVE)
    return moved or job


MOVED_BY: list[tuple[State, str, type[AnyMessage]]] = [
    (Status.PENDING, "job_requests", JobRequested),
    (Status.RUNNING, "job_requests", JobRequested),
    (Tier.AVAILABLE, "notifications", JobFinished),
    (Tier.ARCHIVING, "archive_requests", ArchiveDue),
    (Tier.RESTORING, "restore_pendings", RetrievalLook),
]


@pytest.mark.parametrize(("state", "queue", "message"), MOVED_BY)
async def test_an_overdue_job_gets_the_message_that_moves_it(
    service: Service, state: State, queue: str, message: type[AnyMessage]
) -> None:
    job = await at(service, state)
    assert await examined(service.gas) == []
    await overdue(service, job, state)
    (finding,) = await examined(service.gas)
    assert (finding.kind, finding.job_id) == ("overdue job", job.job_id) and finding.repaired
    assert [type(one) for one in await service.sent(queue)] == [message]
    again = await examined(service.gas)
    # a lease's deadline belongs to its owner: the doctor asks until somebody has claimed the job
    assert len(again) == (state in (Status.RUNNING, Tier.ARCHIVING))


async def test_reporting_repairs_nothing(service: Service) -> None:
    job = await overdue(service, await at(service, Status.PENDING), Status.PENDING)
    assert len(await service.findings()) == 1
    assert await service.sent("job_requests") == []
    assert await service.now(job) == job


async def test_a_file_that_arrived_is_submitted_and_one_that_never_did_goes(service: Service) -> None:
    from app.domain.keys import input_key
    from app.services.submissions import prepare

    account = await service.account()
    arrived, never = [(await prepare(service.gas, account, "a.vcf", "rcrs", {})).job for _ in range(2)]
    key = input_key(arrived.user_id, arrived.job_id)
    await service.gas.inputs.s3.put_object(Bucket=service.gas.inputs.name, Key=key, Body=b"x")
    for job in (arrived, never):
        await overdue(service, job, Status.UPLOADING)
    assert len(await examined(service.gas)) == 2
    assert (await service.now(arrived)).status is Status.PENDING
    assert await service.gas.jobs.get(never.user_id, never.job_id) is None


async def test_a_deletion_that_stopped_half_way_is_finished(service: Service) -> None:
    job = await at(service, Tier.AVAILABLE)
    deleting = await service.gas.jobs.advance(job.user_id, job.job_id, Trigger.DELETE)
    assert deleting
    await overdue(service, deleting, Status.DELETING)
    assert len(await examined(service.gas)) == 1
    assert await service.gas.jobs.get(job.user_id, job.job_id) is None
    assert await service.copies(job) == []


async def test_a_change_of_plan_whose_message_was_lost_is_sent_again(service: Service) -> None:
    account = await service.account()
    late = replace(service.gas.accounts, patience=-1)
    await late.change_plan(account.user_id, Plan.PREMIUM)
    (finding,) = await examined(service.gas)
    assert finding.kind == "overdue account"
    (message,) = await service.sent("restore_requests")
    assert isinstance(message, PlanChanged) and message.plan_version == 1
    assert await examined(service.gas) == []


async def test_an_orphan_is_deleted_and_what_is_needed_stays(service: Service) -> None:
    job = await at(service, Tier.AVAILABLE)
    orphan = f"results/{job.user_id}/{job.job_id}/77/annot.vcf.gz"
    await service.gas.results.s3.put_object(Bucket=service.gas.results.name, Key=orphan, Body=b"")
    findings = await examined(service.gas, full=True)
    assert [(finding.kind, finding.detail) for finding in findings] == [("orphan", orphan)]
    assert await service.copies(job) == [job.result]


@pytest.mark.parametrize("archive_backend", ["glacier"], indirect=True)
async def test_an_archive_that_nobody_recorded_is_found_by_the_inventory_of_the_vault(service: Service, vault: Vault) -> None:
    job = await service.in_archive(await service.account())
    left = await service.gas.archive.store(replace(await service.completed(await service.account()), rev=9), 9)
    assert set(vault.archives) == {job.archive, left}
    for _ in range(2):  # the first look asks for the inventory that the second reads
        assert await examined(service.gas, full=True) == []
        await asyncio.sleep(0.2)
    assert set(vault.archives) == {job.archive}


async def test_a_mark_without_a_mail_is_told(service: Service) -> None:
    job = await at(service, Tier.AVAILABLE)
    await service.gas.jobs.mark(job.user_id, job.job_id, "finished:1")
    assert [finding.kind for finding in await examined(service.gas, full=True)] == ["mail marked, and not sent"]


async def test_the_daemon_looks_fully_too_and_stops_when_it_is_told(service: Service) -> None:
    job = await at(service, Tier.AVAILABLE)
    orphan = f"results/{job.user_id}/{job.job_id}/77/annot.vcf.gz"
    await service.gas.results.s3.put_object(Bucket=service.gas.results.name, Key=orphan, Body=b"")
    command = [sys.executable, "-m", "app.cli", "doctor", "--every", "1"]
    process = await asyncio.create_subprocess_exec(*command, env={**os.environ, **environment(service.gas.settings)})
    try:
        async with asyncio.timeout(120):
            while orphan in await service.copies(job):
                await asyncio.sleep(0.2)
            process.terminate()
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert await service.copies(job) == [job.result]
