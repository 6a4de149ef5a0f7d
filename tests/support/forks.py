"""Processes of `gas` that begin as forks of one that has imported it: a start costs hardly any CPU instead of a second and more.

All else is as when they are started from a shell: each has its own environment, output, memory and signals, and dies alone.

    python -m tests.support.forks        is the one that forks: a JSON object a line, on its standard input and output
"""

from __future__ import annotations

import asyncio
import json
import os
import selectors
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from aiohttp.resolver import DefaultResolver

from app.aws.clients import clients
from app.process.memory import freeze_gc
from app.services.backend import SERVICES
from app.settings import Settings
from workers import VERBS

ROOT = Path(__file__).parents[2]

AWS = "aws"
"""The name of this machine that a process with a `resolver` knows."""


@dataclass
class Forked:
    """A process that was forked. `returncode` is None while it lives."""

    pid: int
    ended: asyncio.Future[int] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def returncode(self) -> int | None:
        return self.ended.result() if self.ended.done() else None

    async def wait(self) -> int:
        return await asyncio.shield(self.ended)

    def kill(self) -> None:
        self.send(signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        # it may just have ended
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)


@dataclass(frozen=True)
class Resolver:
    """What resolves names for a process. It fails while there is a file `failing` in its folder, and notes each failure."""

    folder: Path

    def fail(self, *, on: bool) -> None:
        """Begins to fail, or ends to."""
        (self.folder / "failing").touch() if on else (self.folder / "failing").unlink(missing_ok=True)

    @property
    def failures(self) -> int:
        """How often a name was asked for in vain."""
        noted = self.folder / "failures"
        return noted.stat().st_size if noted.exists() else 0

    def install(self) -> None:
        """Makes the HTTP clients of this process ask here."""
        resolve = DefaultResolver.resolve

        async def resolved(asking: Any, host: str, *others: Any, **options: Any) -> Any:
            if host != AWS:
                return await resolve(asking, host, *others, **options)
            if (self.folder / "failing").exists():
                with (self.folder / "failures").open("ab") as noted:
                    noted.write(b".")
                raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
            return await resolve(asking, "127.0.0.1", *others, **options)

        DefaultResolver.resolve = resolved


@dataclass
class Forks:
    """Where processes are started from; `starting` wait for the ids of theirs, in order."""

    server: asyncio.subprocess.Process
    starting: list[asyncio.Future[Forked]] = field(default_factory=list)
    running: dict[int, Forked] = field(default_factory=dict)

    async def start(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        ahead_seconds: float = 0,
        resolver: Resolver | None = None,
    ) -> Forked:
        """Starts `gas` with these arguments; its output is appended to `log`, and its clock is so much ahead.

        With a `resolver`, it knows the name AWS, and resolves it while that does not fail.
        """
        assert self.server.stdin
        asked = asyncio.get_running_loop().create_future()
        self.starting.append(asked)
        order = {"arguments": list(arguments), "environment": dict(environment), "log": str(log), "ahead": ahead_seconds}
        order["resolver"] = str(resolver.folder) if resolver else ""
        self.server.stdin.write(json.dumps(order).encode() + b"\n")
        return await asked

    async def listen(self) -> None:
        """Takes what the server says, until it ends."""
        assert self.server.stdout
        async for line in self.server.stdout:
            said: dict[str, int] = json.loads(line)
            if "code" in said:
                self.running.pop(said["pid"]).ended.set_result(said["code"])
            else:
                self.running[said["pid"]] = forked = Forked(said["pid"])
                if (asked := self.starting.pop(0)).cancelled():
                    forked.kill()
                else:
                    asked.set_result(forked)


@asynccontextmanager
async def forking() -> AsyncIterator[Forks]:
    """A server of forks; at the end of the block all that it started are killed."""
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    forks = Forks(server)
    listening = asyncio.create_task(forks.listen())
    try:
        yield forks
    finally:
        assert server.stdin
        server.stdin.close()
        await server.wait()
        await listening


def serve() -> None:
    """Forks a process for each line of the standard input, and says when one ends; kills those that are left at its end."""
    main = import_module("app.cli.main")
    for name in (*(f"workers.{verb}" for verb in VERBS), "workers.runtime", "app.services.backend"):
        import_module(name)
    asyncio.run(_read_descriptions())
    freeze_gc()  # a fork that collects what it shares with this process copies all of it
    children = set[int]()
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    with selectors.DefaultSelector() as events:
        events.register(0, selectors.EVENT_READ)
        events.register(woken, selectors.EVENT_READ)
        orders = b""
        while True:
            ready = {key.fd for key, _ in events.select()}
            if woken in ready:
                os.read(woken, 4096)
                _reap(children)
            if 0 in ready:
                if not (more := os.read(0, 65536)):
                    break
                *lines, orders = (orders + more).split(b"\n")
                for line in lines:
                    if not (pid := os.fork()):
                        _become(main, json.loads(line))
                    children.add(pid)
                    _say({"pid": pid})
    for pid in children:
        os.kill(pid, signal.SIGKILL)
    while children:
        _reap(children, 0)


async def _read_descriptions() -> None:
    """Makes each process find the descriptions of AWS's services read, which its clients are made of."""
    async with clients(Settings(), *SERVICES, "glacier", "sesv2"):
        pass


def _reap(children: set[int], options: int = os.WNOHANG) -> None:
    while children:
        pid, status = os.waitpid(-1, options)
        if not pid:
            return
        children.discard(pid)
        _say({"pid": pid, "code": os.waitstatus_to_exitcode(status)})


def _say(what: dict[str, int]) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def _become(main: Any, order: dict[str, Any]) -> None:
    """Never returns: the process is `gas` with its arguments until it ends."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.environ.clear()
        os.environ.update(order["environment"])
        tempfile.tempdir = None
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        for source, target in ((os.open(os.devnull, os.O_RDONLY), 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        _set_clock(order["ahead"])
        if order["resolver"]:
            Resolver(Path(order["resolver"])).install()
        sys.argv = ["gas", *order["arguments"]]
        main.main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _set_clock(ahead_seconds: float) -> None:
    """Makes the time of day wrong in this process; intervals (`time.monotonic`) pass as ever."""
    seconds, nanoseconds = time.time, time.time_ns
    time.time = lambda: seconds() + ahead_seconds
    time.time_ns = lambda: nanoseconds() + int(ahead_seconds * 1e9)


if __name__ == "__main__":
    serve()
