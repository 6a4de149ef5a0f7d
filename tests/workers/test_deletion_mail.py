"""A mail before uploaded files are deleted: one for a week of them, once, and it says what goes and what stays."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from app.aws import mail
from app.aws.clients import clients
from app.aws.mail import Mail
from app.domain.accounts import Account, Notice, Plan
from app.domain.jobs import Fault, Job, Status, Tier, Trigger
from app.domain.messages import UploadsExpiring
from app.domain.uploads import DAY_MS, PERIOD_DAYS
from app.services import account_admin, doctor, mail_preferences, submissions, unsent
from app.services.doctor import examine
from tests.support.proxy import Fault as CallFault
from tests.support.proxy import Proxy, Rule, serving
from tests.support.service import Service
from workers.runtime import Reschedule

KEPT_DAYS, NOTICE_DAYS = 30, 5


@dataclass
class Ses:
    """Takes mails as SES does, but for those that meet one of `errors`, the first of which comes first."""

    errors: list[Exception] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)

    async def send_email(self, **request: Any) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.sent.append(request)

    def texts(self) -> list[str]:
        contents = [request["Content"]["Simple"] for request in self.sent]
        return [f"{one['Subject']['Data']}\n{one['Body']['Text']['Data']}" for one in contents]


@pytest.fixture
def ses() -> Ses:
    return Ses()


@pytest.fixture
def mailing(service: Service, ses: Ses) -> Service:
    """On the last day of a period, so that what a test calls N days old is in it or not, whatever day it is."""
    real = service.gas.jobs.now
    today = real() // DAY_MS
    shift = (PERIOD_DAYS - 1 - today % PERIOD_DAYS) * DAY_MS

    def now() -> int:
        return real() + shift

    gas = replace(
        service.gas,
        mail=Mail(ses, "gas@example.org"),
        jobs=replace(service.gas.jobs, now=now),
        accounts=replace(service.gas.accounts, now=now),
        settings=service.gas.settings.model_copy(
            update={"kept_days": {"uploads": KEPT_DAYS}, "deletion_notice_days": NOTICE_DAYS}
        ),
    )
    return Service(gas, service.aws)


OLD = 28
"""Days: the whole weeks before are that of which the first files are deleted within NOTICE_DAYS, or have been."""


async def look(service: Service) -> list[UploadsExpiring]:
    """The doctor's daily look; returns what it asked to be mailed."""
    [_ async for _ in examine(service.gas, repair=True, full=True)]
    return [one for one in await service.sent("notifications") if isinstance(one, UploadsExpiring)]


async def old(service: Service, account: Account, count: int = 1, days: int = OLD, name: str = "a.vcf") -> list[Job]:
    return [await service.completed(account, age_days=days, file_name=name) for _ in range(count)]


