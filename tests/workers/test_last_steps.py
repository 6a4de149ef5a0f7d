"""A message may die for good after its transition and before its last steps: the job's deadline stays, and the doctor has
them done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from app.domain.accounts import Plan
from app.domain.jobs import Fault, Job, Speed, Status, Tier, Trigger
from app.domain.keys import Output, output_key
from app.domain.messages import JobFinished
from app.services.doctor import examine
from tests.support.service import Service, spec, working
from workers import VERBS


async def archived(service: Service) -> Job:
    """In the archive, and its result is still there."""
    job = await service.completed(await service.account())
    moved: dict[str, Any] = {"archive": await service.gas.archive.store(job, job.rev), "result": None}
    done = await service.gas.jobs.advance_while(job, Plan.FREE, Trigger.ARCHIVED, superseded=job.result, **moved)
    assert done
    return done


async def restored(service: Service) -> Job:
    """Back from the archive of a premium account, and the archive is still there."""
    account = await service.account()
    job = await service.in_archive(account)
    changed = await service.gas.accounts.change_plan(account.user_id, Plan.PREMIUM)
    assert changed and await service.gas.accounts.clear_deadline(account.user_id, 1)
    back = await service.gas.jobs.advance(job.user_id, job.job_id, Trigger.RESTORE, at=job.rev, speed=Speed.EXPEDITED)
    assert back
    started = await service.gas.archive.start(back, Speed.EXPEDITED)
    key = output_key(job.user_id, job.job_id, back.rev, Output.RESULT)
    while not await service.gas.archive.bring_back(back, key, started.retrieval):
        pass
    moved: dict[str, Any] = {"result": key, "archive": None, "superseded": job.archive}
    done = await service.gas.jobs.advance(job.user_id, job.job_id, Trigger.RESTORED, at=back.rev, **moved)
    assert done
    return done


async def claimed_twice(service: Service) -> Job:
    """A running job whose first attempt died after it had written."""
    job = await service.submit(await service.account(Plan.PREMIUM))
    await service.aws["sqs"].purge_queue(QueueUrl=service.gas.settings.queue_urls["job_requests"])
    dead = await service.gas.jobs.advance(job.user_id, job.job_id, Trigger.CLAIM, deadline_seconds=-1)
    assert dead
    left = output_key(job.user_id, job.job_id, dead.rev, Output.RESULT)
    await service.gas.results.s3.put_object(Bucket=service.gas.results.name, Key=left, Body=b"left")
    running = await service.gas.jobs.advance(job.user_id, job.job_id, Trigger.CLAIM, deadline_seconds=60)
    assert running
    return running


async def completed(service: Service) -> Job:
    running = await claimed_twice(service)
    key = output_key(running.user_id, running.job_id, running.rev, Output.RESULT)
    await service.gas.results.s3.put_object(Bucket=service.gas.results.name, Key=key, Body=b"x", ChecksumAlgorithm="CRC64NVME")
    done = await service.gas.jobs.advance(running.user_id, running.job_id, Trigger.COMPLETE, at=running.rev, result=key)
    assert done
    return done


async def failed(service: Service) -> Job:
    running = await claimed_twice(service)
    why: dict[str, Any] = {"fault": Fault.USER, "message": "no VCF"}
    done = await service.gas.jobs.advance(running.user_id, running.job_id, Trigger.FAIL, at=running.rev, **why)
    assert done
    return done


async def cancelled(service: Service) -> Job:
    running = await claimed_twice(service)
    done = await service.gas.jobs.advance(running.user_id, running.job_id, Trigger.CANCEL)
    assert done
    return done


ENDS: list[tuple[Callable[[Service], Awaitable[Job]], set[str]]] = [
    (archived, {"archived"}),
    (restored, {"restored"}),
    (completed, {"finished"}),
    (failed, {"finished"}),
    (cancelled, set()),
]


@pytest.mark.parametrize("archive_backend", ["s3", "glacier"], indirect=True)
@pytest.mark.parametrize(("end", "told"), ENDS)
async def test_the_doctor_has_the_last_steps_done(
    service: Service, end: Callable[[Service], Awaitable[Job]], told: set[str], vault: Any
) -> None:
    job = await end(service)
    state = job.tier if job.status is Status.COMPLETED else job.status
    assert await replace(service.gas.jobs, deadline_seconds={state: -1}).update(job, state=state)
    assert [one.kind async for one in examine(service.gas, repair=True)] == ["overdue job"]
    async with working(service.gas, *map(spec, VERBS)):
        ended = await service.until(job, lambda job: job.deadline is None)
        await service.until_quiet()
    ended = await service.now(job)
    assert (ended.status, ended.tier, ended.superseded) == (job.status, job.tier, None)
    in_bucket = [copy for copy in (ended.result, ended.archive) if copy and "/" in copy]
    assert await service.copies(job) == in_bucket
    assert set(vault.archives) == ({ended.archive} if ended.archive and not in_bucket else set())
    assert {mark.partition(":")[0] for mark in ended.mailed} == told
    assert await service.findings() == []


async def test_a_failure_that_its_uploader_was_told_of_waits_for_nobody(service: Service) -> None:
    job = await service.submit(await service.account(), b"")
    assert (job.status, (await service.now(job)).deadline) == (Status.FAILED, None)


async def test_a_result_is_archived_again_and_again_without_a_trace(service: Service) -> None:
    account = await service.account()
    job = await service.completed(account)
    finished = JobFinished(user_id=job.user_id, job_id=job.job_id, outcome="completed", mark="m")
    await service.gas.topics.publish("job_results", finished, outcome="completed")
    async with working(service.gas, *map(spec, VERBS)):
        for plan, tier in ((None, Tier.ARCHIVED), (Plan.PREMIUM, Tier.AVAILABLE), (Plan.FREE, Tier.ARCHIVED)):
            if plan:
                await service.change(account, plan)
            ended = await service.until(job, lambda job, tier=tier: job.tier is tier and job.deadline is None)  # type: ignore[misc]
            await service.until_quiet()
            assert ended.superseded is None and await service.copies(job) == [ended.result or ended.archive]
