"""Annotates one job: claims it, runs the engine on its input, stores the outputs, and says that it has ended."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import aiohttp
import structlog
from botocore.exceptions import BotoCoreError, ClientError

from app.domain.jobs import Fault, Job, Status, Trigger
from app.domain.keys import COLUMNS, Gone, Output, input_key, output_key
from app.domain.messages import JobRequested
from app.engine.warmed import Warmed
from app.services.backend import Backend
from app.settings import Settings
from workers.admission import LargeJobLimit
from workers.bundles import Renewal, install
from workers.finish import finish
from workers.lease import LeaseLost, lease
from workers.node import NodeUnfit, fault_of_node, say_unfit, why_unfit
from workers.runtime import Delivery, Reschedule, Spec

log = structlog.get_logger()
LARGE_JOBS = LargeJobLimit()
RENEWAL = Renewal()
OUTAGE = (ClientError, BotoCoreError, aiohttp.ClientError)
"""How it looks when AWS does not answer as it should."""

LINE_BYTES = 1 << 20
"""Of what the engine says at once."""

MOST_TRIES = 3
"""Attempts after which an engine that fails makes the job fail."""

MOST_CLAIMS = 12
"""Claims after which a job is given up even if no attempt lived long enough to say what is wrong."""

MEDIA_TYPES = {
    Output.RESULT: "application/gzip",
    Output.INDEX: "application/octet-stream",
    Output.SUMMARY: "application/octet-stream",  # JSON, and behind it the columns
    Output.REJECTED: "text/tab-separated-values",
}
OUR_FAULT = "Something went wrong on our side, not with your file. We have been told; you can run the job again."
INPUT_GONE = "The uploaded file was replaced or removed after it was submitted. Please upload it again."


class EngineFailed(RuntimeError):
    """The engine ended in another way than it should: our fault, and worth another attempt."""


@dataclass
class Engine:
    """What the running child last said."""

    progress: dict[str, Any] = field(default_factory=dict)
    last: dict[str, Any] = field(default_factory=dict)


async def handle(delivery: Delivery, backend: Backend) -> None:
    """Annotates the job, or does the last steps of one that has ended. Raises Reschedule while another daemon has it."""
    message = delivery.message
    assert isinstance(message, JobRequested)
    user_id, job_id = message.user_id, message.job_id
    RENEWAL.look(backend.settings)
    slots = backend.settings.concurrency.get(SPEC.verb, SPEC.concurrency)
    with LARGE_JOBS.slot(message, backend.now(), slots, backend.settings):
        claimed = await backend.jobs.advance(user_id, job_id, Trigger.CLAIM, started_at=backend.now(), phase="starting")
        ended = await _attempt(backend, claimed) if claimed else None
    job = ended or await backend.jobs.get(user_id, job_id)
    if job and job.status is Status.RUNNING:
        left = max(0, (job.deadline or 0) - backend.now()) / 1000
        raise Reschedule(left + 1, "another annotator holds the lease, or this one's answer was lost")
    unsure = delivery.redelivered or not ended or ended.attempts > 1
    await finish(backend, message, job, job.status if job else None, listing=unsure)


async def _attempt(backend: Backend, job: Job) -> Job | None:
    """Runs the engine under the claim's rev. Returns the ended job, or None if the claim was lost on the way."""
    if job.tries > MOST_CLAIMS:
        return await _fail(backend, job, Fault.SYSTEM, OUR_FAULT)
    engine = Engine()
    try:
        return await _at_work(backend, job, engine)
    except NodeUnfit:
        # there was perhaps no lease yet to give up
        await backend.jobs.update(job, state=Status.RUNNING, deadline_seconds=0, outage_attempts=job.outage_attempts + 1)
        raise


