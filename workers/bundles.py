"""Brings the reference bundles that jobs may name to this host: pulled, checked, and refused if they do not match."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable

import structlog

from app.engine.bundles import manifest
from app.process import systemd
from app.settings import Settings

log = structlog.get_logger()
RENEWAL_SECONDS = 3600
"""Seconds between looks for a newer version of a bundle that is wanted as `id/latest`."""

EXTEND_TIMEOUT_SECONDS = 300
"""Seconds that systemd is asked for with every file that arrives."""


class Unusable(RuntimeError):
    """A reference bundle is missing or damaged; the message says which and how. No annotator starts on it."""


async def install(settings: Settings) -> None:
    """Every bundle of GAS_REFERENCES is here and matches its manifest afterwards. Raises Unusable.

    It works in children, for a genome takes long to fetch and to check; cancelled, it leaves nothing half-installed.
    """
    for assembly, place in settings.references.items():
        bundle, _, version = place.partition("/")
        if version and not (settings.bundles and settings.bundle_store):
            raise Unusable(f"GAS_BUNDLES and GAS_BUNDLE_STORE have to say where {place} of {assembly} goes and comes from.")
        if version:
            command = ["pull", bundle, version, settings.bundle_store]
        elif (manifest.EMBEDDED / bundle).is_dir():
            continue  # part of the release
        else:
            command = ["verify", bundle]
        log.info("reference", assembly=assembly, bundle=place, does=command[0])
        status, said = await _gas_reference(*command, "--bundles", settings.bundles or ".")
        if status:
            raise Unusable(f"The reference bundle {place} of {assembly} cannot be used. {said}")


class Renewal:
    """Brings a newer version of the bundles that are wanted in their latest one, while jobs go on with what is here.

    A job that begins afterwards has the newer one. What cannot be fetched or does not match stays away, and is logged.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked = clock()
        self._task: asyncio.Task[None] | None = None

    def look(self, settings: Settings) -> None:
        """Begin to look for newer versions, unless that was done within the last RENEWAL_SECONDS."""
        wanted = {assembly: place for assembly, place in settings.references.items() if place.endswith("/latest")}
        if not wanted or self._clock() - self._asked < RENEWAL_SECONDS or (self._task and not self._task.done()):
            return
        self._asked = self._clock()
        self._task = asyncio.create_task(self._renew(settings.model_copy(update={"references": wanted})))

    async def done(self) -> None:
        """Wait until what was begun is done."""
        if self._task:
            await self._task

    async def _renew(self, settings: Settings) -> None:
        try:
            await install(settings)
        except Unusable as fault:
            log.warning("reference not renewed", why=str(fault))


async def _gas_reference(*arguments: str) -> tuple[int, str]:
    """Exit code and last words of the command."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli.main", "reference", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    said = ""
    try:
        assert child.stderr
        async for line in child.stderr:
            said = line.decode(errors="replace").strip() or said
            systemd.notify(f"EXTEND_TIMEOUT_USEC={EXTEND_TIMEOUT_SECONDS * 1_000_000}")
        return await child.wait(), said
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
