"""The words of our mails: one table, as text and as HTML. Links lead to the portal, never to a file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

from app.domain.accounts import Account, Notice
from app.domain.jobs import Job
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


def letter(outcome: str, job: Job, account: Account, settings: Settings, matters: Sequence[str] = ()) -> dict[str, Any]:
    """Subject, text, HTML and headers of the mail about `outcome`; `matters` are lines of what matters in the result."""
    notice, subject, sentence = TEMPLATES[outcome]
    at_line = f"(line {job.line}) " if job.line else ""
    words = sentence.format(name=job.file_name, records=f"{job.records:,}", message=at_line + job.message)
    stop = mail_preferences.link(account, notice, settings)
    page = f"{settings.public_url}/annotations/{job.job_id}"
    return _written(subject, words, ("Open the job", page), account, settings, stop, matters) | {
        "headers": mail_preferences.headers(stop)
    }


def ending(message: PlanEnding, account: Account, settings: Settings) -> dict[str, Any]:
    """Subject, text and HTML of the mail that says that premium will end."""
    date = f"{datetime.fromtimestamp(message.ends_at or 0, UTC):%d %B %Y}".lstrip("0")
    subject, sentence = (words.format(date=date) for words in ENDINGS[message.reason])
    return _written(subject, sentence, ("Open your profile", f"{settings.public_url}/profile"), account, settings)


def _written(
    subject: str,
    words: str,
    link: tuple[str, str],
    account: Account,
    settings: Settings,
    stop: str = "",
    matters: Sequence[str] = (),
) -> dict[str, Any]:
    greeting = f"Dear {account.name}," if account.name else "Hello,"
    closing = f"Questions? Write to {settings.contact}." if settings.contact else ""
    footer = f"To get no more mail of this kind: {stop}" if stop else ""
    paragraphs = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in (greeting, words, closing) if paragraph)
    listed = "".join(f"<li>{escape(line)}</li>" for line in matters)
    found = f"<p>{HEADING}</p><ul>{listed}</ul><p><small>{NOT_ADVICE}</small></p>" if matters else ""
    lines = "\n".join([HEADING, *(f"- {line}" for line in matters), NOT_ADVICE]) if matters else ""
    button = f'<p><a href="{escape(link[1], quote=True)}">{link[0]}</a></p>'
    small = f'<p><small><a href="{escape(stop, quote=True)}">No more mail of this kind</a></small></p>' if stop else ""
    return {
        "subject": f"GAS: {subject}",
        "text": "\n\n".join(filter(None, [greeting, words, lines, link[1], closing, footer])) + "\n",
        "html": paragraphs + found + button + small,
    }
