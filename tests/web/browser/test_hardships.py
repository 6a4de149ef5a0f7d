"""What goes wrong around a browser: slow and broken connections, and sessions that end in the middle."""

from __future__ import annotations

from playwright.async_api import Page, Route, expect

from app.domain.jobs import Trigger
from tests.support.pages import ME, RECORD, OpenPage, choose, jobs, sign_in, vcf
from tests.support.portal import Portal
from tests.support.steps import SUBMIT

BODY = vcf(*[RECORD] * 5000)


async def slow_down(page: Page, upload: int) -> None:
    """A connection with 200 ms on the way, 200 kB a second down, and `upload` bytes a second up."""
    session = await page.context.new_cdp_session(page)
    await session.send("Network.enable")
    conditions = {"offline": False, "latency": 200, "downloadThroughput": 200_000, "uploadThroughput": upload}
    await session.send("Network.emulateNetworkConditions", conditions)


async def test_a_slow_upload_shows_how_far_it_is(portal: Portal, open_page: OpenPage) -> None:
    page = await open_page()
    await sign_in(page, portal)
    await slow_down(page, 40_000)
    await choose(page, ("a.vcf", BODY), ("b.vcf", BODY))
    await page.get_by_role("button", name="Annotate 2 files").click()
    for name in ("a.vcf", "b.vcf"):
        await expect(page.get_by_role("progressbar", name=f"Upload of {name}")).to_be_visible()
    seen = "() => [...document.querySelectorAll('#files progress')].some((bar) => bar.value > 0 && bar.value < 100)"
    await page.wait_for_function(seen)
    # one is stopped, the other goes on
    await page.get_by_role("button", name="Stop b.vcf").click()
    await expect(page.locator("#files li").last).to_contain_text("You stopped the upload.")
    await expect(page.locator("#files li").first).to_contain_text("Being annotated. See it")
    await page.get_by_role("button", name="Remove b.vcf").click()
    await page.get_by_role("link", name="See it").click()
    await expect(page.locator("#panel")).to_contain_text("In line")
    assert [job.file_name for job in await jobs(portal) if job.status == "PENDING"] == ["a.vcf"]


async def test_an_interrupted_upload_is_tried_again(portal: Portal, open_page: OpenPage) -> None:
    page = await open_page()
    await sign_in(page, portal)
    storage = (await portal.backend.inputs.upload_form("x", most_bytes=1, fields={}))["url"]

    async def break_off(route: Route) -> None:
        await route.abort("connectionreset")

    await page.route(f"{storage}**", break_off)
    await choose(page, ("a.vcf", vcf(RECORD)))
    await page.get_by_role("button", name="Annotate", exact=True).click()
    await expect(page.locator("#files li")).to_contain_text("The upload was interrupted.")
    await page.unroute(f"{storage}**")
    await page.get_by_role("button", name="Try again").click()
    await page.wait_for_url("**/annotations/*")
    assert [job.file_name for job in await jobs(portal) if job.status == "PENDING"] == ["a.vcf"]


async def test_what_storage_says_of_a_refused_upload_becomes_a_sentence(portal: Portal, open_page: OpenPage) -> None:
    page = await open_page()
    await sign_in(page, portal)
    storage = (await portal.backend.inputs.upload_form("x", most_bytes=1, fields={}))["url"]
    answer = ["", ""]

    async def refuse(route: Route) -> None:
        code, message = answer
        body = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
        headers = {"Content-Type": "application/xml", "Access-Control-Allow-Origin": "*"}
        await route.fulfill(status=403, headers=headers, body=body)

    await page.route(f"{storage}**", refuse)
    await choose(page, ("a.vcf", vcf(RECORD)))
    said, again = page.locator("#files li"), page.get_by_role("button", name="Annotate", exact=True)
    for code, message, meaning in (
        ("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", "larger than your plan takes"),
        ("AccessDenied", "Invalid according to Policy: Policy expired.", "good for ten minutes"),
        ("AccessDenied", "Access Denied", "does not know the form"),
        ("SlowDown", "Please reduce your request rate.", "Storage is busy"),
        ("Other", "Something else.", "Storage refused the file. Please try again."),
    ):
        answer[:] = code, message
        await again.click()
        await expect(said).to_contain_text(meaning)
        again = page.get_by_role("button", name="Try again")


async def test_a_job_page_goes_on_where_streams_are_refused(portal: Portal, open_page: OpenPage) -> None:
    page = await open_page()
    await sign_in(page, portal, "/annotations")
    job = await portal.job(ME, *SUBMIT, file_name="x.vcf")

    async def refuse(route: Route) -> None:
        await route.fulfill(status=503, body="")

    await page.route("**/events", refuse)
    await page.goto(f"{portal.url}/annotations/{job.job_id}")
    await expect(page.locator("#panel")).to_contain_text("In line")
    await portal.backend.jobs.advance(job.user_id, job.job_id, Trigger.CLAIM, phase="consequences", percent=50)
    await expect(page.locator("#panel")).to_contain_text("Annotating")
    # polls find the session ended: the page says so, instead of standing still
    await page.context.clear_cookies()
    await page.wait_for_url("**/v2/oauth2/authorize**")


async def test_a_sign_out_in_another_tab_loses_no_chosen_file(portal: Portal, open_page: OpenPage) -> None:
    page = await open_page()
    await sign_in(page, portal)
    await choose(page, ("chosen.vcf", vcf(RECORD)))
    other = await page.context.new_page()
    await other.goto(f"{portal.url}/profile")
    await other.get_by_role("button", name="Sign out", exact=True).click()
    await expect(other.get_by_role("link", name="Sign in").first).to_be_visible()
    await page.get_by_role("button", name="Annotate", exact=True).click()
    await expect(page.locator("#upload-problem")).to_contain_text("You are signed out. What you chose stays here.")
    async with page.context.expect_page() as opened:
        await page.get_by_role("link", name="Sign in in a new tab").click()
    beside = await opened.value
    await beside.get_by_label("E-mail").fill(ME)
    await beside.get_by_role("button", name="Sign in").click()
    await beside.wait_for_url("**/annotations")
    await page.get_by_role("button", name="Try again").click()
    await page.wait_for_url("**/annotations/*")
    (job,) = await jobs(portal)
    assert (job.file_name, job.status) == ("chosen.vcf", "PENDING")


async def test_a_token_is_copied_by_one_click(portal: Portal, open_page: OpenPage) -> None:
    page = await open_page()
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await sign_in(page, portal, "/profile")
    await page.get_by_label("New token").fill("a program")
    await page.get_by_role("button", name="Create").click()
    await page.get_by_role("button", name="Copy the token").click()
    await expect(page.get_by_role("button", name="Copied")).to_be_visible()
    token = await page.locator("#fresh-token").inner_text()
    assert len(token) > 40 and await page.evaluate("navigator.clipboard.readText()") == token


async def test_a_form_of_an_expired_session_does_nothing_and_says_why(portal: Portal, open_page: OpenPage) -> None:
    page = await open_page()
    await sign_in(page, portal, "/annotations")
    job = await portal.job(ME, *SUBMIT, file_name="x.vcf")
    await page.goto(f"{portal.url}/annotations/{job.job_id}")
    await page.context.clear_cookies()
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
    kept = await portal.backend.jobs.get(job.user_id, job.job_id)
    assert kept and kept.status == "PENDING"
    await page.get_by_role("main").get_by_role("link", name="Sign in").click()
    await page.get_by_label("E-mail").fill(ME)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="My annotations")).to_be_visible()
