"""The words of our mails: one table, as text and as HTML. Links lead to the portal, never to a file."""

from __future__ import annotations

from html import escape

from app.domain.accounts import Account
from app.domain.jobs import Job
from app.settings import Settings

LETTERS: dict[str, tuple[str, str]] = {
    "completed": ("Your annotation is ready", "{name} has been annotated: {records} records."),
    "failed": ("Your annotation failed", "{name} could not be annotated. {message}"),
    "archived": (
        "Your result was archived",
        "The result of {name} was moved to the archive, as on the free plan. "
        "Its summary stays online; upgrade to premium to bring the result back.",
    ),
    "restored": ("Your result is back", "The result of {name} was brought back from the archive and can be downloaded."),
}
"""Subject and sentence by outcome."""


def letter(outcome: str, job: Job, account: Account, settings: Settings) -> dict[str, str]:
    """Subject, text and HTML of the mail about `outcome`."""
    subject, sentence = LETTERS[outcome]
    at_line = f"(line {job.line}) " if job.line else ""
    words = sentence.format(name=job.file_name, records=f"{job.records:,}", message=at_line + job.message)
    link = f"{settings.public_url}/annotations/{job.job_id}"
    greeting = f"Dear {account.name}," if account.name else "Hello,"
    closing = f"Questions? Write to {settings.contact}." if settings.contact else ""
    paragraphs = [greeting, words, closing]
    return {
        "subject": f"GAS: {subject}",
        "text": "\n\n".join(filter(None, [greeting, words, link, closing])) + "\n",
        "html": "".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs if paragraph)
        + f'<p><a href="{escape(link, quote=True)}">Open the job</a></p>',
    }
