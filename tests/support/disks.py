"""A disk of a few MiB, which a test may fill: as of a host that has no room left."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

FILLED = "filled"


@dataclass(frozen=True)
class Disk:
    """A file system of its own at `folder`."""

    folder: Path

    def fill(self) -> None:
        """Leaves no byte."""
        with (self.folder / FILLED).open("ab", buffering=0) as file:
            try:
                while file.write(bytes(1 << 20)):
                    pass
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def clear(self) -> None:
        """Gives the room back."""
        (self.folder / FILLED).unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[Disk | None]:
    """Mounts a tmpfs of this size; None where that is not allowed, as to who is not root."""
    folder.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "gas-test", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        yield None
        return
    try:
        yield Disk(folder)
    finally:
        # lazily: a process that was killed a moment ago may still be ending in it
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