async def _at_work(backend: Backend, job: Job, engine: Engine) -> Job | None:
    """As `_attempt`. Raises NodeUnfit where it is the host that fails."""
    try:
        with tempfile.TemporaryDirectory(prefix="gas-annotate-") as folder:
            async with lease(backend, job, Status.RUNNING, lambda: engine.progress):
                return await _annotate(backend, job, Path(folder), engine)
    except LeaseLost:
        log.info("lease lost")
        return None
    except Gone:
        return await _fail(backend, job, Fault.USER, INPUT_GONE)
    except OUTAGE:
        await backend.jobs.update(job, outage_attempts=job.outage_attempts + 1)
        raise
    except EngineFailed as error:
        why = str(error) if engine.last.get("of_node") else await why_unfit(backend.settings)
        if why:
            raise NodeUnfit(why) from error
        if job.tries < MOST_TRIES:
            raise
        log.error("engine failed for good", error=str(error), attempts=job.attempts)
        return await _fail(backend, job, Fault.SYSTEM, OUR_FAULT)
    except (OSError, RuntimeError) as error:
        why = fault_of_node(error)
        if not why and isinstance(error, OSError):
            why = await why_unfit(backend.settings)
        if why:
            raise NodeUnfit(why) from error
        raise


async def _annotate(backend: Backend, job: Job, folder: Path, engine: Engine) -> Job | None:
    source, out = folder / "input", folder / "out"
    out.mkdir()
    await backend.inputs.download(input_key(job.user_id, job.job_id), source, etag=job.etag)
    await _run(job, source, out, engine, backend.settings)
    if engine.last["event"] == "rejected":
        lines = {"faults": json.dumps(engine.last["faults"]), "skippable": engine.last["skippable"]}
        return await _fail(backend, job, Fault.USER, engine.last["message"], line=engine.last.get("line"), **lines)
    engine.progress = {**engine.progress, "phase": "storing"}
    summary_size = await asyncio.to_thread(_join_columns, out)
    keys = {output: output_key(job.user_id, job.job_id, job.rev, output) for output in Output if (out / output).exists()}
    uploads = [backend.results.upload(out / output, key, MEDIA_TYPES[output]) for output, key in keys.items()]
    stored, *_ = await asyncio.gather(*uploads)
    return await backend.jobs.advance(
        job.user_id,
        job.job_id,
        Trigger.COMPLETE,
        at=job.rev,
        result=keys[Output.RESULT],
        index=keys[Output.INDEX],
        summary=keys[Output.SUMMARY],
        summary_size=summary_size,
        rejected=keys.get(Output.REJECTED),
        set_aside=engine.last["set_aside"],
        result_size=stored.size,
        result_checksum=stored.checksum,
        bundle=engine.last["bundle"],
        records=engine.last["records"],
        phase="done",
        percent=100,
        finished_at=backend.now(),
    )


def _join_columns(out: Path) -> int:
    """Puts the columns behind the summary, so that both are one object; returns the bytes of the summary."""
    summary = out / Output.SUMMARY
    size = summary.stat().st_size
    with summary.open("ab") as target, (out / COLUMNS).open("rb") as columns:
        shutil.copyfileobj(columns, target)
    return size


async def _fail(
    backend: Backend, job: Job, fault: Fault, message: str, *, line: int | None = None, faults: str = "", skippable: int = 0
) -> Job | None:
    ended: dict[str, Any] = {"fault": fault, "message": message, "line": line, "finished_at": backend.now()}
    ended |= {"faults": faults, "skippable": skippable} if skippable or line else {}
    return await backend.jobs.advance(job.user_id, job.job_id, Trigger.FAIL, at=job.rev, **ended)


