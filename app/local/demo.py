"""A user's whole journey, played over HTTP like a browser: each step is seen to happen, or the demo fails."""

from __future__ import annotations

import asyncio
import gzip
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

from aiohttp import ClientError, ClientSession, CookieJar
from rich.console import Console
from rich.table import Table

from app.local.browser import Browser, Page

STEP_TIMEOUT_SECONDS = 180
"""Seconds that a step may take before the demo says that it did not happen."""

KNOWN = {"3243": "MT-TL1", "11778": "p.Arg340His"}
"""What every annotation of the sample has to say, by position."""

console = Console(highlight=False, soft_wrap=True)


class NotSeen(RuntimeError):
    """A step did not happen."""


@dataclass
class Journey:
    """A user's way through the service, and what was seen on it."""

    portal: str
    outbox: str
    browser: Browser
    # somebody new each time: the emulator may remember who came before
    email: str = field(default_factory=lambda: f"demo-{secrets.token_hex(3)}@example.org")
    job: str = ""
    steps: list[tuple[str, float, str]] = field(default_factory=list)

    async def step(self, name: str, happen: Awaitable[str]) -> None:
        """Waits until a step has happened; keeps what was seen, and how long it took."""
        began = time.monotonic()
        console.print(f"  … {name}")
        seen = await happen
        self.steps.append((name, time.monotonic() - began, seen))

    async def job_now(self) -> dict[str, Any]:
        """Returns the job as the API shows it."""
        async with self.browser.http.get(f"{self.portal}/api/v1/jobs/{self.job}") as answer:
            return await answer.json()

    async def until(self, what: str, holds: Callable[[], Awaitable[str]]) -> str:
        """Looks every quarter of a second until `holds` says something."""
        ends = time.monotonic() + STEP_TIMEOUT_SECONDS
        while time.monotonic() < ends:
            if seen := await holds():
                return seen
            await asyncio.sleep(0.25)
        raise NotSeen(f"{what} was not seen within {STEP_TIMEOUT_SECONDS} s; the job says {await self.job_now()}")

    async def mails(self) -> list[dict[str, Any]]:
        """Returns the mails that were sent to the journey's user."""
        async with self.browser.http.get(f"{self.outbox}/mails.json") as answer:
            return [mail for mail in await answer.json() if self.email in mail["to"]]


async def play(addresses: Any) -> int:
    """Signs in, uploads, waits for result, archive and return, and prints the timeline. 0 if every step was seen."""
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as http:
        journey = Journey(addresses.portal, addresses.outbox, Browser(http))
        try:
            for name, action in STEPS:
                await journey.step(name, action(journey))
        except (NotSeen, LookupError, ClientError, AssertionError) as failure:
            console.print(f"[bold]The demo failed:[/bold] {failure!r}")
            return 1
        finally:
            await _print(journey)
    console.print("Every step was seen to happen.")
    return 0


async def _sign_in(journey: Journey) -> str:
    page = await journey.browser.get(f"{journey.portal}/login")
    page = await journey.browser.send(page, page.forms[-1], email=journey.email, name="Demo")
    _expect(page.url.startswith(journey.portal) and page.status == 200, page)
    return "through the identity provider and back"


async def _upload(journey: Journey) -> str:
    browser = journey.browser
    page = await browser.get(f"{journey.portal}/annotate")
    sample = await browser.get(urljoin(page.url, next(link for link in page.links if link.endswith("sample.vcf"))))
    page = await browser.send(page, page.form("/annotate"), name="sample.vcf")
    page = await browser.send(page, page.forms[-1], file=sample.body)
    _expect("/annotations/" in page.url and page.status == 200, page)
    journey.job = page.url.rpartition("/")[2]
    return f"{len(sample.body)} bytes, job {journey.job}"


async def _completed(journey: Journey) -> str:
    async def holds() -> str:
        job = await journey.job_now()
        if job["status"] in ("FAILED", "CANCELLED"):
            raise NotSeen(f"the job ended {job['status']}: {job['message']}")
        return f"{job['records']} records" if job["status"] == "COMPLETED" else ""

    return await journey.until("the completion", holds)


async def _download(journey: Journey) -> str:
    page = await journey.browser.get(f"{journey.portal}/annotations/{journey.job}/result")
    _expect(page.status == 200, page)
    records = [line.split("\t") for line in gzip.decompress(page.body).decode().splitlines() if not line.startswith("#")]
    for position, word in KNOWN.items():
        found = [record for record in records if record[1] == position]
        if not any(word in record[7] for record in found):
            raise NotSeen(f"the record at {position} does not say {word}: {found}")
    log = await journey.browser.get(f"{journey.portal}/annotations/{journey.job}/log")
    _expect(log.status == 200, log)
    return f"{len(page.body)} bytes, {len(records)} records, known answers found"


async def _archived(journey: Journey) -> str:
    async def holds() -> str:
        return "ARCHIVED" if (await journey.job_now())["tier"] == "ARCHIVED" else ""

    return await journey.until("the archival", holds)


async def _refused(journey: Journey) -> str:
    page = await journey.browser.get(f"{journey.portal}/annotations/{journey.job}/result")
    _expect(page.status != 200 or not page.body.startswith(b"\x1f\x8b"), page)
    return f"the portal answers {page.status}"


async def _upgrade(journey: Journey) -> str:
    browser = journey.browser
    page = await browser.get(f"{journey.portal}/subscribe")
    page = await browser.send(page, page.form("/subscribe"))
    page = await browser.send(page, page.forms[-1])

    async def holds() -> str:
        return "premium" if "You have premium" in (await browser.get(f"{journey.portal}/subscribe")).text else ""

    return await journey.until("the upgrade", holds)


async def _restored(journey: Journey) -> str:
    async def holds() -> str:
        return "AVAILABLE" if (await journey.job_now())["tier"] == "AVAILABLE" else ""

    return await journey.until("the restoration", holds)


async def _mailed(journey: Journey) -> str:
    async def holds() -> str:
        subjects = [mail["subject"] for mail in await journey.mails()]
        if len(set(subjects)) < len(subjects):
            raise NotSeen(f"a mail came twice: {subjects}")
        return f"{len(subjects)} mails" if len(subjects) == 3 else ""

    return await journey.until("three mails", holds)


STEPS: tuple[tuple[str, Callable[[Journey], Awaitable[str]]], ...] = (
    ("sign in", _sign_in),
    ("upload the sample", _upload),
    ("annotated", _completed),
    ("download and check", _download),
    ("archived", _archived),
    ("no download while archived", _refused),
    ("upgrade to premium", _upgrade),
    ("brought back", _restored),
    ("download and check again", _download),
    ("mailed", _mailed),
)


def _expect(holds: bool, page: Page) -> None:
    if not holds:
        raise NotSeen(f"{page.url} answered {page.status}: {page.text[:300]}")


async def _print(journey: Journey) -> None:
    table = Table("step", "seconds", "what was seen", box=None, pad_edge=False)
    for name, took, seen in journey.steps:
        table.add_row(name, f"{took:.1f}", seen)
    console.print(table)
    for mail in await journey.mails():
        console.print(f"mail to {', '.join(mail['to'])}: {mail['subject']}")
