"""The words of our mails: one table, as text and as HTML. Links lead to the portal, never to a file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

from app.domain import uploads
from app.domain.accounts import PLANS, Account, Notice
from app.domain.jobs import Job, Status
from app.domain.messages import PlanEnding
from app.engine.report.not_advice import NOT_ADVICE
from app.services import mail_preferences
from app.settings import Settings

TEMPLATES: dict[str, tuple[Notice, str, str]] = {
    "completed": (Notice.FINISHED, "Your annotation is ready", "{name} has been annotated: {records} records."),
    "failed": (Notice.FINISHED, "Your annotation failed", "{name} could not be annotated. {message}"),
    "archived": (
        Notice.ARCHIVED,
        "Your result was archived",
        "The result of {name} was moved to the archive, as on the free plan. "
        "Its summary stays online; upgrade to premium to bring the result back.",
    ),
    "restored": (
        Notice.RESTORED,
        "Your result is back",
        "The result of {name} was brought back from the archive and can be downloaded.",
    ),
}
"""Kind, subject and sentence by outcome."""

MANY: dict[Notice, tuple[str, str]] = {
    Notice.ARCHIVED: (
        "{count} of your results were archived",
        "These results were moved to the archive, as on the free plan. "
        "Their summaries stay online; upgrade to premium to bring the results back.",
    ),
    Notice.RESTORED: (
        "{count} of your results are back",
        "These results were brought back from the archive and can be downloaded.",
    ),
}
"""Subject and sentence of one mail about several jobs, by kind; what has ended is said by `_ended_together`."""

ENDINGS: dict[str, tuple[str, str]] = {
    "cancelled": (
        "Premium ends on {date}",
        "You have cancelled premium, and it ends on {date}. From then on your results will be archived, each soon after it is "
        "complete, and the limits of the free plan hold. Nothing is deleted, and you can take up premium again any time.",
    ),
    "unpaid": (
        "Your payment for premium failed",
        "The last payment for premium failed. It will be tried again; if that fails too, premium ends and your results will be "
        "archived. Nothing is deleted. You can look at the invoice and change the card from your profile.",
    ),
}
"""Subject and sentence by reason."""


HEADING = "What matters here, first of all:"

MOST_LINES = 100
"""Jobs that one mail names; their page has all."""

MOST_LETTERS = 200
"""Of the words for a failure, where many are in one mail."""


def letter(outcome: str, job: Job, account: Account, settings: Settings, matters: Sequence[str] = ()) -> dict[str, Any]:
    """Subject, text, HTML and headers of the mail about `outcome`; `matters` are lines of what matters in the result."""
    notice, subject, sentence = TEMPLATES[outcome]
    at_line = f"(line {job.line}) " if job.line else ""
    words = sentence.format(name=job.file_name, records=f"{job.records:,}", message=at_line + job.message)
    words += _deleted([job], settings) if notice is Notice.FINISHED else ""
    stop = mail_preferences.link(account, notice, settings)
    page = f"{settings.public_url}/annotations/{job.job_id}"
    return _written(subject, words, ("Open the job", page), account, settings, stop, matters) | {
        "headers": mail_preferences.headers(stop)
    }


def digest(jobs: Sequence[Job], account: Account, settings: Settings) -> dict[str, Any]:
    """Subject, text, HTML and headers of the one mail about the end of all jobs of a batch."""
    page = ("Open the page of all of them", f"{settings.public_url}/batches/{jobs[0].batch}")
    subject, words = _ended_together(jobs, account, settings, "The files that you sent together have been annotated.")
    return _about_many(Notice.FINISHED, (subject, words, page), [_ended(job) for job in _failed_first(jobs)], account, settings)


def news(notice: Notice, jobs: Sequence[Job], account: Account, settings: Settings) -> dict[str, Any]:
    """Subject, text, HTML and headers of one mail about what happened to several jobs, which were not sent together."""
    page = ("Open your annotations", f"{settings.public_url}/annotations")
    if notice is Notice.FINISHED:
        subject, words = _ended_together(jobs, account, settings, "More of your files have been annotated.")
    else:
        subject, words = (said.format(count=f"{len(jobs):,}") for said in MANY[notice])
    says = _ended if notice is Notice.FINISHED else _named
    lines = [f"{says(job)} {settings.public_url}/annotations/{job.job_id}" for job in _failed_first(jobs)]
    return _about_many(notice, (subject, words, page), lines, account, settings)


def _ended_together(jobs: Sequence[Job], account: Account, settings: Settings, says: str) -> tuple[str, str]:
    failed = sum(job.status is Status.FAILED for job in jobs)
    subject = (
        f"Your {len(jobs)} annotations are ready" if not failed else f"{len(jobs)} annotations ended, {failed} of them failed"
    )
    words = says + " Some could not be." * bool(failed)
    if PLANS[account.plan].archives:
        words += " Each result moves to the archive soon after it is complete, as on the free plan; summaries stay online."
    return subject, words + _deleted(jobs, settings)


def deleted_soon(named: Sequence[Job], count: int, failed: bool, account: Account, settings: Settings) -> dict[str, Any]:
    """Subject, text, HTML and headers of the mail before `count` uploaded files are deleted: those of `named`, the first to go
    first, and more. `failed`: some are of jobs that could be run again."""
    days = settings.kept_days["uploads"]
    from_day = _date(uploads.last_day(named[0], days) * 86_400)
    many = count > 1
    subject = f"{count:,} uploaded files are deleted soon, the first after {from_day}"
    words = f"The {count:,} files below, which you uploaded, are deleted soon, each {days} days after its upload."
    if not many:
        subject = f"An uploaded file is deleted after {from_day}"
        words = f"The file below, which you uploaded, is deleted soon, {days} days after its upload."
    words += " Only the uploaded files go: results, also those in the archive, summaries and the jobs stay until you delete them."
    words += " To keep an uploaded file, download it from the page of its job."
    words += " A job that failed cannot be run again once its file is deleted." * failed
    lines = [
        f"{job.file_name}, after {_date(uploads.last_day(job, days) * 86_400)}: {settings.public_url}/annotations/{job.job_id}"
        for job in named
    ]
    page = ("Open your annotations", f"{settings.public_url}/annotations")
    return _about_many(Notice.DELETED, (subject, words, page), lines, account, settings, count)


def _about_many(
    notice: Notice,
    said: tuple[str, str, tuple[str, str]],
    lines: Sequence[str],
    account: Account,
    settings: Settings,
    count: int = 0,
) -> dict[str, Any]:
    left = max(count, len(lines)) - MOST_LINES
    more = [f"and {left:,} more"] if left > 0 else []
    stop = mail_preferences.link(account, notice, settings)
    written = _written(*said, account, settings, stop, [*lines[:MOST_LINES], *more], heading="", note="")
    return written | {"headers": mail_preferences.headers(stop)}


def _failed_first(jobs: Sequence[Job]) -> list[Job]:
    return sorted(jobs, key=lambda job: (job.status is not Status.FAILED, job.job_id))


def _named(job: Job) -> str:
    return f"{job.file_name}:"


def _deleted(jobs: Sequence[Job], settings: Settings) -> str:
    """When the uploaded files are deleted, the first of them, as far as the deployment says it."""
    if not (days := settings.kept_days.get("uploads")):
        return ""
    at = min(job.created_at for job in jobs) // 1000 + days * 86_400
    what = "The uploaded file is" if len(jobs) == 1 else "The uploaded files are"
    return f" {what} deleted after {_date(at)}."


def _date(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%d %B %Y}".lstrip("0")


def _ended(job: Job) -> str:
    if job.status is Status.FAILED:
        at_line = f"line {job.line}: " if job.line else ""
        return f"{job.file_name}: failed. {at_line}{job.message[:MOST_LETTERS]}"
    return (
        f"{job.file_name}: {job.records:,} records"
        if job.status is Status.COMPLETED
        else f"{job.file_name}: {job.status.lower()}"
    )


def ending(message: PlanEnding, account: Account, settings: Settings) -> dict[str, Any]:
    """Subject, text and HTML of the mail that says that premium will end."""
    subject, sentence = (words.format(date=_date(message.ends_at or 0)) for words in ENDINGS[message.reason])
    return _written(subject, sentence, ("Open your profile", f"{settings.public_url}/profile"), account, settings)


def _written(
    subject: str,
    words: str,
    link: tuple[str, str],
    account: Account,
    settings: Settings,
    stop: str = "",
    listed: Sequence[str] = (),
    heading: str = HEADING,
    note: str = NOT_ADVICE,
) -> dict[str, Any]:
    greeting = f"Dear {account.name}," if account.name else "Hello,"
    closing = f"Questions? Write to {settings.contact}." if settings.contact else ""
    footer = f"To get no more mail of this kind: {stop}" if stop else ""
    paragraphs = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in (greeting, words, closing) if paragraph)
    items = "".join(f"<li>{escape(line)}</li>" for line in listed)
    above, below = (f"<p>{heading}</p>" if heading else ""), (f"<p><small>{note}</small></p>" if note else "")
    found = f"{above}<ul>{items}</ul>{below}" if listed else ""
    lines = "\n".join(filter(None, [heading, *(f"- {line}" for line in listed), note])) if listed else ""
    button = f'<p><a href="{escape(link[1], quote=True)}">{link[0]}</a></p>'
    small = f'<p><small><a href="{escape(stop, quote=True)}">No more mail of this kind</a></small></p>' if stop else ""
    return {
        "subject": f"GAS: {subject}",
        "text": "\n\n".join(filter(None, [greeting, words, lines, link[1], closing, footer])) + "\n",
        "html": paragraphs + found + button + small,
    }
