"""Takes one small job of a free user through every stage, on an emulator, and returns what each stage asked of AWS."""

from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from aiohttp import ClientSession, FormData, web

from app.domain.accounts import Account, Plan
from app.domain.jobs import Job, Tier
from app.process.metrics import Metric, Metrics
from app.services import subscriptions
from app.services.backend import Backend, backend
from app.services.doctor import examine
from app.services.identity import Secrets
from app.settings import Settings
from app.web import app_keys
from app.web.main import create_app
from workers import VERBS
from workers.runtime import Consumer

from .recorder import Recorder, Stage, recording

UNHURRIED: dict[str, Any] = {
    "progress_seconds": 3600,
    "lease_seconds": 3600,
    "visibility_seconds": 3600,
    "concurrency": {"thaw": 1, "notify": 1},
    "expedited_look_seconds": 5,
    "standard_look_seconds": 5,
}
"""So that nothing depends on how fast this machine is: no lease is renewed, no notice races our own look, no delete is shared."""

VCF = (
    b"##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    b"MT\t3460\t.\tG\tA\t.\t.\t.\nMT\t11778\t.\tG\tA\t.\t.\t.\n"
)


@dataclass
class Run:
    gas: Backend
    recorder: Recorder
    portal: str
    http: ClientSession
    account: Account
    stages: dict[str, Stage] = field(default_factory=dict)

    async def stage(self, name: str, happen: Callable[[Stage], Awaitable[Any]]) -> Any:
        with self.recorder.record() as stage:
            self.stages[name] = stage
            return await happen(stage)

    async def ask(self, method: str, path: str, **options: Any) -> Any:
        async with self.http.request(method, f"{self.portal}/api/v1{path}", allow_redirects=False, **options) as answer:
            assert answer.status < 400, await answer.text()
            return await answer.json(content_type=None) if "json" in answer.content_type else await answer.read()

    async def handle(self, verb: str, messages: int = 1, *, by_topic: int | None = None) -> None:
        """Lets one daemon handle so many messages, as a stage. Those that SNS delivered (None: all) are requests of the queue."""
        spec = import_module(f"workers.{verb}").SPEC
        consumer = Consumer(spec, await self.gas.queues.open(spec.queue), self.gas, asyncio.Event(), Metrics(verb))

        async def work(stage: Stage) -> None:
            running = asyncio.create_task(consumer.run())
            for _ in range(6000):
                if running.done() or sum(consumer.metrics.values[Metric.HANDLED]) >= messages:
                    break
                await asyncio.sleep(0.01)
            handled, failed = (sum(consumer.metrics.values[metric]) for metric in (Metric.HANDLED, Metric.FAILED))
            consumer.stop.set()
            await running
            assert (handled, failed) == (messages, 0), f"{verb} handled {handled} of {messages}, and {failed} failed"
            for _ in range(messages if by_topic is None else by_topic):
                self.recorder.note("sqs.(delivery by SNS)", "sqs")

        await self.stage(verb, work)

    async def submit(self, stage: Stage) -> str:
        made = await self.ask("POST", "/jobs", json={"file_name": "sample.vcf"})
        form = FormData(made["fields"])
        form.add_field("file", VCF, filename="sample.vcf")
        async with self.http.post(made["url"], data=form, headers={"Authorization": ""}) as answer:
            assert answer.status < 300, await answer.text()
        self.recorder.note("s3.PostObject")
        await self.ask("POST", f"/jobs/{made['job']['job_id']}/submit")
        return made["job"]["job_id"]

    async def now(self, job_id: str) -> Job:
        job = await self.gas.jobs.get(self.account.user_id, job_id)
        assert job
        return job


