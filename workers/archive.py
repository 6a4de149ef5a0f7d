"""Moves a free user's result to the archive, five minutes after completion; the plan of that moment decides."""

from __future__ import annotations

from typing import Any

import structlog

from app.domain.accounts import Account, Plan
from app.domain.jobs import Job, Tier, Trigger
from app.domain.messages import ArchiveDue, JobFinished, ResultRestored
from app.services.backend import Backend
from app.services.sweep import sweep
from workers.finish import finish
from workers.runtime import Delivery, RetryLater, Spec

log = structlog.get_logger()
ACCEPTS = (ArchiveDue, JobFinished, ResultRestored)


async def handle(delivery: Delivery, backend: Backend) -> None:
    """Archives the job's result if it is due and its account is free. Raises RetryLater while it can't yet."""
    message = delivery.message
    assert isinstance(message, ACCEPTS)
    job, account = await backend.jobs.get_with_account(message.user_id, message.job_id)
    waits = job and job.tier is Tier.AVAILABLE and job.deadline
    archived = await _follow_plan(backend, job, account, delivery.redelivered) if job and waits else None
    ended = archived or (job if delivery.redelivered and job and job.tier is Tier.ARCHIVED else None)
    listing = delivery.redelivered and not waits
    await finish(backend, message, ended, Tier.ARCHIVED, listing=listing, moved=archived is not None)


async def _follow_plan(backend: Backend, job: Job, account: Account | None, again: bool) -> Job | None:
    """Returns the archived job; None where the account is premium and keeps its result."""
    if account is None:
        raise RetryLater(60, "no such account")
    # earlier attempts of whichever daemon may have left something, and nothing looks after this
    unsure = again or job.attempts > 1 or job.superseded is not None
    if account.plan is Plan.FREE:
        await sweep(backend, job.user_id, job.job_id, job.superseded, listing=unsure)
        small = job.result_size < backend.settings.archive_least_bytes
        return await (_lock if small else _archive)(backend, job)
    # a copy that an archiver left under this rev would look needed
    staying = await _stay(backend, job) if again else job
    await sweep(backend, job.user_id, job.job_id, job.superseded, listing=unsure)
    if not (staying and await backend.jobs.clear_deadline_while(staying, Plan.PREMIUM)):
        raise RetryLater(1, "the plan or the job changed")
    return None


async def _archive(backend: Backend, job: Job) -> Job:
    """Copies the result under the job's rev, and records it only while the account is free.

    Nothing claims the job before: who else copies it at the same time writes the same bytes under the same key (or, in a vault,
    an archive of its own), and one of them records it.
    """
    copy = await backend.archive.store(job, job.rev)
    if copy:
        moved: dict[str, Any] = {"archive": copy, "result": None, "superseded": job.result}
        if archived := await backend.jobs.advance_while(job, Plan.FREE, Trigger.ARCHIVED, **moved):
            return archived
    # the plan changed under us, or the job did: under another rev nothing needs the new copy, unless it is recorded
    if await _stay(backend, job) and not copy:
        log.critical("result is gone", result=job.result)
    await sweep(backend, job.user_id, job.job_id, copy, rev=job.rev)
    raise RetryLater(1, "the plan or the job changed while it was archived")


async def _lock(backend: Backend, job: Job) -> Job:
    """Archives the result by its state only, while the account is free: no copy is made, and none is deleted."""
    moved: dict[str, Any] = {"archive": job.result, "result": None, "superseded": None}
    archived = await backend.jobs.advance_while(job, Plan.FREE, Trigger.ARCHIVED, **moved)
    if archived is None:
        raise RetryLater(1, "the plan or the job changed")
    return archived


async def _stay(backend: Backend, job: Job) -> Job | None:
    return await backend.jobs.advance(job.user_id, job.job_id, Trigger.STAY, at=job.rev)


SPEC = Spec("archive", "archive_requests", ACCEPTS, concurrency=20, handle=handle)
