"""The main ways through the portal in a real browser, with and without scripts, and axe-core on every page."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from app.domain.accounts import Plan
from app.domain.jobs import Fault, Job, Speed, Trigger
from app.services import submissions
from app.services.subscriptions import change_plan
from app.services.variants import Filter
from app.web import keys
from tests.web.test_explorer import explored, many

if TYPE_CHECKING:
    from tests.web.browser.conftest import OpenPage
    from tests.web.conftest import Portal

SCREENSHOTS = os.environ.get("GAS_TEST_SCREENSHOTS", "")
"""A folder to leave pictures of the pages in."""

ME = "ada@example.org"
WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
DESKTOP, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}


async def sign_in(page: Page, portal: Portal, to: str = "/annotate") -> None:
    await page.goto(f"{portal.url}/login?next={to}")
    await page.get_by_label("Name").fill("Ada")
    await page.get_by_label("E-mail").fill(ME)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(f"{portal.url}{to}")


async def jobs(portal: Portal) -> list[Job]:
    return await portal.backend.jobs.page((await portal.account(ME)).user_id)


async def test_the_sample_is_one_click_away_and_its_page_is_live(portal: Portal, open_page: OpenPage) -> None:
    page = await open_page()
    await sign_in(page, portal)
    await page.get_by_role("button", name="Annotate the sample").click()
    await page.wait_for_url("**/annotations/*")
    await expect(page.get_by_role("heading", name="sample.vcf")).to_be_visible()
    (job,) = await jobs(portal)
    claimed = await portal.backend.jobs.advance(job.user_id, job.job_id, Trigger.CLAIM, phase="consequences", percent=40)
    assert claimed
    await expect(page.locator("#panel")).to_contain_text("Annotating")
    await expect(page.get_by_role("progressbar")).to_have_attribute("value", "40")
    now = portal.backend.now()
    await portal.backend.jobs.advance(
        job.user_id, job.job_id, Trigger.COMPLETE, result="results/x", records=19, started_at=now - 900, finished_at=now
    )
    await expect(page.get_by_role("link", name="Download annotated VCF")).to_be_visible()
    await expect(page.locator("#announce")).to_have_text("Completed. The results are ready to download.")


async def test_a_chosen_file_goes_straight_to_storage(portal: Portal, open_page: OpenPage) -> None:
    page = await open_page()
    await sign_in(page, portal)
    body = b"##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    name = '<b>ℕame & "more"</b>.vcf'
    await page.locator("#file").set_input_files({"name": name, "mimeType": "text/vcf", "buffer": body})
    await page.wait_for_url("**/annotations/*")
    await expect(page.get_by_role("heading", level=1)).to_have_text(name)
    (job,) = await jobs(portal)
    assert (job.file_name, job.size, job.status) == (name, len(body), "PENDING")


async def test_several_files_become_several_jobs(portal: Portal, open_page: OpenPage) -> None:
    page = await open_page()
    await sign_in(page, portal)
    files = [{"name": f"{n}.vcf", "mimeType": "text/vcf", "buffer": b"##fileformat=VCFv4.2\n"} for n in range(3)]
    await page.locator("#file").set_input_files(files)  # type: ignore[arg-type]
    await page.wait_for_url("**/annotations")
    await expect(page.get_by_text("In line")).to_have_count(3)
    assert [job.file_name for job in await jobs(portal)] == ["2.vcf", "1.vcf", "0.vcf"]


async def test_a_wrong_file_is_refused_before_a_byte_is_sent(portal: Portal, open_page: OpenPage) -> None:
    page = await open_page()
    await sign_in(page, portal)
    for name, body, words in (
        ("notes.pdf", b"%PDF-1.7", "is not called"),
        ("empty.vcf", b"", "is empty"),
        ("big.vcf", b"##fileformat=VCFv4.2\n" + b"x" * 150_000, "your plan takes up to 150 kB"),
        ("text.vcf", b"chr1\t1\n", "does not start like a VCF"),
    ):
        await page.locator("#file").set_input_files({"name": name, "mimeType": "text/plain", "buffer": body})
        await expect(page.get_by_role("alert")).to_contain_text(words)
    assert await jobs(portal) == []


async def test_pasted_variants_become_a_file(portal: Portal, open_page: OpenPage) -> None:
    page = await open_page()
    await sign_in(page, portal)
    await page.get_by_label("A few variants").fill("m.11778G>A\nMT 3243 A G\n")
    await page.get_by_role("button", name="Annotate these").click()
    await page.wait_for_url("**/annotations/*")
    (job,) = await jobs(portal)
    key = submissions.input_key(job.user_id, job.job_id)
    rows = (await portal.backend.inputs.read(key)).decode().splitlines()
    assert rows[0] == "##fileformat=VCFv4.2"
    assert [row.split("\t")[:5] for row in rows[2:]] == [["MT", "3243", ".", "A", "G"], ["MT", "11778", ".", "G", "A"]]


async def test_the_simple_way_needs_no_script(portal: Portal, open_page: OpenPage) -> None:
    page = await open_page(java_script_enabled=False)
    await sign_in(page, portal)
    await page.get_by_label("A name for this annotation").fill("by-hand.vcf")
    await page.get_by_role("button", name="Next").click()
    await page.get_by_label("VCF file").set_input_files(
        {"name": "x.vcf", "mimeType": "text/vcf", "buffer": b"##fileformat=VCFv4.2\n"}
    )
    await page.get_by_role("button", name="Upload and annotate").click()
    await page.wait_for_url("**/annotations/*")
    await expect(page.locator("#panel")).to_contain_text("In line")
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.locator("#panel")).to_contain_text("You cancelled")
    await page.get_by_text("Delete this annotation").click()
    await page.get_by_role("button", name="Delete for good").click()
    await expect(page.get_by_text("Nothing here yet")).to_be_visible()


async def test_paying_and_cancelling(portal: Portal, open_page: OpenPage) -> None:
    page = await open_page()
    await sign_in(page, portal, "/subscribe")
    await page.get_by_role("button", name="Continue to payment").click()
    await page.get_by_role("button", name="Pay").click()
    await expect(page.get_by_role("heading", name="You have premium")).to_be_visible()
    await page.goto(f"{portal.url}/unsubscribe")
    await page.get_by_role("button", name="Cancel premium").click()
    await expect(page.get_by_text("premium ends at")).to_be_visible()


async def test_an_expired_session_leads_to_the_login_and_back(portal: Portal, open_page: OpenPage) -> None:
    page = await open_page()
    await sign_in(page, portal)
    await page.context.clear_cookies()
    await page.get_by_role("button", name="Annotate the sample").click()
    await page.wait_for_url("**/v2/oauth2/authorize**")
    await page.get_by_label("E-mail").fill(ME)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/annotate")


@pytest.mark.parametrize(("size", "theme"), [(DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "dark")])
async def test_every_page_is_accessible(
    portal: Portal, open_page: OpenPage, tmp_path: Path, size: dict[str, int], theme: str
) -> None:
    page = await open_page(viewport=size, color_scheme=theme, reduced_motion="reduce")
    await look(page, f"{portal.url}/", "home")
    await sign_in(page, portal)
    pages = {"annotate": "/annotate", "empty": "/annotations"}
    for name, path in pages.items():
        await look(page, portal.url + path, name)
    pages = {f"job-{name}": f"/annotations/{job.job_id}" for name, job in (await every_job(portal)).items()}
    plain = ("annotations", "profile", "subscribe", "unsubscribe", "logout", "nothing", "privacy", "retention", "terms", "api")
    pages |= {name: f"/{name}" for name in plain}
    explored_job = await explored(portal, tmp_path, many(130), email=ME)
    pages |= {"delete-account": "/profile/delete", "job-explored": f"/annotations/{explored_job.job_id}"}
    pages["variants"] = f"/annotations/{explored_job.job_id}/variants"
    pages["variants-none"] = pages["variants"] + "?text=none"
    first = (await portal.app[keys.EXPLORER].page(explored_job, Filter(), cursor=None, limit=1)).variants[0]
    pages["variant"] = f"{pages['variants']}/{first.at:x}"
    for name, path in pages.items():
        await look(page, portal.url + path, name)
    await change_plan(portal.backend, (await portal.account(ME)).user_id, Plan.PREMIUM)
    for name in ("subscribe", "unsubscribe", "profile"):
        await look(page, f"{portal.url}/{name}", f"premium-{name}")


async def look(page: Page, address: str, name: str) -> None:
    """axe-core finds nothing, and the page is not wider than its window."""
    await page.goto(address)
    theme, width = await page.evaluate("[document.documentElement.dataset.bsTheme, innerWidth]")
    if SCREENSHOTS:
        await page.screenshot(path=Path(SCREENSHOTS) / f"{name}-{width}-{theme}.png", full_page=True)
    found = await Axe().run(page, options=WCAG)
    assert found.violations_count == 0, f"{name} {theme}: {found.generate_report()}"
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is too wide"


async def every_job(portal: Portal) -> dict[str, Job]:
    now = portal.backend.now()
    claim: list[tuple[Trigger, dict[str, Any]]] = [
        (Trigger.SUBMIT, {"size": 33_102, "submitted_at": now}),
        (Trigger.CLAIM, {"phase": "consequences", "records": 1200, "percent": 40, "started_at": now}),
    ]
    outputs = {"result": "results/x", "index": "results/y", "summary": "results/z", "result_size": 48_211}
    complete = [*claim, (Trigger.COMPLETE, {"finished_at": now + 60_000, "records": 2400, **outputs})]
    archive = [*complete, (Trigger.ARCHIVE, {}), (Trigger.ARCHIVED, {"archive": "archive/x", "result": None})]
    mistake = {"fault": Fault.USER, "message": "Line 12 has 7 columns where the header names 8: INFO is missing.", "line": 12}
    ways: dict[str, list[tuple[Trigger, dict[str, Any]]]] = {
        "uploading": [],
        "pending": claim[:1],
        "running": claim,
        "user-error": [*claim, (Trigger.FAIL, mistake)],
        "system-error": [*claim, (Trigger.FAIL, {"fault": Fault.SYSTEM, "message": "The disk was full."})],
        "cancelled": [(Trigger.CANCEL, {})],
        "available": complete,
        "archiving": complete + archive[len(complete) : -1],
        "archived": archive,
        "restoring": [*archive, (Trigger.RESTORE, {"speed": Speed.EXPEDITED})],
    }
    names = {"running": "a-long-name-without-any-place-to-break-" * 4 + ".vcf", "archived": secrets.token_hex(40) + ".vcf.gz"}
    return {name: await portal.job(ME, *steps, file_name=names.get(name, f"{name}.vcf")) for name, steps in ways.items()}
