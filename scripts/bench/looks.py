"""What `/healthz` takes while everybody who may looks through a small file of many equal records.

The portal is a process of its own, those who look are in this one, and who asks for `/healthz`, at a fixed rate, is in a third.
"""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import uvloop

from app.domain import limits
from scripts.bench import seeds
from scripts.bench.answerer import Answerer
from scripts.bench.browsers import Visits, pace, saturate
from scripts.bench.portal import User, free_port, settings
from scripts.bench.processes import running
from scripts.bench.report import Row

RECORDS = 20_000
HEADER = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
RECORD = "chrM\t3460\t.\tG\tA\t.\t.\t.\n"

RATE = 50
"""Questions for `/healthz` a second, by as many connections, so that one that waits holds up no other."""

BEFORE_SECONDS = 0.5
"""For which `/healthz` is asked for before all begin to look at one moment."""

BAR_MS = "<= 100"

LOOKS = {
    "text that is nowhere": "/annotations/{job}/variants?text=zzz",
    "500 rows": "/annotations/{job}/variants?text=a&sort=-quality&limit=500&column=hgvs&column=transcript",
    "500 records of the API": "/api/v1/jobs/{job}/variants?text=a&limit=500",
    "a table of all": "/annotations/{job}/variants.csv?text=a",
    "a filter": "/annotations/{job}/variants?where=impact%3DMODERATE+and+not+frequency%3E%3D0.001&limit=500",
}


async def measure(aws: Answerer, seconds: float, records: int = RECORDS) -> list[Row]:
    """`/healthz` beside looks of each kind, and of all of them: as many at once as may be, by as few users as may be."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="gas-bench-") as folder:
        bomb = await asyncio.to_thread(_annotated, Path(folder), records)
        users = [_user(aws, bomb) for _ in range(limits.ALL_LOOKS.most // limits.LOOKS.most)]
    rows = []
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as third:
        async with running(settings(aws, port), "web") as process:
            asking = partial(asyncio.get_running_loop().run_in_executor, third, _health, port)
            rows += _health_rows("no looks", await asking(seconds))
            for case, paths in {**{title: [path] for title, path in LOOKS.items()}, "all of these": [*LOOKS.values()]}.items():
                asked = [user.request(path) for path, user in itertools.product(paths, users)]
                await saturate(port, asked, 1, 0.3)
                cpu = process.cpu()
                health = asking(BEFORE_SECONDS + seconds)
                await asyncio.sleep(BEFORE_SECONDS)
                looks = await saturate(port, asked, limits.ALL_LOOKS.most, seconds)
                rows += _health_rows(case, await health)
                rows += _look_rows(case, looks, (process.cpu() - cpu) / len(looks.latencies))
    return rows


def _annotated(folder: Path, records: int) -> Path:
    """A folder with what the engine makes of as many equal records."""
    source, out = folder / "bomb.vcf", folder / "out"
    source.write_text(HEADER + RECORD * records)
    command = [sys.executable, "-m", "app.engine", str(source), str(out), f"--name={source.name}", "--bundle=rcrs"]
    subprocess.run(command, check=True, capture_output=True)
    return out


def _user(aws: Answerer, result: Path) -> User:
    seeder = seeds.Seeder(aws)
    account = seeder.account(quota_exempt=True)
    job = seeder.stored(seeder.job(account), result)
    return User(seeder.secret(account, "SESSION", csrf="c"), seeder.secret(account, "TOKEN", scope="write"), job)


def _health(port: int, seconds: float) -> Visits:
    # what waits for a core here is no fault of the portal's; only root may be so pushy
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, -10)
    return uvloop.run(pace(port, [b"GET /healthz HTTP/1.1\r\nHost: portal\r\n\r\n"], RATE, RATE, seconds))


def _health_rows(case: str, health: Visits) -> list[Row]:
    return [
        Row("looks", case, "/healthz, mean", 1000 * statistics.fmean(health.latencies), "ms"),
        Row("looks", case, "/healthz, p99", 1000 * health.percentile(99), "ms"),
        Row("looks", case, "/healthz, worst", 1000 * max(health.latencies), "ms", BAR_MS),
        Row("looks", case, "asked late, at worst", 1000 * health.late, "ms"),
    ]


def _look_rows(case: str, looks: Visits, cpu: float) -> list[Row]:
    return [
        Row("looks", case, "a look, mean", 1000 * statistics.fmean(looks.latencies), "ms"),
        Row("looks", case, "a look, worst", 1000 * max(looks.latencies), "ms"),
        Row("looks", case, "CPU a look", 1000 * cpu, "ms"),
    ]
