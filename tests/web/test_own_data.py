"""Search and bulk actions of the list; usage, export, and deletion of an account with all its data."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any

import pytest
from aiohttp import ClientSession, FormData

from app.domain.accounts import Account
from app.domain.jobs import Trigger
from app.domain.keys import input_key
from app.local.topology import load
from app.services import privacy
from app.services.billing import Billing
from app.services.doctor import examine
from app.services.submissions import DAY_MS, Refused, prepare
from app.settings import Settings
from app.web import app_keys
from app.web.pages import duration
from app.web.views.profile import WORDS
from tests.support.portal import Portal, token
from tests.support.steps import ARCHIVED, COMPLETE, ME, SUBMIT


async def test_the_list_is_searched_and_narrowed(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    for n in range(30):
        await portal.job(ME, *(SUBMIT if n % 2 else [(Trigger.FAIL, {})]), file_name=f"Patient-{n}.vcf")
    await portal.job(ME, *ARCHIVED, file_name="old.vcf")

    async def names(query: str) -> list[str]:
        return re.findall(r">([^<>]+\.vcf)</a>", (await browser.get(f"/annotations?{query}")).text)

    assert await names("text=patient-2") == [f"Patient-{n}.vcf" for n in (29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 2)]
    assert await names("state=failed&text=-1") == [f"Patient-{n}.vcf" for n in (18, 16, 14, 12, 10)]
    assert await names("state=archived") == ["old.vcf"]
    assert len(await names("state=unfinished")) == 15
    page = await browser.get("/annotations?text=none%3Cscript%3E")
    assert "No annotation like this" in page.text and "<script>" not in page.text.partition("<main")[2]
    first = await browser.get("/annotations?text=Patient")
    older = re.search(r'href="(/annotations\?[^"]*before=[^"]+)"', first.text)
    assert older and len(re.findall(r">([^<>]+\.vcf)</a>", (await browser.get(older[1].replace("&amp;", "&"))).text)) == 10


async def test_bulk_actions_touch_only_the_chosen_and_the_own(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    await portal.signed_in("other@example.org")
    mine = [await portal.job(ME, *SUBMIT) for _ in range(3)]
    theirs = await portal.job("other@example.org", *SUBMIT)
    jobs = portal.backend.jobs

    async def act(what: str, *chosen: str, sure: str = "1") -> None:
        form = [("csrf", browser.csrf), ("do", what), ("sure", sure), *(("job", one) for one in chosen)]
        async with browser.http.post(f"{portal.url}/annotations", data=form, headers={"Origin": portal.url}) as answer:
            assert answer.status == 200

    await act("cancel", mine[0].job_id, theirs.job_id, "nonsense")
    await act("delete", mine[1].job_id, theirs.job_id, sure="")
    assert await jobs.get(mine[1].user_id, mine[1].job_id) == mine[1], "it was only asked"
    await act("delete", mine[1].job_id, theirs.job_id)
    assert await jobs.get(theirs.user_id, theirs.job_id) == theirs
    cancelled = await jobs.get(mine[0].user_id, mine[0].job_id)
    assert cancelled and cancelled.status == "CANCELLED"
    assert await jobs.get(mine[1].user_id, mine[1].job_id) is None
    assert await jobs.get(mine[2].user_id, mine[2].job_id) == mine[2]


async def test_the_profile_counts_what_is_used(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    for _ in range(2):
        await browser.api("POST", "/jobs", json={"file_name": "a.vcf"})
    page = await browser.get("/profile")
    assert "2 of 20 at once" in page.text and "2 of 100 today" in page.text


@pytest.mark.slow
async def test_the_export_has_everything_and_no_secret(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    secret = await token(browser)
    jobs = [await portal.job(ME, *COMPLETE, file_name=f"{n}.vcf") for n in range(60)]
    exported = await browser.get("/profile/export")
    assert secret.partition(".")[2] not in exported.text and browser.csrf not in exported.text
    everything = json.loads(exported.text)
    assert everything["account"]["email"] == ME and everything["tokens"][0]["name"] == "program"
    assert len(everything["sessions"]) == 1
    assert {job["job_id"] for job in everything["jobs"]} == {job.job_id for job in jobs}


async def test_an_account_is_deleted_with_everything(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = await portal.signed_in(ME)
    other = await portal.signed_in("other@example.org")
    theirs = await portal.job("other@example.org")
    await browser.post("/profile/tokens", {"name": "t", "days": "7"})
    inputs = portal.backend.inputs
    job = await portal.job(ME, *SUBMIT)
    await portal.job(ME, *COMPLETE)
    await inputs.s3.put_object(Bucket=inputs.name, Key=(key := input_key(job.user_id, job.job_id)), Body=b"x")
    assert (await browser.post("/profile/delete", {"words": "yes"})).status == 409
    assert await portal.backend.jobs.get(job.user_id, job.job_id) == job

    monkeypatch.setattr(privacy, "ERASE_SECONDS", -1)  # what one request does not manage, the next does
    page = await browser.post("/profile/delete", {"words": WORDS})
    assert "Please go on" in page.text
    monkeypatch.setattr(privacy, "ERASE_SECONDS", 60)
    assert (await browser.post("/profile/delete", {"words": "Delete my account "}, follow=False)).headers["Location"] == "/"
    assert await portal.backend.accounts.get(job.user_id) is None
    kinds = ("SESSION#", "TOKEN#", "DAY#", "MARK#")
    left = [one for kind in kinds async for one in portal.backend.accounts.items(job.user_id, kind)]
    assert left == [] and await portal.backend.jobs.page(job.user_id) == [] and await inputs.head(key) is None
    assert "Sign in" in (await browser.get("/")).text
    assert (await other.get("/profile")).status == 200
    assert await portal.backend.jobs.get(theirs.user_id, theirs.job_id) == theirs


async def test_who_pays_cancels_first(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    checkout = await browser.post("/subscribe")
    await browser.post(checkout.url, headers={})
    account = await portal.account(ME)
    assert account.plan == "premium"
    answer = await browser.post("/profile/delete", {"words": WORDS})
    assert answer.status == 409 and "cancel it" in answer.text
    await browser.post("/unsubscribe")
    assert (await browser.post("/profile/delete", {"words": WORDS}, follow=False)).status == 303


async def test_pages_for_everybody(portal: Portal) -> None:
    browser = await portal.browser()
    for path, words in (("/privacy", "Genomes are personal"), ("/retention", "S3 Glacier"), ("/terms", "no diagnosis")):
        page = await browser.get(path)
        assert page.status == 200 and words in page.text and "From the operator" in page.text


async def test_what_is_kept_is_said_in_numbers_of_the_deployment(portal: Portal) -> None:
    page = await (await portal.browser()).get("/retention")
    assert f"<td>{load()['buckets']['inputs']['expire_days']} days, or until you delete the job" in page.text
    delay = duration(1000 * await portal.app[app_keys.QUEUE_VIEW].retention())
    assert f"move to the archive {delay} after completion" in page.text
    assert "the newest 100 up to 250 MB usually within minutes" in page.text


def test_what_is_kept_by_default_is_what_the_topology_says() -> None:
    assert Settings().kept_days["uploads"] == load()["buckets"]["inputs"]["expire_days"]


async def test_a_job_made_in_another_tab_while_the_account_is_erased_goes_too(portal: Portal) -> None:
    await portal.signed_in(ME)

    @dataclass(frozen=True)
    class Meanwhile(Billing):
        async def forget(self, account: Account) -> None:
            await portal.job(ME)  # all jobs that there were are deleted by now
            await super().forget(account)

    billing, account = portal.app[app_keys.BILLING], await portal.account(ME)
    assert billing
    assert await privacy.erase(portal.backend, account, Meanwhile(billing.backend, billing.client))
    assert await portal.backend.jobs.page(account.user_id) == []
    assert await portal.backend.accounts.get(account.user_id) is None


async def test_a_job_that_is_recorded_too_late_for_the_deletion_goes(portal: Portal) -> None:
    await portal.signed_in(ME)
    account = await portal.account(ME)  # as a request holds it that was held up
    assert await privacy.erase(portal.backend, account, portal.app[app_keys.BILLING])
    with pytest.raises(Refused, match="being deleted"):
        await prepare(portal.backend, account, "a.vcf", "", {}, "one")
    assert await portal.backend.jobs.page(account.user_id) == []
    job = (await prepare(portal.backend, account, "a.vcf", "", {})).job
    await portal.backend.inputs.s3.put_object(
        Bucket=portal.backend.inputs.name, Key=input_key(job.user_id, job.job_id), Body=b"x"
    )
    backend = portal.backend
    later = replace(backend, jobs=replace(backend.jobs, now=lambda: backend.now() + DAY_MS))
    assert [finding.repaired async for finding in examine(later, repair=True)] == ["deleted what was never uploaded"]
    assert await portal.backend.jobs.page(account.user_id) == []
    assert await portal.backend.inputs.head(input_key(job.user_id, job.job_id)) is None
    kinds = ("PROFILE", "SESSION#", "TOKEN#", "DAY#", "MARK#")
    assert [one for kind in kinds async for one in portal.backend.accounts.items(account.user_id, kind)] == []


@pytest.mark.slow
async def test_a_deletion_that_dies_anywhere_is_finished_by_the_doctor(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection to AWS breaks at each call in turn, and nothing runs after it, as at a SIGKILL."""
    accounts, inputs = portal.backend.accounts, portal.backend.inputs
    table = portal.settings.table_names["accounts"]
    for call in range(1, 40):
        browser = await portal.signed_in(ME)
        await token(browser)
        job = await portal.job(ME, *COMPLETE)
        await inputs.s3.put_object(Bucket=inputs.name, Key=input_key(job.user_id, job.job_id), Body=b"x")
        account, left = await portal.account(ME), call

        async def dies(name: str, arguments: object, real: Any = accounts.dynamodb._make_api_call) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                raise ConnectionError("died")
            return await real(name, arguments)

        died = False
        with monkeypatch.context() as patch:
            patch.setattr(accounts.dynamodb, "_make_api_call", dies)
            try:
                await privacy.erase(portal.backend, account, portal.app[app_keys.BILLING])
            except ConnectionError:
                died = True
        begun = await accounts.get(account.user_id)
        if died and begun and begun.erasing:
            past = {"deadline": 1}
            await accounts.update(account.user_id, **past)
            assert "overdue account" in {one.kind async for one in examine(portal.backend, repair=True)}
            assert (await accounts.dynamodb.scan(TableName=table))["Items"] == []
            assert await portal.backend.jobs.page(account.user_id) == []
            assert [key async for key in inputs.list("")] == []
        elif not died:
            assert call > 5 and begun is None
            return
    raise AssertionError("the deletion never ended")


