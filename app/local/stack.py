"""The whole service on this machine with one command: stand-ins, portal, daemons and doctor, each its own process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shlex
import signal
import socket
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.live import Live
from rich.table import Table

from app.aws.clients import clients, tolerated
from app.engine.bundles import manifest
from app.local import topology
from app.local.demo import play
from app.local.supervisor import Child, Supervisor
from app.settings import Settings

DAEMONS = ("archive", "restore", "thaw", "notify")
SENDER = "gas@example.org"
console = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class Options:
    """`retention` and `retrieval` are seconds; `port` 0 takes any free one; `folder` holds logs and the environment; `aws` is
    the address of an emulator that runs already, empty for one of the stack's own; `bundles` is a folder of installed references,
    which are offered beside the embedded one."""

    retention: int = 300
    retrieval: int = 60
    port: int = 8080
    archive: str = "s3"
    annotators: int = 1
    folder: Path = Path(".local")
    aws: str = ""
    bundles: Path | None = None

    @property
    def logs(self) -> Path:
        """Folder of the logs."""
        return self.folder / "logs"


def references(folder: Path | None) -> dict[str, str]:
    """The settings that offer the bundles of a folder."""
    if folder is None:
        return {}
    offered = {bundle.assembly: bundle.id for bundle in manifest.installed(folder)}
    return {"GAS_BUNDLES": str(folder.absolute()), "GAS_REFERENCES": json.dumps(offered)}


@dataclass
class Addresses:
    """Where each part of the stack answers."""

    portal: str
    outbox: str
    environment: dict[str, str] = field(default_factory=dict)


def main(options: Options, *, demo: bool) -> int:
    """Runs the stack until Ctrl-C, or with `demo` until a user's journey has been played; returns the exit code."""
    return asyncio.run(_main(options, demo))


async def _main(options: Options, demo: bool) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    supervisor = Supervisor(lambda line: console.print(f"! {line}"))
    try:
        async with running(options, supervisor) as addresses:
            if demo:
                return await _unless_stopped(play(addresses), stop)
            _greet(addresses, options)
            await _watch(supervisor, stop)
            console.print("Stopping: daemons finish what they hold. Everything that the stand-ins held is forgotten.")
            return 0
    except StartFailed as failure:
        console.print(f"! {failure}")
        return 1


class StartFailed(RuntimeError):
    """A process of the stack did not come up; the text names its log."""


@asynccontextmanager
async def running(options: Options, supervisor: Supervisor) -> AsyncIterator[Addresses]:
    """Starts everything and stops it again."""
    options.logs.mkdir(parents=True, exist_ok=True)
    for old in options.logs.glob("*.log"):
        old.unlink()
    ports = _ports(options.port, 6)
    portal, outbox = (f"http://127.0.0.1:{port}" for port in (ports[0], ports[2]))
    addresses = Addresses(portal, outbox, _environment(options, *ports))
    stand_ins = {
        "aws": ["--port", str(ports[1]), "--outbox-port", str(ports[2]), "--retrieval", str(options.retrieval)],
        "globus": ["--port", str(ports[3]), "--client-id", addresses.environment["GAS_GLOBUS_CLIENT_ID"]],
        "stripe": ["--port", str(ports[4]), "--webhook-url", f"{portal}/webhooks/stripe"],
        "vault": ["--port", str(ports[5]), "--retrieval", str(options.retrieval)],
    }
    services = {"web": ["web"], "doctor": ["doctor", "--every", "10"]}
    services |= {verb: ["worker", verb] for verb in DAEMONS}
    services |= {f"annotate-{n}" if n else "annotate": ["worker", "annotate"] for n in range(options.annotators)}
    try:
        for name, arguments in stand_ins.items():
            await _start(supervisor, name, [f"app.local.{name}", *arguments], addresses, options.logs)
        await _listening(supervisor, options.logs, *ports[1:])
        addresses.environment |= await _create(options, addresses)
        _write_environment(options.folder / "environment", addresses.environment)
        for name, arguments in services.items():
            await _start(supervisor, name, ["app.cli.main", *arguments], addresses, options.logs)
        await _listening(supervisor, options.logs, ports[0])
        yield addresses
    finally:
        await supervisor.stop()


async def _start(supervisor: Supervisor, name: str, module: list[str], addresses: Addresses, logs: Path) -> None:
    """Starts a module as a child, and says so in a line."""
    child = Child(name, ["-m", *module], addresses.environment, logs / f"{name}.log")
    await supervisor.start(child)
    assert child.process
    port = addresses.environment["GAS_WEB_PORT"] if name == "web" else dict(pairwise(module)).get("--port")
    where = f", port {port}" if port else ""
    console.print(f"started {name:<10} pid {child.process.pid}{where}, log {child.log_file}")


