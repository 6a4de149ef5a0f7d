"""What is mailed and what is not: notices that are turned off, addresses that don't take mail, plans that end."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from botocore.exceptions import BotoCoreError, ClientError

from app.aws import mail
from app.aws.clients import clients
from app.aws.mail import Mail
from app.domain.accounts import Account, Notice
from app.domain.jobs import Job
from app.domain.messages import JobFinished, MailReturned, PlanEnding, ResultRestored, parse
from app.services import account_admin, mail_preferences, unsent
from tests.support.service import Service, spec, working
from workers import runtime
from workers.runtime import Delivery, Poison, Reschedule

Sent = list[dict[str, Any]]


@dataclass
class Ses:
    """SES over real HTTP: keeps what it takes. `answers` come first: (status, error), or CUT for a connection that ends
    without an answer; then it takes what comes, at most `rate` mails a second."""

    answers: list[tuple[int, str] | None] = field(default_factory=list)
    rate: float = 1e9
    sent: Sent = field(default_factory=list)
    refused: int = 0
    _room: float = 1
    _at: float = 0

    async def take(self, request: web.Request) -> web.StreamResponse:
        mail = await request.json()
        now, before, self._at = time.monotonic(), self._at, time.monotonic()
        self._room = min(max(self.rate, 1), self._room + (now - before) * self.rate)
        answer: tuple[int, str] | None = (200, "")
        if self.answers:
            answer = self.answers.pop(0)
        elif self._room < 1:
            answer = (429, "TooManyRequestsException")
        if answer is CUT:
            assert request.transport
            request.transport.abort()
            return web.Response()
        assert answer
        status, error = answer
        if error:
            self.refused += 1
            return web.json_response({"message": "injected"}, status=status, headers={"x-amzn-ErrorType": error})
        self._room -= 1
        self.sent.append(mail)
        return web.json_response({"MessageId": "1"})


CUT = None


@pytest.fixture
async def ses() -> AsyncIterator[tuple[str, Ses]]:
    """Its address, and what it does."""
    stand_in = Ses()
    app = web.Application()
    app.router.add_post("/v2/email/outbound-emails", stand_in.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", stand_in
    await runner.cleanup()


@pytest.fixture
async def mailing(service: Service, ses: tuple[str, Ses], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Service, Ses]]:
    """The service, and the SES that it mails through."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", ses[0])
    async with clients(service.gas.settings, "sesv2") as aws:
        yield Service(replace(service.gas, mail=Mail(aws["sesv2"], "gas@example.org")), service.aws), ses[1]


@pytest.fixture
def outbox(mailing: tuple[Service, Ses]) -> tuple[Service, Sent]:
    """The service, and what its SES was given."""
    return mailing[0], mailing[1].sent


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
    found = await mail_preferences.read(service.gas, token)
    assert found and found[0].user_id == account.user_id and found[1] is Notice.FINISHED
    await mail_preferences.stop(service.gas, *found)
    await service.handle("notify", told(await service.completed(account)))
    assert len(sent) == 1
    job = await service.completed(account)
    await service.handle("notify", ResultRestored(user_id=job.user_id, job_id=job.job_id, mark="restored:1"))
    assert len(sent) == 2  # the other kinds go on


async def test_a_link_that_we_did_not_sign_turns_nothing_off(service: Service) -> None:
    account, other = await service.account(), await service.account()
    good = parse_qs(urlsplit(mail_preferences.link(account, Notice.FINISHED, service.gas.settings)).query)["token"][0]
    user_id, kind, signature = good.split(".")
    wrong = [f"{other.user_id}.{kind}.{signature}", f"{user_id}.archived.{signature}", f"{user_id}.{kind}.", f"{user_id}.{kind}"]
    for token in [*wrong, "", ".", "a.b.c", f"{user_id}.nothing.{signature}", good + "0", "\u00e4." * 3]:
        assert await mail_preferences.read(service.gas, token) is None, token
    assert await mail_preferences.read(service.gas, good)


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
    assert now and now.reachable is not stops and (now.bounce_reason == kind.lower()) is stops
    await mail_preferences.again(service.gas, account.user_id)
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
        await mail_preferences.again(service.gas, account.user_id)
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
    await service.gas.accounts.update(account.user_id, granted=True)
    await service.handle("notify", PlanEnding(user_id=account.user_id, reason="cancelled", subscription="s", ends_at=1))
    assert sent == []


REFUSALS = [
    (400, "LimitExceededException"),
    (400, "SendingPausedException"),
    (400, "AccountSuspendedException"),
    (400, "MailFromDomainNotVerifiedException"),
    (400, "MessageRejected"),
    (429, "TooManyRequestsException"),
    (403, "AccessDeniedException"),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal[1])
