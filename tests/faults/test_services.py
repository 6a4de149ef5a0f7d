"""Whatever call the portal or the doctor dies at, and whichever of their calls fails, each job ends in a right state.

Each act of a user is done once without faults, which tells its calls; then once for every fault at every call, or for a
sample of them, as with the daemons.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from app.aws.queues import NotSent
from app.domain.accounts import Account, Plan
from app.domain.jobs import Job, Status, Tier
from app.domain.keys import input_key
from app.services import submissions, subscriptions
from app.services.backend import Backend, backend
from app.services.doctor import examine
from tests.support.forks import Forks
from tests.support.lanes import ALL, SAMPLE, SEED, Lane, lane, seeded
from tests.support.proxy import CALLS, Call, Proxy, Rule, serving
from tests.support.scenarios import at_rest, problems
from tests.support.service import VCF, Service

pytestmark = pytest.mark.slow

ENDS = {Plan.FREE: Tier.ARCHIVED, Plan.PREMIUM: Tier.AVAILABLE}
Subject = tuple[Account, Job]


async def uploaded(service: Service) -> Subject:
    account = await service.account()
    job = (await submissions.prepare(service.gas, account, "a.vcf", "rcrs", {})).job
    key = input_key(account.user_id, job.job_id)
    await service.gas.inputs.s3.put_object(Bucket=service.gas.inputs.name, Key=key, Body=VCF)
    return account, job


async def submitted(service: Service) -> Subject:
    account = await service.account()
    return account, await service.submit(account)


async def failed(service: Service) -> Subject:
    account = await service.account()
    return account, await service.submit(account, b"")


async def archived(service: Service) -> Subject:
    account = await service.account()
    return account, await service.in_archive(account)


async def kept(service: Service) -> Subject:
    account = await service.account(Plan.PREMIUM)
    job = await service.completed(account)
    assert await service.gas.jobs.clear_deadline_while(job, Plan.PREMIUM)
    return account, await service.now(job)


async def overdue(service: Service) -> Subject:
    """Its message was lost, and so was that of the account's change of plan."""
    account = await service.account()
    job = await service.completed(account)
    late = replace(service.gas, jobs=replace(service.gas.jobs, deadline_seconds={Tier.AVAILABLE: -1}))
    await replace(service.gas.accounts, deadline_seconds=-1).change_plan(account.user_id, Plan.PREMIUM)
    assert await late.jobs.update(job, state=Tier.AVAILABLE)
    return account, job


async def submit(gas: Backend, account: Account, job: Job) -> None:
    await submissions.submit(gas, account, job.job_id)


async def cancel(gas: Backend, account: Account, job: Job) -> None:
    await submissions.cancel(gas, account.user_id, job.job_id)


async def retry(gas: Backend, account: Account, job: Job) -> None:
    key = input_key(account.user_id, job.job_id)
    await gas.inputs.s3.put_object(Bucket=gas.inputs.name, Key=key, Body=VCF)
    await submissions.retry(gas, account, job.job_id)


async def delete(gas: Backend, account: Account, job: Job) -> None:
    await submissions.delete(gas, account.user_id, job.job_id)


async def upgrade(gas: Backend, account: Account, job: Job) -> None:
    await subscriptions.change_plan(gas, account.user_id, Plan.PREMIUM)


async def downgrade(gas: Backend, account: Account, job: Job) -> None:
    await subscriptions.change_plan(gas, account.user_id, Plan.FREE)


async def look(gas: Backend, account: Account, job: Job) -> None:
    async for _ in examine(gas, repair=True):
        pass


