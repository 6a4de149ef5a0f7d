"""What the README promises, and what has to survive."""

from __future__ import annotations

import asyncio
import gzip
import os
import random
import signal
import subprocess
from collections import Counter
from pathlib import Path

from aiohttp import ClientSession, CookieJar

from tests.system.conftest import GAS, Stack, patience, sign_in

JOBS = int(os.environ.get("GAS_SYSTEM_JOBS", "16"))
SEED = int(os.environ.get("GAS_SYSTEM_SEED", "1"))


def vcf(records: int) -> bytes:
    """Transitions at every fourth position; REF is checked by the engine only where it is not N."""
    head = b"##fileformat=VCFv4.2\n##contig=<ID=MT,length=16569>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    known = (b"MT\t3243\t.\tA\tG\t.\t.\t.\n", b"MT\t11778\t.\tG\tA\t.\t.\t.\n")
    return head + b"".join(known[0] for _ in range(records)) + known[1]


def test_the_demo_sees_every_step(tmp_path: Path) -> None:
    options = ["--demo", "--port", "0", "--retention", "3s", "--retrieval", "2s", "--folder", str(tmp_path)]
    played = subprocess.run([GAS, "stack", *options], capture_output=True, text=True, timeout=300)
    assert played.returncode == 0, played.stdout + played.stderr
    assert "Every step was seen to happen." in played.stdout


async def test_every_job_completes_exactly_once_while_daemons_are_killed(stack: Stack) -> None:
    chance = random.Random(SEED)
    kills: Counter[str] = Counter()
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as http:
        person = await sign_in(http, stack.portal, "somebody@example.org")
        await person.subscribe()

        async def upload_all() -> None:
            for number in range(JOBS):
                await person.upload(f"{number}.vcf", vcf(number * 50))

        uploading = asyncio.create_task(upload_all())
        for _ in patience(120 + 3 * JOBS):
            await asyncio.sleep(chance.uniform(0.3, 1.5))
            daemons = stack.daemons()
            if daemons and sum(kills.values()) < JOBS:
                victim = chance.choice(sorted(daemons))
                os.kill(victim, signal.SIGKILL)
                kills[daemons[victim]] += 1
            jobs = await person.jobs()
            if uploading.done() and len(jobs) == JOBS and all(job["status"] == "COMPLETED" for job in jobs):
                break
        await uploading
        jobs = await person.jobs()
        assert Counter(job["status"] for job in jobs) == {"COMPLETED": JOBS}, (kills, jobs, stack.logs())
        assert len(kills) > 1, kills
        for number, job in enumerate(reversed(jobs)):
            result = gzip.decompress(await person.call("GET", f"/annotations/{job['job_id']}/result")).decode()
            assert sum(not line.startswith("#") for line in result.splitlines()) == number * 50 + 1
        for _ in patience(120):
            subjects = Counter(mail["subject"] for mail in stack.mails())
            if sum(subjects.values()) >= JOBS and stack.gas("doctor", "--full").returncode == 0:
                break
            await asyncio.sleep(2)
    # a mail is marked before it is sent, so a kill between the two costs that mail: at most one, never two
    assert subjects["GAS: Your annotation is ready"] <= JOBS
    assert subjects["GAS: Your annotation is ready"] >= JOBS - kills["notify"]
    assert set(subjects) == {"GAS: Your annotation is ready"}
    told = stack.gas("doctor", "--full", "--json").stdout
    assert told.count('"kind"') == told.count('"mail marked, and not sent"') <= kills["notify"], told