async def test_a_mail_that_ses_refused_is_sent_when_it_takes_mail_again(
    mailing: tuple[Service, Ses], refusal: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    service, ses = mailing
    monkeypatch.setattr(mail, "RETRY_SECONDS", 0)
    job = await service.completed(await service.account())
    ses.answers = [refusal, refusal]
    for _ in range(2):
        with pytest.raises(Reschedule):
            await service.handle("notify", told(job))
        assert not (await service.now(job)).mailed
    for _ in range(2):
        await service.handle("notify", told(job))
    assert len(ses.sent) == 1
    now = await service.now(job)
    assert now.mailed == now.sent == {job.mark("completed")}


async def test_a_mail_about_the_plan_that_ses_refused_is_sent_later(mailing: tuple[Service, Ses]) -> None:
    service, ses = mailing
    account = await service.account()
    ending = PlanEnding(user_id=account.user_id, reason="cancelled", subscription="sub_1", ends_at=1_767_225_600)
    ses.answers = [(400, "SendingPausedException")]
    with pytest.raises(Reschedule):
        await service.handle("notify", ending)
    assert [found async for found in service.gas.accounts.unsent()] == []
    for _ in range(2):
        await service.handle("notify", ending)
    assert len(ses.sent) == 1


async def test_a_mail_is_sent_when_ses_can_be_reached_again(
    mailing: tuple[Service, Ses], monkeypatch: pytest.MonkeyPatch
) -> None:
    service, ses = mailing
    job = await service.completed(await service.account())
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and nobody listens
        monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", f"http://127.0.0.1:{closed.getsockname()[1]}")
        async with clients(service.gas.settings, "sesv2") as aws:
            cut_off = Service(replace(service.gas, mail=Mail(aws["sesv2"], "gas@example.org")), service.aws)
            with pytest.raises(Reschedule):
                await cut_off.handle("notify", told(job))
    await service.handle("notify", told(job))
    assert len(ses.sent) == 1


@pytest.mark.parametrize("answer", [(503, "ServiceUnavailable"), (500, "InternalFailure"), CUT])
async def test_a_mail_of_which_nobody_knows_stays_marked_until_an_operator_sends_it(
    mailing: tuple[Service, Ses], answer: tuple[int, str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unsent, "CALL_SECONDS", 0)
    service, ses = mailing
    account = await service.account()
    job = await service.completed(account)
    ending = PlanEnding(user_id=account.user_id, reason="cancelled", subscription="sub_1", ends_at=1_767_225_600)
    ses.answers = [answer, answer]
    for message in (told(job), ending):
        with pytest.raises((ClientError, BotoCoreError)):
            await service.handle("notify", message)
        await service.handle("notify", message, again=True)
    assert ses.sent == []
    kind = "mail marked, and not sent"
    assert sorted(await service.findings()) == sorted(
        [f"{kind}: {job.user_id} {job.job_id} {job.mark('completed')}", f"{kind}: {job.user_id}  {ending.mark}"]
    )
    said = [line async for line in account_admin.send_mail(service.gas, account, "SES was down")]
    assert sorted(said) == sorted([f"{job.job_id} {job.mark('completed')}: sent", f"{ending.mark}: sent"])
    assert sorted(mail["Content"]["Simple"]["Subject"]["Data"] for mail in ses.sent) == [
        "GAS: Premium ends on 1 January 2026",
        "GAS: Your annotation is ready",
    ]
    assert await service.findings() == []
    assert [line async for line in account_admin.send_mail(service.gas, account, "again")] == []
    assert len(ses.sent) == 2


async def test_an_operator_sends_no_mail_that_is_no_news_any_more_or_is_not_wanted(
    mailing: tuple[Service, Ses], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unsent, "CALL_SECONDS", 0)
    service, ses = mailing
    account = await service.account()
    job = await service.completed(account)
    for event in ("finished:77", "archived:1f"):
        assert await service.gas.jobs.mark(job.user_id, job.job_id, event)
    await service.gas.accounts.update(account.user_id, muted={Notice.ARCHIVED})
    muted = await service.gas.accounts.get(account.user_id)
    assert muted
    said = [line async for line in account_admin.send_mail(service.gas, muted, "why not")]
    assert [line.rpartition(": ")[2] for line in said] == ["not wanted any more"] * 2
    assert ses.sent == [] and await service.findings() == []


async def test_a_mail_that_an_operator_sends_and_ses_refuses_stays_marked(
    mailing: tuple[Service, Ses], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unsent, "CALL_SECONDS", 0)
    service, ses = mailing
    account = await service.account()
    job = await service.completed(account)
    await service.gas.jobs.mark(job.user_id, job.job_id, job.mark("completed"))
    ses.answers = [(400, "SendingPausedException")]
    with pytest.raises(account_admin.Unclear, match="SendingPaused"):
        _ = [line async for line in account_admin.send_mail(service.gas, account, "SES was down")]
    assert len(await service.findings()) == 1


async def test_a_mark_is_given_back_only_by_the_attempt_that_has_it(service: Service) -> None:
    account = await service.account()
    job, jobs, accounts = await service.completed(account), service.gas.jobs, service.gas.accounts
    expires_at = service.gas.now() // 1000 + 60
    event = (job.user_id, job.job_id, "finished:1")
    for token in ("first", "first"):  # a client that missed the answer asks again
        assert await jobs.mark(*event, token)
        assert await accounts.mark(account.user_id, "x:1", token, expires_at=expires_at)
    await jobs.unmark(*event, "first")
    await accounts.unmark(account.user_id, "x:1", "first")
    assert await jobs.mark(*event, "second")
    assert await accounts.mark(account.user_id, "x:1", "second", expires_at=expires_at)
    await jobs.unmark(*event, "first")
    await accounts.unmark(account.user_id, "x:1", "first")
    assert await jobs.mark(*event, "third") is None
    assert not await accounts.mark(account.user_id, "x:1", "third", expires_at=expires_at)


@pytest.mark.slow
async def test_a_burst_above_the_rate_of_the_account_is_sent_to_the_last_mail_once(mailing: tuple[Service, Ses]) -> None:
    service, ses = mailing
    ses.rate = 1
    account = await service.account()
    jobs = [await service.completed(account) for _ in range(12)]
    await service.gas.queues.send("notifications", [told(job) for job in jobs])
    async with working(service.gas, spec("notify")):
        await service.until_quiet()
    assert ses.refused > 0
    bodies = [mail["Content"]["Simple"]["Body"]["Text"]["Data"] for mail in ses.sent]
    assert [sum(job.job_id in body for body in bodies) for job in jobs] == [1] * 12
    assert await service.dead("notifications") == []
    assert await service.findings() == []


@pytest.mark.slow
async def test_refusals_eat_no_receive_count(mailing: tuple[Service, Ses], monkeypatch: pytest.MonkeyPatch) -> None:
    service, ses = mailing
    monkeypatch.setattr(runtime, "FIRST_PUT_OFF", 0)
    monkeypatch.setattr(runtime, "LONGEST_DELAY", 1)
    ses.answers = [(400, "SendingPausedException")] * 15
    await service.gas.queues.send("notifications", [told(await service.completed(await service.account()))])
    async with working(service.gas, spec("notify")):
        await service.until_quiet()
    assert (ses.refused, len(ses.sent)) == (15, 1)
    assert await service.dead("notifications") == []


async def test_a_mail_that_ses_refused_for_a_day_is_a_dead_letter_that_can_be_sent_again(mailing: tuple[Service, Ses]) -> None:
    service, ses = mailing
    job = await service.completed(await service.account())
    ses.answers = [(400, "SendingPausedException")] * 2
    with pytest.raises(Reschedule) as later:
        await spec("notify").handle(Delivery(told(job), redelivered=False, put_off=23 * 3600), service.gas)
    assert runtime.FIRST_PUT_OFF < later.value.delay <= runtime.LONGEST_DELAY
    with pytest.raises(Poison, match="SendingPaused"):
        await spec("notify").handle(Delivery(told(job), redelivered=False, put_off=25 * 3600), service.gas)
    await service.handle("notify", told(job), again=True)
    assert len(ses.sent) == 1


async def test_who_is_stopped_while_a_mail_waits_for_its_turn_has_marked_nothing(mailing: tuple[Service, Ses]) -> None:
    service, ses = mailing
    job = await service.completed(await service.account())
    assert service.gas.mail
    service.gas.mail.pace.interval = 3600
    await service.gas.mail.pace.turn()
    waiting = asyncio.create_task(service.handle("notify", told(job)))
    await asyncio.sleep(0.5)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert not (await service.now(job)).mailed and not ses.sent


async def test_a_domain_with_other_letters_goes_as_punycode_and_its_bounces_are_known(outbox: tuple[Service, Sent]) -> None:
    service, sent = outbox
    account = await service.account()
    account = await service.gas.accounts.login(account.user_id, email="ada@Bücher.example")
    await service.handle("notify", told(await service.completed(account)))
    assert [mail["Destination"]["ToAddresses"] for mail in sent] == [["ada@xn--bcher-kva.example"]]
    punycode = replace(account, email="ada@xn--bcher-kva.example")
    (bounced,) = parse(event(punycode, "Bounce", bounceType="Permanent"))
    await service.handle("notify", bounced)
    now = await service.gas.accounts.get(account.user_id)
    assert now and not now.reachable


async def test_the_greeting_of_ses_is_nothing_to_do(service: Service) -> None:
    greeting = "Successfully validated SNS topic for Amazon SES event publishing."
    assert parse(greeting) == parse(json.dumps({"Type": "Notification", "TopicArn": "t", "Message": greeting})) == []
    url = service.gas.settings.queue_urls["notifications"]
    await service.aws["sqs"].send_message(QueueUrl=url, MessageBody=greeting)
    async with working(service.gas, spec("notify")):
        await service.until_quiet()
    assert await service.dead("notifications") == []
