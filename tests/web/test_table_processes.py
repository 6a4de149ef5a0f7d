"""Long tables are made by processes beside the portal: the same rows, few processes at once, and none that stays."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from app.web import app_keys
from app.web.table_processes import TableProcesses
from app.web.table_rows import Form, first_line
from tests.support.explored import explored, many
from tests.support.portal import Portal
from tests.support.steps import ME

FORM = Form("tsv", ("AF",), "GAS")
BATCHES = [
    [f"MT\t{1 + 100 * batch + n}\t.\tA\tG\t.\t.\tAF=0.5;GAS_CSQ=é{n}".encode() for n in range(100 * (batch != 1))]
    for batch in range(5)
]


async def given(*, until: asyncio.Event | None = None) -> AsyncIterator[list[bytes]]:
    """The batches; with `until`, the last of them not before it."""
    for batch in BATCHES[:-1]:
        yield batch
    if until:
        await until.wait()
    yield BATCHES[-1]


async def made(tables: TableProcesses, form: Form = FORM) -> bytes:
    return b"".join([piece async for piece in tables.table(form, given(), asyncio.to_thread)])


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("name", ["tsv", "csv"])
async def test_a_process_makes_the_rows_that_the_portal_makes(name: str) -> None:
    form = Form(name, FORM.tags, FORM.provenance)
    here = await made(TableProcesses(most=0), form)
    assert here.count(b"\n") == 401 and "é99" in here.decode()
    beside = TableProcesses(long_records=150)
    pids = []
    pieces = []
    async with aclosing(beside.table(form, given(), asyncio.to_thread)) as table:
        async for piece in table:
            pieces.append(piece)
            pids += [process.pid for process in beside.running]
    assert b"".join(pieces) == here
    assert len(set(pids)) == 1 and not beside.running and not alive(pids[0])


async def test_a_short_table_has_no_process() -> None:
    tables = TableProcesses(long_records=400)
    async for _ in tables.table(FORM, given(), asyncio.to_thread):
        assert not tables.running


async def test_no_more_processes_than_allowed_and_the_others_are_made_as_well() -> None:
    tables, go = TableProcesses(most=2, long_records=0), asyncio.Event()
    ready = [asyncio.Event() for _ in range(4)]

    async def one(number: int) -> bytes:
        pieces = []
        async with aclosing(tables.table(FORM, given(until=go), asyncio.to_thread)) as table:
            async for piece in table:
                pieces.append(piece)
                if b"GAS_CSQ" not in piece and b"".join(pieces).count(b"\n") == 301:
                    ready[number].set()
        return b"".join(pieces)

    async with asyncio.timeout(120), asyncio.TaskGroup() as tasks:
        readers = [tasks.create_task(one(number)) for number in range(4)]
        for event in ready:
            await event.wait()
        pids = [process.pid for process in tables.running]
        assert len(pids) == 2
        go.set()
    assert {await reader for reader in readers} == {await made(TableProcesses(most=0))}
    assert not tables.running and not any(map(alive, pids))


async def test_a_reader_who_leaves_takes_the_process_along() -> None:
    tables = TableProcesses(long_records=0)

    async def read() -> None:
        async with aclosing(tables.table(FORM, given(until=asyncio.Event()), asyncio.to_thread)) as table:
            async for _ in table:
                pass

    async with asyncio.timeout(120):
        reading = asyncio.create_task(read())
        while not tables.running:
            await asyncio.sleep(0.01)
        (process,) = tables.running
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    assert not tables.running and not alive(process.pid)


async def test_a_process_that_is_killed_breaks_the_table_off() -> None:
    tables, go = TableProcesses(long_records=0), asyncio.Event()
    async with asyncio.timeout(120):
        with pytest.raises((EOFError, OSError)):
            async with aclosing(tables.table(FORM, given(until=go), asyncio.to_thread)) as table:
                async for _ in table:
                    for process in tables.running:
                        os.kill(process.pid, signal.SIGKILL)
                        go.set()
    assert not tables.running


async def test_a_process_ends_when_its_input_does() -> None:
    """As it does where the portal is killed."""
    command = (sys.executable, "-m", "app.web.table_rows")
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(120):
        assert await process.communicate(first_line(FORM)) == (b"", None)
    assert process.returncode == 0


@pytest.mark.parametrize("form", ["tsv", "csv"])
async def test_a_download_is_the_same_by_a_process(portal: Portal, tmp_path: Path, form: str) -> None:
    browser = await portal.signed_in(ME)
    job = await explored(portal, tmp_path, many(50))
    tables = portal.app[app_keys.TABLES]
    here = await browser.get(f"/annotations/{job.job_id}/variants.{form}")
    assert here.status == 200 and here.text.count("\n") > 50
    tables.long_records = 0
    assert (await browser.get(f"/annotations/{job.job_id}/variants.{form}")).text == here.text
    assert not tables.running
