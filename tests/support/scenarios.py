"""One realistic message for each daemon, and what has to be true when all is quiet again, whatever happened meanwhile."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from os import urandom
from typing import Any

from moto.ses.models import ses_backends

from app.aws.accounts import MAIL
from app.domain.accounts import Account, Plan
from app.domain.jobs import Job, Speed, Status, Tier, Trigger, batch_id
from app.domain.messages import ArchiveDue, JobFinished, RetrievalLook, UploadsExpiring
from app.domain.uploads import DAY_MS
from app.services import batches
from app.services.backend import Backend
from app.services.doctor import examine
from tests.support.lanes import Lane
from tests.support.service import Service

STEP_TIMEOUT_SECONDS = 300
"""Seconds in which a lane has to come to rest."""


@dataclass(frozen=True)
class Scenario:
    """`begin` sends the message; `status` and `tier` are the only right end; `told` names the events of the user's mails; one
    fault of the mailer may leave the marks of `mails_lost` jobs without their mail."""

    verb: str
    begin: Callable[[Service], Awaitable[Job]]
    status: Status
    tier: Tier
    told: frozenset[str]
    mails_lost: int = 1
    marked: str = ""  # begins the mark of the mail about the account that was sent or is marked then


async def told_before(service: Service, job: Job) -> Job:
    """As if the mail of the completion had been sent: what follows is about later mails."""
    mark = job.mark("completed")
    await service.gas.jobs.mark(job.user_id, job.job_id, mark)
    await service.gas.jobs.mark_sent(job.user_id, job.job_id, mark)
    return await service.now(job)


async def premium(service: Service, account: Account) -> None:
    changed = await service.gas.accounts.change_plan(account.user_id, Plan.PREMIUM)
    assert changed and await service.gas.accounts.clear_deadline(account.user_id, changed.version)


async def kept(service: Service) -> Job:
    """A completed job of a premium account, which nobody has to look after."""
    job = await service.completed(await service.account(Plan.PREMIUM))
    assert await service.gas.jobs.clear_deadline_while(job, Plan.PREMIUM)
    return await service.now(job)


async def submitted(service: Service) -> Job:
    return await service.submit(await service.account())


async def submitted_rubbish(service: Service) -> Job:
    return await service.submit(await service.account(), b"this is no VCF\n")


async def retention_over(service: Service) -> Job:
    job = await told_before(service, await service.completed(await service.account()))
    await service.gas.queues.send("archive_requests", [ArchiveDue(user_id=job.user_id, job_id=job.job_id)], delay=0)
    return job


async def retention_over_for_premium(service: Service) -> Job:
    job = await told_before(service, await service.completed(await service.account(Plan.PREMIUM)))
    await service.gas.queues.send("archive_requests", [ArchiveDue(user_id=job.user_id, job_id=job.job_id)], delay=0)
    return job


async def upgraded(service: Service) -> Job:
    account = await service.account()
    job = await told_before(service, await service.in_archive(account))
    await service.change(account, Plan.PREMIUM)
    return job


async def downgraded(service: Service) -> Job:
    job = await told_before(service, await kept(service))
    account = await service.gas.accounts.get(job.user_id)
    assert account
    await service.change(account, Plan.FREE)
    return job


async def retrieving(service: Service, *, started: bool = True) -> Job:
    account = await service.account()
    job = await told_before(service, await service.in_archive(account))
    await premium(service, account)
    restoring = await service.gas.jobs.advance(job.user_id, job.job_id, Trigger.RESTORE, at=job.rev, speed=Speed.EXPEDITED)
    assert restoring
    if started:
        await service.gas.archive.start(restoring, Speed.EXPEDITED)
    look = RetrievalLook(user_id=job.user_id, job_id=job.job_id, archive=job.archive)
    await service.gas.queues.send("restore_pendings", [look])
    return restoring


async def retrieval_never_started(service: Service) -> Job:
    return await retrieving(service, started=False)


async def completed(service: Service) -> Job:
    job = await kept(service)
    news = JobFinished(user_id=job.user_id, job_id=job.job_id, outcome="completed", mark=job.mark("completed"))
    await service.gas.topics.publish("job_results", news, outcome="completed")
    return job


async def completed_together(service: Service) -> Job:
    account, batch = await service.account(Plan.PREMIUM), batch_id(service.gas.now(), urandom(10))
    jobs = [await service.completed(account, batch=batch, batch_files=2) for _ in range(2)]
    for job in jobs:
        assert await service.gas.jobs.clear_deadline_while(job, Plan.PREMIUM)
    for job in jobs:
        news = JobFinished(user_id=job.user_id, job_id=job.job_id, outcome="completed", mark=job.mark("completed"))
        await service.gas.topics.publish("job_results", news, outcome="completed")
    return await service.now(jobs[0])


async def completed_and_put_off(service: Service) -> Job:
    """Two messages that waited for one another, as the mailer puts them off: their mail is one."""
    account, url = await service.account(Plan.PREMIUM), service.gas.settings.queue_urls["notifications"]
    jobs = [await service.completed(account) for _ in range(2)]
    since = {"since": {"DataType": "Number", "StringValue": str(service.gas.now() - 1000)}}
    for job in jobs:
        assert await service.gas.jobs.clear_deadline_while(job, Plan.PREMIUM)
    for job in jobs:
        news = JobFinished(user_id=job.user_id, job_id=job.job_id, outcome="completed", mark=job.mark("completed"))
        await service.aws["sqs"].send_message(QueueUrl=url, MessageBody=news.body(), MessageAttributes=since)
    return await service.now(jobs[0])


async def upload_going(service: Service) -> Job:
    """A message of the doctor: what this account uploaded that day is deleted soon."""
    job = await told_before(service, await kept(service))
    message = UploadsExpiring(user_id=job.user_id, first_day=job.created_at // DAY_MS, days=1)
    await service.gas.queues.send("notifications", [message])
    return job


SCENARIOS = (
    Scenario("annotate", submitted, Status.COMPLETED, Tier.ARCHIVED, frozenset({"finished", "archived"})),
    Scenario("annotate", submitted_rubbish, Status.FAILED, Tier.NONE, frozenset({"finished"})),
    Scenario("archive", retention_over, Status.COMPLETED, Tier.ARCHIVED, frozenset({"finished", "archived"})),
    Scenario("archive", retention_over_for_premium, Status.COMPLETED, Tier.AVAILABLE, frozenset({"finished"})),
    Scenario("restore", upgraded, Status.COMPLETED, Tier.AVAILABLE, frozenset({"finished", "restored"})),
    Scenario("restore", downgraded, Status.COMPLETED, Tier.ARCHIVED, frozenset({"finished", "archived"})),
    Scenario("thaw", retrieving, Status.COMPLETED, Tier.AVAILABLE, frozenset({"finished", "restored"})),
    Scenario("thaw", retrieval_never_started, Status.COMPLETED, Tier.AVAILABLE, frozenset({"finished", "restored"})),
    Scenario("notify", completed, Status.COMPLETED, Tier.AVAILABLE, frozenset({"finished"})),
    Scenario("notify", completed_together, Status.COMPLETED, Tier.AVAILABLE, frozenset()),
    Scenario("notify", completed_and_put_off, Status.COMPLETED, Tier.AVAILABLE, frozenset({"finished"}), mails_lost=2),
    Scenario(
        "notify", upload_going, Status.COMPLETED, Tier.AVAILABLE, frozenset({"finished"}), marked=f"{UploadsExpiring.MARK}:"
    ),
)


async def at_rest(lane: Lane, jobs: list[Job], seconds: float = STEP_TIMEOUT_SECONDS) -> list[Job]:
    """Waits until nobody waits for anything, with the doctor's help every two seconds, and returns the jobs as they are."""
    gas, loop = lane.service.gas, asyncio.get_running_loop()
    ends, repair_at = loop.time() + seconds, loop.time() + 2
    while loop.time() < ends:
        # records only where nothing is queued: reading all of them again and again would take the daemons their time;
        # queues twice after them: a message may have moved on from a queue not looked at yet to one that was empty before
        if await lane.quiet() and await settled(gas, jobs) and await lane.quiet() and await lane.quiet():
            return [await lane.service.now(job) for job in jobs]
        if loop.time() > repair_at:
            await lane.repair()
            repair_at = loop.time() + 2
        await asyncio.sleep(0.3)
    left = [await gas.jobs.get(job.user_id, job.job_id) for job in jobs]
    waiting = [job for job in left if job is None or job.deadline]
    raise AssertionError(f"never at rest: queues {'empty' if await lane.quiet() else 'not empty'}, {waiting}\n{lane.said()}")


