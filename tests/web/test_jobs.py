"""The list of jobs and the page of one: every state is shown, live and still, with what can be done about it."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientPayloadError

from app.aws.jobs import Key
from app.domain.accounts import Plan
from app.domain.jobs import Fault, Job, State, Status, Tier, Trigger
from app.engine.bundles.manifest import find
from app.engine.pipeline.annotate import annotate
from app.services.identity import Secrets
from app.services.subscriptions import change_plan
from app.web import app_keys
from app.web.assets import STATIC
from app.web.states import BADGES, badge, may_change, state
from tests.support.portal import Portal, token
from tests.support.steps import ARCHIVED, CLAIM, COMPLETE, ME, RESTORE, RESULT, SUBMIT, Steps
from tests.support.stream import Stream

WAYS: dict[State, tuple[Steps, str]] = {
    Status.UPLOADING: ([], "We wait for the file"),
    Status.PENDING: (SUBMIT, "waits for an annotator"),
    Status.RUNNING: (CLAIM, "being annotated"),
    Status.FAILED: ([*CLAIM, (Trigger.FAIL, {"fault": Fault.USER, "message": "Line 7 has no ALT.", "line": 7})], "at line 7"),
    Status.CANCELLED: ([(Trigger.CANCEL, {})], "You cancelled"),
    Tier.AVAILABLE: (COMPLETE, "Download annotated VCF (1 kB)"),
    Tier.ARCHIVED: (ARCHIVED, "Upgrade to premium"),
    Tier.RESTORING: (RESTORE, "It should be back between"),
}


@pytest.mark.parametrize("name", [*Status, *Tier])
def test_every_state_of_the_domain_has_a_badge(name: State) -> None:
    shown = BADGES[name]
    assert shown.label and shown.meaning.endswith(".")
    assert shown.tone in {"good", "bad", "active", "waiting", "quiet"}


def test_a_completed_job_shows_where_its_results_are() -> None:
    job = Job(user_id="u", job_id="j", status=Status.COMPLETED, tier=Tier.ARCHIVED)
    assert state(job) is Tier.ARCHIVED and badge(job).label == "Archived"
    assert state(replace(job, status=Status.DELETING)) is Status.DELETING


def test_a_page_is_live_while_the_job_may_change_by_itself() -> None:
    job = Job(user_id="u", job_id="j", status=Status.COMPLETED, tier=Tier.ARCHIVED)
    assert not may_change(job, Plan.FREE) and may_change(job, Plan.PREMIUM)
    assert may_change(replace(job, tier=Tier.RESTORING), Plan.FREE)
    failed = replace(job, status=Status.FAILED, tier=Tier.NONE, deadline=1)
    assert not may_change(failed, Plan.FREE) and not may_change(failed, Plan.PREMIUM)


async def test_the_page_of_a_job_in_every_state(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    for shown, (steps, words) in WAYS.items():
        job = await portal.job(ME, *steps, file_name="x.vcf")
        for path in (f"/annotations/{job.job_id}", "/annotations"):
            page = await browser.get(path)
            assert page.status == 200
            assert f'<span class="state state-{BADGES[shown].tone}">{BADGES[shown].label}</span>' in page.text, shown
        assert words in (await browser.get(f"/annotations/{job.job_id}")).text


async def test_a_job_its_session_and_its_account_are_read_in_one_request(portal: Portal) -> None:
    browser, other = await portal.signed_in(ME), await portal.signed_in("b@example.org")
    job = await portal.job(ME, *COMPLETE)
    bearer = {"Authorization": f"Bearer {await token(browser)}"}
    theirs = {"Authorization": f"Bearer {await token(other)}"}
    page, api = f"/annotations/{job.job_id}", f"/api/v1/jobs/{job.job_id}"
    assert (await browser.get(page)).status == 200  # from now on, what a page keeps is there
    calls = Counter[str]()
    portal.backend.jobs.dynamodb.meta.events.register("after-call", lambda model, **_: calls.update([model.name]))
    for asked, status in (
        (browser.get(page), 200),
        (browser.get(api, headers=bearer), 200),
        (other.get(page), 404),
        (other.get(api, headers=theirs), 404),
    ):
        calls.clear()
        assert (await asked).status == status
        assert calls == {"BatchGetItem": 1}


async def test_a_job_is_shown_to_nobody_whose_session_or_token_was_revoked(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    job, me = await portal.job(ME, *COMPLETE), await portal.account(ME)
    page, api = f"/annotations/{job.job_id}", f"/api/v1/jobs/{job.job_id}"
    bearer = {"Authorization": f"Bearer {await token(browser)}"}
    assert (await browser.get(page)).status == (await browser.get(api, headers=bearer)).status == 200
    for kind in ("SESSION", "TOKEN"):
        await Secrets(portal.backend.accounts, kind).revoke_all(me.user_id)
    assert (await browser.get(page, follow=False)).status == 303
    assert (await browser.get(api, headers=bearer)).status == 401


async def test_the_list_has_pages(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    for n in range(45):
        await portal.job(ME, file_name=f"file-{n}.vcf")
    seen: list[str] = []
    path: str | None = "/annotations"
    while path:
        page = await browser.get(path)
        names = re.findall(r">file-(\d+)\.vcf<", page.text)
        assert len(names) <= 20
        seen += names
        older = re.search(r'href="(/annotations\?before=[^"]+)"', page.text)
        path = older[1] if older else None
    assert seen == [str(n) for n in reversed(range(45))]
    assert (await browser.get("/annotations?before=nonsense")).status == 200


async def test_an_empty_list_teaches(portal: Portal) -> None:
    browser = await portal.signed_in()
    assert "Annotate a first file" in (await browser.get("/annotations")).text


async def test_cancel_and_delete_by_form(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    job = await portal.job(ME, *SUBMIT, file_name="x.vcf")
    assert "You cancelled" in (await browser.post(f"/annotations/{job.job_id}/cancel")).text
    assert "Nothing here yet" in (await browser.post(f"/annotations/{job.job_id}/delete")).text
    assert await portal.backend.jobs.get(job.user_id, job.job_id) is None


async def test_what_is_not_there_to_download_is_said(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    job = await portal.job(ME, *ARCHIVED)
    for what in ("result", "index", "log", "summary", "input"):
        page = await browser.get(f"/annotations/{job.job_id}/{what}")
        assert page.status == 409 and ("not" in page.text or "no summary" in page.text)


async def test_the_result_is_one_click_away_under_the_users_name(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    job = await portal.job(ME, *COMPLETE, file_name="päti/ent.vcf.gz")
    await portal.backend.results.s3.put_object(Bucket=portal.backend.results.name, Key="results/x", Body=b"result")
    page = await browser.get(f"/annotations/{job.job_id}/result")
    assert page.text == "result"
    assert "filename*=UTF-8''p%C3%A4ti_ent.annot.vcf.gz" in page.headers["Content-Disposition"]


async def test_log_and_summary_are_rendered_from_what_the_engine_counted(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    counted = annotate(STATIC / "sample.vcf", tmp_path, name="sample.vcf", bundle=find("rcrs")).summary
    results = portal.backend.results
    await results.s3.put_object(Bucket=results.name, Key="results/s", Body=json.dumps(counted).encode())
    name = "<script>alert(1)</script>\n.vcf"
    job = await portal.job(ME, *CLAIM, (Trigger.COMPLETE, {**RESULT, "summary": "results/s"}), file_name=name)
    log = await browser.get(f"/annotations/{job.job_id}/log")
    assert log.headers["Content-Type"].startswith("text/plain") and "Total: 19\n" in log.text
    summary = await browser.get(f"/annotations/{job.job_id}/summary")
    assert "<script>alert" not in summary.text and "MT-TL1" in summary.text and "<style" not in summary.text
    saved = await browser.get(f"/annotations/{job.job_id}/summary?download")
    assert saved.headers["Content-Disposition"].startswith("attachment; ")
    assert "<script" not in saved.text and "MT-TL1" in saved.text and "&lt;script&gt;alert" in saved.text
    # it has styles of its own, and may do nothing
    assert saved.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'; ")


async def test_free_users_see_when_a_result_moves_and_premium_users_do_not(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    now = portal.backend.now()
    job = await portal.job(ME, *CLAIM, (Trigger.COMPLETE, {"finished_at": now, **RESULT}))
    retention = 1000 * await portal.app[app_keys.QUEUE_VIEW].retention()
    assert f'data-countdown="{now + retention}"' in (await browser.get(f"/annotations/{job.job_id}")).text
    await change_plan(portal.backend, job.user_id, Plan.PREMIUM)
    assert "data-countdown" not in (await browser.get(f"/annotations/{job.job_id}")).text


async def test_the_queue_is_asked_once_in_a_while_only(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = await portal.signed_in(ME)
    job = await portal.job(ME, *SUBMIT)
    asked: list[str] = []
    sqs = portal.backend.queues.sqs
    real = sqs.get_queue_attributes

    async def counted(**arguments: Any) -> Any:
        asked.append(arguments["QueueUrl"])
        return await real(**arguments)

    monkeypatch.setattr(sqs, "get_queue_attributes", counted)
    for _ in range(10):
        await browser.get(f"/annotations/{job.job_id}")
    assert len(asked) <= 4  # opened once; its depth read once, or twice on a slow machine


async def test_a_page_is_told_of_every_change_until_the_end(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    job = await portal.job(ME, *SUBMIT)
    async with Stream(browser, job) as stream:
        event = await stream.next()
        assert event and event[0] == "panel" and "In line" in event[1] and browser.csrf in event[1]
        await portal.backend.jobs.advance(job.user_id, job.job_id, Trigger.CLAIM, phase="annotating", records=5)
        event = await stream.next()
        assert event and "5 records so far" in event[1]
        await portal.backend.jobs.advance(job.user_id, job.job_id, Trigger.FAIL, message="Line 7.", fault=Fault.USER)
        event = await stream.next()
        assert event and "Line 7." in event[1]
        assert await stream.next() == ("end", "")
        assert await stream.next() is None


async def test_many_viewers_cost_one_look(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = await portal.signed_in(ME)
    jobs = [await portal.job(ME, *SUBMIT) for _ in range(5)]
    looks: list[int] = []
    live = portal.app[app_keys.LIVE]
    real = portal.backend.jobs.look

    async def counted(asked: list[Key], seen: Mapping[Key, int]) -> dict[Key, tuple[int, Job | None]]:
        looks.append(len(asked))
        return await real(asked, seen)

    monkeypatch.setattr(live, "jobs", type("Counted", (), {"look": staticmethod(counted)})())
    streams = [Stream(browser, job) for job in jobs for _ in range(4)]
    for stream in streams:
        await stream.__aenter__()
    for stream in streams:
        assert await stream.next()
    seen = len(looks)
    while len(looks) < seen + 2:
        await asyncio.sleep(0.05)
    assert looks[-1] == 5  # twenty viewers of five jobs
    for stream in streams:
        await stream.__aexit__()


async def test_a_viewer_who_left_is_forgotten_though_nothing_changes(portal: Portal) -> None:
    live, browser = portal.app[app_keys.LIVE], await portal.signed_in(ME)
    live.poll_seconds = live.ping_seconds = 0.05
    job = await portal.job(ME, *SUBMIT)
    async with Stream(browser, job) as stream:
        assert await stream.next()
        async with asyncio.timeout(20):
            assert await stream.answer.content.readline() == b": ping\n", "a job that stands still is sent only once"
        assert live.viewers == 1
    async with asyncio.timeout(20):
        while live.viewers:
            await asyncio.sleep(0.05)


async def test_a_live_page_that_cannot_go_on_breaks_off(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = await portal.signed_in(ME)
    job = await portal.job(ME, *SUBMIT)

    async def unanswered(*_: object) -> None:
        raise ConnectionError

    async with Stream(browser, job) as stream:
        assert await stream.next()
        monkeypatch.setattr(Secrets, "find", unanswered)
        await portal.backend.jobs.advance(job.user_id, job.job_id, Trigger.CLAIM, phase="annotating")
        with pytest.raises(ClientPayloadError):  # and no page of an error within the stream
            await stream.next()


async def test_a_stopping_portal_ends_every_stream_and_promises_nothing(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    job = await portal.job(ME, *SUBMIT)
    async with Stream(browser, job) as stream:
        assert await stream.next()
        portal.app[app_keys.LIVE].close()
        assert await stream.next() is None  # no `end`: the browser asks again, and finds the next portal


async def test_a_stream_ends_with_its_session(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    job = await portal.job(ME, *SUBMIT)
    async with Stream(browser, job) as stream:
        assert await stream.next()
        await portal.app[app_keys.SESSIONS].revoke_all(job.user_id)
        await portal.backend.jobs.advance(job.user_id, job.job_id, Trigger.CLAIM, phase="secret")
        assert await stream.next() is None  # no `end`: the browser asks again, and is sent to sign in


async def test_the_page_of_a_deleted_job_hears_no_more(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    job = await portal.job(ME, *SUBMIT)
    async with Stream(browser, job) as stream:
        assert await stream.next()
        await browser.post(f"/annotations/{job.job_id}/delete")
        while (event := await stream.next()) and event[0] == "panel":
            pass
        assert event is None
    assert (await browser.get(f"/annotations/{job.job_id}/events")).status == 404
