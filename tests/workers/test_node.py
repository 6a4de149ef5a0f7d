"""A host that cannot work: the job goes back and uses no attempt, the host says why and takes no more."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from app.aws.clients import clients
from app.domain.jobs import Status, Trigger
from app.domain.messages import JobRequested, parse
from app.engine.warmed import Warmed
from app.process.metrics import Metrics
from app.services.backend import Backend
from app.settings import Settings
from tests.support.service import Service
from workers import annotate, node, runtime
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


NO_ROOM = """
import os, resource, socket
from app.engine.fork_server import Server
if not os.geteuid():
    os.setuid(65534)  # root is under no such limit
resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
Server(socket.socket(fileno=os.dup(0))).serve()
"""
"""A warmed engine on a host that has no room for another process."""


async def test_a_job_goes_back_from_a_host_without_room_for_a_process(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    job = await service.submit(await service.account())
    full = Warmed()
    full._command = [sys.executable, "-c", NO_ROOM]
    with monkeypatch.context() as here:
        here.setattr(annotate, "_warmed", lambda _: full)
        for attempt in (1, 2):
            with pytest.raises(NodeUnfit, match="no room for another process"):
                await service.handle("annotate", JobRequested(user_id=job.user_id, job_id=job.job_id))
            now = await service.now(job)
            assert (now.status, now.attempts, now.tries) == (Status.RUNNING, attempt, 0)
    full.close()
    await service.handle("annotate", JobRequested(user_id=job.user_id, job_id=job.job_id), again=True)
    done = await service.now(job)
    assert (done.status, done.tries) == (Status.COMPLETED, 1)


CANNOT_BEGIN = """
import asyncio, concurrent.futures.thread, os, resource
from app.engine.warmed import Warmed
from app.settings import Settings
from workers.node import fault_of_node, why_unfit
if not os.geteuid():
    os.setuid(65534)
resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
try:
    Warmed().start([])
except OSError as error:
    print(fault_of_node(error))
print(asyncio.new_event_loop().run_until_complete(why_unfit(Settings())))  # ending a loop would start a thread
"""


def test_a_host_without_room_for_the_warmed_engine_or_a_thread_says_so() -> None:
    said = subprocess.run([sys.executable, "-c", CANNOT_BEGIN], capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(said) == 2 and all("no room for another process" in line for line in said), said


def test_a_host_that_is_well_is_fit(service: Service) -> None:
    assert unfit(service.gas.settings) == ""


def test_a_missing_binary_is_said(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert "/nowhere/python" in unfit(service.gas.settings)


def test_a_broken_bundle_is_said(service: Service, tmp_path: Path) -> None:
    settings = service.gas.settings.model_copy(update={"bundles": str(tmp_path), "references": {"GRCh38": "grch38"}})
    assert "the reference bundle of GRCh38 cannot be used" in unfit(settings)


async def test_an_unfit_host_does_not_begin(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "unfit", lambda _: "the disk is full")
    with pytest.raises(NodeUnfit, match="the disk is full"):
        await annotate.prepare(settings)


@pytest.fixture
async def metadata() -> AsyncIterator[Callable[[str], Awaitable[str]]]:
    """Starts an instance metadata service (IMDSv2: no answer without a token) that knows an instance; returns its address."""
    runners = []

    async def started(instance: str) -> str:
        async def token(_: web.Request) -> web.Response:
            return web.Response(text="token")

        async def identity(request: web.Request) -> web.Response:
            known = request.headers.get("X-aws-ec2-metadata-token") == "token"
            return web.Response(text=instance) if known else web.Response(status=401)

        app = web.Application()
        app.add_routes([web.put("/latest/api/token", token), web.get("/latest/meta-data/instance-id", identity)])
        runners.append(runner := web.AppRunner(app))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield started
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def scaling(settings: Settings) -> AsyncIterator[Any]:
    """A client of the autoscaling service, where a group of two instances is."""
    async with clients(settings, "ec2", "autoscaling") as aws:
        ec2, scaling = aws["ec2"], aws["autoscaling"]
        subnet = (await ec2.describe_subnets())["Subnets"][0]["SubnetId"]
        image = (await ec2.describe_images())["Images"][0]["ImageId"]
        await scaling.create_launch_configuration(LaunchConfigurationName="a", ImageId=image, InstanceType="t3.small")
        await scaling.create_auto_scaling_group(
            AutoScalingGroupName="gas-dev-annotate", LaunchConfigurationName="a", MinSize=2, MaxSize=2, VPCZoneIdentifier=subnet
        )
        yield scaling
        await scaling.delete_auto_scaling_group(AutoScalingGroupName="gas-dev-annotate", ForceDelete=True)
        await scaling.delete_launch_configuration(LaunchConfigurationName="a")


async def health(scaling: Any) -> dict[str, str]:
    """What the group holds of its instances."""
    (group,) = (await scaling.describe_auto_scaling_groups())["AutoScalingGroups"]
    return {one["InstanceId"]: one["HealthStatus"] for one in group["Instances"]}


@pytest.mark.slow
async def test_a_host_that_is_unfit_at_the_start_is_replaced_by_its_group(
    settings: Settings, scaling: Any, metadata: Callable[[str], Awaitable[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = sorted(await health(scaling))
    settings = settings.model_copy(update={"instance_metadata": await metadata(mine)})
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(NodeUnfit, match="/nowhere/python"):
        await annotate.prepare(settings)
    said = await health(scaling)
    assert (said[mine].lower(), said[other].lower()) == ("unhealthy", "healthy")


@pytest.mark.slow
@pytest.mark.parametrize("why_not", ["no group", "no metadata service", "an instance of no group"])
async def test_an_unfit_host_that_cannot_be_replaced_says_why_it_is_unfit(
    why_not: str, settings: Settings, scaling: Any, metadata: Callable[[str], Awaitable[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    where = {"no group": "", "no metadata service": "http://127.0.0.1:9"}.get(why_not)
    where = await metadata("i-00000000000000000") if where is None else where
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(NodeUnfit, match="/nowhere/python"):
        await annotate.prepare(settings.model_copy(update={"instance_metadata": where}))
    assert {one.lower() for one in (await health(scaling)).values()} == {"healthy"}


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
