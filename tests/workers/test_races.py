"""The races of the protocol, each by its name. Handlers are called one delivery at a time, so each interleaving is exact."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from moto.ses.models import ses_backends

from app.aws.archives import RetrievalState
from app.domain.accounts import Account, Plan
from app.domain.jobs import Job, Speed, Status, Tier, Trigger
from app.domain.messages import (
    TYPES,
    AnyMessage,
    ArchiveDue,
    JobFinished,
    JobRequested,
    MailReturned,
    PlanChanged,
    PlanEnding,
    ResultRestored,
    RetrievalLook,
    UploadsExpiring,
)
from app.domain.uploads import DAY_MS
from app.engine.bundles.manifest import EMBEDDED
from app.engine.warmed import Warmed
from app.services import mail_preferences, submissions
from tests.support.service import Service
from workers import annotate
from workers.runtime import Reschedule, RetryLater


def due(job: Job) -> ArchiveDue:
    return ArchiveDue(user_id=job.user_id, job_id=job.job_id)


def look(job: Job, **values: Any) -> RetrievalLook:
    return RetrievalLook(user_id=job.user_id, job_id=job.job_id, **values)


async def change(service: Service, job: Job, plan: Plan) -> PlanChanged:
    """The user changes the plan; returns the message that it sent."""
    account = await service.gas.accounts.change_plan(job.user_id, plan)
    assert account
    return PlanChanged(user_id=job.user_id, plan_version=account.version)


async def test_upgrade_during_the_five_minutes(service: Service) -> None:
    job = await service.completed(await service.account())
    walk = await change(service, job, Plan.PREMIUM)
    await service.handle("restore", walk)
    await service.handle("archive", due(job))
    kept = await service.now(job)
    assert (kept.tier, kept.deadline, kept.result) == (Tier.AVAILABLE, None, job.result)
    assert await service.findings() == []


async def test_upgrade_while_archiving(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    job = await service.completed(await service.account())
    store = type(service.gas.archive).store

    async def upgraded_meanwhile(archive: Any, claimed: Job, rev: int) -> str | None:
        copy = await store(archive, claimed, rev)
        await change(service, job, Plan.PREMIUM)
        return copy

    monkeypatch.setattr(type(service.gas.archive), "store", upgraded_meanwhile)
    with pytest.raises(RetryLater):
        await service.handle("archive", due(job))
    back = await service.now(job)
    assert (back.tier, back.result) == (Tier.AVAILABLE, job.result)
    assert await service.copies(job) == [job.result]
    await service.handle("archive", due(job), again=True)
    assert (await service.now(job)).deadline is None


async def test_upgrade_stops_an_archiver_that_is_at_work(service: Service) -> None:
    job = await service.completed(await service.account())
    await service.handle("restore", await change(service, job, Plan.PREMIUM))
    await change(service, job, Plan.FREE)
    archive = await service.gas.archive.store(job, job.rev)
    assert not await service.gas.jobs.advance_while(job, Plan.FREE, Trigger.ARCHIVED, archive=archive)
    assert (await service.now(job)).tier is Tier.AVAILABLE


async def test_a_kept_result_is_not_archived_by_who_saw_it_before(service: Service) -> None:
    job = await service.completed(await service.account(Plan.PREMIUM))
    await service.handle("archive", due(job))
    await change(service, job, Plan.FREE)
    archive = await service.gas.archive.store(job, job.rev)
    assert not await service.gas.jobs.advance_while(job, Plan.FREE, Trigger.ARCHIVED, archive=archive)
    await service.handle("archive", due(job), again=True)
    assert await service.copies(job) == [job.result]


async def test_a_copy_that_a_dead_archiver_left_goes_when_premium_keeps_the_result(service: Service) -> None:
    job = await service.completed(await service.account())
    assert await service.gas.archive.store(job, job.rev)
    await change(service, job, Plan.PREMIUM)
    await service.handle("archive", due(job), again=True)
    kept = await service.now(job)
    assert (kept.tier, kept.deadline, await service.copies(job)) == (Tier.AVAILABLE, None, [job.result])


async def test_two_archivers_with_one_job_record_one_copy(service: Service) -> None:
    job = await service.completed(await service.account())
    ends = await asyncio.gather(*(service.handle("archive", due(job)) for _ in range(2)), return_exceptions=True)
    assert {type(end) for end in ends} <= {type(None), RetryLater}
    await service.handle("archive", due(job), again=True)
    done = await service.now(job)
    assert (done.tier, done.deadline) == (Tier.ARCHIVED, None)
    assert await service.copies(job) == [done.archive]


def keeping_small(service: Service, least_bytes: int = 100) -> Service:
    settings = service.gas.settings.model_copy(update={"archive_least_bytes": least_bytes})
    return Service(replace(service.gas, settings=settings), service.aws)


async def test_a_small_result_is_locked_where_it_is_and_back_with_the_upgrade(service: Service) -> None:
    small = keeping_small(service)
    job = await service.completed(await service.account())
    for again in (False, True):
        await small.handle("archive", due(job), again=again)
        locked = await service.now(job)
        assert (locked.tier, locked.result, locked.deadline) == (Tier.ARCHIVED, None, None) and locked.locked_in_place
        assert await service.copies(job) == [job.result]
    assert [one.outcome for one in await service.sent("notifications") if isinstance(one, JobFinished)] == ["archived"] * 2
    await small.handle("restore", await change(service, job, Plan.PREMIUM))
    assert await service.findings() == []
    await small.handle("archive", due(job))
    back = await service.now(job)
    assert (back.tier, back.result, back.archive, back.deadline) == (Tier.AVAILABLE, job.result, None, None)
    await small.handle("restore", await change(service, job, Plan.FREE))
    await small.handle("archive", due(job))
    assert (await service.now(job)).tier is Tier.ARCHIVED and await service.copies(job) == [job.result]
    assert await service.findings() == []
    await submissions.delete(service.gas, job.user_id, job.job_id)
    assert await service.copies(job) == []


async def test_a_small_result_is_not_locked_once_the_account_is_premium(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await service.completed(await service.account())
    read = type(service.gas.jobs).get_with_account

    async def upgraded_meanwhile(jobs: Any, user_id: str, job_id: str) -> Any:
        found = await read(jobs, user_id, job_id)
        await change(service, job, Plan.PREMIUM)
        return found

    monkeypatch.setattr(type(service.gas.jobs), "get_with_account", upgraded_meanwhile)
    with pytest.raises(RetryLater):
        await keeping_small(service).handle("archive", due(job))
    assert (await service.now(job)).result == job.result


async def test_a_result_of_the_least_size_is_moved(service: Service) -> None:
    job = await service.completed(await service.account(), b"x" * 100)
    await keeping_small(service, 100).handle("archive", due(job))
    assert await service.copies(job) == [(await service.now(job)).archive] and not (await service.now(job)).locked_in_place


async def test_upgrade_while_the_job_runs(service: Service) -> None:
    account = await service.account()
    job = await service.submit(account)
    await service.gas.jobs.advance(job.user_id, job.job_id, Trigger.CLAIM, deadline_seconds=-1)
    await service.handle("restore", await change(service, job, Plan.PREMIUM))
    await service.handle("annotate", JobRequested(user_id=job.user_id, job_id=job.job_id), again=True)
    await service.handle("archive", due(job))
    kept = await service.now(job)
    assert (kept.status, kept.tier, kept.deadline) == (Status.COMPLETED, Tier.AVAILABLE, None)


async def test_downgrade_while_restoring(service: Service) -> None:
    job = await service.in_archive(await service.account())
    await service.handle("restore", await change(service, job, Plan.PREMIUM))
    await service.handle("restore", await change(service, job, Plan.FREE))
    await service.handle("thaw", look(job, archive=job.archive))
    back = await service.now(job)
    assert back.tier is Tier.AVAILABLE and back.deadline
    await service.handle("archive", due(job))
    again = await service.now(job)
    assert again.tier is Tier.ARCHIVED and again.archive != job.archive
    assert await service.copies(job) == [again.archive]
    assert await service.findings() == []


async def test_a_stale_walk_ends_for_the_newer_change_has_its_own(service: Service) -> None:
    job = await service.in_archive(await service.account())
    stale = await change(service, job, Plan.PREMIUM)
    await change(service, job, Plan.FREE)
    await service.handle("restore", stale)
    assert (await service.now(job)).tier is Tier.ARCHIVED
    account = await service.gas.accounts.get(job.user_id)
    assert account and account.deadline


async def test_a_duplicate_of_every_message_after_success_changes_nothing(service: Service) -> None:
    account = await service.account()
    job = await service.submit(account)
    seen: list[tuple[str, AnyMessage]] = []

    async def deliver(verb: str, *messages: AnyMessage) -> None:
        for message in messages:
            await service.handle(verb, message)
            seen.append((verb, message))

    returned = MailReturned(user_id=job.user_id, occurred_at=service.gas.now(), address=account.email, reason="bounce")
    await deliver("notify", returned)
    await mail_preferences.again(service.gas, job.user_id)
    await deliver("annotate", JobRequested(user_id=job.user_id, job_id=job.job_id))
    news = await service.sent("notifications")
    await deliver("notify", *news)
    await deliver("archive", *news)
    await deliver("restore", await change(service, job, Plan.PREMIUM))
    await deliver("thaw", look(job, archive=(await service.now(job)).archive))
    await deliver("archive", due(job))
    ending = PlanEnding(user_id=job.user_id, reason="cancelled", subscription="sub_1", ends_at=2_000_000_000)
    going = UploadsExpiring(user_id=job.user_id, first_day=job.created_at // DAY_MS, days=1)
    await deliver("notify", *await service.sent("notifications"), ending, going)
    assert {type(message) for _, message in seen} == set(TYPES)
    settled, copies, owner = await service.now(job), await service.copies(job), await service.gas.accounts.get(job.user_id)
    assert settled.tier is Tier.AVAILABLE and settled.deadline is None
    assert len(mails_to(account)) == 5
    for again in (False, True):
        for verb, message in seen:
            await service.handle(verb, message, again=again)
    assert await service.now(job) == settled
    assert await service.gas.accounts.get(job.user_id) == owner
    assert await service.copies(job) == copies
    assert len(mails_to(account)) == 5
    assert await service.findings() == []


def mails_to(account: Account) -> list[str]:
    sent = ses_backends["123456789012"]["us-east-1"].sent_messages
    return [mail.body for mail in sent if mail.destinations["ToAddresses"] == [account.email]]


async def test_two_annotators_with_one_message(service: Service) -> None:
    job = await service.submit(await service.account())
    requested = JobRequested(user_id=job.user_id, job_id=job.job_id)
    ends = await asyncio.gather(*(service.handle("annotate", requested) for _ in range(2)), return_exceptions=True)
    assert sorted(type(end) for end in ends if end) in ([], [Reschedule])
    done = await service.now(job)
    assert (done.status, done.attempts) == (Status.COMPLETED, 1)
    assert await service.copies(job) == sorted([str(done.result), str(done.index), str(done.summary)])


async def test_a_zombie_annotator_writes_but_never_overwrites(service: Service) -> None:
    job = await service.submit(await service.account())
    zombie = await service.gas.jobs.advance(job.user_id, job.job_id, Trigger.CLAIM, deadline_seconds=-1)
    assert zombie
    requested = JobRequested(user_id=job.user_id, job_id=job.job_id)
    await service.handle("annotate", requested, again=True)
    done = await service.now(job)
    late = f"results/{job.user_id}/{job.job_id}/{zombie.rev}/annot.vcf.gz"
    assert late != done.result
    await service.gas.results.s3.put_object(Bucket=service.gas.results.name, Key=late, Body=b"late")
    assert not await service.gas.jobs.advance(job.user_id, job.job_id, Trigger.COMPLETE, at=zombie.rev, result=late)
    await service.handle("annotate", requested, again=True)
    assert late not in await service.copies(job)
    assert await service.now(job) == done


def long_vcf() -> bytes:
    """Ten records at each position of the mitochondrial genome: seconds of work for the engine."""
    sequence = "".join((EMBEDDED / "rcrs" / "rcrs.fa").read_text().split("\n")[1:])
    lines = [
        f"MT\t{at}\t.\t{ref}\t{'A' if ref != 'A' else 'C'}\t.\t.\t.\n" * 10 for at, ref in enumerate(sequence, 1) if ref in "ACGT"
    ]
    return ("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n" + "".join(lines)).encode()


@pytest.mark.slow
async def test_cancel_while_the_engine_runs_stops_it(service: Service) -> None:
    hasty = service.gas.settings.model_copy(update={"progress_seconds": 0.1, "lease_seconds": 1})
    gas = replace(
        service.gas,
        settings=hasty,
        jobs=replace(service.gas.jobs, deadline_seconds={**service.gas.jobs.deadline_seconds, Status.RUNNING: 1}),
    )
    account = await service.account(Plan.PREMIUM)
    job = await service.submit(account, long_vcf())
    requested = JobRequested(user_id=job.user_id, job_id=job.job_id)
    working = asyncio.create_task(Service(gas, service.aws).handle("annotate", requested))
    await service.until(job, lambda job: job.records > 0)
    await submissions.cancel(gas, job.user_id, job.job_id)
    await working
    cancelled = await service.now(job)
    assert cancelled.status is Status.CANCELLED
    assert await service.copies(job) == []
    assert await service.sent("notifications") == []


async def test_cancel_against_completion(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = [await service.submit(await service.account()) for _ in range(2)]
    upload = type(service.gas.results).upload

    async def cancelled_meanwhile(bucket: Any, path: Any, key: str, media_type: str) -> int:
        if first.job_id in key and (await service.now(first)).status is Status.RUNNING:
            await submissions.cancel(service.gas, first.user_id, first.job_id)
        return await upload(bucket, path, key, media_type)

    monkeypatch.setattr(type(service.gas.results), "upload", cancelled_meanwhile)
    for job in (first, second):
        await service.handle("annotate", JobRequested(user_id=job.user_id, job_id=job.job_id))
    stopped = await service.now(first)
    assert (stopped.status, stopped.deadline, await service.copies(first)) == (Status.CANCELLED, None, [])
    with pytest.raises(submissions.Refused, match="completed already"):
        await submissions.cancel(service.gas, second.user_id, second.job_id)
    assert (await service.now(second)).status is Status.COMPLETED
    assert {message.job_id for message in await service.sent("notifications")} == {second.job_id}  # type: ignore[union-attr]


async def test_delete_against_archive(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    job = await service.completed(await service.account())
    store = type(service.gas.archive).store

    async def deleted_meanwhile(archive: Any, claimed: Job, rev: int) -> str | None:
        copy = await store(archive, claimed, rev)
        await submissions.delete(service.gas, job.user_id, job.job_id)
        return copy

    monkeypatch.setattr(type(service.gas.archive), "store", deleted_meanwhile)
    with pytest.raises(RetryLater):
        await service.handle("archive", due(job))
    await service.handle("archive", due(job), again=True)
    assert await service.gas.jobs.get(job.user_id, job.job_id) is None
    assert await service.copies(job) == []


async def test_late_messages_of_a_deleted_job_find_nothing_and_end(service: Service) -> None:
    account = await service.account()
    job = await service.completed(account)
    await submissions.delete(service.gas, job.user_id, job.job_id)
    await service.handle("annotate", JobRequested(user_id=job.user_id, job_id=job.job_id))
    await service.handle("archive", due(job))
    await service.handle("thaw", look(job, archive="gone"))
    await service.handle("notify", ResultRestored(user_id=job.user_id, job_id=job.job_id, mark="restored:1"))
    assert await service.gas.jobs.get(job.user_id, job.job_id) is None
    assert await service.copies(job) == []


async def test_a_thaw_notice_before_the_restore_daemon_recorded_its_retrieval(service: Service) -> None:
    job = await service.in_archive(await service.account())
    await service.handle("thaw", look(job, archive=job.archive, notice=True))
    assert (await service.now(job)).tier is Tier.ARCHIVED
    await change(service, job, Plan.PREMIUM)
    restoring = await service.gas.jobs.advance(job.user_id, job.job_id, Trigger.RESTORE, at=job.rev, speed=Speed.EXPEDITED)
    assert restoring
    await service.gas.archive.start(restoring, Speed.EXPEDITED)
    await service.handle("thaw", look(job, archive=job.archive, notice=True))
    assert (await service.now(job)).tier is Tier.AVAILABLE


async def test_a_retrieval_that_failed_is_started_again(service: Service) -> None:
    job = await service.in_archive(await service.account())
    await change(service, job, Plan.PREMIUM)
    restoring = await service.gas.jobs.advance(job.user_id, job.job_id, Trigger.RESTORE, at=job.rev, speed=Speed.STANDARD)
    assert restoring and await service.gas.archive.retrieval_state(restoring) is RetrievalState.NONE
    with pytest.raises(Reschedule):
        await service.handle("thaw", look(job, archive=job.archive))
    assert await service.gas.archive.retrieval_state(restoring) is not RetrievalState.NONE
    await service.handle("thaw", look(job, archive=job.archive))
    assert (await service.now(job)).tier is Tier.AVAILABLE


async def test_an_archive_that_is_gone_is_told_and_not_hidden(service: Service) -> None:
    job = await service.in_archive(await service.account())
    await service.gas.archive.delete(str(job.archive))
    walk = await change(service, job, Plan.PREMIUM)
    await service.handle("restore", walk)
    assert (await service.now(job)).tier is Tier.ARCHIVED
    assert [finding.partition(":")[0] for finding in await service.findings()] == ["premium, and its result is archived"]


@pytest.mark.slow
async def test_many_archived_jobs_on_one_upgrade_page_by_page(service: Service) -> None:
    gas = replace(service.gas, settings=service.gas.settings.model_copy(update={"page_jobs": 3}))
    paged = Service(gas, service.aws)
    account = await service.account()
    jobs = [await service.in_archive(account) for _ in range(7)]
    message = await change(service, jobs[0], Plan.PREMIUM)
    pages = 0
    while True:
        await paged.handle("restore", message)
        pages += 1
        onwards = await service.sent("restore_requests")
        if not onwards:
            break
        (message,) = onwards  # type: ignore[assignment]
    assert pages == 3
    assert {(await service.now(job)).tier for job in jobs} == {Tier.RESTORING}
    assert (await gas.accounts.get(account.user_id)).deadline is None  # type: ignore[union-attr]


async def test_the_newest_results_come_back_expedited_the_rest_standard(service: Service) -> None:
    account = await service.account()
    jobs = [await service.in_archive(account) for _ in range(3)]
    walk = await change(service, jobs[0], Plan.PREMIUM)
    await service.handle("restore", walk.model_copy(update={"expedited_left": 2}))
    assert [(await service.now(job)).speed for job in jobs] == [Speed.STANDARD, Speed.EXPEDITED, Speed.EXPEDITED]


async def test_a_page_that_is_walked_again_spends_no_more_expedited_retrievals(service: Service) -> None:
    account = await service.account()
    jobs = [await service.in_archive(account) for _ in range(4)]
    paged = Service(replace(service.gas, settings=service.gas.settings.model_copy(update={"page_jobs": 2})), service.aws)
    walk = (await change(service, jobs[0], Plan.PREMIUM)).model_copy(update={"expedited_left": 3})
    for again in (False, True):  # its daemon died before it sent the walk on
        await paged.handle("restore", walk, again=again)
        (onwards,) = await service.sent("restore_requests")
    await paged.handle("restore", onwards)
    speeds = [(await service.now(job)).speed for job in jobs]
    assert speeds == [Speed.STANDARD, Speed.EXPEDITED, Speed.EXPEDITED, Speed.EXPEDITED]


async def test_a_long_walk_is_not_begun_anew_while_it_goes_on(service: Service) -> None:
    account = await service.account()
    jobs = [await service.in_archive(account) for _ in range(2)]
    late = replace(service.gas.accounts, deadline_seconds=-1)
    changed = await late.change_plan(account.user_id, Plan.PREMIUM)
    assert changed
    paged = Service(replace(service.gas, settings=service.gas.settings.model_copy(update={"page_jobs": 1})), service.aws)
    await paged.handle("restore", PlanChanged(user_id=account.user_id, plan_version=changed.version))
    assert await service.findings() == []
    assert {(await service.now(job)).tier for job in jobs} == {Tier.ARCHIVED, Tier.RESTORING}


async def test_archive_daemon_down_for_a_day(service: Service) -> None:
    late = replace(service.gas.jobs, deadline_seconds=dict.fromkeys(service.gas.jobs.deadline_seconds, -1))
    job = await service.completed(await service.account())
    overdue = await late.update(job, state=Tier.AVAILABLE)
    assert overdue
    assert [finding.partition(":")[0] for finding in await service.findings()] == ["overdue job"]
    await service.handle("archive", due(job))
    assert (await service.now(job)).tier is Tier.ARCHIVED
    assert await service.findings() == []


async def test_no_second_mail_whatever_is_delivered_again(service: Service) -> None:
    account = await service.account()
    job = await service.completed(account)
    news = JobFinished(user_id=job.user_id, job_id=job.job_id, outcome="completed", mark=job.mark("completed"))
    await asyncio.gather(*(service.handle("notify", news, again=bool(n)) for n in range(5)))
    (mail,) = mails_to(account)
    assert "Ada &lt;i&gt;" in mail


async def test_a_file_name_is_in_no_list_of_processes(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every user of a host sees the arguments of all processes."""
    job, seen = await service.submit(await service.account(), name="--Jane Doe é.vcf"), list[str]()
    begun = annotate._child

    @asynccontextmanager
    async def looked_at(warmed: Warmed, arguments: list[str], stdin: bytes) -> AsyncIterator[annotate.EngineChild]:
        async with begun(warmed, arguments, stdin) as child:
            seen.append(Path(f"/proc/{child.pid}/cmdline").read_text())
            yield child

    monkeypatch.setattr(annotate, "_child", looked_at)
    await service.handle("annotate", JobRequested(user_id=job.user_id, job_id=job.job_id))
    done = await service.now(job)
    assert done.status is Status.COMPLETED and len(seen) == 1 and "Jane" not in seen[0]
    assert json.loads((await service.gas.results.read(str(done.summary)))[: done.summary_size])["name"] == "--Jane Doe é.vcf"
