"""Processes beside the portal that make the rows of long tables: those of two million records take a minute of a core."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from app.web.table_rows import Form, first_line, framed

Run = Callable[..., Awaitable[Any]]

LONG_RECORDS = 20_000
"""Records after which a table gets a process: below, its start would cost more than it spares."""

MOST = 2
"""Processes at once. Further long tables are made in the portal's threads, a few hundred rows a turn, until one is free."""


class RowProcess:
    """One process, for one table."""

    def __init__(self, process: Process, form: Form) -> None:
        assert process.stdin and process.stdout
        self._in, self._out = process.stdin, process.stdout
        self._in.write(first_line(form))

    async def texts(self, lines: Sequence[bytes]) -> AsyncIterator[bytes]:
        """The rows of these lines, some at a time. Raises OSError, IncompleteReadError (an EOFError) if the process is gone."""
        self._in.write(framed(b"\n".join(lines)))
        await self._in.drain()
        while length := int.from_bytes(await self._out.readexactly(4), "big"):
            yield await self._out.readexactly(length)


@dataclass
class TableProcesses:
    """Makes tables, the long ones in `most` processes at once; `long_records` are long."""

    most: int = MOST
    long_records: int = LONG_RECORDS
    running: set[Process] = field(default_factory=set)
    _taken: int = 0  # of `most`, also by those that are about to start

    async def table(self, form: Form, batches: AsyncIterator[list[bytes]], run: Run) -> AsyncGenerator[bytes, None]:
        """The table of these lines, piece by piece. Its process ends with it: at the end, or where it is closed before.

        `run` runs a function with its arguments where it may take its time.
        """
        yield form.titles()
        records, child = 0, None
        async with AsyncExitStack() as stack:
            async for lines in batches:
                records += len(lines)
                if child is None and records > self.long_records and self._taken < self.most:
                    child = await stack.enter_async_context(self._process(form))
                if child and lines:
                    async for text in child.texts(lines):
                        yield text
                else:
                    texts = form.texts(lines)
                    while text := await run(next, texts, b""):
                        yield text

    @asynccontextmanager
    async def _process(self, form: Form) -> AsyncIterator[RowProcess]:
        self._taken += 1
        try:
            process = await asyncio.create_subprocess_exec(sys.executable, "-m", "app.web.table_rows", stdin=PIPE, stdout=PIPE)
            self.running.add(process)
            try:
                yield RowProcess(process, form)
            finally:
                self.running.discard(process)
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        finally:
            self._taken -= 1
