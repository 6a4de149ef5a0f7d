"""`gas drain` as a process, against stand-ins for the instance metadata service and the autoscaling group on real HTTP."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

UNITS = ["gas-annotate", "gas-doctor"]
STATE = "autoscaling/target-lifecycle-state"
KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}


@dataclass
class Host:
    """What an instance asks: IMDSv2 (no answer without a token) and CompleteLifecycleAction, refused `refusals` times."""

    stopped: Path
    says: dict[str, str] = field(default_factory=lambda: {"instance-id": "i-0123", STATE: "InService"})
    tokens: set[str] = field(default_factory=set)
    looks: int = 0
    refusals: int = 0
    completed: list[dict[str, str]] = field(default_factory=list)
    stopped_before: bool = False
    url: str = ""

    async def token(self, request: web.Request) -> web.Response:
        assert request.headers["X-aws-ec2-metadata-token-ttl-seconds"]
        self.tokens.add(token := secrets.token_hex(8))
        return web.Response(text=token)

    async def metadata(self, request: web.Request) -> web.Response:
        if request.headers.get("X-aws-ec2-metadata-token") not in self.tokens:
            return web.Response(status=401)
        self.looks += 1
        said = self.says.get(request.match_info["path"])
        return web.Response(text=said) if said else web.Response(status=404)

    async def autoscaling(self, request: web.Request) -> web.Response:
        form = dict(await request.post())
        assert form.pop("Action") == "CompleteLifecycleAction"
        if self.refusals:
            self.refusals -= 1
            error = "<Error><Code>ValidationError</Code><Message>No active Lifecycle Action found</Message></Error>"
            return web.Response(status=400, text=f"<ErrorResponse>{error}</ErrorResponse>", content_type="text/xml")
        self.stopped_before = self.stopped.exists()
        self.completed.append({name: str(value) for name, value in form.items() if name != "Version"})
        done = "<CompleteLifecycleActionResult/><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>"
        return web.Response(
            text=f"<CompleteLifecycleActionResponse>{done}</CompleteLifecycleActionResponse>", content_type="text/xml"
        )

    async def until(self, looks: int) -> None:
        """Waits for so many more questions."""
        wanted = self.looks + looks
        async with asyncio.timeout(60):
            while self.looks < wanted:
                await asyncio.sleep(0.05)


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    host = Host(tmp_path / "stopped")
    app = web.Application()
    app.add_routes(
        [
            web.put("/latest/api/token", host.token),
            web.get("/latest/meta-data/{path:.+}", host.metadata),
            web.post("/", host.autoscaling),
        ]
    )
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield host
    await runner.cleanup()


@asynccontextmanager
async def draining(host: Host, stop: str = "") -> AsyncIterator[asyncio.subprocess.Process]:
    script = host.stopped.with_suffix(".sh")
    script.write_text(stop or f'echo "$@" > {host.stopped}\n')
    command = [sys.executable, "-m", "app.cli.main", "drain", *UNITS, "--group", "gas-dev-annotate", "--hook", "drained"]
    command += ["--every", "0.1", "--stop", f"sh {script}", "--metadata", host.url]
    environment = {**os.environ, **KEYS, "AWS_ENDPOINT_URL": host.url}
    process = await asyncio.create_subprocess_exec(*command, env=environment, stderr=asyncio.subprocess.PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_an_instance_in_service_is_left_alone(host: Host) -> None:
    async with draining(host) as process:
        await host.until(6)
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 60) == 0
    assert not host.stopped.exists() and not host.completed


async def test_the_group_goes_on_only_when_the_daemons_have_stopped(host: Host) -> None:
    host.says[STATE] = "Terminated"
    async with draining(host) as process:
        assert await asyncio.wait_for(process.wait(), 60) == 0
    assert host.stopped.read_text().split() == UNITS and host.stopped_before
    action = {"AutoScalingGroupName": "gas-dev-annotate", "LifecycleHookName": "drained", "InstanceId": "i-0123"}
    assert host.completed == [action | {"LifecycleActionResult": "CONTINUE"}]


async def test_a_spot_notice_stops_the_daemons_and_the_group_is_told_when_it_asks(host: Host) -> None:
    host.says["spot/instance-action"] = '{"action": "terminate", "time": "2026-01-01T00:00:00Z"}'
    async with draining(host) as process:
        async with asyncio.timeout(60):
            while not host.stopped.exists():
                await asyncio.sleep(0.05)
        await host.until(4)
        assert not host.completed
        host.says[STATE] = "Terminated"
        assert await asyncio.wait_for(process.wait(), 60) == 0
    assert len(host.completed) == 1


@pytest.mark.slow
async def test_a_completion_that_was_refused_and_a_token_that_was_forgotten_are_tried_again(host: Host) -> None:
    host.refusals = 2
    async with draining(host) as process:
        await host.until(2)
        host.tokens.clear()
        await host.until(2)
        host.says[STATE] = "Terminated"
        assert await asyncio.wait_for(process.wait(), 60) == 0
    assert len(host.completed) == 1


@pytest.mark.slow
async def test_daemons_that_do_not_stop_are_stopped_again(host: Host) -> None:
    host.says[STATE] = "Terminated"
    once = host.stopped.with_suffix(".once")
    async with draining(host, f'test -e {once} && echo "$@" > {host.stopped} || {{ touch {once}; exit 1; }}\n') as process:
        assert await asyncio.wait_for(process.wait(), 60) == 0
    assert host.stopped_before and len(host.completed) == 1


@pytest.mark.slow
async def test_without_a_metadata_service_it_waits(host: Host) -> None:
    async with draining(host) as process:
        await host.until(2)
        said = dict(host.says)
        host.says.clear()  # an instance that is in no group
        await host.until(4)
        host.says |= said | {STATE: "Terminated"}
        assert await asyncio.wait_for(process.wait(), 60) == 0
