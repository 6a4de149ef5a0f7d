"""Each daemon on a full queue, beside a loop that makes the same calls one at a time with boto3, in the same run."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import re
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from typing import Any
from unittest.mock import patch

from app.process.metrics import Metrics
from app.services.backend import backend
from app.settings import Settings
from scripts.bench import seeds
from scripts.bench.answerer import STORED, Answerer
from scripts.bench.processes import running
from scripts.bench.replay import WARM, Call
from scripts.bench.report import Row
from workers.runtime import Consumer, Spec

LATENCIES = (0, 0.020)
TEN_TIMES = ("archive", "restore", "thaw")
BARS = {"archive": ("<= 7", "<= 12"), "thaw": ("<= 7", "<= 12")}
"""Of calls a message, and of milliseconds of CPU, while the queue is full."""

STEP_TIMEOUT_SECONDS = 120


async def measure(aws: Answerer, case: str, seconds: float) -> list[Row]:
    """The rows of one case, each part about `seconds` long."""
    verb, queue, make = seeds.CASES[case]
    calls = await _recorded(aws, verb, queue, make(seeds.Seeder(aws)).body())
    spec: Spec = import_module(f"workers.{verb}").SPEC
    rows = [Row("daemons", case, "AWS calls", len(calls))]
    for latency in LATENCIES:
        aws.latency = latency
        at = f"at {latency * 1000:.0f} ms"
        rate, cpu, asked = await _daemon(aws, verb, queue, make, seconds)
        most_calls, most_cpu = BARS.get(case, ("", ""))
        rows += [
            Row("daemons", case, f"messages/s {at}", rate),
            Row("daemons", case, f"AWS calls a message {at}", asked, "", most_calls),
            Row("daemons", case, f"CPU a message {at}", 1000 * cpu, "ms", most_cpu),
        ]
        if verb == "annotate":  # most of it is the engine
            continue
        loop = await _replayed(aws, queue, "boto3", calls, 1, seconds)
        bare = await _replayed(aws, queue, "aiobotocore", calls, spec.concurrency, seconds)
        target = {"target": ">= 10"} if latency and verb in TEN_TIMES else {}
        rows += [
            Row("daemons", case, f"boto3 loop, messages/s {at}", loop[0]),
            Row("daemons", case, f"times the boto3 loop {at}", rate / loop[0], "", **target),
            Row("daemons", case, f"CPU of aiobotocore alone {at}", 1000 * bare[1], "ms"),
            Row("daemons", case, f"CPU of GAS {at}", 1000 * (cpu - bare[1]), "ms", "<= 6"),
        ]
    aws.latency = 0
    return rows


async def _daemon(aws: Answerer, verb: str, queue: str, make: Any, seconds: float) -> tuple[float, float, float]:
    """Messages a second, and CPU seconds and calls a message, of the daemon in a process of its own."""
    async with running(seeds.environment(aws), "worker", verb) as process:
        warm = 40 if verb != "annotate" else 4
        began = time.perf_counter()
        await _drain(aws, queue, make, warm)
        count = max(warm, round(seconds * warm / (time.perf_counter() - began)))
        began, cpu, asked = time.perf_counter(), process.cpu(), aws.calls.total()
        await _drain(aws, queue, make, count)
        return count / (time.perf_counter() - began), (process.cpu() - cpu) / count, (aws.calls.total() - asked) / count


async def _drain(aws: Answerer, queue: str, make: Any, count: int) -> None:
    until = aws.deleted + count
    seeder = seeds.Seeder(aws)
    bodies = [make(seeder).body() for _ in range(count)]
    for body in bodies:
        aws.send(queue, body)
    await _until_deleted(aws, until)
    # what is done is not needed any more, and would only make the answerer larger
    aws.tables.clear()
    aws.objects.clear()


async def _recorded(aws: Answerer, verb: str, queue: str, body: str) -> list[Call]:
    """Every call that the daemon's own code makes for this message, from its receive to its delete."""
    found: list[Call] = []

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        service = model.service_model.service_name
        found.append((service, re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", model.name).lower(), dict(params)))

    with patch.dict(os.environ, seeds.environment(aws)):
        async with backend(Settings(), mail=verb == "notify") as opened:
            spec: Spec = import_module(f"workers.{verb}").SPEC
            stop, open_queue = asyncio.Event(), await opened.queues.open(queue)
            adapters = (opened.jobs.dynamodb, opened.results.s3, opened.queues.sqs, opened.topics.sns)
            for client in (*adapters, *([opened.mail.ses] if opened.mail else [])):
                client.meta.events.register("before-parameter-build", note)
            aws.send(queue, body)
            until = aws.deleted + 1
            work = asyncio.create_task(Consumer(spec, open_queue, opened, stop, Metrics(verb)).run())
            await _until_deleted(aws, until)
            stop.set()
            await work
    return list(_once(found))


async def _until_deleted(aws: Answerer, count: int) -> None:
    async with asyncio.timeout(STEP_TIMEOUT_SECONDS):
        while aws.deleted < count:
            aws.noticed.clear()
            await aws.noticed.wait()


def _once(calls: list[Call]) -> Iterator[Call]:
    """With one receive, of one message."""
    received = False
    for service, method, arguments in calls:
        if method != "receive_message":
            yield service, method, arguments
        elif not received:
            received = True
            yield service, method, arguments | {"MaxNumberOfMessages": 1}


async def _replayed(
    aws: Answerer, queue: str, kind: str, calls: list[Call], concurrency: int, seconds: float
) -> tuple[float, float]:
    """Messages a second, and CPU seconds a message."""
    a_message = len(calls) * (0.001 + aws.latency) / concurrency
    count = max(5, concurrency, round(seconds / a_message / 2))
    for _ in range(count + WARM):
        aws.send(queue, "{}")
    for service, _, arguments in calls:
        if service == "s3" and "Key" in arguments:  # what is looked for is there
            aws.objects.setdefault(arguments["Key"], (STORED, b""))
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "scripts.bench.replay",
        kind,
        str(concurrency),
        str(count),
        env={**os.environ, **seeds.environment(aws)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await child.communicate(pickle.dumps(calls))
    if child.returncode:
        raise RuntimeError(f"the replay with {kind} ended with {child.returncode}")
    aws.queues[queue].clear()
    result = json.loads(said)
    return count / result["seconds"], result["cpu"] / count
