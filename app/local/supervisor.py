"""Keeps child processes alive, remembers what each last said, and stops them in order."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

STOP_SECONDS = 30
SHORTEST_LIFE = 5
"""Seconds: what dies younger is started again only after a while."""


@dataclass
class Child:
    """One supervised process: `command` are arguments of this Python; its output goes to a file of its own."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    log_file: Path
    restarts: int = 0
    started: float = 0
    said: str = ""
    process: asyncio.subprocess.Process | None = None
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def state(self) -> str:
        """What the process does, in a word."""
        return "up" if self.process and self.process.returncode is None else "down"


class Supervisor:
    """`tell` hears what happens to children, one line each."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.tell = tell
        self.children: list[Child] = []
        self.stopping = False

    async def start(self, child: Child) -> None:
        """Starts a child, and looks after it until `stop`."""
        self.children.append(child)
        await self._spawn(child)
        child.tasks.append(asyncio.create_task(self._keep(child)))

    async def stop(self) -> None:
        """Stops every child, the last one started first; kills what does not stop in half a minute."""
        self.stopping = True
        for group in _groups(self.children):
            for child in group:
                _signal(child, signal.SIGTERM)
            await asyncio.gather(*(_end(child) for child in group))
        await asyncio.gather(*(task for child in self.children for task in child.tasks), return_exceptions=True)

    async def _spawn(self, child: Child) -> None:
        child.process = await asyncio.create_subprocess_exec(
            sys.executable,
            *child.command,
            env=dict(child.environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the supervisor, which stops its children in order
            preexec_fn=_die_with_parent,
            limit=1 << 20,
        )
        child.started = time.monotonic()
        child.tasks.append(asyncio.create_task(self._listen(child, child.process)))

    async def _keep(self, child: Child) -> None:
        while True:
            assert child.process
            code = await child.process.wait()
            if self.stopping:
                return
            self.tell(f"{child.name} ended with {code}; starting it again. Its log is {child.log_file}")
            if time.monotonic() - child.started < SHORTEST_LIFE:
                await asyncio.sleep(min(10, 0.5 * 2**child.restarts))
            child.restarts += 1
            if not self.stopping:
                await self._spawn(child)

    async def _listen(self, child: Child, process: asyncio.subprocess.Process) -> None:
        assert process.stdout
        with child.log_file.open("ab", buffering=0) as log:
            while True:
                try:
                    line = await process.stdout.readline()
                except ValueError:  # a line above the limit
                    continue
                if not line:
                    return
                log.write(line)
                child.said = summary(line.decode(errors="replace")) or child.said


def summary(line: str) -> str:
    """What a log line says, in a few words; empty for a metric or a blank line."""
    try:
        values = json.loads(line)
    except ValueError:
        return line.strip()[:100]
    if not isinstance(values, dict) or "_aws" in values:
        return ""
    named = [f"{name}={values[name]}" for name in ("job_id", "path", "status", "error", "kind") if values.get(name)]
    return " ".join([str(values.get("event", "")), *named])[:100]


def _groups(children: list[Child]) -> list[list[Child]]:
    """The service before the stand-ins that it talks to."""
    service = [child for child in children if child.command[1] == "app.cli.main"]
    return [service, [child for child in children if child not in service]]


def _signal(child: Child, number: signal.Signals) -> None:
    if child.process and child.process.returncode is None:
        child.process.send_signal(number)


async def _end(child: Child) -> None:
    if not child.process:
        return
    try:
        await asyncio.wait_for(child.process.wait(), STOP_SECONDS)
    except TimeoutError:
        _signal(child, signal.SIGKILL)
        await child.process.wait()


def _die_with_parent() -> None:
    # even a supervisor that is killed with SIGKILL leaves nothing behind (prctl(2), PR_SET_PDEATHSIG)
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    if os.getppid() == 1:
        os._exit(1)
