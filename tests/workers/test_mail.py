"""What is mailed and what is not: notices that are turned off, addresses that don't take mail, plans that end."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web

from app.aws.clients import clients
from app.aws.mail import Mail
from app.domain.accounts import Account, Notice
from app.domain.jobs import Job
from app.domain.messages import JobFinished, MailReturned, PlanEnding, ResultRestored, parse
from app.services import notices
from tests.workers.conftest import Service

Sent = list[dict[str, Any]]


@pytest.fixture
async def outbox(service: Service, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Service, Sent]]:
    """The service, with an SES on real HTTP that keeps what it is given."""
    async with _ses() as (url, sent):
        monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", url)
        async with clients(service.gas.settings, "sesv2") as aws:
            yield Service(replace(service.gas, mail=Mail(aws["sesv2"], "gas@example.org")), service.aws), sent


@asynccontextmanager
async def _ses() -> AsyncIterator[tuple[str, Sent]]:
    sent: Sent = []

    async def take(request: web.Request) -> web.Response:
        sent.append(await request.json())
        return web.json_response({"MessageId": "1"})

    app = web.Application()
    app.router.add_post("/v2/email/outbound-emails", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", sent
    await runner.cleanup()


def told(job: Job) -> JobFinished:
    return JobFinished(user_id=job.user_id, job_id=job.job_id, outcome="completed", mark=job.mark("completed"))


def event(account: Account, kind: str, **about: Any) -> str:
    """As SES publishes it; see "Contents of event data that Amazon SES publishes to Amazon SNS"."""
    recipients = {"Bounce": "bouncedRecipients", "Complaint": "complainedRecipients"}[kind]
    content = {recipients: [{"emailAddress": account.email.upper()}], "timestamp": "2026-01-02T03:04:05.678Z", **about}
    mail = {"messageId": "1", "tags": {"ses:configuration-set": ["gas"], "user_id": [account.user_id]}}
    return json.dumps({"eventType": kind, kind.lower(): content, "mail": mail})


async def test_a_mail_can_be_turned_off_with_one_click(outbox: tuple[Service, Sent]) -> None:
    service, sent = outbox
    account = await service.account()
    await service.handle("notify", told(await service.completed(account)))
    (mail,) = sent
    headers = {one["Name"]: one["Value"] for one in mail["Content"]["Simple"]["Headers"]}
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    address = headers["List-Unsubscribe"].strip("<>")
    assert address in mail["Content"]["Simple"]["Body"]["Text"]["Data"]
    (token,) = parse_qs(urlsplit(address).query)["token"]
    found = await notices.read(service.gas, token)
    assert found and found[0].user_id == account.user_id and found[1] is Notice.FINISHED
    await notices.stop(service.gas, *found)
    await service.handle("notify", told(await service.completed(account)))
    assert len(sent) == 1
    job = await service.completed(account)
    await service.handle("notify", ResultRestored(user_id=job.user_id, job_id=job.job_id, mark="restored:1"))
    assert len(sent) == 2  # the other kinds go on


async def test_a_link_that_we_did_not_sign_turns_nothing_off(service: Service) -> None:
    account, other = await service.account(), await service.account()
    good = parse_qs(urlsplit(notices.link(account, Notice.FINISHED, service.gas.settings)).query)["token"][0]
    user_id, kind, signature = good.split(".")
    wrong = [f"{other.user_id}.{kind}.{signature}", f"{user_id}.archived.{signature}", f"{user_id}.{kind}.", f"{user_id}.{kind}"]
    for token in [*wrong, "", ".", "a.b.c", f"{user_id}.nothing.{signature}", good + "0", "\u00e4." * 3]:
        assert await notices.read(service.gas, token) is None, token
    assert await notices.read(service.gas, good)


@pytest.mark.parametrize(
    ("kind", "about", "stops"),
    [
        ("Bounce", {"bounceType": "Permanent"}, True),
        ("Bounce", {"bounceType": "Transient"}, False),
        ("Complaint", {"complaintFeedbackType": "abuse"}, True),
    ],
)
async def test_an_address_that_takes_no_mail_gets_none(
    outbox: tuple[Service, Sent], kind: str, about: dict[str, str], stops: bool
) -> None:
    service, sent = outbox
    account = await service.account()
    for message in parse(event(account, kind, **about)):
        assert isinstance(message, MailReturned)
        await service.handle("notify", message)
    await service.handle("notify", told(await service.completed(account)))
    assert len(sent) == (not stops)
    now = await service.gas.accounts.get(account.user_id)
    assert now and now.reachable is not stops and (now.returned == kind.lower()) is stops
    await notices.again(service.gas, account.user_id)
    await service.handle("notify", told(await service.completed(account)))
    assert len(sent) == 2 - stops


async def test_a_new_address_is_written_to_and_a_late_bounce_of_the_old_one_means_nothing(outbox: tuple[Service, Sent]) -> None:
    service, sent = outbox
    account = await service.account()
    (bounced,) = parse(event(account, "Bounce", bounceType="Permanent"))
    await service.handle("notify", bounced)
    await service.gas.accounts.login(account.user_id, email="new@example.org")
    await service.handle("notify", told(await service.completed(account)))
    await service.handle("notify", bounced)
    await service.handle("notify", told(await service.completed(account)))
    assert [mail["Destination"]["ToAddresses"] for mail in sent] == [["new@example.org"]] * 2


async def test_a_bounce_from_before_the_owner_said_that_the_address_works_means_nothing(service: Service) -> None:
    account = await service.account()
    (bounced,) = parse(event(account, "Bounce", bounceType="Permanent"))
    assert bounced.occurred_at == 1_767_323_045_678
    for _ in range(2):
        await service.handle("notify", bounced)
        await notices.again(service.gas, account.user_id)
        await service.handle("notify", bounced)
        now = await service.gas.accounts.get(account.user_id)
        assert now and now.reachable
    later = f"{datetime.fromtimestamp(service.gas.now() / 1000 + 60, UTC).isoformat()}"
    for message in parse(event(account, "Bounce", bounceType="Permanent", timestamp=later)):
        await service.handle("notify", message)
    now = await service.gas.accounts.get(account.user_id)
    assert now and not now.reachable


async def test_events_of_mail_that_is_not_ours_are_taken_and_forgotten() -> None:
    assert parse(json.dumps({"eventType": "Bounce", "bounce": {"bounceType": "Permanent"}, "mail": {}})) == []
    assert parse(json.dumps({"eventType": "Delivery", "delivery": {}, "mail": {"tags": {"user_id": ["x"]}}})) == []


async def test_a_failure_told_after_the_job_was_run_again_is_no_news(outbox: tuple[Service, Sent]) -> None:
    service, sent = outbox
    account = await service.account()
    job = await service.submit(account, b"", "a.vcf")
    failed = JobFinished(user_id=job.user_id, job_id=job.job_id, outcome="failed", mark="finished:1")
    await service.handle("notify", failed)
    assert sent == []
    await service.handle("notify", failed.model_copy(update={"mark": job.mark("failed")}))
    assert "failed" in sent[0]["Content"]["Simple"]["Subject"]["Data"]
    ended = await service.now(job)
    assert ended.mailed == ended.sent and len(ended.sent) == 2


async def test_who_cancels_premium_is_told_once_when_results_will_be_archived(outbox: tuple[Service, Sent]) -> None:
    service, sent = outbox
    account = await service.account()
    ending = PlanEnding(user_id=account.user_id, reason="cancelled", subscription="sub_1", ends_at=1_767_225_600)
    for again in (False, True, False):
        await service.handle("notify", ending, again=again)
    (mail,) = sent
    said = mail["Content"]["Simple"]
    assert said["Subject"]["Data"] == "GAS: Premium ends on 1 January 2026"
    for body in ("Text", "Html"):
        assert "results will be archived" in said["Body"][body]["Data"] and "/profile" in said["Body"][body]["Data"]


async def test_each_payment_that_fails_is_told_once(outbox: tuple[Service, Sent]) -> None:
    service, sent = outbox
    account = await service.account()
    for period_ends in (1_767_225_600, 1_767_225_600, 1_782_864_000):
        unpaid = PlanEnding(user_id=account.user_id, reason="unpaid", subscription="sub_1", period_ends=period_ends)
        await service.handle("notify", unpaid)
    assert ["payment" in mail["Content"]["Simple"]["Subject"]["Data"] for mail in sent] == [True, True]
    assert [found async for found in service.gas.accounts.unsent()] == []


async def test_granted_premium_does_not_end_so_nobody_is_told(outbox: tuple[Service, Sent]) -> None:
    service, sent = outbox
    account = await service.account()
    await service.gas.accounts.note(account.user_id, granted=True)
    await service.handle("notify", PlanEnding(user_id=account.user_id, reason="cancelled", subscription="s", ends_at=1))
    assert sent == []
