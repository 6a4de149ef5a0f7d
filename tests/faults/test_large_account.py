"""One account with thousands of archived jobs: each is listed once, brought back once after an upgrade, and deleted with it.

The daemons are killed and miss answers meanwhile. GAS_ACCOUNT_JOBS says how many jobs; 5,000 with GAS_FAULTS=all.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from moto.ses.models import ses_backends

from app.aws.dynamodb import to_wire
from app.domain.accounts import Account, Plan
from app.domain.jobs import Job, Tier
from app.domain.keys import archive_key
from app.services import privacy, submissions, subscriptions
from app.services.submissions import EVERYTHING, Wanted
from tests.support.forks import Forks
from tests.support.lanes import ALL, SEED, WAITS, Lane, lane, seeded
from tests.support.proxy import Fault, Rule
from tests.support.scenarios import told_before
from tests.support.service import Service

pytestmark = pytest.mark.slow

JOBS = int(os.environ.get("GAS_ACCOUNT_JOBS", 5000 if ALL else 30))
PAGE_JOBS = 100 if JOBS > 1000 else 12
FAULTS = Fault.KILL_BEFORE, Fault.KILL_AFTER, Fault.DROP, Fault.HALF
FAULTS_EACH = 10 if JOBS > 1000 else 1
"""How many of each kind a daemon meets. A death interrupts twenty jobs, so more would make the walk a crawl."""

STEP_SECONDS = 300 + JOBS
SLOWER = max(1, JOBS / 60)
"""A job of many waits longer for its turn; the doctor would only send again what is on its way."""

BATCH = 25
"""Records that DynamoDB writes in one request."""


async def with_jobs(service: Service, account: Account) -> list[Job]:
    """Archived jobs of the account, the newest first, without the hours that each would take."""
    gas, now = service.gas, service.gas.now()
    first = await told_before(service, await service.in_archive(account))
    jobs = [first]
    for start in range(1, JOBS, BATCH):
        made = []
        for n in range(start, min(start + BATCH, JOBS)):
            job_id = submissions.job_id(now + n, os.urandom(10))
            archive = archive_key(account.user_id, job_id, first.rev)
            made.append(replace(first, job_id=job_id, file_name=f"{n}.vcf", archive=archive))
        puts = [{"PutRequest": {"Item": to_wire(asdict(job))}} for job in made]
        assert not (await gas.jobs.dynamodb.batch_write_item(RequestItems={gas.jobs.table: puts}))["UnprocessedItems"]
        for job in made:
            stored = {"Body": b"result", "StorageClass": gas.archive.storage_class, "ChecksumAlgorithm": "CRC64NVME"}
            await gas.results.s3.put_object(Bucket=gas.results.name, Key=job.archive, **stored)
        jobs += made
    return sorted(jobs, key=lambda job: job.job_id, reverse=True)


async def listed(service: Service, user_id: str, wanted: Wanted) -> list[str]:
    """The ids on all pages of a list, as they are turned."""
    found, before = list[str](), ""
    while before is not None:
        jobs, before = await submissions.search(service.gas, user_id, wanted, before=before or None)  # type: ignore[assignment]
        found += [job.job_id for job in jobs]
    return found


async def all_back(here: Lane, user_id: str) -> list[Job]:
    """Waits until every job is available and at rest, with the doctor's help."""
    gas, loop = here.service.gas, asyncio.get_running_loop()
    ends = loop.time() + STEP_SECONDS
    while loop.time() < ends:
        # only where nothing is queued: to read thousands of jobs takes the emulator longer than the rest, and the doctor would
        # send each job that waits for its turn once more, and again, so that the queue grew faster than it is worked on
        if await here.quiet():
            account = await gas.accounts.get(user_id)
            jobs = await gas.jobs.page(user_id, limit=JOBS + 1)
            assert account
            if account.deadline is None and not moving(jobs) and await here.quiet() and await here.quiet():
                return jobs
            await here.repair()
        await asyncio.sleep(2)
    left, account = moving(await gas.jobs.page(user_id, limit=JOBS + 1)), await gas.accounts.get(user_id)
    raise AssertionError(f"never all back: {len(left)} of {JOBS}, {left[:3]}, {account}\n{here.said()}")


def moving(jobs: list[Job]) -> list[Job]:
    """Those that are not available, or wait for somebody."""
    return [job for job in jobs if job.tier is not Tier.AVAILABLE or job.deadline]


def mails() -> Counter[str]:
    """How many mails were sent about each job."""
    sent = [mail for region in ses_backends["123456789012"].values() for mail in region.sent_messages]
    return Counter(job_id for mail in sent for job_id in set(re.findall(r"/annotations/([0-9a-f-]{36})", mail.body)))


async def test_an_account_of_many_jobs_is_listed_upgraded_and_deleted(aws: dict[str, Any], forks: Forks, tmp_path: Path) -> None:
    verbs = ("restore", "thaw", "notify")
    deadlines = {what: round(SLOWER * seconds) for what, seconds in json.loads(WAITS["GAS_DEADLINE_SECONDS"]).items()}
    others = {"GAS_PAGE_JOBS": str(PAGE_JOBS), "GAS_DEADLINE_SECONDS": json.dumps(deadlines)}
    async with lane(aws, forks, tmp_path, verbs, others=others) as here:
        service, gas = here.service, here.service.gas
        account, other = await service.account(), await service.account()
        jobs, spared = await with_jobs(service, account), await service.in_archive(other)
        ids = [job.job_id for job in jobs]
        assert await listed(service, account.user_id, EVERYTHING) == ids
        assert await listed(service, account.user_id, Wanted(text="1")) == [job.job_id for job in jobs if "1" in job.file_name]

        for daemon in here.daemons.values():
            calls = seeded(SEED, "account", daemon.verb).sample(range(1, JOBS), len(FAULTS) * FAULTS_EACH)
            daemon.proxy.rules = [Rule("dynamodb.UpdateItem", fault, calls.pop()) for fault in FAULTS for _ in range(FAULTS_EACH)]
        assert await subscriptions.change_plan(gas, account.user_id, Plan.PREMIUM)
        back = await all_back(here, account.user_id)
        fired = Counter(rule.fault.name for daemon in here.daemons.values() for rule in daemon.proxy.rules if rule.fired)
        for daemon in here.daemons.values():
            daemon.proxy.rules = []
        assert [job.job_id for job in back] == ids
        copies = [key async for key in gas.results.list("") if f"/{account.user_id}/" in key]
        assert sorted(copies) == sorted(str(job.result) for job in back), "one copy of each, and no archive"
        twice = {job_id: count for job_id, count in mails().items() if job_id in ids and count > 1}
        assert not twice
        assert set(fired) == {fault.name for fault in FAULTS}
        print(f"{JOBS} jobs, {sum(daemon.deaths for daemon in here.daemons.values())} ends of daemons, faults {dict(fired)}")

        looks = 1
        while not await privacy.erase(gas, account, None):
            looks += 1
        print(f"deleted in {looks} requests")
        assert not await gas.jobs.page(account.user_id) and not await gas.accounts.get(account.user_id)
        assert [key async for key in gas.results.list("") if f"/{account.user_id}/" in key] == []
        assert await service.copies(spared) == [spared.archive]
        assert not await here.dead_letters()
        assert [one for one in await here.repair(full=True) if account.user_id in one] == []
