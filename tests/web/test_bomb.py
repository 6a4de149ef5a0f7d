"""A small file that inflates a thousandfold, filtered by many people at once: the rest goes on, in bounded memory."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from aiohttp import ClientSession

from app.domain import limits
from app.web import app_keys
from tests.support.explored import HEADER, explored
from tests.support.portal import Portal
from tests.support.steps import ME

RECORDS = 20_000
MOST_BYTES = 300 << 20


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.mark.slow
async def test_thirty_two_people_filter_a_bomb(portal: Portal, tmp_path: Path) -> None:
    me = await portal.signed_in(ME)
    job = await explored(portal, tmp_path, HEADER + "chrM\t3460\t.\tG\tA\t.\t.\t.\n" * RECORDS)
    slots = portal.app[app_keys.CONCURRENCY]
    slots.each = limits.ALL_LOOKS.most  # as if each look were another person's
    before = resident_bytes()
    most, answered = before, 0
    looks = {asyncio.create_task(me.get(f"/annotations/{job.job_id}/variants?text=zzz{n}")) for n in range(limits.ALL_LOOKS.most)}
    async with ClientSession() as http:
        while any(not look.done() for look in looks):
            async with http.get(f"{portal.url}/healthz") as answer:
                assert answer.status == 200
            answered += not all(look.done() for look in looks)
            most = max(most, resident_bytes())
            await asyncio.sleep(0.02)
    print(f"answered {answered} times, {(most - before) >> 20} MiB more")
    assert {look.result().status for look in looks} == {200}
    assert answered > 10
    assert most - before < MOST_BYTES
