"""Mails a user what happened: marks first, then sends, so that no event has a second mail; and hears of mail that came back."""

from __future__ import annotations

from app.domain.accounts import Account
from app.domain.messages import JobFinished, MailReturned, PlanEnding, ResultRestored
from app.services import notices
from app.services.backend import Backend
from app.services.letters import LETTERS, ending, letter
from workers.runtime import Delivery, Spec

REMEMBERED = 400 * 86_400
"""Seconds that the mark of a mail about the plan is kept; the news it is about comes again for days at most."""


async def handle(delivery: Delivery, backend: Backend) -> None:
    message = delivery.message
    account = await backend.accounts.get(message.user_id)
    if account is None:
        return
    if isinstance(message, MailReturned):
        await notices.returned(backend, account, message)
    elif isinstance(message, PlanEnding) and account.reachable and not account.granted:
        await _about_plan(backend, account, message)
    elif isinstance(message, (JobFinished, ResultRestored)) and account.reachable:
        await _about_job(backend, account, message)


async def _about_job(backend: Backend, account: Account, message: JobFinished | ResultRestored) -> None:
    outcome = message.outcome if isinstance(message, JobFinished) else "restored"
    if LETTERS[outcome][0] in account.muted:
        return
    job = await backend.jobs.mark(message.user_id, message.job_id, message.mark)
    if job is None:
        return
    # a failure whose job was run again meanwhile is no news any more, and the record has its words no longer
    if outcome != "failed" or message.mark == job.mark(outcome):
        assert backend.mail
        written = letter(outcome, job, account, backend.settings)
        await backend.mail.send(account.email, **written, user_id=account.user_id)
    await backend.jobs.mark_sent(message.user_id, message.job_id, message.mark)


async def _about_plan(backend: Backend, account: Account, message: PlanEnding) -> None:
    expires_at = backend.now() // 1000 + REMEMBERED
    if await backend.accounts.mark(account.user_id, message.mark, expires_at=expires_at):
        assert backend.mail
        await backend.mail.send(account.email, **ending(message, account, backend.settings), user_id=account.user_id)
        await backend.accounts.mark_sent(account.user_id, message.mark)


SPEC = Spec("notify", "notifications", (JobFinished, ResultRestored, PlanEnding, MailReturned), concurrency=10, handle=handle)