Begin, Act = Callable[[Service], Awaitable[Subject]], Callable[[Backend, Account, Job], Awaitable[None]]
ACTS: list[tuple[Begin, Act, set[Status]]] = [
    (uploaded, submit, {Status.COMPLETED}),
    (submitted, cancel, {Status.CANCELLED, Status.COMPLETED}),
    (failed, retry, {Status.FAILED, Status.COMPLETED}),
    (kept, delete, {Status.COMPLETED}),  # or gone
    (archived, delete, {Status.COMPLETED}),
    (archived, upgrade, {Status.COMPLETED}),
    (kept, downgrade, {Status.COMPLETED}),
    (overdue, look, {Status.COMPLETED}),
]


class Mortal:
    """A process that speaks to AWS through a proxy, and can be killed by it."""

    def __init__(self, upstream: str) -> None:
        self.proxy = Proxy(upstream, self.kill, vault=os.environ["AWS_ENDPOINT_URL_GLACIER"])
        self.doing: asyncio.Task[None] | None = None

    def kill(self) -> None:
        assert self.doing
        self.doing.cancel()

    async def does(self, act: Awaitable[None], rule: Rule | None = None) -> list[Call]:
        """Returns the calls that it made before it was through or died."""
        self.proxy.forget()
        self.proxy.rules = [rule] if rule else []
        self.doing = asyncio.ensure_future(act)
        with suppress(asyncio.CancelledError, ClientError, BotoCoreError, NotSent, submissions.Refused):
            await self.doing
        return list(self.proxy.calls)


@asynccontextmanager
async def mortal(here: Lane, upstream: str, patch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Mortal, Backend]]:
    one = Mortal(upstream)
    async with serving(one.proxy):
        with patch.context() as patched:
            patched.setenv("AWS_ENDPOINT_URL", one.proxy.url)
            opened = backend(here.service.gas.settings)
            gas = await opened.__aenter__()
        try:
            yield one, gas
        finally:
            await opened.__aexit__(None, None, None)


@pytest.mark.parametrize(("begin", "act", "ends"), ACTS, ids=lambda value: getattr(value, "__name__", ""))
async def test_a_fault_at_every_call_of_a_service(
    begin: Begin,
    act: Act,
    ends: set[Status],
    aws: dict[str, Any],
    aws_endpoint: str,
    forks: Forks,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with lane(aws, forks, tmp_path, []) as here, mortal(here, aws_endpoint, monkeypatch) as (process, gas):
        calls = await process.does(act(gas, *(await begin(here.service))))
        rules = [Rule(call.operation, fault, call.number) for call in calls for fault in CALLS if fault.befalls(call.operation)]
        if not ALL:
            rules = seeded(SEED, f"{begin.__name__} {act.__name__}").sample(rules, min(SAMPLE, len(rules)))
        jobs = []
        for rule in rules:
            account, job = await begin(here.service)
            await process.does(act(gas, account, job), rule)
            jobs.append(job)
        print(f"{begin.__name__}, {act.__name__}: {', '.join(map(str, calls))}; {len(rules)} faults")
        assert calls and sum(rule.fired for rule in rules) >= len(rules) * 3 // 4
        there = await at_rest(here, [job for job in jobs if await lasts(here, job, act)])
        found = await problems(here, there)
        for job in there:
            now = await here.service.gas.accounts.get(job.user_id)
            assert now
            if job.status not in ends or job.tier is not (ENDS[now.plan] if job.status is Status.COMPLETED else Tier.NONE):
                found.append(f"{now.plan}, and {job}")
        for job in jobs:
            if job.job_id not in {one.job_id for one in there} and await here.service.copies(job):
                found.append(f"deleted, and copies are there: {job}")
        assert not found, "\n".join(found)


async def lasts(here: Lane, job: Job, act: Act) -> bool:
    """False once the job is gone, as it may be where it was to be deleted."""
    for _ in range(100):
        found = await here.service.gas.jobs.get(job.user_id, job.job_id)
        if found is None:
            assert act is delete
            return False
        if found.status is not Status.DELETING:
            return True
        await here.repair()
        await asyncio.sleep(0.3)
    raise AssertionError(f"never deleted: {job}")
