"""Mails a user what happened to a job: marks first, then sends, so that no event has a second mail."""

from __future__ import annotations

from app.domain.messages import JobFinished, ResultRestored
from app.services.backend import Backend
from app.services.letters import letter
from workers.runtime import Delivery, Spec


async def handle(delivery: Delivery, backend: Backend) -> None:
    message = delivery.message
    assert isinstance(message, (JobFinished, ResultRestored)) and backend.mail
    account = await backend.accounts.get(message.user_id)
    if account is None or not account.email:
        return
    job = await backend.jobs.mark(message.user_id, message.job_id, message.mark)
    if job is None:
        return
    outcome = message.outcome if isinstance(message, JobFinished) else "restored"
    await backend.mail.send(account.email, **letter(outcome, job, account, backend.settings))
    await backend.jobs.mark_sent(message.user_id, message.job_id, message.mark)


SPEC = Spec("notify", "notifications", (JobFinished, ResultRestored), concurrency=10, handle=handle)
