"""What a person does to the portal's pages in a real browser."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Locator, Page

from app.domain.jobs import Job, Trigger
from app.engine.bundles.manifest import Bundle
from app.engine.pipeline.annotate import annotate
from app.services import submissions
from tests.support.explored import completed
from tests.support.portal import Portal

ME = "ada@example.org"
OpenPage = Callable[..., Coroutine[Any, Any, Page]]


async def sign_in(page: Page, portal: Portal, to: str = "/annotate") -> None:
    await page.goto(f"{portal.url}/login?next={to}")
    await page.get_by_label("Name").fill("Ada")
    await page.get_by_label("E-mail").fill(ME)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(f"{portal.url}{to}")


@dataclass
class Clicks:
    """Clicks, and counts them; the one that signs in is the first."""

    count: int = 1

    async def __call__(self, one: Locator) -> None:
        self.count += 1
        await one.click()


async def jobs(portal: Portal) -> list[Job]:
    return await portal.backend.jobs.page((await portal.account(ME)).user_id)


def vcf(*records: str, header: str = "", samples: str = "") -> bytes:
    lines = [
        "##fileformat=VCFv4.2",
        *filter(None, [header]),
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO" + samples,
        *records,
        "",
    ]
    return "\n".join(lines).encode()


RECORD = "MT\t3243\t.\tA\tG\t.\t.\t."


async def choose(page: Page, *files: tuple[str, bytes]) -> None:
    chosen = [{"name": name, "mimeType": "text/vcf", "buffer": body} for name, body in files]
    await page.locator("#file").set_input_files(chosen)  # type: ignore[arg-type]


async def annotated(portal: Portal, folder: Path, bundle: Bundle) -> None:
    """Does with the one job what an annotator does."""
    (job,) = await jobs(portal)
    assert await portal.backend.jobs.advance(job.user_id, job.job_id, Trigger.CLAIM)
    source = folder / "in.vcf"
    source.write_bytes(await portal.backend.inputs.read(submissions.input_key(job.user_id, job.job_id)))
    result = await asyncio.to_thread(annotate, source, folder / "out", name="in.vcf", bundle=bundle)
    (running,) = await jobs(portal)
    await completed(portal, running, folder / "out", result)
