"""Whether this host can do the work at all: a job that fails for want of the host goes back, and the host takes no more."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import structlog

from app.aws.instance import ask_for_replacement, metadata_at
from app.engine.bundles import manifest
from app.engine.errors import EngineError
from app.settings import Settings

log = structlog.get_logger()

LEAST_FREE_BYTES = 64 << 20
LEAST_FREE_INODES = 1000
PROBE_BYTES = 1 << 20
PROBE_SECONDS = 60

WORDS = {
    errno.ENOSPC: "the disk is full, or has no inode left",
    errno.EDQUOT: "the disk's quota is used up",
    errno.EROFS: "the disk is read-only",
    errno.EIO: "the disk does not answer",
    errno.ENOMEM: "there is no memory for another process",
    errno.EAGAIN: "there is no room for another process",
    errno.EMFILE: "the process has too many files open",
    errno.ENFILE: "the host has too many files open",
}
"""What an error of the system says about the host; no other is the host's."""

NO_THREAD = "can't start new thread"
"""How Python says EAGAIN where it starts a thread."""


class NodeUnfit(RuntimeError):
    """This host cannot work; the message says why. What it was given goes back, and uses no attempt."""


def fault_of_node(error: BaseException) -> str:
    """What an error says about the host; nothing if it is not the host's."""
    if isinstance(error, RuntimeError) and NO_THREAD in str(error):
        return f"{WORDS[errno.EAGAIN]} ({error})"
    return f"{WORDS[error.errno]} ({error})" if isinstance(error, OSError) and error.errno in WORDS else ""


async def why_unfit(settings: Settings) -> str:
    """As `unfit`, which takes its time, beside the loop."""
    try:
        return await asyncio.to_thread(unfit, settings)
    except RuntimeError as error:  # there is not even room for a thread
        return fault_of_node(error)


async def say_unfit(settings: Settings, why: str) -> None:
    """Asks the host's autoscaling group, where it has one, for another host. Never raises: the daemon ends in any case."""
    log.error("this host cannot work", why=why)
    if not settings.instance_metadata:
        return
    try:
        async with metadata_at(settings.instance_metadata) as metadata:
            instance = await metadata.get("instance-id")
        await ask_for_replacement(settings, str(instance))
    except Exception as error:
        # the next start of the daemon asks again
        log.warning("the group cannot be asked for another host", error=repr(error))
    else:
        log.info("the group is asked for another host", instance=instance)


def unfit(settings: Settings) -> str:
    """Why no job could be annotated here, after trying: nothing if one could."""
    folder = Path(tempfile.gettempdir())
    try:
        if (free := shutil.disk_usage(folder).free) < LEAST_FREE_BYTES:
            return f"{folder} has {free >> 20} MiB left, and less than {LEAST_FREE_BYTES >> 20} MiB is too little"
        inodes = os.statvfs(folder)
        if inodes.f_files and inodes.f_favail < LEAST_FREE_INODES:
            return f"{folder} has {inodes.f_favail} inodes left, and less than {LEAST_FREE_INODES} is too little"
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(PROBE_BYTES))
            probe.flush()
        subprocess.run([sys.executable, "-c", ""], check=True, timeout=PROBE_SECONDS, stdin=subprocess.DEVNULL)
    except OSError as error:
        return fault_of_node(error) or f"{type(error).__name__}: {error}"
    except subprocess.SubprocessError as error:
        return f"a process cannot be started: {error}"
    return _broken_bundle(settings)


def _broken_bundle(settings: Settings) -> str:
    folders = [Path(settings.bundles)] if settings.bundles else []
    for assembly in settings.references:
        try:
            bundle = manifest.find(settings.bundle(assembly), *folders)
            for name in (bundle.fasta, bundle.sequence, bundle.transcripts):
                if not bundle.path(name).is_file():
                    return f"the reference bundle of {assembly} lacks {name}"
        except EngineError as error:
            return f"the reference bundle of {assembly} cannot be used: {error}"
    return ""
