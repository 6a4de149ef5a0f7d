"""When uploaded files are deleted, and which of them one mail says it of before: arithmetic on days.

A rule of the bucket's lifecycle deletes them at the first midnight, UTC, after their days are over: what was uploaded on one
day goes at one moment. Source: S3, "Expiring objects".
"""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.jobs import Job, Status, job_id

DAY_MS = 86_400_000

PERIOD_DAYS = 7
"""Days of uploads that have one mail: somebody who uploads every day has one a week."""


@dataclass(frozen=True)
class Period:
    """The uploads of `days` days, the first of which is `first_day`, in days since 1970 (UTC)."""

    first_day: int
    days: int

    @property
    def after(self) -> str:
        """The job id that those of all its jobs come after."""
        return job_id(self.first_day * DAY_MS - 1, b"\xff" * 10)

    @property
    def before(self) -> str:
        """The job id that those of all its jobs come before."""
        return job_id((self.first_day + self.days) * DAY_MS, bytes(10))


def last_day(job: Job, kept_days: int) -> int:
    """The last day, in days since 1970 (UTC), on which the uploaded file is certainly there."""
    return job.created_at // DAY_MS + kept_days


def has_upload(job: Job, kept_days: int, now: int) -> bool:
    """Whether the job has a file that its owner uploaded and that a rule is yet to delete; `now` is ms since 1970."""
    there = job.submitted_at is not None and job.status is not Status.DELETING
    return there and now // DAY_MS <= last_day(job, kept_days)


def going(job: Job, kept_days: int, notice_days: int, now: int) -> Period | None:
    """The period of the job's upload, if it is time for its mail: `notice_days` (0: never) before the first files of it are
    deleted, and until this one is. None of a job without an upload.

    A period is over when its mail is due, so that no upload comes after it.
    """
    notice_days = min(notice_days, kept_days - 1)
    if notice_days < 1 or not has_upload(job, kept_days, now):
        return None
    days = min(PERIOD_DAYS, kept_days - notice_days)
    first_day = job.created_at // DAY_MS // days * days
    return Period(first_day, days) if now // DAY_MS >= first_day + kept_days - notice_days else None