def _environment(options: Options, web: int, aws: int, outbox: int, globus: int, stripe: int, vault: int) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        # of another emulator, mail and vault stay the stand-ins: each shows mail in its own way, and none has a whole vault
        **({"AWS_ENDPOINT_URL_SESV2": f"http://127.0.0.1:{aws}"} if options.aws else {}),
        "AWS_ENDPOINT_URL_GLACIER": f"http://127.0.0.1:{vault}",
        **(os.environ if options.aws else {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}),
        "AWS_ENDPOINT_URL": options.aws or f"http://127.0.0.1:{aws}",
        "PYTHONUNBUFFERED": "1",
        "GAS_ENVIRONMENT": "local",
        **references(options.bundles),
        "GAS_PUBLIC_URL": f"http://127.0.0.1:{web}",
        "GAS_WEB_PORT": str(web),
        "GAS_ARCHIVE_BACKEND": options.archive,
        "GAS_POLL_SECONDS": "1",
        "GAS_LEASE_SECONDS": "15",
        "GAS_VISIBILITY_SECONDS": "20",
        "GAS_PROGRESS_SECONDS": "1",
        "GAS_EXPEDITED_LOOK_SECONDS": "2",
        "GAS_STANDARD_LOOK_SECONDS": "5",
        "GAS_DEADLINE_SECONDS": json.dumps(
            {"PENDING": 60, "AVAILABLE": options.retention + 60, "RESTORING": options.retrieval + 60}
        ),
        "GAS_MAIL_FROM": SENDER,
        "GAS_MAIL_WINDOW_SECONDS": "0",  # somebody who tries it out sees each mail
        "GAS_GLOBUS_URL": f"http://127.0.0.1:{globus}",
        "GAS_GLOBUS_CLIENT_ID": "8f0f8e0e-0000-4000-8000-00000000c11e",
        "GAS_GLOBUS_CLIENT_SECRET": secrets.token_urlsafe(),
        "GAS_STRIPE_URL": f"http://127.0.0.1:{stripe}",
        "GAS_STRIPE_SECRET_KEY": f"sk_test_{secrets.token_hex(16)}",
        "GAS_STRIPE_WEBHOOK_SECRET": f"whsec_{secrets.token_hex(16)}",
        "GAS_STRIPE_PRICE_ID": "price_premium",
    }


async def _create(options: Options, addresses: Addresses) -> dict[str, str]:
    # botocore reads its endpoint and credentials from the environment of the process
    os.environ |= {name: value for name, value in addresses.environment.items() if name.startswith("AWS_")}
    try:
        async with clients(Settings(environment="local"), "sqs", "sns", "dynamodb", "s3", "glacier", "sesv2") as aws:
            with tolerated("AlreadyExistsException"):
                await aws["sesv2"].create_email_identity(EmailIdentity=SENDER)
            return await topology.create(aws, "gas_local", retention=options.retention, origin=addresses.portal)
    except (BotoCoreError, ClientError) as error:
        raise StartFailed(f"AWS at {addresses.environment['AWS_ENDPOINT_URL']}: {error}") from error


def _write_environment(path: Path, environment: dict[str, str]) -> None:
    """What another `gas` command needs to work on this stack: `set -a; . .local/environment`."""
    path.touch(mode=0o600)
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in environment.items() if name.startswith(("GAS_", "AWS_"))]
    path.write_text("".join(lines))


def _ports(wanted: int, count: int) -> list[int]:
    """Free ports of loopback; the first is `wanted` where it is free."""
    with contextlib.ExitStack() as stack:
        taken = []
        for number in [wanted, *[0] * (count - 1)]:
            probe = stack.enter_context(socket.socket())
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", number))
            except OSError:
                probe.bind(("127.0.0.1", 0))
                console.print(f"! port {number} is taken: the portal gets port {probe.getsockname()[1]}")
            taken.append(probe.getsockname()[1])
        return taken


async def _listening(supervisor: Supervisor, logs: Path, *ports: int) -> None:
    for port in ports:
        for _ in range(600):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                if dead := next((child for child in supervisor.children if child.restarts > 3), None):
                    raise StartFailed(f"{dead.name} does not start: see {dead.log_file}") from None
                await asyncio.sleep(0.1)
                continue
            writer.close()
            break
        else:
            raise StartFailed(f"nothing listens on port {port}: see {logs}")


async def _unless_stopped(journey: Coroutine[None, None, int], stop: asyncio.Event) -> int:
    playing, stopped = asyncio.create_task(journey), asyncio.create_task(stop.wait())
    await asyncio.wait({playing, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if playing.done():
        return playing.result()
    playing.cancel()
    return 130


def _greet(addresses: Addresses, options: Options) -> None:
    console.print(f"GAS is up.  [bold]{addresses.portal}[/bold]  the portal: sign in as anybody, a sample VCF is one click away")
    console.print(f"            {addresses.outbox}  the mail that was sent")
    console.print(f"            {options.logs}/  a log file for each process; {options.folder}/environment has the settings")
    console.print(f"Free results are archived {options.retention} s after completion; a retrieval takes {options.retrieval} s.")
    if options.aws:
        console.print(f"AWS is {options.aws}, and keeps what it keeps; mail and the vault are stand-ins. Ctrl-C stops.")
    else:
        console.print("Stand-ins for AWS, Globus and Stripe keep nothing on disk: all is forgotten at the end. Ctrl-C stops.")


async def _watch(supervisor: Supervisor, stop: asyncio.Event) -> None:
    """Shows what each process does, where there is a terminal to show it on."""
    if not sys.stdout.isatty():
        await stop.wait()
        return
    with Live(_table(supervisor), console=console, refresh_per_second=2) as live:
        while not stop.is_set():
            live.update(_table(supervisor))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 0.5)


def _table(supervisor: Supervisor) -> Table:
    table = Table("process", "pid", "state", "restarts", "last said", box=None, pad_edge=False)
    for child in supervisor.children:
        pid = str(child.process.pid) if child.process else ""
        table.add_row(child.name, pid, child.state, str(child.restarts or ""), child.said)
    return table
