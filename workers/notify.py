"""Mails a user what happened: marks first, then sends, so that no event has a second mail; and hears of mail that came back.

What SES certainly did not take is unmarked, and tried again for a day; what it may have taken stays marked.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from app.aws.accounts import MAIL
from app.aws.mail import MailRefused, Mark
from app.domain.accounts import Account, Notice
from app.domain.jobs import Job
from app.domain.messages import JobFinished, MailReturned, PlanEnding, ResultRestored, UploadsExpiring
from app.services import batches, deletions, mail_preferences, what_matters
from app.services.backend import Backend
from app.services.mail_templates import TEMPLATES, digest, ending, letter, news
from workers.runtime import LONGEST_PUT_OFF, Delivery, Poison, Reschedule, Spec, growing


@dataclass(frozen=True)
class News:
    """What happened to a job: `mark` names it, so that it is mailed once at most."""

    outcome: str
    mark: str
    job: Job

    @property
    def about(self) -> tuple[str, str, str]:
        """By which its mark is asked for."""
        return self.job.user_id, self.job.job_id, self.mark


REMEMBERED = 400 * 86_400
"""Seconds that the mark of a mail about the account is kept; the news it is about comes again for days at most."""


async def handle(delivery: Delivery, backend: Backend) -> None:
    """Sends the mail that a message is about, once at most. Raises Reschedule while SES refuses it, Poison after a day."""
    message = delivery.message
    account = await backend.accounts.get(message.user_id)
    if account is None:
        return
    try:
        if isinstance(message, MailReturned):
            await mail_preferences.record_bounce(backend, account, message)
        elif isinstance(message, PlanEnding) and account.reachable and not account.granted:
            await _about_account(backend, account, message.mark, ending(message, account, backend.settings))
        elif isinstance(message, UploadsExpiring) and deletions.wanted(account):
            await _about_uploads(backend, account, message)
        elif isinstance(message, (JobFinished, ResultRestored)) and account.reachable:
            await _about_job(backend, account, message, delivery)
    except MailRefused as refused:
        if delivery.put_off > LONGEST_PUT_OFF:
            raise Poison(f"SES refused it for a day: {refused}") from refused
        raise Reschedule(growing(delivery.put_off), f"SES refused it: {refused}") from refused


async def _about_job(backend: Backend, account: Account, message: JobFinished | ResultRestored, delivery: Delivery) -> None:
    outcome = message.outcome if isinstance(message, JobFinished) else "restored"
    if TEMPLATES[outcome][0] in account.muted:
        return
    job = await backend.jobs.get(message.user_id, message.job_id)
    if job is None or message.mark in job.mailed:
        return
    if job.batch_files > 1 and await _is_of_a_batch(backend, account, job, outcome, delivery):
        return
    # a failure whose job was run again meanwhile is no news any more, and the record has its words no longer
    if outcome == "failed" and message.mark != job.mark(outcome):
        token = secrets.token_hex(4)
        if await backend.jobs.mark(message.user_id, message.job_id, message.mark, token):
            await backend.jobs.mark_sent(message.user_id, message.job_id, message.mark, token)
        return
    await _in_turn(backend, account, News(outcome, message.mark, job), delivery)


async def _in_turn(backend: Backend, account: Account, one: News, delivery: Delivery) -> None:
    """Sends the mail at once, or, where mails of this kind to this account come thick and fast, in one mail with all that waited.

    Each has its own message and mark all the same, and what becomes of the mail becomes of each. Raises Reschedule.
    """
    assert backend.mail
    digests, notice = backend.mail.digests, TEMPLATES[one.outcome][0]
    key, send = (account.user_id, notice), partial(_send, backend, account, notice)
    if delivery.put_off and digests.window_seconds:  # it waits once only: whatever comes in between, it is no later than this
        await digests.together(key, one, send)
    elif (seconds := digests.wait_seconds(key)) > 0:
        raise Reschedule(seconds, "its mail goes together with others of its account")
    else:
        await send([one])


async def _send(backend: Backend, account: Account, notice: Notice, found: Sequence[News]) -> None:
    """One mail about all of these whose mark is free."""
    assert backend.mail
    alone = found[0] if len(found) == 1 else None
    matters = await what_matters.lines(backend, alone.job) if alone and alone.outcome == "completed" else []

    def written(places: Sequence[int]) -> dict[str, Any]:
        about = [found[place] for place in places]
        if len(about) == 1:
            return letter(about[0].outcome, about[0].job, account, backend.settings, matters)
        return news(notice, [one.job for one in about], account, backend.settings)

    marks = [Mark(partial(backend.jobs.mark, *one.about), partial(backend.jobs.unmark, *one.about)) for one in found]
    tokens = await backend.mail.send_one_about(account.email, marks, written, user_id=account.user_id)
    sent = [(one, token) for one, token in zip(found, tokens, strict=True) if token]
    if len(sent) > 1:
        backend.mail.digests.mailed((account.user_id, notice), len(sent))
    noted = await asyncio.gather(*(backend.jobs.mark_sent(*one.about, token) for one, token in sent), return_exceptions=True)
    for error in noted:  # once all others are noted
        if error:
            raise error


async def _is_of_a_batch(backend: Backend, account: Account, job: Job, outcome: str, delivery: Delivery) -> bool:
    """Whether the one mail of its batch is about this, too: sends it, where nothing of the batch is under way any more.

    The last job to end finds all others ended, so its message sends the mail if no other does; all others wait for it. A job
    that was run again after that mail has one of its own, and so has what waited for a day. Raises Reschedule.
    """
    if outcome == "archived":
        return True  # that mail says it
    if outcome not in ("completed", "failed"):
        return False
    event = batches.mark(job.batch)
    if marked := await backend.accounts.item(account.user_id, MAIL + event):
        return (job.submitted_at or 0) // 1000 <= marked["expires_at"] - REMEMBERED
    jobs = await batches.jobs_of(backend, account.user_id, job.batch)
    if batches.under_way(jobs, backend.now()):
        if delivery.put_off > LONGEST_PUT_OFF:
            return False
        raise Reschedule(growing(delivery.put_off), "others of its batch are under way")
    jobs = [one for one in jobs if one.mark("completed") not in one.mailed]
    if len(jobs) < 2:
        return False
    await _about_account(backend, account, event, digest(jobs, account, backend.settings))
    return True


async def _about_uploads(backend: Backend, account: Account, message: UploadsExpiring) -> None:
    if await backend.accounts.item(account.user_id, MAIL + message.mark):
        return
    if written := await deletions.letter(backend, account, message):
        await _about_account(backend, account, message.mark, written)


async def _about_account(backend: Backend, account: Account, event: str, written: Mapping[str, Any]) -> None:
    """Sends a mail whose mark is an item of the account."""
    assert backend.mail
    about, expires_at = (account.user_id, event), backend.now() // 1000 + REMEMBERED
    mark = Mark(partial(backend.accounts.mark, *about, expires_at=expires_at), partial(backend.accounts.unmark, *about))
    if await backend.mail.send(account.email, **written, user_id=account.user_id, mark=mark):
        await backend.accounts.mark_sent(*about)


MESSAGES = (JobFinished, ResultRestored, PlanEnding, UploadsExpiring, MailReturned)
SPEC = Spec("notify", "notifications", MESSAGES, concurrency=50, handle=handle)
