"""Many jobs, few mails: the first go at once, the others wait and go together; each job is mailed about once all the same."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError

from app.aws.jobs import Jobs
from app.aws.mail import Mail
from app.aws.mail_digests import AT_ONCE, Digests
from app.domain.accounts import Account, Plan
from app.domain.jobs import Fault, Job, Trigger
from app.domain.messages import AnyMessage, JobFinished, ResultRestored
from app.services import submissions, unsent
from tests.support.service import Service, spec, working
from workers.runtime import Delivery, Reschedule

WINDOW_SECONDS = 300


@dataclass
class Ses:
    """Takes mails as SES does, but for those that meet one of `errors`, the first of which comes first."""

    errors: list[Exception] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)

    async def send_email(self, **request: Any) -> None:
        if self.errors:
            raise self.errors.pop(0)
        simple = request["Content"]["Simple"]
        self.sent.append(simple["Subject"]["Data"] + "\n" + simple["Body"]["Text"]["Data"])

    @property
    def subjects(self) -> list[str]:
        return [mail.partition("\n")[0] for mail in self.sent]

    def about(self, jobs: list[Job]) -> Counter[str]:
        """How many mails name each job."""
        return Counter(job.job_id for mail in self.sent for job in jobs if f"/annotations/{job.job_id}\n" in mail)


def until(digests: Digests, count: int) -> Callable[[float], Awaitable[None]]:
    """A pause that ends when so many are gathered, of whatever kind; later ones end at once."""
    reached = False

    async def pause(_: float) -> None:
        nonlocal reached
        for _ in range(6000):
            if reached := reached or sum(len(group.items) for group in digests._open.values()) >= count:
                return
            await asyncio.sleep(0.01)
        raise AssertionError("never gathered")

    return pause


@pytest.fixture
def ses() -> Ses:
    return Ses()


@pytest.fixture
def digests() -> Digests:
    return Digests(WINDOW_SECONDS)


@pytest.fixture
def mailing(service: Service, ses: Ses, digests: Digests) -> Service:
    return Service(replace(service.gas, mail=Mail(ses, "gas@example.org", digests=digests)), service.aws)


def told(job: Job) -> JobFinished:
    return JobFinished(user_id=job.user_id, job_id=job.job_id, outcome="completed", mark=job.mark("completed"))


async def completed(service: Service, account: Account, count: int) -> list[Job]:
    return [await service.completed(account, file_name=f"{number}.vcf") for number in range(count)]


async def deliver(service: Service, jobs: list[Job], put_off: float = WINDOW_SECONDS) -> list[BaseException | None]:
    """All at once, as messages that were put off to one moment are; returns what became of each."""
    handle = spec("notify").handle
    deliveries = [Delivery(told(job), False, put_off) for job in jobs]
    return await asyncio.gather(*(handle(one, service.gas) for one in deliveries), return_exceptions=True)


async def test_the_first_mails_go_at_once_and_the_rest_in_one(mailing: Service, ses: Ses, digests: Digests) -> None:
    account, other = await mailing.account(), await mailing.account()
    jobs = await completed(mailing, account, 10)
    became = await deliver(mailing, jobs, put_off=0)
    held = [job for job, result in zip(jobs, became, strict=True) if isinstance(result, Reschedule)]
    assert len(held) == 10 - AT_ONCE and ses.subjects == ["GAS: Your annotation is ready"] * AT_ONCE
    assert all(result.delay <= WINDOW_SECONDS for result in became if isinstance(result, Reschedule))
    await mailing.handle("notify", told(await mailing.completed(other)))
    assert len(ses.sent) == AT_ONCE + 1  # another account waits for nothing
    digests.pause = until(digests, len(held))
    assert await deliver(mailing, held) == [None] * len(held)
    assert ses.subjects[-1] == f"GAS: Your {len(held)} annotations are ready" and len(ses.sent) == AT_ONCE + 2
    assert ses.about(jobs) == {job.job_id: 1 for job in jobs}
    assert await unsent.of(mailing.gas, account.user_id) == set()
    with pytest.raises(Reschedule):  # that was a mail about many, so the next is not at once
        await mailing.handle("notify", told(await mailing.completed(account)))


async def test_after_a_window_without_mail_the_next_is_at_once_again(mailing: Service, ses: Ses, digests: Digests) -> None:
    account, now = await mailing.account(), 0.0
    digests.clock = lambda: now
    for job in await completed(mailing, account, AT_ONCE):
        await mailing.handle("notify", told(job))
    now = WINDOW_SECONDS - 1
    late = await mailing.completed(account)
    with pytest.raises(Reschedule) as held:
        await mailing.handle("notify", told(late))
    assert held.value.delay == 1
    now = WINDOW_SECONDS + 1
    await mailing.handle("notify", told(late))
    assert len(ses.sent) == AT_ONCE + 1


async def test_what_failed_stands_first_and_kinds_have_mails_of_their_own(mailing: Service, ses: Ses, digests: Digests) -> None:
    account = await mailing.account(Plan.PREMIUM)
    jobs = await completed(mailing, account, 4)
    failed = await mailing.submit(account, name="wrong.vcf")
    await mailing.gas.jobs.advance(failed.user_id, failed.job_id, Trigger.CLAIM)
    ended = await mailing.gas.jobs.advance(
        failed.user_id, failed.job_id, Trigger.FAIL, fault=Fault.USER, message="No ALT.", line=7
    )
    assert ended
    failure = JobFinished(user_id=ended.user_id, job_id=ended.job_id, outcome="failed", mark=ended.mark("failed"))
    back = [ResultRestored(user_id=job.user_id, job_id=job.job_id, mark=job.mark("restored")) for job in jobs[2:]]
    digests.pause = until(digests, 5)
    messages: list[AnyMessage] = [told(jobs[0]), told(jobs[1]), failure, *back]
    handle = spec("notify").handle
    await asyncio.gather(*(handle(Delivery(one, False, WINDOW_SECONDS), mailing.gas) for one in messages))
    assert sorted(ses.subjects) == ["GAS: 2 of your results are back", "GAS: 3 annotations ended, 1 of them failed"]
    (ends,) = [mail for mail in ses.sent if "annotations ended" in mail]
    assert ends.index("wrong.vcf: failed. line 7: No ALT.") < ends.index("0.vcf: ") < ends.index("1.vcf: ")
    (restored,) = [mail for mail in ses.sent if "are back" in mail]
    assert f"- 2.vcf: {mailing.gas.settings.public_url}/annotations/{jobs[2].job_id}\n" in restored


async def test_copies_of_a_message_are_named_once_and_what_was_mailed_not_at_all(
    mailing: Service, ses: Ses, digests: Digests
) -> None:
    account = await mailing.account()
    jobs = await completed(mailing, account, 4)
    await mailing.handle("notify", told(jobs[0]))
    await submissions.delete(mailing.gas, account.user_id, jobs[1].job_id)
    digests.pause = until(digests, 4)
    assert await deliver(mailing, [jobs[0], jobs[2], jobs[2], jobs[3], jobs[3], jobs[1]]) == [None] * 6
    assert ses.about(jobs) == {jobs[0].job_id: 1, jobs[2].job_id: 1, jobs[3].job_id: 1} and len(ses.sent) == 2


async def test_what_is_mailed_elsewhere_while_it_is_gathered_is_left_out(mailing: Service, ses: Ses, digests: Digests) -> None:
    account = await mailing.account()
    jobs = await completed(mailing, account, 3)
    gathered = until(digests, 3)

    async def pause(seconds: float) -> None:
        await gathered(seconds)
        assert await mailing.gas.jobs.mark(account.user_id, jobs[1].job_id, jobs[1].mark("completed"), "another")

    digests.pause = pause
    assert await deliver(mailing, jobs) == [None] * 3
    assert ses.about(jobs) == {jobs[0].job_id: 1, jobs[2].job_id: 1}


async def test_a_mail_about_many_that_was_refused_comes_again_about_all(mailing: Service, ses: Ses, digests: Digests) -> None:
    account = await mailing.account()
    jobs = await completed(mailing, account, 4)
    digests.pause = until(digests, 4)
    ses.errors = [ConnectTimeoutError(endpoint_url="ses")]
    assert [type(result) for result in await deliver(mailing, jobs)] == [Reschedule] * 4
    assert ses.sent == [] and [(await mailing.now(job)).mailed for job in jobs] == [frozenset()] * 4
    digests.pause = until(digests, 4)
    assert await deliver(mailing, jobs) == [None] * 4
    assert ses.about(jobs) == {job.job_id: 1 for job in jobs} and len(ses.sent) == 1


async def test_a_mail_about_many_of_which_nobody_knows_is_not_sent_again(mailing: Service, ses: Ses, digests: Digests) -> None:
    account = await mailing.account()
    jobs = await completed(mailing, account, 3)
    digests.pause = until(digests, 3)
    ses.errors = [ReadTimeoutError(endpoint_url="ses")]
    assert [type(result) for result in await deliver(mailing, jobs)] == [ReadTimeoutError] * 3
    assert await deliver(mailing, jobs) == [None] * 3
    assert ses.sent == [] and {one.job_id for one in await unsent.of(mailing.gas, account.user_id)} == {
        job.job_id for job in jobs
    }


async def test_where_one_mark_cannot_be_asked_for_all_come_again(
    mailing: Service, ses: Ses, digests: Digests, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await mailing.account()
    jobs = await completed(mailing, account, 3)
    digests.pause = until(digests, 3)
    mark = Jobs.mark

    async def fails(self: Jobs, user_id: str, job_id: str, event: str, token: str | None = None) -> Job | None:
        if job_id == jobs[2].job_id:
            raise ClientError({"Error": {"Code": "InternalServerError"}}, "UpdateItem")
        return await mark(self, user_id, job_id, event, token)

    with monkeypatch.context() as failing:
        failing.setattr(Jobs, "mark", fails)
        assert [type(result) for result in await deliver(mailing, jobs)] == [ClientError] * 3
    assert [(await mailing.now(job)).mailed for job in jobs] == [frozenset()] * 3
    assert await deliver(mailing, jobs) == [None] * 3 and ses.about(jobs) == {job.job_id: 1 for job in jobs}


async def test_a_daemon_that_stops_while_it_gathers_has_marked_nothing(mailing: Service, ses: Ses, digests: Digests) -> None:
    account = await mailing.account()
    jobs = await completed(mailing, account, 2)
    digests.pause = until(digests, 3)
    handle = spec("notify").handle
    handling = [asyncio.ensure_future(handle(Delivery(told(job), False, 1), mailing.gas)) for job in jobs]
    await until(digests, 2)(0)
    for task in handling:
        task.cancel()
    assert all(isinstance(result, asyncio.CancelledError) for result in await asyncio.gather(*handling, return_exceptions=True))
    assert digests._open == {} and ses.sent == []
    assert [(await mailing.now(job)).mailed for job in jobs] == [frozenset()] * 2


@pytest.mark.slow
async def test_sixty_jobs_have_a_few_mails(service: Service, ses: Ses) -> None:
    """By the runtime and its queue: what waits is put off, comes again and goes together."""
    window_seconds = 5
    mail = Mail(ses, "gas@example.org", digests=Digests(window_seconds))
    mailing = Service(replace(service.gas, mail=mail), service.aws)
    account = await mailing.account()
    jobs = await completed(mailing, account, 60)
    began = time.monotonic()
    async with working(mailing.gas, spec("notify")):
        await mailing.gas.queues.send("notifications", [told(job) for job in jobs])
        for _ in range(1200):
            if len(ses.about(jobs)) == len(jobs):
                break
            await asyncio.sleep(0.1)
        await mailing.until_quiet()
    assert ses.about(jobs) == {job.job_id: 1 for job in jobs}
    # on a slow machine they come over more windows
    most = max(20, AT_ONCE + 2 * (time.monotonic() - began) / window_seconds)
    assert AT_ONCE < len(ses.sent) < min(most, len(jobs) / 2), ses.subjects
    assert await unsent.of(mailing.gas, account.user_id) == set()