async def test_one_mail_a_week_of_uploads_says_what_goes_when_and_what_stays(mailing: Service, ses: Ses) -> None:
    account, other = await mailing.account(), await mailing.account(Plan.PREMIUM)
    late = await old(mailing, account, days=OLD, name="late.vcf")
    early = await old(mailing, account, days=OLD + 2, name="early.vcf")
    await old(mailing, account, days=OLD - 2 * PERIOD_DAYS, name="later.vcf")
    await old(mailing, account, days=KEPT_DAYS + 1, name="gone.vcf")
    await old(mailing, other)
    asked = await look(mailing)
    assert sorted(one.user_id for one in asked) == sorted([account.user_id, other.user_id])
    for message in asked:
        for again in (False, True):
            await mailing.handle("notify", message, again=again)
    text, _ = sorted(ses.texts(), key=lambda text: "late.vcf" not in text)
    dates = {job.job_id: _date(job.created_at // DAY_MS + KEPT_DAYS) for job in (*late, *early)}
    assert text.startswith(f"GAS: 2 uploaded files are deleted soon, the first after {dates[early[0].job_id]}\n")
    lines = [line for line in text.splitlines() if line.startswith("- ")]
    page = f"{mailing.gas.settings.public_url}/annotations"
    assert lines == [f"- {job.file_name}, after {dates[job.job_id]}: {page}/{job.job_id}" for job in (*early, *late)]
    for words in (
        "deleted soon, each 30 days after its upload",
        "Only the uploaded files go: results, also those in the archive, summaries and the jobs stay until you delete them.",
        "download it from the page of its job",
        f"To get no more mail of this kind: {mailing.gas.settings.public_url}/mail/unsubscribe?",
    ):
        assert words in text
    assert "run again" not in text and len(ses.sent) == 2
    assert await look(mailing) == [], "what has been mailed is not asked for again"
    assert await mailing.findings() == []


def _date(day: int) -> str:
    at = datetime.fromtimestamp(day * 86_400, UTC)
    return f"{at.day} {at:%B %Y}"


async def test_one_file_alone_has_words_of_its_own_and_a_failed_job_another_sentence(mailing: Service, ses: Ses) -> None:
    account = await mailing.account()
    (job,) = await old(mailing, account, name="<b>.vcf")
    uploading = replace(job, job_id=_id(mailing, OLD), rev=1, status=Status.UPLOADING, tier=Tier.NONE, result=None)
    pending = await mailing.gas.jobs.create(uploading)
    await mailing.gas.jobs.advance(pending.user_id, pending.job_id, Trigger.FAIL, fault=Fault.USER, message="No.")
    await submissions.delete(mailing.gas, account.user_id, job.job_id)
    (message,) = await look(mailing)
    await mailing.handle("notify", message)
    (text,) = ses.texts()
    assert text.startswith("GAS: An uploaded file is deleted after ") and "is deleted soon, 30 days after its upload." in text
    assert "A job that failed cannot be run again once its file is deleted." in text
    assert "&lt;b&gt;.vcf" in ses.sent[0]["Content"]["Simple"]["Body"]["Html"]["Data"]


def _id(service: Service, days: int) -> str:
    return submissions.job_id(service.gas.now() - days * DAY_MS, b"0123456789")


async def test_a_large_week_names_those_that_go_first_and_counts_the_rest(
    mailing: Service, ses: Ses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.deletions.PAGE", 2)
    monkeypatch.setattr("app.services.deletions.MOST_LINES", 3)
    monkeypatch.setattr("app.services.mail_templates.MOST_LINES", 3)
    account = await mailing.account()
    jobs = await old(mailing, account, 5)
    for message in await look(mailing):
        await mailing.handle("notify", message)
    (text,) = ses.texts()
    named = [job for job in sorted(jobs, key=lambda job: job.job_id) if job.job_id in text]
    assert named == sorted(jobs, key=lambda job: job.job_id)[:3] and "- and 2 more\n" in text and "GAS: 5 uploaded" in text


async def test_no_mail_to_who_wants_none_or_cannot_have_it_nor_by_a_look_that_only_reports(mailing: Service, ses: Ses) -> None:
    muted, bounced, wanting = [await mailing.account() for _ in range(3)]
    for account in (muted, bounced, wanting):
        await old(mailing, account)
    await mailing.gas.accounts.update(bounced.user_id, undeliverable=bounced.email)
    await mail_preferences.stop(mailing.gas, muted, Notice.DELETED)
    assert await mailing.findings() == [] and await mailing.sent("notifications") == []
    (message,) = await look(mailing)
    assert message.user_id == wanting.user_id
    await mail_preferences.stop(mailing.gas, wanting, Notice.DELETED)
    await mailing.handle("notify", message)
    assert ses.sent == []


async def test_nothing_is_said_of_files_that_their_owner_deleted_meanwhile(mailing: Service, ses: Ses) -> None:
    account = await mailing.account()
    (job,) = await old(mailing, account)
    (message,) = await look(mailing)
    await submissions.delete(mailing.gas, account.user_id, job.job_id)
    await mailing.handle("notify", message)
    assert ses.sent == [] and await unsent.of(mailing.gas, account.user_id) == set()


async def test_what_ses_refuses_is_sent_later_and_a_lost_message_is_asked_for_by_the_next_look(
    mailing: Service, ses: Ses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "RETRY_SECONDS", 0)
    await old(mailing, await mailing.account())
    assert len(await look(mailing)) == 1  # and it is lost
    (message,) = await look(mailing)
    ses.errors = [ClientError({"Error": {"Code": "TooManyRequestsException"}}, "SendEmail")]
    with pytest.raises(Reschedule):
        await mailing.handle("notify", message)
    assert [again.mark for again in await look(mailing)] == [message.mark]
    for _ in range(2):
        await mailing.handle("notify", message)
    assert len(ses.sent) == 1


async def test_a_mail_of_which_nobody_knows_is_not_sent_again_but_by_an_operator(
    mailing: Service, ses: Ses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unsent, "CALL_SECONDS", 0)
    account = await mailing.account()
    await old(mailing, account)
    (message,) = await look(mailing)
    ses.errors = [ReadTimeoutError(endpoint_url="ses")]
    with pytest.raises(ReadTimeoutError):
        await mailing.handle("notify", message)
    await mailing.handle("notify", message, again=True)
    assert ses.sent == [] and await look(mailing) == []
    assert await mailing.findings() == [f"mail marked, and not sent: {account.user_id}  {message.mark}"]
    assert [line async for line in account_admin.send_mail(mailing.gas, account, "SES was down")] == [f"{message.mark}: sent"]
    assert len(ses.sent) == 1 and await mailing.findings() == []


BEFALLS = (CallFault.FAIL, CallFault.DROP, CallFault.HALF, CallFault.RESET, CallFault.THROTTLE, CallFault.DUPLICATE)


async def scan(service: Service) -> list[UploadsExpiring]:
    """As `look`, of which this is the part that asks for mails."""
    [_ async for _ in doctor._scan(service.gas, True)]
    return [one for one in await service.sent("notifications") if isinstance(one, UploadsExpiring)]


@pytest.mark.slow
async def test_whatever_befalls_the_doctors_calls_each_account_has_one_mail(
    mailing: Service, ses: Ses, aws_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws_endpoint)
    async with serving(Proxy(aws_endpoint, lambda: None)) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        async with clients(mailing.gas.settings, "dynamodb", "sqs") as aws:
            gas = mailing.gas
            queues, accounts = replace(gas.queues, sqs=aws["sqs"]), replace(gas.accounts, dynamodb=aws["dynamodb"])
            beyond = Service(replace(gas, queues=queues, accounts=accounts), mailing.aws)
            await old(mailing, await mailing.account())
            (message,) = await scan(beyond)
            await mailing.handle("notify", message)
            calls, users = list(proxy.calls), [message.user_id]
            assert {call.operation for call in calls} == {"dynamodb.GetItem", "sqs.SendMessageBatch"}
            for call, fault in ((call, fault) for call in calls for fault in BEFALLS if fault.befalls(call.operation)):
                account = await mailing.account()
                await old(mailing, account)
                proxy.forget()
                proxy.rules = [Rule(call.operation, fault, call.number)]
                asked = []
                for _ in range(2):  # what the first look cannot do, the next day's does
                    with suppress(ClientError, BotoCoreError, OSError):
                        asked += await scan(beyond)
                    proxy.rules = []
                assert asked, (call, fault)
                for message in asked:
                    await mailing.handle("notify", message)
                users.append(account.user_id)
    sent = Counter(request["EmailTags"][0]["Value"] for request in ses.sent)
    assert sent == dict.fromkeys(users, 1)
