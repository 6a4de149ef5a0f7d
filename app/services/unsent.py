"""Mails of which it is unknown whether they are on their way: marked, and neither sent nor refused.

SES may have taken one whose answer was lost, so none is sent again by itself. The doctor lists them; an operator, who may
know more, sends them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from app.domain.accounts import Account, Notice
from app.domain.jobs import Job, Status
from app.domain.messages import PlanEnding, UploadsExpiring
from app.services import batches, deletions, what_matters
from app.services.backend import Backend
from app.services.mail_templates import TEMPLATES, digest, ending, letter

CALL_SECONDS = 60
"""A mark that is this old is no mail that is being sent right now: longer than a call to SES can take."""


@dataclass(frozen=True)
class Unsent:
    """The mark of a mail; `job_id` is empty where the mail is about the account."""

    event: str
    job_id: str = ""

    def __str__(self) -> str:
        return f"{self.job_id} {self.event}".strip()


async def of(backend: Backend, user_id: str) -> set[Unsent]:
    """What is marked, and not sent, of one account and all of its jobs."""
    found = {Unsent(event) for event in await backend.accounts.unsent_of(user_id)}
    before = None
    while jobs := await backend.jobs.page(user_id, before=before, limit=100):
        found |= {Unsent(event, job.job_id) for job in jobs for event in job.mailed - job.sent}
        before = jobs[-1].job_id
    return found


async def send(backend: Backend, account: Account) -> AsyncIterator[str]:
    """Sends what has been marked for CALL_SECONDS, and not sent, and says of each what became of it.

    May be a second mail, where the first was on its way after all. Raises Refused; then the rest stays as it is.
    """
    if not (found := await of(backend, account.user_id)):
        return
    await asyncio.sleep(CALL_SECONDS)
    for one in sorted(found & await of(backend, account.user_id), key=str):
        written = await _written(backend, account, one)
        if written:
            assert backend.mail
            await backend.mail.send(account.email, **written, user_id=account.user_id)
        if one.job_id:
            await backend.jobs.mark_sent(account.user_id, one.job_id, one.event)
        else:
            await backend.accounts.mark_sent(account.user_id, one.event)
        yield f"{one}: {'sent' if written else 'not wanted any more'}"


async def _written(backend: Backend, account: Account, one: Unsent) -> dict[str, Any] | None:
    """The mail; None if it is no news any more, or the user wants none."""
    if not one.job_id:
        kind, _, batch = one.event.partition(":")
        if kind == batches.MARK:
            jobs = await batches.jobs_of(backend, account.user_id, batch)
            wanted = account.reachable and Notice.FINISHED not in account.muted
            return digest(jobs, account, backend.settings) if wanted and jobs else None
        if kind == UploadsExpiring.MARK:
            return await _about_uploads(backend, account, one.event) if deletions.wanted(account) else None
        return None if account.granted or not account.reachable else _about_plan(backend, account, one.event)
    job = await backend.jobs.get(account.user_id, one.job_id)
    outcome = _outcome(job, one.event) if job else None
    if job is None or outcome is None or not account.reachable or TEMPLATES[outcome][0] in account.muted:
        return None
    matters = await what_matters.lines(backend, job) if outcome == "completed" else []
    return letter(outcome, job, account, backend.settings, matters)


def _outcome(job: Job, event: str) -> str | None:
    """What the mail with this mark says; None for a failure that was run again since, of which the record has no words left."""
    kind = event.partition(":")[0]
    if kind != "finished":
        return kind
    if event != job.mark("completed"):
        return None
    return "completed" if job.status is Status.COMPLETED else "failed"


async def _about_uploads(backend: Backend, account: Account, event: str) -> dict[str, Any] | None:
    _, first_day, days = event.split(":")
    return await deletions.letter(backend, account, UploadsExpiring(user_id=account.user_id, first_day=first_day, days=days))


def _about_plan(backend: Backend, account: Account, event: str) -> dict[str, Any]:
    reason, _, rest = event.partition(":")
    subscription, _, at = rest.rpartition(":")
    time = int(at) if at.isdecimal() else None
    message = PlanEnding.model_validate(
        {"user_id": account.user_id, "reason": reason, "subscription": subscription, "ends_at": time}
    )
    assert message.mark == event
    return ending(message, account, backend.settings)
