"""Every page, as it looks: axe-core finds nothing on desktop and phone, light and dark, nothing shifts, and little is loaded."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp_jinja2
import pytest
from playwright.async_api import expect

from app.domain.accounts import Notice, Plan
from app.domain.jobs import Fault, Job, Speed, Trigger, batch_id
from app.explorer.record import Filter
from app.services.mail_preferences import link
from app.services.subscriptions import change_plan
from app.web import app_keys
from app.web.pages import TEMPLATES
from tests.support.explored import SAMPLES, explored, many
from tests.support.looker import SCREENSHOTS, SIZES, THEMES, Looker
from tests.support.pages import ME, RECORD, OpenPage, choose, sign_in, vcf
from tests.support.portal import Portal

FIRST_LOAD = 150_000
AGAIN, AGAIN_OF_A_RESULT = 20_000, 50_000
"""Bytes of a page that is loaded again: itself, which has lines and charts where it is of a result, and nothing besides."""

LOADED = "performance.getEntries().reduce((sum, one) => sum + (one.transferSize ?? 0), 0)"

NO_PAGES = {
    "what_matters.html",
    "base.html",
    "parts.html",
    "annotation_panel.html",
    "annotation_result.html",
    "annotations_list.html",
}


async def keep_a_filter_and_a_panel(looker: Looker, job: Job) -> None:
    page = looker.page
    for kind, name in (("filter", "Rare and damaging in my genes"), ("panel", "LHON")):
        asked = urlencode({"where": "impact>=MODERATE and not frequency>=0.001", "genes": "MT-ND1 MT-ND4 MT-ND6"})
        await page.goto(f"{looker.portal.url}/annotations/{job.job_id}/variants?{asked}")
        await page.get_by_text("Keep this question").click()
        await page.get_by_label("Name", exact=True).fill(name)
        await looker.look(f"variants-keep-{kind}", loaded=False)
        await page.get_by_role("button", name=f"as a {kind}").click()
        await expect(page.get_by_role("link", name="Rare and damaging in my genes")).to_be_visible()
    await looker.go("/profile", "profile-saved")


@contextmanager
def rendered(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """The names of the templates that are rendered."""
    seen: set[str] = set()
    env = aiohttp_jinja2.get_env(portal.app)
    real = env.get_template

    def noted(name: Any, *arguments: Any, **options: Any) -> Any:
        seen.add(str(name))
        return real(name, *arguments, **options)

    monkeypatch.setattr(env, "get_template", noted)
    yield seen


EVERYBODYS = ("example", "privacy", "retention", "terms", "api", "nothing")
OWN = ("annotate", "profile", "subscribe", "unsubscribe", "logout", "profile/delete")
SHARED = {"share.html", "shared.html", "shared_password.html"}
JOBS = SHARED | {
    "summary.html",
    "delete_account.html",
    "delete_jobs.html",
    "variants.html",
    "variant.html",
    "annotation.html",
    "upload.html",
}


async def test_every_page_but_those_of_jobs(portal: Portal, looker: Looker, monkeypatch: pytest.MonkeyPatch) -> None:
    with rendered(portal, monkeypatch) as seen:
        await looker.go("/", "home")
        for name in EVERYBODYS:
            await looker.go(f"/{name}", name)
        await sign_in(looker.page, portal)
        await looker.go("/annotations", "annotations-none")
        for name in OWN:
            await looker.go(f"/{name}", name.replace("/", "-"))
        await looker.page.goto(f"{portal.url}/profile")
        await looker.page.get_by_label("New token").fill("a program")
        await looker.page.get_by_role("button", name="Create").click()
        await looker.look("profile-token")
        await looker.page.goto(f"{portal.url}/annotate")
        await choose(looker.page, ("a.vcf", vcf(RECORD)), ("b.pdf", b"%PDF"), ("c" * 80 + ".vcf", vcf()))
        await looker.look("annotate-chosen", loaded=False)
        user = await portal.account(ME)
        unsubscribing = link(user, Notice.FINISHED, portal.settings).removeprefix(portal.url)
        await looker.go(unsubscribing, "mail-unsubscribe")
        await change_plan(portal.backend, user.user_id, Plan.PREMIUM)
        for name in ("subscribe", "unsubscribe", "profile"):
            await looker.go(f"/{name}", f"premium-{name}")
    pages = {path.name for path in TEMPLATES.glob("*.html")} - NO_PAGES
    assert pages - JOBS <= seen, pages - JOBS - seen


async def test_every_page_of_jobs(portal: Portal, looker: Looker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await sign_in(looker.page, portal)
    with rendered(portal, monkeypatch) as seen:
        for name, job in (await every_job(portal)).items():
            await looker.go(f"/annotations/{job.job_id}", f"job-{name}")
        await looker.go("/annotations", "annotations")
        await looker.page.get_by_label("All on this page").check()
        await looker.page.get_by_role("button", name="Delete the chosen").click()
        await looker.look("delete-jobs")
        await looker.go("/annotations?text=nothing", "annotations-not-found")
        await looker.go("/annotations?state=failed&deleted=2", "annotations-narrowed")
        batch = batch_id(portal.backend.now(), secrets.token_bytes(10))
        shown = await explored(portal, tmp_path, many(130), email=ME, batch=batch, note="Sent again by the ward.\nSee 7.")
        await portal.backend.jobs.label(shown.user_id, shown.job_id, tags=frozenset({"trio", "urgent", "a-long-tag-" * 3}))
        await looker.go(f"/batches/{batch}", "batch")
        (tmp_path / "samples").mkdir()
        text = f"{SAMPLES}\nchrM\t3243\t.\tA\tG\t50\tPASS\t.\tGT:DP\t0/1:33\t1/1:7\n"
        sampled = await explored(portal, tmp_path / "samples", text, email=ME)
        await looker.go(f"/annotations/{shown.job_id}", "job-explored")
        await looker.page.get_by_text("Rename, tag or note").click()
        await looker.look("job-labels", loaded=False)
        await looker.go(f"/annotations/{shown.job_id}/summary", "summary")
        await looker.go(f"/annotations/{shown.job_id}/variants", "variants")
        await looker.go(f"/annotations/{shown.job_id}/variants?text=none", "variants-none")
        await keep_a_filter_and_a_panel(looker, shown)
        found = (await portal.app[app_keys.EXPLORER].page(sampled, Filter(), cursor=None, limit=1)).variants[0]
        await looker.go(f"/annotations/{sampled.job_id}/variants/{found.place}", "variant")
        await looker.go(f"/annotations/{sampled.job_id}/variants?region=nowhere", "variants-refused")
        await looker.go(f"/annotations/{sampled.job_id}/variants?gene=ND4&impact=HIGH", "variants-unknown")
        await looker.page.goto(f"{portal.url}/annotations/{sampled.job_id}")
        await looker.page.get_by_text("Share this result").click()
        await looker.page.get_by_label("Password, if wanted").fill("geheim")
        await looker.page.get_by_role("button", name="Make a link").click()
        await looker.look("share")
        await looker.page.get_by_role("link", name="Open it").click()
        await looker.look("shared-password")
        await looker.page.get_by_label("Password").fill("geheim")
        await looker.page.get_by_role("button", name="Open").click()
        await expect(looker.page.get_by_text("A shared result, read-only")).to_be_visible()
        await looker.look("shared")
    seen_of_jobs = {"summary.html", "annotation.html", "annotations.html", "delete_jobs.html", "variants.html", "variant.html"}
    assert SHARED | seen_of_jobs <= seen


WIDE = """() => document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll("main *")]
  .filter((one) => one.getBoundingClientRect().right > innerWidth && !one.closest(".swipe, .scroll"))
  .map((one) => one.outerHTML.slice(0, 200))"""
"""What is wider than the window, where the page is."""

PLACES = """() => [...document.querySelectorAll('[aria-label="Charts"] .panel')]
  .map((one) => one.getBoundingClientRect()).map(({ left, top }) => [Math.round(left), Math.round(top)])"""
"""Left and top of each chart."""

BLANKS = """() => {
  const charts = document.querySelector('[aria-label="Charts"] .charts');
  const end = charts.getBoundingClientRect().bottom;
  const columns = new Map();
  for (const { left, bottom } of [...charts.children].map((one) => one.getBoundingClientRect()))
    columns.set(Math.round(left), Math.max(columns.get(Math.round(left)) ?? 0, bottom));
  return [...columns.values()].map((bottom) => Math.round(end - bottom));
}"""
"""Of each column of charts, how many pixels below its last one are empty. Nothing comes after the last column."""


async def test_short_charts_stand_below_one_another_on_a_phone(portal: Portal, open_page: OpenPage, tmp_path: Path) -> None:
    page = await open_page(viewport=SIZES["phone"])
    await sign_in(page, portal)
    job = await explored(portal, tmp_path, many(130), email=ME)
    await page.goto(f"{portal.url}/annotations/{job.job_id}")
    (left, top), (second_left, second_top), *others = await page.evaluate(PLACES)
    assert second_left == left and second_top > top and len(others) > 1 and all(one > left for one, _ in others)
    (tmp_path / "samples").mkdir()
    rows = [line for line in many(130).splitlines() if not line.startswith("#")]
    text = "\n".join([SAMPLES, *(f"{row}\tGT:DP\t0/1:{number}\t1/1:7" for number, row in enumerate(rows)), ""])
    sampled = await explored(portal, tmp_path / "samples", text, email=ME)
    for name, one in (("many", job), ("samples", sampled)):
        await page.goto(f"{portal.url}/annotations/{one.job_id}/summary")
        blanks = await page.evaluate(BLANKS)
        assert len(blanks) > 1 and max(blanks[:-1]) <= 1, f"{name}: {blanks}"
        for theme in THEMES if SCREENSHOTS else ():
            await page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            for step in range(len(blanks)):
                await page.evaluate("(step) => document.querySelector('.swipe').scrollTo(step * innerWidth * 0.8, 0)", step)
                await page.locator(".swipe").screenshot(path=Path(SCREENSHOTS) / f"charts-{name}-{step}-phone-{theme}.png")
        wide = await page.evaluate(WIDE)
        assert wide == [], name


async def test_the_form_without_a_script(portal: Portal, open_page: OpenPage) -> None:
    page = await open_page(java_script_enabled=False, viewport=SIZES["phone"])
    await sign_in(page, portal)
    await page.get_by_label("A name for this annotation").fill("by-hand.vcf")
    await page.get_by_role("button", name="Next").click()
    for theme in THEMES:
        await page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        if SCREENSHOTS:
            await page.screenshot(path=Path(SCREENSHOTS) / f"upload-phone-{theme}.png", full_page=True)


@pytest.mark.parametrize(
    "path", ["/", "/annotate", "/annotations", "/profile", "/annotations/{job}", "/annotations/{job}/variants"]
)
async def test_little_is_loaded_at_first(portal: Portal, open_page: OpenPage, tmp_path: Path, path: str) -> None:
    page, again = await open_page(), AGAIN_OF_A_RESULT if "{job}" in path else AGAIN
    if path != "/":
        await sign_in(page, portal)
        job = await explored(portal, tmp_path, many(130), email=ME)
        path = path.format(job=job.job_id)
        state = await page.context.storage_state()
        page = await open_page(storage_state=state)
    await page.goto(portal.url + path, wait_until="load")
    loaded = await page.evaluate(LOADED)
    assert 20_000 < loaded < FIRST_LOAD
    await page.goto(portal.url + path, wait_until="load")
    assert await page.evaluate(LOADED) < again  # the rest is kept


async def test_times_are_in_the_readers_zone(portal: Portal, open_page: OpenPage) -> None:
    page = await open_page(timezone_id="Asia/Kolkata", locale="en-GB")
    await sign_in(page, portal, "/annotations")
    await portal.job(ME, file_name="x.vcf")
    await page.reload()
    shown = page.locator("tbody time")
    written = await shown.get_attribute("datetime")
    form = "{dateStyle: 'medium', timeStyle: 'short', timeZone: 'Asia/Kolkata'}"
    expected = f"(at) => new Intl.DateTimeFormat('en-GB', {form}).format(new Date(at))"
    assert await shown.inner_text() == await page.evaluate(expected, written)
    assert "UTC" in str(await shown.get_attribute("title"))


async def every_job(portal: Portal) -> dict[str, Job]:
    now = portal.backend.now()
    claim: list[tuple[Trigger, dict[str, Any]]] = [
        (Trigger.SUBMIT, {"size": 33_102, "submitted_at": now}),
        (Trigger.CLAIM, {"phase": "consequences", "records": 1200, "percent": 40, "started_at": now}),
    ]
    outputs = {"result": "results/x", "index": "results/y", "summary": "results/z", "result_size": 48_211}
    complete = [*claim, (Trigger.COMPLETE, {"finished_at": now + 60_000, "records": 2400, **outputs})]
    archive = [*complete, (Trigger.ARCHIVED, {"archive": "archive/x", "result": None})]
    mistake = {"fault": Fault.USER, "message": "Line 12 has 7 columns where the header names 8: INFO is missing.", "line": 12}
    ways: dict[str, list[tuple[Trigger, dict[str, Any]]]] = {
        "uploading": [],
        "pending": claim[:1],
        "running": claim,
        "user-error": [*claim, (Trigger.FAIL, mistake)],
        "system-error": [*claim, (Trigger.FAIL, {"fault": Fault.SYSTEM, "message": "The disk was full."})],
        "cancelled": [(Trigger.CANCEL, {})],
        "available": complete,
        "archived": archive,
        "restoring": [*archive, (Trigger.RESTORE, {"speed": Speed.EXPEDITED})],
    }
    names = {"running": "a-long-name-without-any-place-to-break-" * 4 + ".vcf", "archived": secrets.token_hex(40) + ".vcf.gz"}
    return {name: await portal.job(ME, *steps, file_name=names.get(name, f"{name}.vcf")) for name, steps in ways.items()}
