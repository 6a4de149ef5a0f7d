"""Files that were sent together: all jobs of a batch, and whether any of them is still to come or to end."""

from __future__ import annotations

from app.domain.jobs import UNFINISHED, Job, Status, batch_end
from app.domain.limits import BATCH_FILES
from app.services.backend import Backend

EMPTY = "No file of yours was sent in this batch."
"""Of a batch of which nothing is known, for nothing is kept of one before a job names it."""

PAGE = 100
MARK = "batch"
STILL_UPLOADING_MS = 30 * 60_000
"""How long after the last file a further one is waited for, if fewer came than were announced."""


def mark(batch: str) -> str:
    """Names the mail about the end of a batch, so that it has one at most."""
    return f"{MARK}:{batch}"


async def jobs_of(backend: Backend, user_id: str, batch: str) -> list[Job]:
    """The jobs of a batch, the first that was sent first, without those that are being deleted."""
    found: list[Job] = []
    before: str | None = batch_end(batch)
    while before and len(found) < BATCH_FILES.most:
        jobs = await backend.jobs.page(user_id, before=before, limit=PAGE)
        found += [job for job in jobs if job.batch == batch and job.status is not Status.DELETING]
        before = jobs[-1].job_id if len(jobs) == PAGE and jobs[-1].job_id > batch else None
    return found[::-1]


def under_way(jobs: list[Job], now: int) -> bool:
    """Whether a job of the batch has not ended, or a file that was announced may still come; `now` is ms since 1970."""
    if any(job.status in UNFINISHED for job in jobs):
        return True
    return bool(jobs) and len(jobs) < jobs[-1].batch_files and now - jobs[-1].created_at < STILL_UPLOADING_MS
