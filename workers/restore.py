"""Makes the tier of each of a user's jobs follow the plan, in both directions, after every change of plan.

One message walks one page of jobs and sends itself on: constant memory for thousands of jobs, and a crash repeats one
page. A walk whose plan version is no longer the account's ends, for the newer change has a message of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import structlog
from botocore.exceptions import BotoCoreError, ClientError

from app.domain.accounts import Account, Plan
from app.domain.jobs import Job, Speed, Tier, Trigger
from app.domain.messages import ArchiveDue, PlanChanged, RetrievalLook
from app.domain.retrievals import retrieval
from app.services.backend import Backend
from workers.retrieval import begin, look_seconds
from workers.runtime import Delivery, RetryLater, Spec

log = structlog.get_logger()
JOBS_AT_ONCE = 10


@dataclass
class Walk:
    """One page on its way: what it may still start Expedited, what it has to send, and the jobs that changed under it."""

    backend: Backend
    account: Account
    expedited_left: int
    looks: dict[Speed, list[RetrievalLook]] = field(default_factory=lambda: {speed: [] for speed in Speed})
    due: list[ArchiveDue] = field(default_factory=list)
    raced: list[str] = field(default_factory=list)


async def handle(delivery: Delivery, backend: Backend) -> None:
    """Walks one page of the user's jobs, and sends itself on. Raises RetryLater if jobs changed meanwhile."""
    message = delivery.message
    assert isinstance(message, PlanChanged)
    account = await backend.accounts.get(message.user_id)
    if account is None or account.version != message.plan_version or account.deadline is None:
        return
    allowed = account.limits.expedited_retrievals
    page = await backend.jobs.page(account.user_id, before=message.before, limit=backend.settings.page_jobs)
    # on a page that is walked again, some of what is left has been spent
    spent = sum(job.tier is Tier.RESTORING and job.speed is Speed.EXPEDITED for job in page)
    walk = Walk(backend, account, (allowed if message.expedited_left is None else message.expedited_left) - spent)
    await _follow_plan(walk, page)
    await _send(walk)
    if walk.raced:
        raise RetryLater(2, f"{len(walk.raced)} jobs changed meanwhile")
    if len(page) == backend.settings.page_jobs:
        # the doctor begins no second walk while this one goes on
        await backend.accounts.postpone(account)
        onwards = {"before": page[-1].job_id, "expedited_left": walk.expedited_left}
        await backend.queues.send("restore_requests", [message.model_copy(update=onwards)])
    else:
        await backend.accounts.clear_deadline(account.user_id, account.version)


async def _follow_plan(walk: Walk, page: list[Job]) -> None:
    slots = asyncio.Semaphore(JOBS_AT_ONCE)

    async def one(job: Job, follow: Callable[[Walk, Job], Awaitable[None]]) -> None:
        async with slots:
            await follow(walk, job)

    async with asyncio.TaskGroup() as jobs:
        for job in page:
            if follow := STEPS.get((walk.account.plan, job.tier)):
                jobs.create_task(one(job, follow))


async def _stop_archiving(walk: Walk, job: Job) -> None:
    # a write, and no read: an archive transaction in flight has to conflict with it
    if job.deadline and not await walk.backend.jobs.advance(job.user_id, job.job_id, Trigger.STAY, at=job.rev):
        walk.raced.append(job.job_id)


async def _bring_back(walk: Walk, job: Job) -> None:
    await (_unlock if job.tier is Tier.ARCHIVED and job.locked_in_place else _retrieve)(walk, job)


async def _unlock(walk: Walk, job: Job) -> None:
    """The result never left: it is there again with this one write."""
    moved: dict[str, Any] = {"result": job.archive, "archive": None}
    if not await walk.backend.jobs.advance(job.user_id, job.job_id, Trigger.UNLOCK, at=job.rev, **moved):
        walk.raced.append(job.job_id)
        return
    walk.due.append(ArchiveDue(user_id=job.user_id, job_id=job.job_id, occurred_at=walk.backend.now()))


async def _retrieve(walk: Walk, job: Job) -> None:
    speed = job.speed or _speed(walk, job)
    if job.tier is Tier.ARCHIVED:
        patience_seconds = retrieval(walk.backend.archive.retrievals, speed).patience_seconds
        deadline_seconds = min(patience_seconds, walk.backend.jobs.deadline_seconds[Tier.RESTORING])
        claimed = await walk.backend.jobs.advance(
            job.user_id, job.job_id, Trigger.RESTORE, at=job.rev, deadline_seconds=deadline_seconds, speed=speed
        )
        if claimed is None:
            walk.raced.append(job.job_id)
            return
        job = claimed
    try:
        started = await begin(walk.backend, job, speed)
    except (ClientError, BotoCoreError) as error:
        # one retrieval that can't be started holds up no other: the thaw daemon looks at it, and starts it
        log.error("retrieval not started", job_id=job.job_id, archive=job.archive, error=repr(error))
        started = job
    if started:
        walk.looks[started.speed or speed].append(
            RetrievalLook(user_id=job.user_id, job_id=job.job_id, occurred_at=walk.backend.now(), archive=job.archive)
        )


async def _start_retention(walk: Walk, job: Job) -> None:
    # a write even where there is a deadline already: an archive transaction in flight has to conflict with it
    if not await walk.backend.jobs.update(job, state=Tier.AVAILABLE):
        walk.raced.append(job.job_id)
        return
    walk.due.append(ArchiveDue(user_id=job.user_id, job_id=job.job_id, occurred_at=walk.backend.now()))


STEPS: dict[tuple[Plan, Tier], Callable[[Walk, Job], Awaitable[None]]] = {
    (Plan.PREMIUM, Tier.AVAILABLE): _stop_archiving,
    (Plan.PREMIUM, Tier.ARCHIVED): _bring_back,
    (Plan.PREMIUM, Tier.RESTORING): _retrieve,
    (Plan.FREE, Tier.AVAILABLE): _start_retention,
}


def _speed(walk: Walk, job: Job) -> Speed:
    quick = Speed.EXPEDITED in walk.backend.archive.retrievals and walk.expedited_left > 0
    if quick and job.result_size <= walk.account.limits.expedited_max_bytes:
        walk.expedited_left -= 1
        return Speed.EXPEDITED
    return Speed.STANDARD


async def _send(walk: Walk) -> None:
    for speed, looks in walk.looks.items():
        await walk.backend.queues.send("restore_pendings", looks, delay=look_seconds(walk.backend, speed))
    await walk.backend.queues.send("archive_requests", walk.due)


SPEC = Spec("restore", "restore_requests", (PlanChanged,), concurrency=5, handle=handle)
