"""Files that were sent together have one mail, whatever order their messages come in; every job is told of once."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError

from app.aws.mail import Mail
from app.domain.accounts import Account, Notice
from app.domain.jobs import Fault, Job, Status, Trigger, batch_id, job_id
from app.domain.messages import JobFinished
from app.services import batches, mail_preferences, privacy, unsent
from app.services.batches import under_way
from tests.support.service import Service, spec
from workers.runtime import Delivery, Reschedule


class Ses:
    """Takes mails as SES does, but for the first `refuse`."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.refuse = 0

    async def send_email(self, **request: Any) -> None:
        if self.refuse:
            self.refuse -= 1
            raise ConnectTimeoutError(endpoint_url="ses")
        simple = request["Content"]["Simple"]
        self.sent.append(simple["Subject"]["Data"] + "\n" + simple["Body"]["Text"]["Data"])


@pytest.fixture
def ses() -> Ses:
    return Ses()


@pytest.fixture
def mailing(service: Service, ses: Ses) -> Service:
    return Service(replace(service.gas, mail=Mail(ses, "gas@example.org")), service.aws)


async def sent_together(service: Service, account: Account, count: int, announced: int = 0) -> list[Job]:
    """Jobs of one batch that run."""
    gas, found = service.gas, []
    batch = batch_id(gas.now(), os.urandom(10))
    for n in range(count):
        new = Job(
            user_id=account.user_id,
            job_id=job_id(gas.now(), os.urandom(10)),
            file_name=f"{n}.vcf",
            batch=batch,
            batch_files=announced or count,
        )
        await gas.jobs.create(new)
        await gas.jobs.advance(new.user_id, new.job_id, Trigger.SUBMIT, submitted_at=gas.now())
        running = await gas.jobs.advance(new.user_id, new.job_id, Trigger.CLAIM)
        assert running
        found.append(running)
    return found


async def end(service: Service, job: Job, trigger: Trigger = Trigger.COMPLETE, **values: Any) -> JobFinished:
    """The news of its end."""
    values = {"result": f"results/{job.job_id}"} if trigger is Trigger.COMPLETE else values
    ended = await service.gas.jobs.advance(job.user_id, job.job_id, trigger, **values)
    assert ended
    outcome = "completed" if trigger is Trigger.COMPLETE else "failed"
    return JobFinished.model_validate(
        {"user_id": job.user_id, "job_id": job.job_id, "outcome": outcome, "mark": ended.mark("completed")}
    )


async def test_a_batch_of_many_files_has_one_mail(mailing: Service, ses: Ses) -> None:
    account = await mailing.account()
    jobs = await sent_together(mailing, account, 12)
    early = await end(mailing, jobs[0])
    with pytest.raises(Reschedule):
        await mailing.handle("notify", early)
    failure = await end(mailing, jobs[1], Trigger.FAIL, fault=Fault.USER, message="No ALT.", line=7)
    news = [early, failure, *[await end(mailing, job) for job in jobs[2:]]]
    for message in reversed(news):
        await mailing.handle("notify", message)
        await mailing.handle("notify", message, again=True)
    (mail,) = ses.sent
    assert mail.startswith("GAS: 12 annotations ended, 1 of them failed\n") and f"/batches/{jobs[0].batch}" in mail
    assert mail.index("1.vcf: failed. line 7: No ALT.") < mail.index("0.vcf: ") < mail.index("11.vcf: ")
    assert await unsent.of(mailing.gas, account.user_id) == set()


async def test_news_of_the_archive_are_in_the_one_mail(mailing: Service, ses: Ses) -> None:
    account = await mailing.account()
    jobs = await sent_together(mailing, account, 2)
    for message in [await end(mailing, job) for job in jobs]:
        await mailing.handle("notify", message)
    moved = JobFinished(user_id=account.user_id, job_id=jobs[0].job_id, outcome="archived", mark="archived:1")
    await mailing.handle("notify", moved)
    (mail,) = ses.sent
    assert "moves to the archive" in mail and "Your 2 annotations are ready" in mail


async def test_a_refused_mail_of_a_batch_comes_later_and_once(mailing: Service, ses: Ses) -> None:
    account = await mailing.account()
    jobs = await sent_together(mailing, account, 3)
    news = [await end(mailing, job) for job in jobs]
    ses.refuse = 1
    with pytest.raises(Reschedule):
        await mailing.handle("notify", news[0])
    for message in (news[1], news[0], news[2]):
        await mailing.handle("notify", message)
    assert len(ses.sent) == 1


