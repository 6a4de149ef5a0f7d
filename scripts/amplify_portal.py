"""What the portal makes of one result after the other: every page and download of each, and the memory that it had at most.

The portal is a process of its own, beside a stand-in for AWS; `amplify_engine.py` gives it what the engine made.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientSession, ClientTimeout

from scripts.bench import seeds
from scripts.bench.answerer import Answerer, answering
from scripts.bench.portal import free_port, settings
from scripts.bench.processes import Running, running

PAGES = (
    "",
    "/log",
    "/summary",
    "/variants",
    "/variants?text=zzz",
    "/variants?text=a&sort=-quality&limit=500",
    "/variants?q=impact%3DHIGH",
    "/variants/row/0",
    "/variants.tsv?text=zzz",
    "/variants.vcf?text=a",
    "/variants.xlsx?text=zzz",
)
"""Everything that goes through a result."""

FIRST_BYTES = 32 << 20
"""Of an answer that is longer: what follows is made as these were."""

LOOK_SECONDS = 300


@dataclass
class Portal:
    """A portal at work. `most_bytes`: the memory that it had at most for the last result."""

    process: Running
    aws: Answerer
    url: str
    most_bytes: int = 0

    async def look(self, out: Path) -> str:
        """Opens every page of the result in a folder that the engine wrote. Returns what went wrong, empty if nothing."""
        seeder = seeds.Seeder(self.aws)
        account = seeder.account(quota_exempt=True)
        job = seeder.stored(seeder.job(account), out)
        cookie = {"Cookie": f"gas={seeder.secret(account, 'SESSION', csrf='c')}"}
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")  # VmHWM begins anew: proc(5)
        wrong = []
        async with ClientSession(timeout=ClientTimeout(total=LOOK_SECONDS), headers=cookie) as http:
            for page in PAGES:
                try:
                    if (status := await _opened(http, f"{self.url}/annotations/{job.job_id}{page}")) >= 500:
                        wrong.append(f"{page or '/'}: {status}")
                except (OSError, TimeoutError) as error:
                    wrong.append(f"{page or '/'}: {type(error).__name__}")
        self.aws.objects.clear()
        status_of = Path(f"/proc/{self.process.pid}/status").read_text()
        self.most_bytes = next(int(line.split()[1]) << 10 for line in status_of.splitlines() if line.startswith("VmHWM"))
        return "; ".join(wrong)


async def _opened(http: ClientSession, address: str) -> int:
    async with http.get(address) as answer:
        left = FIRST_BYTES
        while left > 0 and (piece := await answer.content.read(1 << 16)):
            left -= len(piece)
        return answer.status


@asynccontextmanager
async def portal() -> AsyncIterator[Portal]:
    """A portal of its own, until the block ends."""
    async with answering() as aws:
        port = free_port()
        async with running(settings(aws, port), "web") as process:
            yield Portal(process, aws, f"http://127.0.0.1:{port}")