async def _run(job: Job, source: Path, out: Path, engine: Engine, settings: Settings) -> None:
    """Runs the engine as a child and follows what it says. Raises EngineFailed unless it is done or rejects the input."""
    arguments = [str(source), str(out), "--name-from-stdin", f"--level={settings.deflate_level}"]
    arguments += ["--skip-bad"] if job.skip_bad else []
    arguments += [f"--bundle={job.bundle}"] if job.assembly else []
    arguments += [f"--among={settings.bundle(assembly)}" for assembly in settings.references]
    arguments += [f"--bundles={settings.bundles}"] if settings.bundles else []
    arguments += [f"--limit={name}={most:g}" for name, most in settings.engine_limits.items()]
    async with _child(_warmed(settings), arguments, job.file_name.encode(errors="replace")) as child:
        complaints = asyncio.create_task(_tail(child.stderr))
        async for line in child.stdout:
            engine.last = json.loads(line)
            if engine.last["event"] == "progress":
                engine.progress = {name: engine.last[name] for name in ("phase", "records")}
                engine.progress["percent"] = int(engine.last["percent"])
        ended, said = await child.wait(), await complaints
    expected = {0: "done", 1: "rejected"}.get(-1 if ended is None else ended)
    if expected is None or engine.last.get("event") != expected:
        raise EngineFailed(f"exit {ended}, last said {engine.last}, complained {said}")


@lru_cache(maxsize=1)
def _warmed_for(bundles: str) -> Warmed:
    return Warmed(*([Path(bundles)] if bundles else []))


def _warmed(settings: Settings) -> Warmed:
    return _warmed_for(settings.bundles)


async def prepare(settings: Settings) -> None:
    """Brings the reference bundles to this host, and starts the warmed engine.

    Raises Unusable if a bundle is missing, NodeUnfit if nothing could be annotated here.
    """
    await install(settings)
    if why := await why_unfit(settings):
        # a job that failed for want of the host ends the daemon; that another start finds the same is why this is said here only
        await say_unfit(settings, why)
        raise NodeUnfit(why)
    _warmed(settings).warm()


@dataclass
class EngineChild:
    """A running job of the engine: what it says, and its process id, 0 if the warmed process died before it was there."""

    stdout: asyncio.StreamReader
    stderr: asyncio.StreamReader
    life: asyncio.StreamReader
    pid: int = 0

    async def wait(self) -> int | None:
        """Waits for the end. Returns the exit code, negative for a signal; None if the warmed process died with its jobs."""
        return await self._said(b"exit")

    async def begun(self) -> None:
        """Waits until there is a process. Raises OSError where the host has no room for one."""
        self.pid = await self._said(b"pid") or 0

    async def _said(self, word: bytes) -> int | None:
        said, _, number = (await self.life.readline()).partition(b" ")
        if said == b"unable":
            raise OSError(int(number), os.strerror(int(number)))
        return int(number) if said == word else None


@asynccontextmanager
async def _child(warmed: Warmed, arguments: list[str], stdin: bytes) -> AsyncIterator[EngineChild]:
    """A child of the warmed engine that does not outlive the block."""
    started = warmed.start(arguments, stdin)
    readers: list[asyncio.StreamReader] = []
    async with AsyncExitStack() as open_:
        for descriptor in (started.stdout, started.stderr):
            readers.append(asyncio.StreamReader(limit=LINE_BYTES))
            protocol = partial(asyncio.StreamReaderProtocol, readers[-1])
            transport, _ = await asyncio.get_running_loop().connect_read_pipe(protocol, os.fdopen(descriptor, "rb", 0))
            open_.callback(transport.close)
        life, writer = await asyncio.open_connection(sock=started.life)
        open_.callback(writer.close)
        child = EngineChild(readers[0], readers[1], life)
        await child.begun()
        try:
            yield child
        finally:
            with suppress(OSError):
                writer.write_eof()  # one that is still there is asked to end, and killed if it does not
            await life.read()


async def _tail(stream: asyncio.StreamReader, most: int = 4000) -> str:
    """Reads all. Returns the last `most` bytes."""
    kept = b""
    while chunk := await stream.read(1 << 16):
        kept = (kept + chunk)[-most:]
    return kept.decode(errors="replace")


SPEC = Spec("annotate", "job_requests", (JobRequested,), concurrency=2, handle=handle, prepare=prepare)
