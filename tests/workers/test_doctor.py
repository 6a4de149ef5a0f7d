"""The doctor: finds what nobody moves on, and sends again the message that moves it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.aws.bundle_store import S3Store
from app.aws.objects import Bucket, Stored
from app.domain.accounts import Plan
from app.domain.jobs import DEADLINE_SECONDS, Job, State, Status, Tier, Trigger
from app.domain.keys import input_key
from app.domain.messages import AnyMessage, JobFinished, JobRequested, PlanChanged, RetrievalLook
from app.engine.bundles import manifest, stores
from app.local.vault import Vault
from app.services import doctor, submissions
from app.services.backend import Backend
from app.services.doctor import Finding, examine
from tests.support import genome
from tests.support.service import Service, environment


async def examined(gas: Backend, *, full: bool = False) -> list[Finding]:
    return [finding async for finding in examine(gas, repair=True, full=full)]


async def overdue(service: Service, job: Job, state: State) -> Job:
    passed = {**service.gas.jobs.deadline_seconds, state: -1}
    noted = await replace(service.gas.jobs, deadline_seconds=passed).update(job, state=state)
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
    return await service.completed(account)


MOVED_BY: list[tuple[State, str, type[AnyMessage]]] = [
    (Status.PENDING, "job_requests", JobRequested),
    (Status.RUNNING, "job_requests", JobRequested),
    (Tier.AVAILABLE, "notifications", JobFinished),
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
    assert len(again) == (state is Status.RUNNING)


async def test_a_look_that_comes_early_finds_nothing_and_plans_the_next(service: Service) -> None:
    job = await at(service, Status.RUNNING)
    early = await service.gas.jobs.update(job, look_at=1)
    assert early and await service.findings() == [] and await service.now(job) == early
    assert await examined(service.gas) == []
    later = await service.now(job)
    assert later == replace(job, look_at=later.look_at) and (later.look_at or 0) > service.gas.now()
    assert await service.sent("job_requests") == []


async def test_reporting_repairs_nothing(service: Service) -> None:
    job = await overdue(service, await at(service, Status.PENDING), Status.PENDING)
    assert len(await service.findings()) == 1
    assert await service.sent("job_requests") == []
    assert await service.now(job) == job


async def test_a_file_that_arrived_is_submitted_and_one_that_never_did_goes(service: Service) -> None:
    account = await service.account()
    arrived, never = [(await submissions.prepare(service.gas, account, "a.vcf", "rcrs", {})).job for _ in range(2)]
    key = input_key(arrived.user_id, arrived.job_id)
    await service.gas.inputs.s3.put_object(Bucket=service.gas.inputs.name, Key=key, Body=b"x")
    for job in (arrived, never):
        await overdue(service, job, Status.UPLOADING)
    assert len(await examined(service.gas)) == 2
    assert (await service.now(arrived)).status is Status.PENDING
    assert await service.gas.jobs.get(never.user_id, never.job_id) is None


async def test_an_upload_that_is_submitted_while_the_doctor_gives_it_up_stays(service: Service) -> None:
    account = await service.account()
    job = (await submissions.prepare(service.gas, account, "a.vcf", "rcrs", {})).job
    await overdue(service, job, Status.UPLOADING)

    async def arrive() -> None:
        key = input_key(job.user_id, job.job_id)
        await service.gas.inputs.s3.put_object(Bucket=service.gas.inputs.name, Key=key, Body=b"x")
        await submissions.submit(service.gas, account, job.job_id)

    late = Late(service.gas.inputs.s3, service.gas.inputs.name, arrive)
    assert len(await examined(replace(service.gas, inputs=late))) == 1
    assert (await service.now(job)).status is Status.PENDING


@dataclass(frozen=True)
class Late(Bucket):
    """Something arrives just after it was looked for."""

    arrive: Callable[[], Awaitable[None]]

    async def head(self, key: str) -> Stored | None:
        found = await super().head(key)
        await self.arrive()
        return found


@pytest.mark.slow
async def test_a_daemon_that_is_down_for_a_day_finds_a_few_duplicates_of_a_message(service: Service) -> None:
    job, time = await at(service, Status.PENDING), service.gas.now()
    clock = replace(service.gas.jobs, now=lambda: time, deadline_seconds=DEADLINE_SECONDS)
    down, looks = replace(service.gas, jobs=clock), 0
    for _ in range(24):  # looks, an hour apart
        time += 3_600_000
        looks += len(await examined(down))
    assert looks == len(await service.sent("job_requests")) < 10
    claimed = await clock.advance(job.user_id, job.job_id, Trigger.CLAIM)
    assert claimed and claimed.repairs == 0
    for _ in range(24):  # and whoever claimed it dies, and nobody comes
        time += 3_600_000
        assert len(await examined(down)) == 1
    assert len(await service.sent("job_requests")) < 14


async def test_a_large_upload_has_the_time_that_it_takes(service: Service) -> None:
    free, premium = [
        (await submissions.prepare(service.gas, await service.account(plan), "a.vcf", "rcrs", {})).job for plan in Plan
    ]
    hours = [((job.deadline or 0) - job.created_at) // 3_600_000 for job in (free, premium)]
    assert hours[0] == DEADLINE_SECONDS[Status.UPLOADING] // 3600 and hours[1] >= 12


@pytest.mark.parametrize(
    ("state", "kind", "queue"),
    [
        (Status.PENDING, "waits without a deadline", "job_requests"),
        (Tier.AVAILABLE, "free, and its result is kept", "notifications"),
        (Tier.RESTORING, "being restored without a retrieval", "restore_pendings"),
    ],
)
async def test_what_no_index_shows_is_found_by_the_full_look_and_moved_on_by_the_next(
    service: Service, state: State, kind: str, queue: str
) -> None:
    job = await at(service, state)
    await service.sent(queue)
    if state is not Tier.RESTORING:
        await service.gas.jobs.clear_deadline(job)
    assert await examined(service.gas) == []
    assert [finding.kind for finding in await examined(service.gas, full=True)] == [kind]
    assert [finding.kind for finding in await examined(service.gas)] == ["overdue job"]
    assert [message.user_id for message in await service.sent(queue)] == [job.user_id]


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
    late = replace(service.gas.accounts, deadline_seconds=-1)
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


async def test_a_mail_about_the_plan_that_was_marked_and_not_sent_is_told(service: Service) -> None:
    account, other = await service.account(), await service.account()
    for event in ("unpaid:sub_1:1", "unpaid:sub_1:2"):
        assert await service.gas.accounts.mark(account.user_id, event, expires_at=service.gas.now() // 1000 + 60)
    assert await service.gas.accounts.mark(other.user_id, "unpaid:sub_2:1", expires_at=service.gas.now() // 1000)
    await service.gas.accounts.mark_sent(account.user_id, "unpaid:sub_1:1")
    (finding,) = await examined(service.gas, full=True)
    assert (finding.kind, finding.user_id, finding.detail) == ("mail marked, and not sent", account.user_id, "unpaid:sub_1:2")


async def test_what_is_swept_while_the_doctor_looks_is_no_orphan(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "GRACE", 3)
    job = await at(service, Tier.AVAILABLE)
    left = f"results/{job.user_id}/{job.job_id}/77/annot.vcf.gz"
    await service.gas.results.s3.put_object(Bucket=service.gas.results.name, Key=left, Body=b"")
    seen = asyncio.Event()
    looked = replace(service.gas, results=Listed(service.gas.results.s3, service.gas.results.name, seen))
    looking = asyncio.create_task(examined(looked, full=True))
    await seen.wait()
    await service.gas.results.delete([left])
    assert await looking == []


@dataclass(frozen=True)
class Listed(Bucket):
    """Says when it has been listed to the end."""

    seen: asyncio.Event

    async def list(self, prefix: str) -> AsyncIterator[str]:
        async for key in super().list(prefix):
            yield key
        if prefix == "archive/":
            self.seen.set()


@pytest.mark.slow
async def test_the_daemon_looks_fully_too_and_stops_when_it_is_told(service: Service) -> None:
    job = await at(service, Tier.AVAILABLE)
    orphan = f"results/{job.user_id}/{job.job_id}/77/annot.vcf.gz"
    await service.gas.results.s3.put_object(Bucket=service.gas.results.name, Key=orphan, Body=b"")
    command = [sys.executable, "-m", "app.cli.main", "doctor", "--every", "1"]
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


async def test_an_old_clinvar_and_a_reference_that_is_not_there_are_reported(service: Service, tmp_path: Path) -> None:
    bundle, s3 = genome.bundle(tmp_path / "nuclear"), S3Store.at(f"s3://{service.gas.results.name}/bundles")
    described = bundle.folder / manifest.MANIFEST
    clinvar = '[[parts]]\nid = "clinvar"\ntitle = "ClinVar"\nversion = "v"\ndate = "{}"\n\n[[contigs]]'
    text, places = described.read_text(), {"rCRS": "rcrs", "GRCh99": "nuclear/latest", "Y": "absent/1"}
    store = f"s3://{s3.bucket}/{s3.prefix}"
    settings = service.gas.settings.model_copy(update={"references": places, "bundle_store": store})
    for days, kinds in ((61, ["reference not there"]), (63, ["old ClinVar", "reference not there"])):
        made = datetime.now(UTC).date() - timedelta(days=days)
        described.write_text(text.replace("[[contigs]]", clinvar.format(made), 1))
        stores.push(manifest.load(bundle.folder), s3)
        found = await examined(replace(service.gas, settings=settings), full=True)
        assert [one.kind for one in found] == kinds
    assert found[0].detail.startswith("GRCh99, nuclear 1: 63 days old (its parts: clinvar v)")
    assert found[1].detail.startswith("Y is offered, and absent/1 cannot be had: Gone")