async def measure(settings: Settings, **client: Any) -> dict[str, Stage]:
    """Every stage by its name. `settings` point at a deployment of its own; `client` says where the emulator is."""
    settings = settings.model_copy(update=UNHURRIED)
    async with recording(**client) as recorder, backend(settings, mail=True) as gas, _portal(settings) as (portal, app):
        account = await gas.accounts.login(str(uuid.uuid4()), name="Test Person", email="success@simulator.amazonses.com")
        tokens = Secrets(app[app_keys.BACKEND].accounts, "TOKEN")
        token = await tokens.issue(account.user_id, int(time.time()) + 3600, scope="write")
        async with ClientSession(headers={"Authorization": f"Bearer {token}"}) as http:
            run = Run(gas, recorder, portal, http, account)
            await _journey(run)
            await _idle(run)
        return run.stages


async def _journey(run: Run) -> None:
    job_id = await run.stage("submit", run.submit)
    await run.handle("annotate")
    await run.stage("look at the job", lambda _: run.ask("GET", f"/jobs/{job_id}"))
    await run.stage("list 20 jobs", lambda _: run.ask("GET", "/jobs?limit=20"))
    await run.stage("download", lambda _: run.ask("GET", f"/jobs/{job_id}/result"))
    await run.handle("archive")
    assert (await run.now(job_id)).tier is Tier.ARCHIVED
    await run.handle("notify", messages=2)
    await run.stage("upgrade", lambda _: subscriptions.change_plan(run.gas, run.account.user_id, Plan.PREMIUM))
    await run.handle("restore", by_topic=0)
    if run.gas.settings.archive_backend == "s3":
        await _notice(run.gas, await run.now(job_id))
    await run.handle("thaw", messages=2, by_topic=1)
    assert (await run.now(job_id)).tier is Tier.AVAILABLE


async def _notice(gas: Backend, job: Job) -> None:
    """S3's word that a retrieval is done, which the emulator does not send."""
    record = {"eventName": "ObjectRestore:Completed", "s3": {"object": {"key": job.archive}}}
    await gas.topics.sns.publish(TopicArn=gas.settings.topic_arns["retrievals"], Message=json.dumps({"Records": [record]}))


async def _idle(run: Run) -> None:
    """One look of the doctor, and each daemon with nothing to do: whatever it asks then, it asks all day."""

    async def look(_: Stage) -> None:
        async for finding in examine(run.gas, repair=True):
            raise AssertionError(finding)

    await run.stage("doctor", look)
    stop = asyncio.Event()
    consumers = []
    for verb in VERBS:
        spec = import_module(f"workers.{verb}").SPEC
        await run.gas.queues.sqs.purge_queue(QueueUrl=run.gas.settings.queue_urls[spec.queue])
        consumers.append(Consumer(spec, await run.gas.queues.open(spec.queue), run.gas, stop, Metrics(verb)))

    async def poll(stage: Stage) -> None:
        running = asyncio.gather(*(consumer.run() for consumer in consumers))
        for _ in range(1200):
            if running.done() or len(stage.idle) >= 2 * len(consumers):
                break
            await asyncio.sleep(0.05)
        stop.set()
        await running

    await run.stage("idle", poll)


@asynccontextmanager
async def _portal(settings: Settings) -> AsyncIterator[tuple[str, web.Application]]:
    # aiohttp-jinja2 keeps its things under plain names
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", web.NotAppKeyWarning)
        app = create_app(settings)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=2)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}", app
        finally:
            await runner.cleanup()


def local() -> dict[str, str]:
    """Where the emulator is, for the recorder's own client: this process's environment says it."""
    return {"endpoint_url": os.environ["AWS_ENDPOINT_URL"], "region_name": "us-east-1"}


def as_counts(stages: dict[str, Stage]) -> dict[str, Any]:
    """What is compared and kept of each stage, in a steady order. An idle daemon's polls are a matter of settings."""
    kept = {name: stage for name, stage in stages.items() if name != "idle"}
    return {
        name: {"calls": dict(sorted(stage.calls.items())), "billed": dict(sorted(stage.billed.items()))}
        for name, stage in kept.items()
    }
