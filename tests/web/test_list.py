"""The list of jobs: its pages in both directions, its counts, what is done to many at once, and how it changes by itself."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest
from aiohttp import FormData

from app.aws.jobs import Jobs, Key
from app.domain.accounts import Plan
from app.domain.jobs import Job, Status, Tier, Trigger
from app.web import app_keys
from app.web.live import STILL_POLLS, Live
from app.web.live_list import Census, ListWatch, strip
from app.web.states import COUNTED, SHOWN
from app.web.views import job_list
from tests.support.portal import Browser, Portal
from tests.support.steps import ARCHIVED, CLAIM, COMPLETE, ME, SUBMIT
from tests.support.stream import Stream, looked_at

NAMES = r">file-(\d+)\.vcf<"


def test_every_state_that_stays_is_counted_once() -> None:
    for one in {*Status, *Tier} - {Status.COMPLETED, Tier.NONE, Status.DELETING}:
        assert sum(one in SHOWN[name] for name in COUNTED) == 1, one


def link(text: str, words: str) -> str:
    found = re.search(rf'href="([^"]+)"[^>]*>{words}</a>', text)
    return found[1].replace("&amp;", "&") if found else ""


@pytest.mark.parametrize("narrowed", ["", "?text=file"])
async def test_pages_lead_to_older_ones_and_back(portal: Portal, narrowed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_list, "PAGE", 4)
    browser = await portal.signed_in(ME)
    for n in range(9):
        await portal.job(ME, file_name=f"file-{n}.vcf")
    first = await browser.get(f"/annotations{narrowed}")
    assert not link(first.text, "Newer")
    second = await browser.get(link(first.text, "Older"))
    third = await browser.get(link(second.text, "Older"))
    assert re.findall(NAMES, third.text) == ["0"] and not link(third.text, "Older")
    back = await browser.get(link(third.text, "Newer"))
    assert re.findall(NAMES, back.text) == re.findall(NAMES, second.text)
    front = await browser.get(link(back.text, "Newer"))
    assert re.findall(NAMES, front.text) == re.findall(NAMES, first.text)
    # where newer ones came meanwhile, or went, the first page is a whole one all the same
    for job in await portal.backend.jobs.page((await portal.account(ME)).user_id, limit=2):
        await browser.post(f"/annotations/{job.job_id}/delete")
    whole = await browser.get(link(back.text, "Newer"))
    assert re.findall(NAMES, whole.text) == ["6", "5", "4", "3"]


async def test_the_strip_counts_all_jobs_and_narrows_the_list(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    for n, steps in enumerate(([], SUBMIT, SUBMIT, CLAIM, COMPLETE, ARCHIVED)):
        await portal.job(ME, *steps, file_name=f"file-{n}.vcf")
    page = await browser.get("/annotations")
    counts = dict(re.findall(r"<strong>([\d,]+)</strong> ([a-z ]+)</a>", page.text))
    assert counts == {"6": "in all", "3": "waiting", "1": "archived"}
    assert len(re.findall(r"<strong>1</strong> (running|completed|archived)", page.text)) == 3
    assert re.findall(NAMES, (await browser.get("/annotations?state=waiting")).text) == ["2", "1", "0"]
    assert "No annotation like this" in (await browser.get("/annotations?state=failed")).text


async def chosen(browser: Browser, *jobs: Job, **fields: str) -> Any:
    form = FormData([("csrf", browser.csrf), *fields.items(), *(("job", job.job_id) for job in jobs)])
    async with browser.http.post(f"{browser.home}/annotations", data=form, headers={"Origin": browser.home}) as answer:
        return await answer.text()


async def test_many_are_deleted_after_a_question_and_it_is_said(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    await portal.signed_in("other@example.org")
    mine = [await portal.job(ME, *COMPLETE, file_name=f"file-{n}.vcf") for n in range(3)]
    theirs = await portal.job("other@example.org", *COMPLETE, file_name="file-9.vcf")
    question = await chosen(browser, *mine[:2], theirs, do="delete")
    assert "Delete 2 annotations?" in question and "file-9" not in question
    assert len(await portal.backend.jobs.page(mine[0].user_id)) == 3, "nothing is done before the answer"
    after = await chosen(browser, *mine[:2], theirs, do="delete", sure="1")
    assert "2 annotations deleted for good." in after and "1 annotation left alone" in after
    assert re.findall(NAMES, after) == ["2"]
    assert await portal.backend.jobs.get(theirs.user_id, theirs.job_id)


async def test_many_are_cancelled_but_for_those_that_have_ended(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    jobs = [await portal.job(ME, *steps, file_name="x.vcf") for steps in (SUBMIT, CLAIM, COMPLETE)]
    after = await chosen(browser, *jobs, do="cancel")
    assert "2 annotations cancelled." in after and "1 annotation left alone" in after


async def test_the_list_hears_of_changes_and_of_new_jobs(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_list, "FIRST_LOOK_SECONDS", 0)
    monkeypatch.setattr(job_list, "LONGEST_LOOK_SECONDS", 0)
    monkeypatch.setattr(job_list, "REFRESH_SECONDS", {False: 0, True: 0})
    live = portal.app[app_keys.LIVE]
    live.poll_seconds = live.ping_seconds = 0.02
    browser = await portal.signed_in(ME)
    job = await portal.job(ME, *SUBMIT, file_name="file-1.vcf")
    page = await browser.get("/annotations")
    events = re.search(r'data-events="([^"]+)"', page.text)
    assert events
    async with Stream(browser, job, events[1].replace("&amp;", "&")) as stream:
        await portal.backend.jobs.advance(job.user_id, job.job_id, Trigger.CLAIM, percent=40)
        assert browser.csrf in await stream.until("40 %", "<strong>1</strong> running")
        other = await portal.job(ME, *SUBMIT, file_name="file-2.vcf")
        assert re.findall(NAMES, await stream.until("file-2.vcf", "<strong>1</strong> waiting")) == ["2", "1"]
        await portal.backend.jobs.advance(job.user_id, job.job_id, Trigger.CANCEL)
        await stream.until("<strong>1</strong> cancelled")
        await portal.backend.jobs.advance(other.user_id, other.job_id, Trigger.CLAIM)
        await stream.until("<strong>1</strong> cancelled", "<strong>1</strong> running")


class Records:
    """Counts what is read of a table that holds these jobs."""

    def __init__(self, *jobs: Job) -> None:
        self.jobs, self.read = {(job.user_id, job.job_id): job for job in jobs}, 0

    async def look(self, keys: list[Key], seen: Mapping[Key, int]) -> dict[Key, tuple[int, Job | None]]:
        self.read += len(keys)
        return looked_at(self.jobs, keys, seen)


async def test_idle_lists_read_nothing_and_all_viewers_of_a_job_read_it_once() -> None:
    resting = Job(user_id="u", job_id="rests", status=Status.FAILED)
    moving = Job(user_id="u", job_id="moves", status=Status.RUNNING)
    table = Records(resting, moving)
    live = Live(cast(Jobs, table))
    idle = [ListWatch(Plan.FREE) for _ in range(5000)]
    census = Census(Counter({Status.FAILED: 1}), {}, "rests", "")
    for watch in idle:
        watch.learn(census)
        live._viewers.add(watch)
        live.look_at(watch, set(watch.known))
    for _ in range(STILL_POLLS):
        assert live._due() == []
    busy = [ListWatch(Plan.FREE) for _ in range(3)]
    for watch in busy:
        watch.learn(Census(Counter({Status.RUNNING: 1}), {("u", "moves"): moving}, "moves", ""))
        live.look_at(watch, set(watch.known))
    table.jobs["u", "moves"] = replace(moving, status=Status.FAILED, rev=2)
    for _ in range(STILL_POLLS):
        await live._look(live._due())
    assert table.read == 1
    assert all(watch.changed and strip(watch.states)["failed"] == 1 and not watch.known for watch in busy)
    assert not any(watch.changed for watch in idle)


async def test_a_viewer_is_woken_once_by_a_change_and_not_by_the_same_record_again() -> None:
    job = Job(user_id="u", job_id="j", status=Status.RUNNING, percent=10)
    watch = ListWatch(Plan.FREE)
    watch.learn(Census(Counter({Status.RUNNING: 1}), {("u", "j"): job}, "j", ""))
    watch.show(("u", "j"), replace(job))
    assert not watch.changed
    watch.show(("u", "j"), replace(job, percent=20))
    assert watch.changed and strip(watch.states)["running"] == 1
    watch.show(("u", "j"), None)
    assert sum(watch.states.values()) == 0 and not watch.known
    async with asyncio.timeout(20):
        await watch.wait(None)
