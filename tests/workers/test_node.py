"""A host that cannot work: the job goes back and uses no attempt, the host says why and takes no more."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.jobs import Status, Trigger
from app.domain.messages import JobRequested, parse
from app.process.metrics import Metrics
from app.services.backend import Backend
from app.settings import Settings
from tests.support.service import Service
from workers import annotate, runtime
from workers.lease import RenewalFailed, lease
from workers.node import NodeUnfit, unfit
from workers.runtime import Consumer, Delivery, Spec

needs_mounts = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts file systems")
Disk = Callable[[str], Path]


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """A small file system in memory as the folder for temporary files, spoilt in a way."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mounted(how: str) -> Path:
        options = {"inodes": "size=4m,nr_inodes=3"}.get(how, "size=4m")
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "gas-test", folder], capture_output=True, check=False)
        if done.returncode:
            pytest.skip(f"mounts are not allowed here: {done.stderr.decode()}")
        if how == "full":
            with pytest.raises(OSError, match="No space left"), (folder / "filler").open("wb") as filler:
                while True:
                    filler.write(bytes(1 << 16))
        if how == "inodes":
            for name in "ab":
                (folder / name).touch()
        if how == "read-only":
            subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        return folder

    yield mounted
    subprocess.run(["umount", folder], capture_output=True, check=False)


@needs_mounts
@pytest.mark.parametrize(
    ("how", "said"), [("full", "disk is full"), ("inodes", "no inode left"), ("read-only", "disk is read-only")]
)
async def test_a_job_goes_back_from_a_disk_that_takes_nothing(
    how: str, said: str, disk: Disk, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await service.submit(await service.account())
    disk(how)
    for attempt in (1, 2):
        with pytest.raises(NodeUnfit, match=said):
            await service.handle("annotate", JobRequested(user_id=job.user_id, job_id=job.job_id))
        now = await service.now(job)
        assert (now.status, now.attempts, now.tries) == (Status.RUNNING, attempt, 0)
    assert said in unfit(service.gas.settings) or "too little" in unfit(service.gas.settings)
    monkeypatch.setattr(tempfile, "tempdir", None)  # another host
    await service.handle("annotate", JobRequested(user_id=job.user_id, job_id=job.job_id), again=True)
    done = await service.now(job)
    assert (done.status, done.tries) == (Status.COMPLETED, 1)


def test_a_host_that_is_well_is_fit(service: Service) -> None:
    assert unfit(service.gas.settings) == ""


def test_a_missing_binary_is_said(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert "/nowhere/python" in unfit(service.gas.settings)


def test_a_broken_bundle_is_said(service: Service, tmp_path: Path) -> None:
    settings = service.gas.settings.model_copy(update={"bundles": str(tmp_path), "references": {"GRCh38": "grch38"}})
    assert "the reference bundle of GRCh38 cannot be used" in unfit(settings)


async def test_an_unfit_host_does_not_begin(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotate, "unfit", lambda _: "the disk is full")
    with pytest.raises(NodeUnfit, match="the disk is full"):
        await annotate.prepare(settings)


def consumer(service: Service, queue: object, handle: Callable[..., object]) -> Consumer:
    spec = Spec("annotate", "job_requests", (JobRequested,), 2, handle)  # type: ignore[arg-type]
    return Consumer(spec, queue, service.gas, asyncio.Event(), Metrics("annotate"))  # type: ignore[arg-type]


async def test_a_daemon_on_an_unfit_host_gives_back_and_ends(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "FIRST_PUT_OFF", 0)

    async def handle(_: Delivery, __: Backend) -> None:
        raise NodeUnfit("the disk is full")

    job = await service.submit(await service.account())
    queue = await service.gas.queues.open("job_requests")
    with pytest.raises(NodeUnfit, match="the disk is full"):
        async with asyncio.timeout(60):
            await consumer(service, queue, handle).run()
    async with asyncio.timeout(60):
        while not (received := await queue.receive(1, 1, 30)):
            pass
    (message,) = parse(received[0].body)
    assert isinstance(message, JobRequested)
    assert (message.job_id, message.again, received[0].receives) == (job.job_id, True, 1)


async def test_a_heartbeat_that_breaks_ends_the_daemon(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    async def handle(_: Delivery, __: Backend) -> None:
        await asyncio.sleep(3600)

    await service.submit(await service.account())
    queue = await service.gas.queues.open("job_requests")

    async def broken(*_: object) -> bool:
        raise ValueError("a fault of ours")

    daemon = consumer(service, queue, handle)
    daemon.visibility = 1
    daemon.backend = replace(service.gas, settings=service.gas.settings.model_copy(update={"drain_seconds": 0}))
    monkeypatch.setattr(type(queue), "change_visibility", broken)
    with pytest.raises(ValueError, match="a fault of ours"):
        async with asyncio.timeout(60):
            await daemon.run()


async def test_a_lease_that_cannot_be_renewed_ends_the_work(service: Service) -> None:
    job = await service.submit(await service.account())
    claimed = await service.gas.jobs.advance(job.user_id, job.job_id, Trigger.CLAIM)
    assert claimed

    def progress() -> dict[str, object]:
        if asyncio.current_task() is not body:
            raise ValueError("a fault of ours")
        return {}

    body = asyncio.current_task()
    assert body
    settings = service.gas.settings.model_copy(update={"progress_seconds": 0.05})
    with pytest.raises(RenewalFailed) as caught:
        async with asyncio.timeout(60), lease(replace(service.gas, settings=settings), claimed, Status.RUNNING, progress):
            await asyncio.sleep(3600)
    assert isinstance(caught.value.__cause__, ValueError)
    assert not body.cancelling()