class Turn:
    """Lets something happen before a mail has its turn, as while others are sent."""

    def __init__(self, happen: Callable[[], Awaitable[Any]]) -> None:
        self.happen = happen

    async def turn(self) -> float:
        await self.happen()
        return 0

    def taken(self) -> None:
        pass


async def test_an_account_that_is_deleted_just_before_its_mail_has_none_and_leaves_no_mark(service: Service, ses: Ses) -> None:
    account = await service.account()
    news = [await end(service, job) for job in await sent_together(service, account, 2)]
    turn: Any = Turn(lambda: privacy.erase(service.gas, account, None))
    late = Service(replace(service.gas, mail=Mail(ses, "gas@example.org", pace=turn)), service.aws)
    for message in news:
        await late.handle("notify", message)
    accounts = service.gas.accounts
    left = await accounts.dynamodb.scan(TableName=accounts.table)
    assert ses.sent == [] and [item for item in left["Items"] if item["user_id"]["S"] == account.user_id] == []


async def test_a_job_that_is_run_again_after_the_mail_has_one_of_its_own(
    mailing: Service, ses: Ses, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await mailing.account()
    jobs = await sent_together(mailing, account, 2)
    news = [
        await end(mailing, jobs[0]),
        await end(mailing, jobs[1], Trigger.FAIL, fault=Fault.SYSTEM, message="The disk was full."),
    ]
    for message in news:
        await mailing.handle("notify", message)
    later = mailing.gas.now() + 2000
    await mailing.gas.jobs.advance(account.user_id, jobs[1].job_id, Trigger.RETRY, submitted_at=later)
    await mailing.gas.jobs.advance(account.user_id, jobs[1].job_id, Trigger.CLAIM)
    again = await end(mailing, jobs[1])
    for message in (again, *news, again):
        await mailing.handle("notify", message)
    assert [mail.partition("\n")[0] for mail in ses.sent] == [
        "GAS: 2 annotations ended, 1 of them failed",
        "GAS: Your annotation is ready",
    ]


async def test_a_file_of_a_batch_that_never_came_holds_the_mail_up_for_a_while_only(mailing: Service, ses: Ses) -> None:
    account = await mailing.account()
    jobs = await sent_together(mailing, account, 2, announced=3)
    news = [await end(mailing, job) for job in jobs]
    with pytest.raises(Reschedule):
        await mailing.handle("notify", news[0])
    ended = [await mailing.now(job) for job in jobs]
    assert not under_way(ended, mailing.gas.now() + batches.STILL_UPLOADING_MS)
    running = [replace(ended[0], status=Status.RUNNING), ended[1]]
    assert under_way(running, mailing.gas.now() + batches.STILL_UPLOADING_MS)


async def test_the_others_do_not_wait_for_a_job_for_ever(mailing: Service, ses: Ses) -> None:
    account = await mailing.account()
    jobs = await sent_together(mailing, account, 3)
    news = [await end(mailing, job) for job in jobs[:2]]
    await spec("notify").handle(Delivery(news[0], False, put_off=90_000), mailing.gas)
    assert [mail.partition("\n")[0] for mail in ses.sent] == ["GAS: Your annotation is ready"]
    last = await end(mailing, jobs[2])
    for message in (*news, last):
        await mailing.handle("notify", message)
    assert len(ses.sent) == 2 and "0.vcf" not in ses.sent[1] and "1.vcf" in ses.sent[1] and "2.vcf" in ses.sent[1]


async def test_an_operator_sends_the_mail_of_a_batch_of_which_nobody_knows(
    mailing: Service, ses: Ses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unsent, "CALL_SECONDS", 0)
    account = await mailing.account()
    jobs = await sent_together(mailing, account, 2)
    for job in jobs:
        await end(mailing, job)
    expires_at = int(time.time()) + 1000
    assert await mailing.gas.accounts.mark(account.user_id, batches.mark(jobs[0].batch), expires_at=expires_at)
    said = [one async for one in unsent.send(mailing.gas, account)]
    assert said == [f"batch:{jobs[0].batch}: sent"] and len(ses.sent) == 1
    assert await unsent.of(mailing.gas, account.user_id) == set()


async def test_who_wants_no_mail_gets_none_about_a_batch(mailing: Service, ses: Ses) -> None:
    account = await mailing.account()
    await mail_preferences.stop(mailing.gas, account, Notice.FINISHED)
    for job in await sent_together(mailing, account, 2):
        await mailing.handle("notify", await end(mailing, job))
    assert ses.sent == []
