"""The portal: requests a second and latencies of its pages, and viewers of live pages that one process holds."""

from __future__ import annotations

import asyncio
import resource
import socket
import time
from dataclasses import dataclass
from typing import cast

from app.domain import limits
from app.domain.jobs import Job, Status, Tier
from app.web.live import LONG_STILL_SECONDS, PING_SECONDS
from scripts.bench import seeds
from scripts.bench.answerer import Answerer
from scripts.bench.browsers import pace, saturate
from scripts.bench.processes import Running, running
from scripts.bench.report import Row

CONNECTIONS = 100
JOBS = 1000
RATE = 100
"""Requests a second at which latencies are measured: a portal that is saturated has a queue, and no latency of its own."""


@dataclass(frozen=True)
class User:
    """Somebody who asks: with a cookie, or a token where it is the API; `job` is one of theirs."""

    cookie: str
    token: str
    job: Job

    def request(self, path: str) -> bytes:
        who = f"Authorization: Bearer {self.token}" if path.startswith("/api/") else f"Cookie: gas={self.cookie}"
        return f"GET {path.format(job=self.job.job_id)} HTTP/1.1\r\nHost: portal\r\n{who}\r\n\r\n".encode()


PAGES = {
    "home": "/",
    f"list of {JOBS:,} jobs": "/annotations",
    "job page": "/annotations/{job}",
    "API, one job": "/api/v1/jobs/{job}",
    "API, 100 jobs": "/api/v1/jobs?limit=100",
}


ALONE_MS = {
    f"list of {JOBS:,} jobs": "<= 4.5",
    "job page": "<= 3",
    "API, one job": "<= 2.5",
    "API, 100 jobs": "<= 13.5",
}
"""What a request may cost that shares no call with others."""


def settings(aws: Answerer, port: int) -> dict[str, str]:
    return seeds.environment(aws, GAS_WEB_PORT=str(port), GAS_PUBLIC_URL=f"http://127.0.0.1:{port}")


async def measure(aws: Answerer, seconds: float, connections: int = CONNECTIONS) -> list[Row]:
    """Each page, asked for by as many users as there are connections; lists are all of one who has a thousand jobs."""
    port = free_port()
    users = [_user(aws, 100) for _ in range(connections - 1)]
    users.append(_user(aws, JOBS))
    rows = []
    async with running(settings(aws, port), "web") as process:
        for title, path in PAGES.items():
            asking = users[-1:] if path.startswith("/annotations") and "{" not in path else users
            rows += await _page(aws, port, process, title, [user.request(path) for user in asking], connections, seconds)
    return rows


def _user(aws: Answerer, jobs: int) -> User:
    seeder = seeds.Seeder(aws)
    account = seeder.account(quota_exempt=True)  # a few users ask as fast as they get answers: the rate limit is for such
    made = [seeder.job(account) for _ in range(jobs)]
    seeder.keep_outputs(made[-1])
    return User(seeder.secret(account, "SESSION", csrf="c"), seeder.secret(account, "TOKEN", scope="write"), made[-1])


async def _page(
    aws: Answerer, port: int, process: Running, title: str, requests: list[bytes], connections: int, seconds: float
) -> list[Row]:
    await saturate(port, requests, connections, 0.3)
    aws.calls.clear()
    cpu = process.cpu()
    few = await saturate(port, requests, 1, seconds)
    alone = (process.cpu() - cpu) / len(few.latencies)
    calls = sum(aws.calls.values()) / len(few.latencies)
    cpu = process.cpu()
    full = await saturate(port, requests, connections, seconds)
    cpu, rate = process.cpu() - cpu, len(full.latencies) / seconds
    calm = await pace(port, requests, connections, RATE, seconds)
    wanted = title == "job page"
    return [
        Row("portal", title, "AWS calls", round(calls, 1)),
        Row("portal", title, "CPU a request of one who asks alone", 1000 * alone, "ms", ALONE_MS.get(title, "")),
        Row("portal", title, "requests/s", rate),
        Row("portal", title, "requests a CPU second", len(full.latencies) / cpu, "", ">= 400" if wanted else ""),
        Row("portal", title, "CPU a request", 1000 * cpu / len(full.latencies), "ms"),
        Row("portal", title, f"p50 at {RATE} requests/s", 1000 * calm.percentile(50), "ms"),
        Row("portal", title, f"p99 at {RATE} requests/s", 1000 * calm.percentile(99), "ms", "<= 100" if wanted else ""),
        Row("portal", title, f"p99 of {connections} who do not wait", 1000 * full.percentile(99), "ms"),
    ]


class Viewer(asyncio.Protocol):
    """One page that is watched; counts what it is sent."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.panels = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.panels += data.count(b"event: panel")


LIVE_PAGES = limits.STREAMS.most


async def streams(aws: Answerer, viewers: int, settled_seconds: float = LONG_STILL_SECONDS) -> list[Row]:
    """Viewers of a running job each, as many a user as may be: memory, CPU while all is still, time until all saw a change.

    `settled_seconds`: until the portal looks at jobs as rarely as at any that stand still.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    port, seeder = free_port(), seeds.Seeder(aws)
    users = []
    for _ in range(-(-viewers // LIVE_PAGES)):
        account = seeder.account()
        cookie = seeder.secret(account, "SESSION", csrf="c")
        users += [User(cookie, "", seeder.job(account, Status.RUNNING, Tier.NONE, finished_at=None)) for _ in range(LIVE_PAGES)]
    loop = asyncio.get_running_loop()
    async with running(settings(aws, port), "web") as process:
        empty = process.memory()
        watching = []
        for user in users[:viewers]:
            request = user.request("/annotations/{job}/events")
            _, viewer = await loop.create_connection(lambda request=request: Viewer(request), "127.0.0.1", port)  # type: ignore[misc]
            watching.append(viewer)
            if len(watching) % 200 == 0:
                await _seen(watching, 1)
        await _seen(watching, 1)
        held, soon = process.memory(), await _share(process, 5)
        await asyncio.sleep(settled_seconds)
        idle = await _share(process, min(settled_seconds, 2 * PING_SECONDS))
        for user in users:
            aws.tables["jobs"][user.job.user_id][user.job.job_id]["percent"] = {"N": "50"}
        changed = time.perf_counter()
        await _seen(watching, 2)
        seen = time.perf_counter() - changed
        most_held = process.memory()
        for viewer in watching:
            viewer.transport.abort()
    case = f"{viewers:,} viewers"
    return [
        Row("streams", case, "memory of the process", held, "MB", "<= 300" if viewers >= 5000 else ""),
        Row("streams", case, "memory after a change for all", most_held, "MB"),
        Row("streams", case, "memory a viewer", 1000 * (held - empty) / viewers, "kB"),
        Row("streams", case, "CPU right after they came", 100 * soon, "%"),
        Row("streams", case, "CPU while nothing happens", 100 * idle, "%", "<= 3" if viewers >= 5000 else ""),
        Row("streams", case, "until all saw a change", seen, "s"),
    ]


async def _share(process: Running, seconds: float) -> float:
    """The share of a core that a process takes for a while."""
    cpu, began = process.cpu(), time.perf_counter()
    await asyncio.sleep(seconds)
    return (process.cpu() - cpu) / (time.perf_counter() - began)


async def _seen(viewers: list[Viewer], panels: int) -> None:
    async with asyncio.timeout(300):
        while any(viewer.panels < panels for viewer in viewers):  # noqa: ASYNC110 - an event for each panel would cost more
            await asyncio.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
