"""Brings a retrieved result back: on Glacier's own notice, and by a slow look as the backstop."""

from __future__ import annotations

from typing import Any

from app.aws.archives import RetrievalState
from app.domain.jobs import Job, Speed, Tier, Trigger
from app.domain.keys import Output, output_key
from app.domain.messages import RetrievalLook
from app.services.backend import Backend
from app.services.sweep import sweep
from workers.finish import finish
from workers.retrieval import begin, look_seconds
from workers.runtime import Delivery, Reschedule, RetryLater, Spec


async def handle(delivery: Delivery, backend: Backend) -> None:
    """Copies the result back if its retrieval is ready. Raises Reschedule while it is not, RetryLater if the job changed."""
    message = delivery.message
    assert isinstance(message, RetrievalLook)
    job = await backend.jobs.get(message.user_id, message.job_id)
    restored = None
    if job and job.tier is Tier.RESTORING:
        retrieval = message.retrieval if message.archive == job.archive else None
        if message.notice:
            restored = await _copied_back(backend, job, retrieval)  # it says that the copy is there: no look before
    if job and job.tier is Tier.RESTORING and not restored:
        if await backend.archive.retrieval_state(job, retrieval) is not RetrievalState.READY:
            job = await begin(backend, job, job.speed or Speed.STANDARD)
            if job is None or message.notice:
                return  # given up; or a notice of a retrieval that failed: our own look goes on
            raise Reschedule(look_seconds(backend, job.speed), "the retrieval is under way")
        restored = await _bring_back(backend, job, retrieval)
    ended = restored or (job if delivery.redelivered and job and job.tier is Tier.AVAILABLE else None)
    # else the handler that moved the job deletes what it left, or the archive daemon, which reads of it in the record
    if ended or delivery.redelivered:
        moved = restored is not None
        await finish(backend, message, ended, Tier.AVAILABLE, message.archive, listing=delivery.redelivered, moved=moved)


async def _bring_back(backend: Backend, job: Job, retrieval: str | None) -> Job:
    restored = await _copied_back(backend, job, retrieval)
    if restored is None:
        raise RetryLater(2, "the restored copy expired, or the job changed")
    return restored


async def _copied_back(backend: Backend, job: Job, retrieval: str | None) -> Job | None:
    """Returns the restored job; None where the copy cannot be read, or the job changed."""
    key = output_key(job.user_id, job.job_id, job.rev, Output.RESULT)
    await sweep(backend, job.user_id, job.job_id, job.superseded)
    if await backend.archive.bring_back(job, key, retrieval):
        moved: dict[str, Any] = {"result": key, "archive": None, "superseded": job.archive, "retrieval": None, "speed": None}
        return await backend.jobs.advance(job.user_id, job.job_id, Trigger.RESTORED, at=job.rev, **moved)
    return None


SPEC = Spec("thaw", "restore_pendings", (RetrievalLook,), concurrency=20, handle=handle)
