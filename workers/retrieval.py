"""Starting a retrieval, for the restore daemon and for the thaw daemon that finds it failed or never started."""

from __future__ import annotations

import structlog

from app.aws.archives import RetrievalState
from app.domain.jobs import Job, Speed, Trigger
from app.domain.keys import Gone
from app.services.backend import Backend

log = structlog.get_logger()


async def begin(backend: Backend, job: Job, speed: Speed) -> Job | None:
    """Starts the retrieval of a RESTORING job unless it is under way, and records what it was started with.

    Returns the job; None if the archive is gone. That is data lost: the job is given up, and stays ARCHIVED for the doctor
    to report.
    """
    if await backend.archive.retrieval_state(job) is not RetrievalState.NONE:
        return job
    try:
        started = await backend.archive.start(job, speed)
    except Gone:
        log.critical("archive is gone", archive=job.archive)
        given_up = await backend.jobs.advance(
            job.user_id, job.job_id, Trigger.RETRIEVAL_LOST, at=job.rev, speed=None, retrieval=None
        )
        if given_up:
            # only the doctor learns of it, which reports what is at rest
            await backend.jobs.clear_deadline(given_up)
        return None
    if (started.speed, started.retrieval) == (job.speed, job.retrieval):
        return job
    return await backend.jobs.update(job, speed=started.speed, retrieval=started.retrieval) or job


def look_seconds(backend: Backend, speed: Speed | None) -> int:
    """Time between two looks at a retrieval; Glacier's own notice usually comes first."""
    settings = backend.settings
    return settings.expedited_look_seconds if speed is Speed.EXPEDITED else settings.standard_look_seconds
