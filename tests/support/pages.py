"""What a person does to the portal's pages in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from playwright.async_api import Page

from app.domain.jobs import Job
from tests.support.portal import Portal

ME = "ada@example.org"
OpenPage = Callable[..., Coroutine[Any, Any, Page]]


async def sign_in(page: Page, portal: Portal, to: str = "/annotate") -> None:
    await page.goto(f"{portal.url}/login?next={to}")
    await page.get_by_label("Name").fill("Ada")
    await page.get_by_label("E-mail").fill(ME)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(f"{portal.url}{to}")


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
