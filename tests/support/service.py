"""Daemons in this process on a deployment, and jobs brought to where a test begins."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from app.domain.accounts import Account, Plan
from app.domain.jobs import Job, Status, Tier, Trigger
from app.domain.keys import input_key
from app.domain.messages import AnyMessage, parse
from app.domain.uploads import DAY_MS
from app.process.metrics import Metrics
from app.services import submissions, subscriptions
from app.services.backend import Backend
from app.services.doctor import examine
from app.settings import Settings
from tests.support.polls import ended
from workers.runtime import Consumer, Delivery, Spec

VCF = (
    b"##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    b"MT\t3460\t.\tG\tA\t.\t.\t.\nMT\t11778\t.\tG\tA\t.\t.\t.\n"
)


@dataclass
class Service:
    """What a test does to a deployment, and sees of it."""

    gas: Backend
    aws: dict[str, Any]

    async def account(self, plan: Plan = Plan.FREE) -> Account:
        user_id = str(uuid.uuid4())
        account = await self.gas.accounts.login(user_id, name="Ada <i>", email=f"{user_id[:8]}@example.org")
        if plan is Plan.PREMIUM:
            changed = await self.gas.accounts.change_plan(user_id, plan)
            assert changed
            await self.gas.accounts.clear_deadline(user_id, changed.version)
            account = replace(changed, deadline=None)
        return account

    async def submit(self, account: Account, body: bytes = VCF, name: str = "a.vcf") -> Job:
        upload = await submissions.prepare(self.gas, account, name, "rcrs", {})
        key = input_key(account.user_id, upload.job.job_id)
        await self.gas.inputs.s3.put_object(Bucket=self.gas.inputs.name, Key=key, Body=body)
        return await submissions.submit(self.gas, account, upload.job.job_id)

    async def change(self, account: Account, plan: Plan) -> None:
        assert await subscriptions.change_plan(self.gas, account.user_id, plan)

    async def now(self, job: Job) -> Job:
        found = await self.gas.jobs.get(job.user_id, job.job_id)
        assert found
        return found

    async def until(self, job: Job, holds: Callable[[Job], bool], seconds: float = 60) -> Job:
        """Waits until the record satisfies `holds`; fails with the record if it never does."""
        for _ in range(int(seconds * 10)):
            if holds(found := await self.now(job)):
                return found
            await asyncio.sleep(0.1)
        raise AssertionError(f"never: {found}")

    async def until_quiet(self, seconds: float = 60) -> None:
        """Waits until every queue is empty, in flight and delayed included."""
        names = ("", "NotVisible", "Delayed")
        for _ in range(int(seconds * 4)):
            waiting = 0
            for url in self.gas.settings.queue_urls.values():
                attributes = [f"ApproximateNumberOfMessages{name}" for name in names]
                said = await self.aws["sqs"].get_queue_attributes(QueueUrl=url, AttributeNames=attributes)
                waiting += sum(int(said["Attributes"][attribute]) for attribute in attributes)
            if not waiting:
                return
            await asyncio.sleep(0.25)
        raise AssertionError("queues never emptied")

    async def handle(self, verb: str, message: AnyMessage, *, again: bool = False) -> None:
        """One delivery, without the runtime around it."""
        await spec(verb).handle(Delivery(message, again), self.gas)

    async def dead(self, queue: str) -> list[str]:
        """Bodies in the dead-letter queue."""
        url = (await self.gas.queues.open(queue)).dead_letter_url
        answer = await self.aws["sqs"].receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        return [message["Body"] for message in answer.get("Messages", [])]

    async def sent(self, queue: str) -> list[AnyMessage]:
        """Takes what waits in a queue."""
        url, found = self.gas.settings.queue_urls[queue], []
        while messages := (await self.aws["sqs"].receive_message(QueueUrl=url, MaxNumberOfMessages=10)).get("Messages"):
            found += [message for received in messages for message in parse(received["Body"])]
        return found

    async def copies(self, job: Job) -> list[str]:
        prefixes = [f"{kind}/{job.user_id}/{job.job_id}/" for kind in ("results", "archive")]
        return [key for prefix in prefixes async for key in self.gas.results.list(prefix)]

    async def findings(self) -> list[str]:
        return [str(finding) async for finding in examine(self.gas, repair=False, full=True)]

    async def in_archive(self, account: Account, body: bytes = b"result") -> Job:
        """A completed job of a free account whose result is archived, made by the protocol's own steps."""
        job = await self.completed(account, body)
        archive = await self.gas.archive.store(job, job.rev)
        archived = await self.gas.jobs.advance_while(job, Plan.FREE, Trigger.ARCHIVED, archive=archive, result=None)
        assert archived
        await self.gas.results.delete([str(job.result)])
        await self.gas.jobs.clear_deadline(archived)
        return await self.now(archived)

    async def completed(self, account: Account, body: bytes = b"result", age_days: int = 0, **given: Any) -> Job:
        """A completed job without the engine having run: its result is `body`; `given`: of the job."""
        job_id = submissions.job_id(self.gas.now() - age_days * DAY_MS, os.urandom(10))
        made = await self.gas.jobs.create(Job(user_id=account.user_id, job_id=job_id, submitted_at=1, **given))
        await self.gas.jobs.advance(made.user_id, made.job_id, Trigger.SUBMIT)
        running = await self.gas.jobs.advance(made.user_id, made.job_id, Trigger.CLAIM)
        assert running
        key = f"results/{made.user_id}/{made.job_id}/{running.rev}/annot.vcf.gz"
        await self.gas.results.s3.put_object(Bucket=self.gas.results.name, Key=key, Body=body, ChecksumAlgorithm="CRC64NVME")
        values: dict[str, Any] = {"result": key, "result_size": len(body)}
        done = await self.gas.jobs.advance(made.user_id, made.job_id, Trigger.COMPLETE, at=running.rev, **values)
        assert done and done.status is Status.COMPLETED and done.tier is Tier.AVAILABLE
        return done


def environment(settings: Settings) -> dict[str, str]:
    """What a process needs to work on the deployment of these settings."""
    named = settings.model_dump(include={"queue_urls", "topic_arns", "table_names", "bucket_names", "vault"})
    return {f"GAS_{name.upper()}": json.dumps(value) if isinstance(value, dict) else value for name, value in named.items()}


def spec(verb: str) -> Spec:
    return import_module(f"workers.{verb}").SPEC


@asynccontextmanager
async def working(gas: Backend, *specs: Spec) -> AsyncIterator[asyncio.Event]:
    """Consumers at work until the block ends; yields the event that stops them."""
    stop = asyncio.Event()
    consumers = [Consumer(one, await gas.queues.open(one.queue), gas, stop, Metrics(one.verb)) for one in specs]
    with ExitStack() as polls:
        async with asyncio.TaskGroup() as tasks:
            for consumer in consumers:
                tasks.create_task(consumer.run())
            try:
                yield stop
            finally:
                stop.set()
                polls.enter_context(ended(consumer.queue.url for consumer in consumers))
