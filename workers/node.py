"""Whether this host can do the work at all: a job that fails for want of the host goes back, and the host takes no more."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from app.engine.bundles import manifest
from app.engine.errors import EngineError
from app.settings import Settings

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


class NodeUnfit(RuntimeError):
    """This host cannot work; the message says why. What it was given goes back, and uses no attempt."""


def fault_of_node(error: BaseException) -> str:
    """What an error says about the host; nothing if it is not the host's."""
    return f"{WORDS[error.errno]} ({error})" if isinstance(error, OSError) and error.errno in WORDS else ""


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
