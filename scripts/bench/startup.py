"""How soon each process is ready, what it holds when it has nothing to do, and how soon a small job is done."""

from __future__ import annotations

import asyncio
import time

from app.domain.jobs import Status, Tier
from app.domain.messages import JobRequested
from scripts.bench import seeds
from scripts.bench.answerer import Answerer
from scripts.bench.portal import free_port, settings
from scripts.bench.processes import running
from scripts.bench.report import Row
from workers import VERBS

PROCESSES = {"web": ["web"], "doctor": ["doctor", "--every", "600"], **{verb: ["worker", verb] for verb in VERBS}}
IDLE_SECONDS = 3


async def measure(aws: Answerer) -> list[Row]:
    rows = []
    for name, arguments in PROCESSES.items():
        async with running(settings(aws, free_port()), *arguments) as process:
            cpu = process.cpu()
            await asyncio.sleep(IDLE_SECONDS)
            rows += [
                Row("start", name, "until ready", process.ready, "s", "<= 1"),
                Row("start", name, "CPU until ready", cpu, "s"),
                Row("start", name, "memory while idle", process.memory(), "MB", "<= 80" if name in VERBS else ""),
            ]
    return rows


async def prompt(aws: Answerer, times: int) -> list[Row]:
    """A job of two variants, one at a time, from its message to its record, with an idle annotator."""
    took = []
    async with running(seeds.environment(aws), "worker", "annotate") as process:
        await asyncio.sleep(1)
        cpu = process.cpu()
        for _ in range(times):
            job = seeds.Seeder(aws).job(seeds.Seeder(aws).account(), Status.PENDING, Tier.NONE)
            ended, began = aws.statuses[Status.COMPLETED] + 1, time.perf_counter()
            aws.send("job_requests", JobRequested(user_id=job.user_id, job_id=job.job_id).body())
            async with asyncio.timeout(120):
                while aws.statuses[Status.COMPLETED] < ended:
                    aws.noticed.clear()
                    await aws.noticed.wait()
            took.append(time.perf_counter() - began)
        cpu = process.cpu() - cpu
    case = f"a small job, {aws.latency * 1000:.0f} ms"
    return [
        Row("prompt", case, "until completed, median", sorted(took)[len(took) // 2], "s", "<= 1.5"),
        Row("prompt", case, "CPU, engine included", cpu / times, "s"),
    ]
