"""Processes of GAS as children: when they are ready, what CPU they used and how much memory they hold."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

READY_SECONDS = 60
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Running:
    """`ready` is the seconds from its start until it said READY=1 to the service manager, which is us."""

    pid: int
    ready: float

    def cpu(self) -> float:
        """Seconds of CPU so far, its threads and the children that it waited for included."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / TICKS

    def memory(self) -> float:
        """Resident MB."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) * 1024 / 1e6


@asynccontextmanager
async def running(environment: Mapping[str, str], *arguments: str) -> AsyncIterator[Running]:
    """`gas ARGUMENTS` from the moment that it is ready, until the block ends."""
    with tempfile.TemporaryDirectory(prefix="gas-bench-") as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        address, said = f"{folder}/notify", Path(folder, "log")
        manager.bind(address)
        manager.setblocking(False)
        started = time.perf_counter()
        with said.open("wb") as log:
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "app.cli.main",
                *arguments,
                env={**os.environ, **environment, "NOTIFY_SOCKET": address},
                stdout=log,
                stderr=log,
            )
        loop = asyncio.get_running_loop()
        try:
            heard = asyncio.create_task(loop.sock_recv(manager, 100))
            ended = asyncio.create_task(child.wait())
            await asyncio.wait({heard, ended}, timeout=READY_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            heard.cancel()
            if not heard.done() or heard.cancelled():
                raise RuntimeError(f"gas {' '.join(arguments)} did not get ready:\n{said.read_text()[-4000:]}")
            yield Running(child.pid, time.perf_counter() - started)
        finally:
            ended.cancel()
            if child.returncode is None:
                child.send_signal(signal.SIGTERM)
                await child.wait()
