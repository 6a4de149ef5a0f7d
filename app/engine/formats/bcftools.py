"""bcftools as child processes: `python -m app.engine.formats.bcftools PARENT COMMAND ARGS…` is bcftools, as bundled in pysam."""

import ctypes
import os
import signal
import subprocess
import sys
from typing import IO

_PR_SET_PDEATHSIG = 1
PIPE = 1 << 20  # bytes; wide pipes let the stages run in longer strides


def die_with(parent: int) -> None:
    """Make this process die when its parent does, however the parent dies; to be called first thing in a child."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # the parent died before the request was made
        os._exit(1)


def spawn(
    *args: str, stdin: int | IO[bytes] | None = None, stdout: int | IO[bytes], stderr: IO[bytes]
) -> subprocess.Popen[bytes]:
    """Start a bcftools command that dies with the caller."""
    return subprocess.Popen(
        [sys.executable, "-m", __name__, str(os.getpid()), *args],
        stdin=subprocess.DEVNULL if stdin is None else stdin,
        stdout=stdout,
        stderr=stderr,
        pipesize=PIPE,
    )


def main(argv: list[str]) -> int:
    """Runs bcftools with these arguments. Returns its exit code."""
    die_with(int(argv[0]))
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    from pysam.libcutils import _pysam_dispatch

    prints = argv[1] == "index"  # its counts get lost unless pysam catches them
    status, messages, printed = _pysam_dispatch("bcftools", argv[1], tuple(argv[2:]), catch_stdout=prints)
    if printed:
        sys.stdout.write(printed if isinstance(printed, str) else printed.decode())
    if messages:
        sys.stderr.write(messages if isinstance(messages, str) else messages.decode("utf-8", "replace"))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
