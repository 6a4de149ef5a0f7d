"""Mails before uploaded files are deleted: the doctor's daily scan sees whose turn it is, and one message says it to `notify`.

Each account has one mail a period of uploads, whose mark is an item of the account. So whatever is sent again, and however many
doctors look, is one mail; and what got lost is sent by the next day's look.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import structlog
from botocore.exceptions import BotoCoreError, ClientError

from app.aws.accounts import MAIL
from app.aws.queues import BATCH_MESSAGES, NotSent
from app.domain import uploads
from app.domain.accounts import Account, Notice
from app.domain.jobs import Job, Status
from app.domain.messages import UploadsExpiring
from app.services.backend import Backend
from app.services.mail_templates import MOST_LINES, deleted_soon

log = structlog.get_logger()

PAGE = 100


def wanted(account: Account) -> bool:
    """Whether the account is to have such a mail."""
    return account.reachable and not account.erasing and Notice.DELETED not in account.muted


async def jobs_of(backend: Backend, message: UploadsExpiring) -> AsyncIterator[Job]:
    """The jobs of a period, newest first, whose uploaded files a rule is yet to delete."""
    period, kept_days = message.period, backend.settings.kept_days.get("uploads", 0)
    before: str | None = period.before
    while before:
        jobs = await backend.jobs.page(message.user_id, before=before, limit=PAGE)
        for job in jobs:
            if job.job_id > period.after and uploads.has_upload(job, kept_days, backend.now()):
                yield job
        before = jobs[-1].job_id if len(jobs) == PAGE and jobs[-1].job_id > period.after else None


async def letter(backend: Backend, account: Account, message: UploadsExpiring) -> dict[str, Any] | None:
    """The mail, with the files that go first; None where all have gone, or were deleted by their owner."""
    named: deque[Job] = deque(maxlen=MOST_LINES)
    count, failed = 0, False
    async for job in jobs_of(backend, message):
        named.appendleft(job)
        count, failed = count + 1, failed or job.status is Status.FAILED
    return deleted_soon(named, count, failed, account, backend.settings) if count else None


@dataclass
class Announcer:
    """Is shown every job, those of a user in the order of their ids, and asks for the mails that are due."""

    backend: Backend
    _last: tuple[str, uploads.Period] | None = None
    _waiting: list[UploadsExpiring] = field(default_factory=list)

    async def look(self, job: Job, account: Account | None) -> None:
        """Asks for a mail, if it is time to say that the job's upload will go, and it has not been said."""
        settings = self.backend.settings
        period = uploads.going(job, settings.kept_days.get("uploads", 0), settings.deletion_notice_days, self.backend.now())
        if period is None or self._last == (job.user_id, period):
            return
        self._last = job.user_id, period
        message = UploadsExpiring(
            user_id=job.user_id, occurred_at=self.backend.now(), first_day=period.first_day, days=period.days
        )
        if account and wanted(account) and not await self.backend.accounts.item(job.user_id, MAIL + message.mark):
            self._waiting.append(message)
            if len(self._waiting) == BATCH_MESSAGES:
                await self.close()

    async def close(self) -> None:
        """Sends what waits. What cannot be sent is left to the next day's look."""
        waiting, self._waiting = self._waiting, []
        try:
            await self.backend.queues.send("notifications", waiting)
        except (ClientError, BotoCoreError, NotSent) as error:
            log.error("mails before deletion not asked for", count=len(waiting), error=repr(error))
