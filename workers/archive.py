"""Moves a free user's result to the archive, five minutes after completion; the plan of that moment decides."""

from __future__ import annotations

from typing import Any

import structlog

from app.domain.accounts import Account, Plan
from app.domain.jobs import Job, Tier, Trigger
from app.domain.messages import ArchiveDue, JobFinished
from app.services.backend import Backend
from app.services.sweep import sweep
from workers.finish import finish
from workers.lease import LeaseLost, lease
from workers.runtime import Delivery, Reschedule, RetryLater, Spec

log = structlog.get_logger()


async def handle(delivery: Delivery, backend: Backend) -> None:
    """Archives the job's result if it is due and its account is free. Raises Reschedule or RetryLater while it can't yet."""
    message = delivery.message
    assert isinstance(message, (ArchiveDue, JobFinished))
    job, account = await backend.jobs.get_with_account(message.user_id, message.job_id)
    waits = job and (job.tier is Tier.ARCHIVING or (job.tier is Tier.AVAILABLE and job.deadline))
    archived = await _follow_plan(backend, job, account, delivery.redelivered) if job and waits else None
    ended = archived or (job if delivery.redelivered and job and job.tier is Tier.ARCHIVED else None)
    listing = delivery.redelivered and not waits
    await finish(backend, message, ended, Tier.ARCHIVED, listing=listing, moved=archived is not None)


async def _follow_plan(backend: Backend, job: Job, account: Account | None, again: bool) -> Job | None:
    """Returns the archived job; None where the account is premium and keeps its result."""
    # earlier attempts of whichever daemon may have left something, and nothing looks after this
    unsure = again or job.attempts > 1 or job.superseded is not None or job.tier is Tier.ARCHIVING
    if account is None:
        raise RetryLater(60, "no such account")
    if account.plan is Plan.PREMIUM:
        if job.tier is Tier.ARCHIVING:
            await backend.jobs.advance(job.user_id, job.job_id, Trigger.ABORT_ARCHIVE, at=job.rev)
            raise RetryLater(1, "the account is premium: an archiver under way has to stop")
        await sweep(backend, job.user_id, job.job_id, job.superseded, listing=unsure)
        if not await backend.jobs.clear_deadline_while(job, Plan.PREMIUM):
            raise RetryLater(1, "the plan or the job changed")
        return None
    claimed = await backend.jobs.advance(job.user_id, job.job_id, Trigger.ARCHIVE, at=job.rev)
    if claimed is None:
        left = max(0, (job.deadline or 0) - backend.now()) / 1000 if job.tier is Tier.ARCHIVING else 1
        raise Reschedule(left + 1, "another archiver holds the lease, or the job changed")
    await sweep(backend, job.user_id, job.job_id, job.superseded, listing=unsure)
    return await _archive(backend, claimed)


async def _archive(backend: Backend, job: Job) -> Job:
    """Copies the result under the claim's rev, and records it only while the account is free."""
    copy = archived = None
    try:
        async with lease(backend, job, Tier.ARCHIVING):
            copy = await backend.archive.store(job, job.rev)
            if copy:
                moved: dict[str, Any] = {"archive": copy, "result": None, "superseded": job.result}
                archived = await backend.jobs.advance_while(job, Plan.FREE, Trigger.ARCHIVED, **moved)
    except LeaseLost:
        pass
    if archived:
        return archived
    # the plan changed under us, or the job did: what this claim still holds is given back, and the new copy goes
    aborted = await backend.jobs.advance(job.user_id, job.job_id, Trigger.ABORT_ARCHIVE, at=job.rev)
    if aborted and not copy:
        log.critical("result is gone", result=job.result)
    await sweep(backend, job.user_id, job.job_id, copy, rev=job.rev)
    raise RetryLater(1, "the plan or the job changed while it was archived")


SPEC = Spec("archive", "archive_requests", (ArchiveDue, JobFinished), concurrency=20, handle=handle)