async def test_a_customer_of_stripe_is_deleted_by_the_portal(portal: Portal) -> None:
    await portal.signed_in(ME)
    await portal.job(ME, *COMPLETE)
    user_id = (await portal.account(ME)).user_id
    await portal.backend.accounts.begin_erasing(user_id)
    account = await portal.backend.accounts.update(user_id, stripe_customer="cus_gone", deadline=1)
    assert account
    assert [(one.kind, one.repaired) async for one in examine(portal.backend, repair=True)] == [("overdue account", "")]
    assert await portal.backend.jobs.page(user_id) == [] and await portal.backend.accounts.get(user_id)
    assert await privacy.erase(portal.backend, account, portal.app[app_keys.BILLING])
    assert await portal.backend.accounts.get(user_id) is None


async def test_forms_that_are_used_after_the_deletion_leave_nothing(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    inputs = portal.backend.inputs
    _, deleted = await browser.api("POST", "/jobs", json={"file_name": "a.vcf"})
    _, kept = await browser.api("POST", "/jobs", json={"file_name": "b.vcf"})
    await browser.api("DELETE", f"/jobs/{deleted['job']['job_id']}")
    for form in (deleted, kept):
        data = FormData({**form["fields"]})
        data.add_field("file", b"x", filename="input")
        async with ClientSession() as http, http.post(form["url"], data=data) as answer:
            assert answer.status < 400
    late, good = deleted["fields"]["key"], kept["fields"]["key"]
    assert {key async for key in inputs.list("")} == {late, good}
    found = [one async for one in examine(portal.backend, repair=True, full=True)]
    assert [(one.kind, one.detail) for one in found] == [("upload without a job", late)]
    assert [key async for key in inputs.list("")] == [good]
