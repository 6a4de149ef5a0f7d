"""A lane: a deployment of its own whose one daemon is a real process behind a fault proxy, and the others work in here.

The daemon is started again whenever it dies, as systemd would.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from app.domain.jobs import Job
from app.local import topology
from app.local.vault import Vault
from app.services import dead_letters, submissions
from app.services.backend import backend
from app.services.doctor import examine
from app.settings import Settings
from tests.support import deployment
from tests.support.forks import AWS, Forked, Forks, Resolver
from tests.support.proxy import Proxy, serving
from tests.support.service import Service, spec, working
from workers import VERBS

ALL = os.environ.get("GAS_FAULTS") == "all"
"""Whether every fault is wanted; else it is a sample."""

SAMPLE = 3
"""Faults a daemon, or an act of a user, unless all are asked for."""

SEED = int(os.environ.get("GAS_FAULTS_SEED", "1"))

MOST_DEAD_LETTERS = 100
"""Of a queue, which are looked at."""

RESTART_SECONDS = 0.5
"""Between the end of a daemon that was not killed, such as of one on a full disk, and its next start."""

WAITS = {
    "GAS_POLL_SECONDS": "1",
    "GAS_VISIBILITY_SECONDS": "3",
    "GAS_PROGRESS_SECONDS": "0.5",
    "GAS_EXPEDITED_LOOK_SECONDS": "1",
    "GAS_STANDARD_LOOK_SECONDS": "1",
    "GAS_DRAIN_SECONDS": "5",
    "GAS_DEADLINE_SECONDS": '{"UPLOADING": 15, "PENDING": 6, "AVAILABLE": 6, "RESTORING": 6, "DELETING": 3, '
    '"FAILED": 4, "CANCELLED": 4, "ARCHIVED": 4, "ACCOUNT": 6}',
    "GAS_MAIL_FROM": "gas@example.org",
    "GAS_MAIL_WINDOW_SECONDS": "2",
}

PATIENT = {"GAS_POLL_SECONDS": "20"}
"""Of the daemons in this process, which are never killed: polls that bring nothing were a good part of what a lane costs."""


@dataclass
class Daemon:
    """One daemon process behind its proxy. Its output goes to a file, which a failing test shows."""

    verb: str
    environment: dict[str, str]
    folder: Path
    forks: Forks
    ahead_seconds: float = 0  # of its clock
    resolver: Resolver | None = None  # by which it knows AWS, instead of by its address
    disk: Path | None = None  # where its temporary files are, instead of in `folder`
    proxy: Proxy = field(init=False)
    process: Forked | None = None
    deaths: int = 0

    def __post_init__(self) -> None:
        self.proxy = Proxy(
            self.environment["AWS_ENDPOINT_URL"], self.kill, vault=self.environment.get("AWS_ENDPOINT_URL_GLACIER", "")
        )

    @property
    def log(self) -> Path:
        return self.folder / f"{self.verb}.log"

    def kill(self) -> None:
        if self.process and self.process.returncode is None:
            self.process.kill()

    def logged_of(self, message_id: str) -> list[str]:
        """What it logged of one message: when, what happened and why."""
        names = "timestamp", "event", "type", "receives", "delay", "reason", "error"
        lines = [line for line in self.log.read_text().splitlines() if message_id in line and line.endswith("}")]
        return [" ".join(str(said[name]) for name in names if name in said) for said in map(json.loads, lines)]

    async def stand_still(self, seconds: float) -> None:
        """Stops the process as a host does that swaps or is moved, and lets it go on."""
        if (process := self.process) and process.returncode is None:
            process.send(signal.SIGSTOP)
            await asyncio.sleep(seconds)
            process.send(signal.SIGCONT)

    async def keep(self) -> None:
        """Runs the process, and again whenever it dies, until cancelled."""
        url = self.proxy.url.replace("127.0.0.1", AWS) if self.resolver else self.proxy.url
        here = {name: url for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_GLACIER")}
        environment = {**self.environment, **here, "TMPDIR": str(self.disk or self.folder)}
        self.log.touch()
        while True:
            command = ["worker", self.verb]
            self.process = await self.forks.start(command, environment, self.log, self.ahead_seconds, self.resolver)
            try:
                code = await self.process.wait()
                self.deaths += 1
                await asyncio.sleep(RESTART_SECONDS if code >= 0 else 0)
            except asyncio.CancelledError:
                self.kill()
                await self.process.wait()
                raise


@dataclass(frozen=True)
class DeadLetterHistory:
    """`reason` is that of a daemon that buried the message, and empty where its receives were used up. `deliveries` is what
    befell each answer that brought it, `logged` what the daemons said of it."""

    queue: str
    message_id: str
    reason: str
    body: str
    deliveries: list[str]
    logged: list[str]

    def __str__(self) -> str:
        return "\n  ".join(
            [f"{self.queue}: {self.reason or 'receives used up'}: {self.body}", f"{self.deliveries}", *self.logged]
        )


@dataclass
class Lane:
    """`vault` is there where results are archived to one."""

    service: Service
    daemons: dict[str, Daemon]
    vault: Vault | None = None

    async def quiet(self) -> bool:
        """Nothing waits in any queue, in flight and delayed included."""
        return not deployment.messages(self.service.gas.settings.queue_urls.values())

    async def repair(self, *, full: bool = False) -> list[str]:
        return [str(finding) async for finding in examine(self.service.gas, repair=True, full=full)]

    async def archived(self) -> list[str]:
        """What the vault has, after the doctor has gone through its inventory: a label, which names the job, and an id each."""
        if not self.vault:
            return []
        self.vault.failing = 0  # a full look a day later would ask for another inventory, and there is none here
        for _ in range(2):  # the first asks for the inventory that the second reads
            await self.repair(full=True)
            while any(one.status == "InProgress" for one in self.vault.retrievals.values()):
                await asyncio.sleep(0.05)
        return [f"{self.vault.labels[name].description} {name}" for name in self.vault.archives]

    async def forget(self, job: Job) -> None:
        """Makes room: whoever looks at everything that there is finds little."""
        gas = self.service.gas
        for one in await gas.jobs.page(job.user_id):
            await submissions.delete(gas, one.user_id, one.job_id)
        await gas.accounts.delete_item(job.user_id, "PROFILE")
        if self.vault:
            self.vault.labels = {name: label for name, label in self.vault.labels.items() if name in self.vault.archives}

    async def dead_letters(self) -> list[str]:
        return [body for queue in self.service.gas.settings.queue_urls for body in await self.service.dead(queue)]

    async def dead_letter_histories(self) -> list[DeadLetterHistory]:
        """Each dead letter with what befell its deliveries on the way and what the daemons logged of them."""
        found = []
        for queue in self.service.gas.settings.queue_urls:
            for letter in await dead_letters.peek(self.service.gas, queue, MOST_DEAD_LETTERS):
                one = letter.received
                proxied = [
                    befell for daemon in self.daemons.values() for befell in daemon.proxy.deliveries.get(one.message_id, [])
                ]
                logged = [line for daemon in self.daemons.values() for line in daemon.logged_of(one.message_id)]
                found.append(DeadLetterHistory(queue, one.message_id, one.reason, one.body, proxied, logged))
        return found

    def said(self) -> str:
        """The end of what each daemon logged."""
        return "\n".join(f"== {daemon.log.name}\n{daemon.log.read_text()[-4000:]}" for daemon in self.daemons.values())


@asynccontextmanager
async def lane(
    aws: dict[str, Any],
    forks: Forks,
    folder: Path,
    verbs: Iterable[str],
    *,
    lease: int = 2,
    vault: Vault | None = None,
    ahead_seconds: Mapping[str, float] = MappingProxyType({}),
    names: bool = False,
    disks: Mapping[str, Path] = MappingProxyType({}),
    others: Mapping[str, str] = MappingProxyType({}),
) -> AsyncIterator[Lane]:
    """A deployment whose `verbs` are processes; yields when each of them polls. With a `lease` above the visibility (3),
    a message of a dead daemon comes back before its lease has run out. `ahead_seconds`: of the clocks of daemons; `disks`: of
    their hosts. With `names`, they know AWS by a name, each by a resolver of its own. `others`: further settings."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = (
        await topology.create(aws, f"f{uuid.uuid4().hex[:10]}", retention=1) | WAITS | others | {"GAS_LEASE_SECONDS": str(lease)}
    )
    environment["GAS_ARCHIVE_BACKEND"] = "glacier" if vault else "s3"
    await aws["sesv2"].create_email_identity(EmailIdentity=WAITS["GAS_MAIL_FROM"])
    daemons = {}
    for verb in verbs:
        resolver = Resolver(folder / f"{verb}.names") if names else None
        if resolver:
            resolver.folder.mkdir()
        daemons[verb] = Daemon(
            verb, {**os.environ, **environment}, folder, forks, ahead_seconds.get(verb, 0), resolver, disks.get(verb)
        )
    async with AsyncExitStack() as stack:
        gas = await stack.enter_async_context(backend(settings_of(environment | PATIENT), mail=True))
        await stack.enter_async_context(working(gas, *(spec(verb) for verb in VERBS if verb not in daemons)))
        kept = []
        for daemon in daemons.values():
            await stack.enter_async_context(serving(daemon.proxy))
            kept.append(asyncio.create_task(daemon.keep()))
        try:
            for daemon in daemons.values():
                await asyncio.wait_for(daemon.proxy.polled.wait(), 300)  # a busy machine starts one in a minute
            yield Lane(Service(gas, aws), daemons, vault)
        finally:
            for task in kept:
                task.cancel()
            await asyncio.gather(*kept, return_exceptions=True)


def settings_of(environment: dict[str, str]) -> Settings:
    values = {
        name.removeprefix("GAS_").lower(): json.loads(value) if value.startswith("{") else value
        for name, value in environment.items()
    }
    return Settings(**values)  # type: ignore[arg-type]


def seeded(seed: int, *names: object) -> random.Random:
    """The same numbers for the same names, whatever else runs."""
    return random.Random(f"{seed} {names}")