async def problems(lane: Lane, jobs: list[Job], *, mails_lost: int = 0) -> list[str]:
    """What is wrong with these jobs at rest. Of their mails, `mails_lost` may be marked and not sent."""
    users = {job.user_id for job in jobs}
    findings = [one async for one in examine(lane.service.gas, repair=False, full=True) if one.user_id in users]
    unsent = [one for one in findings if one.kind == "mail marked, and not sent"]
    found = [str(one) for one in findings if one not in unsent] + [str(one) for one in unsent[mails_lost:]]
    archived = await lane.archived()
    for job in jobs:
        expected = sorted(filter(None, (job.result, job.index, job.summary, job.archive)))
        vaulted = [one.rpartition(" ")[2] for one in archived if f"/{job.job_id}/" in one]
        if (copies := sorted(await lane.service.copies(job) + vaulted)) != expected:
            found.append(f"copies {copies}, the record has {expected}")
        if (mails := mails_about(job)).total() > len(job.mailed):
            found.append(f"mails {dict(mails)} about {job.job_id}, which has {sorted(job.mailed)}")
        alone = not job.batch or job.mark("completed") in job.mailed
        if not alone and not await lane.service.gas.accounts.item(job.user_id, MAIL + batches.mark(job.batch)):
            found.append(f"no mail is marked about {job.job_id} or its batch")
        if job.batch and (mails := mails_with(f"/batches/{job.batch}")).total() > 1:
            found.append(f"mails {dict(mails)} about one batch")
    return found


async def settled(gas: Backend, jobs: list[Job]) -> bool:
    """Whether each of these jobs and their accounts is there and waits for nobody."""
    for job in jobs:
        now = await gas.jobs.get(job.user_id, job.job_id)
        if now is None or now.deadline is not None:
            return False
    accounts = [await gas.accounts.get(user_id) for user_id in {job.user_id for job in jobs}]
    return all(account and account.deadline is None for account in accounts)


def mails_about(job: Job) -> Counter[str]:
    """Subjects of the mails that the emulator took and that link to this job."""
    return mails_with(job.job_id)


def mails_with(text: str) -> Counter[str]:
    """Subjects of the mails that the emulator took and that have this text."""
    sent: list[Any] = [mail for region in ses_backends["123456789012"].values() for mail in region.sent_messages]
    return Counter(mail.subject for mail in sent if text in mail.body)
