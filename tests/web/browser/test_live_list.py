"""The list in a real browser: it changes under its reader's hands without taking anything out of them."""

from __future__ import annotations

from zipfile import ZipFile

import pytest
from playwright.async_api import expect

from app.domain.jobs import Trigger
from app.web import app_keys
from app.web.views import job_list
from tests.support.pages import ME, RECORD, OpenPage, choose, jobs, sign_in, vcf
from tests.support.portal import Portal
from tests.support.steps import SUBMIT


async def test_the_list_changes_by_itself_and_keeps_what_is_chosen(
    portal: Portal, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_list, "FIRST_LOOK_SECONDS", 0)
    monkeypatch.setattr(job_list, "REFRESH_SECONDS", {False: 0, True: 0})
    live = portal.app[app_keys.LIVE]
    live.poll_seconds = live.ping_seconds = 0.1
    page = await open_page()
    await sign_in(page, portal, "/annotations")
    await expect(page.get_by_text("Nothing here yet")).to_be_visible()
    first = await portal.job(ME, *SUBMIT, file_name="first.vcf")
    await portal.job(ME, *SUBMIT, file_name="second.vcf")
    await expect(page.locator("tbody tr")).to_have_count(2)
    await expect(page.locator(".strip")).to_contain_text("2 waiting")
    box = page.get_by_label("Choose second.vcf")
    await box.check()
    await portal.backend.jobs.advance(first.user_id, first.job_id, Trigger.CLAIM, percent=40)
    await expect(page.locator("tbody")).to_contain_text("40 %")
    await expect(box).to_be_checked()
    await expect(box).to_be_focused()
    await expect(page.locator("#announce")).to_have_text("first.vcf: Annotating")
    await page.get_by_label("All on this page").check()
    await expect(page.get_by_label("Choose first.vcf")).to_be_checked()
    await box.uncheck()
    await expect(page.get_by_label("All on this page")).not_to_be_checked()
    await page.get_by_role("button", name="Delete the chosen").press("Enter")
    await expect(page.get_by_role("heading", name="Delete 1 annotation?")).to_be_visible()
    await page.get_by_role("button", name="Delete for good").press("Enter")
    await expect(page.get_by_role("status").first).to_have_text("1 annotation deleted for good.")
    assert [job.file_name for job in await jobs(portal)] == ["second.vcf"]
    # said once: another look at the same address is silent
    await page.reload()
    await expect(page.get_by_text("deleted for good")).to_have_count(0)


async def test_the_list_needs_no_script(portal: Portal, open_page: OpenPage) -> None:
    page = await open_page(java_script_enabled=False)
    await sign_in(page, portal, "/annotations")
    for n in range(23):
        await portal.job(ME, *SUBMIT, file_name=f"{n}.vcf")
    await page.reload()
    await page.get_by_role("link", name="Older").click()
    await expect(page.locator("tbody tr")).to_have_count(3)
    await page.get_by_role("link", name="Newer").click()
    await expect(page.locator("tbody tr")).to_have_count(20)
    await page.get_by_label("Choose 22.vcf").check()
    await page.get_by_role("button", name="Cancel the chosen").click()
    await expect(page.get_by_role("status").first).to_have_text("1 annotation cancelled.")
    await page.get_by_role("link", name="1 cancelled").click()
    await expect(page.locator("tbody tr")).to_have_count(1)
    await page.get_by_label("Choose 22.vcf").check()
    await page.get_by_role("button", name="Delete the chosen").click()
    await page.get_by_role("link", name="Keep it").click()
    await expect(page.locator("tbody tr")).to_have_count(1)


async def test_files_that_are_dropped_together_have_a_page_and_an_archive(portal: Portal, open_page: OpenPage) -> None:
    page = await open_page()
    await sign_in(page, portal)
    await choose(page, *((f"{n}.vcf", vcf(RECORD)) for n in range(2)))
    await page.get_by_role("button", name="Annotate 2 files").click()
    await page.wait_for_url("**/batches/*")
    for job in await jobs(portal):
        key = f"results/{job.job_id}"
        await portal.backend.results.s3.put_object(Bucket=portal.backend.results.name, Key=key, Body=b"result")
        await portal.backend.jobs.advance(job.user_id, job.job_id, Trigger.CLAIM)
        await portal.backend.jobs.advance(job.user_id, job.job_id, Trigger.COMPLETE, result=key)
    async with page.expect_download() as started:
        await page.get_by_role("link", name="Download all 2 results").click()
    download = await started.value
    assert download.suggested_filename == "results.zip"
    with ZipFile(await download.path()) as archive:
        assert sorted(archive.namelist()) == ["0.annot.vcf.gz", "1.annot.vcf.gz"]
    await page.get_by_role("link", name="1.vcf").click()
    await page.get_by_role("link", name="with other files").click()
    await expect(page.get_by_role("heading", name="Files sent together")).to_be_visible()
