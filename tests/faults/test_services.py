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
from app.domain.jobs import Job, Status, Tier, batch_id
from app.domain.keys import input_key
from app.services import batches, labels, saved, submissions, subscriptions
from app.services.backend import Backend, backend
from app.services.doctor import examine
from tests.support.forks import Forks
from tests.support.lanes import ALL, SAMPLE, SEED, Lane, lane, seeded
from tests.support.proxy import CALLS, Call, Proxy, Rule, serving
from tests.support.scenarios import at_rest, problems
from tests.support.service import VCF, Service
from workers import runtime

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


async def annotated(service: Service) -> Subject:
    """Completed, and its file is still there."""
    account = await service.account()
    job = await service.completed(account)
    await service.gas.inputs.s3.put_object(Bucket=service.gas.inputs.name, Key=input_key(job.user_id, job.job_id), Body=VCF)
    return account, job


async def several(service: Service) -> Subject:
    account, job = await kept(service)
    for _ in range(2):
        other = await service.completed(account)
        assert await service.gas.jobs.clear_deadline_while(other, Plan.PREMIUM)
    return account, job


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


async def delete_all(gas: Backend, account: Account, job: Job) -> None:
    """As the list does with what is chosen in it."""
    for one in await gas.jobs.page(account.user_id):
        await submissions.find(gas, account.user_id, one.job_id)
        await submissions.delete(gas, account.user_id, one.job_id)


async def renew(gas: Backend, account: Account, job: Job) -> None:
    await submissions.renew(gas, account, job.job_id)


async def relabel(gas: Backend, account: Account, job: Job) -> None:
    await labels.label(gas, account.user_id, job.job_id, name="other.vcf", tags=["trio"], note="The child.")


async def keep(gas: Backend, account: Account, job: Job) -> None:
    for genes in ("MT-ND1 MT-ND4", "MT-ND1"):
        await saved.keep(gas, account.user_id, saved.Kind.PANELS, "LHON", genes)
    await saved.forget(gas, account.user_id, saved.Kind.PANELS, "none")


async def send_together(gas: Backend, account: Account, job: Job) -> None:
    batch = submissions.Batch(batch_id(gas.now(), os.urandom(10)), 2)
    for _ in range(batch.files):
        upload = await submissions.prepare(gas, account, "a.vcf", "rcrs", {}, os.urandom(8).hex(), batch)
        await gas.inputs.s3.put_object(Bucket=gas.inputs.name, Key=input_key(account.user_id, upload.job.job_id), Body=VCF)
        await submissions.submit(gas, account, upload.job.job_id)


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
    (several, delete_all, {Status.COMPLETED}),
    (annotated, renew, {Status.COMPLETED}),
    (archived, relabel, {Status.COMPLETED}),
    (kept, keep, {Status.COMPLETED}),
    (archived, send_together, {Status.COMPLETED}),
]
ENDING = (delete, delete_all, renew, send_together)
"""Acts after which a job may be gone: it was to be deleted, or what was begun never got its file."""


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
    # files that were announced and never came are waited for, and mails about all of them, as long as a test can
    monkeypatch.setattr(batches, "STILL_UPLOADING_MS", 5_000)
    monkeypatch.setattr(runtime, "FIRST_PUT_OFF", 1)
    async with lane(aws, forks, tmp_path, []) as here, mortal(here, aws_endpoint, monkeypatch) as (process, gas):
        calls = await process.does(act(gas, *(await begin(here.service))))
        rules = [Rule(call.operation, fault, call.number) for call in calls for fault in CALLS if fault.befalls(call.operation)]
        seeded(SEED, f"{begin.__name__} {act.__name__}").shuffle(rules)
        jobs, fired = [], 0
        for rule in rules:
            if fired == SAMPLE and not ALL:
                break
            account, job = await begin(here.service)
            before = await here.service.gas.jobs.page(account.user_id)
            await process.does(act(gas, account, job), rule)
            after = await here.service.gas.jobs.page(account.user_id)
            jobs += {one.job_id: one for one in [*before, *after]}.values()
            fired += rule.fired
        print(f"{begin.__name__}, {act.__name__}: {', '.join(map(str, calls))}; {fired} of {len(rules)} faults")
        # a call of the first time may not be made again, as one for what a busy annotator did meanwhile
        assert calls and fired >= (len(rules) * 3 // 4 if ALL else min(SAMPLE, len(rules)))
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
    """False once the job is gone, as it may be where it was to be deleted, or never got its file; waits for either end."""
    for _ in range(600):
        found = await here.service.gas.jobs.get(job.user_id, job.job_id)
        if found is None:
            assert act in ENDING
            return False
        if found.status not in (Status.DELETING, Status.UPLOADING):
            return True
        await here.repair()
        await asyncio.sleep(0.3)
    raise AssertionError(f"never submitted or deleted: {job}")
