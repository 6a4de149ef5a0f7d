"""A warmed engine that is forked for each job: `python -m app.engine.fork_server [--rehearse] [FOLDER…]`, a socket its stdin.

All is imported and the bundles are mapped before the first job comes, so that a job costs what it is, not what starting Python
is. Each job is one child: in a process group of its own, under limits of the kernel, killed and reaped alone. `app.engine.warmed`
is the other end.

A request is one packet: `{"arguments": […]}`, as the engine's command line has them, and four descriptors: standard input,
output and error of the child, and a socket that stands for its life. There the server says `pid N`, and `exit STATUS`, negative
for a signal, once the child is gone; or instead of both `unable ERRNO`, if the host has no room for another process. When the
other end is shut, the child is asked to end, and killed if it does not. The server ends once the other end of its
standard input is closed and the last child is gone.
"""

import errno
import gc
import json
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # threads would be lost in the children

from app.engine import rehearsal
from app.engine.__main__ import arguments
from app.engine.__main__ import main as engine
from app.engine.bundles import manifest
from app.engine.consequence.annotation import AlleleAnnotator
from app.engine.errors import EngineError
from app.engine.formats.bcftools import die_with

PACKET_BYTES = 1 << 18
DESCRIPTORS = 4
REHEARSE = "--rehearse"
PATIENCE_SECONDS = 5.0
"""Between asking a child to end and killing it."""


def fork(arguments: list[str], streams: tuple[int, int, int], kept: Iterable[int] = ()) -> int:
    """Starts the engine in a child. Returns its process id, which is also that of its group.

    `streams`: descriptors of its standard input, output and error; `kept`: those of this process that are none of its business.
    """
    parent = os.getpid()
    pid = os.fork()
    if pid:
        with suppress(OSError):
            os.setpgid(pid, pid)  # whichever of both is first
        return pid
    status = 70
    gc.disable()  # nothing here makes cycles, and looking for them takes a tenth of the time
    try:
        os.setpgid(0, 0)
        die_with(parent)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        for target, source in enumerate(streams):
            os.dup2(source, target)
        for one in {*kept, *streams} - {0, 1, 2}:
            os.close(one)
        sys.stdin, sys.stdout, sys.stderr = (os.fdopen(fd, mode) for fd, mode in ((0, "r"), (1, "w"), (2, "w")))
        status = engine(arguments)
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status & 0xFF)


def warm(folders: Iterable[Path], *, rehearse: bool = True) -> None:
    """Does before the first job what every job would do: maps the bundles, and, if many jobs are to come, annotates a little."""
    installed = manifest.installed(*folders)
    for bundle in installed:
        with suppress(EngineError):  # a job that needs it says what is wrong
            AlleleAnnotator(bundle)
    arguments()
    if rehearse:
        rehearsal.run(manifest.find("rcrs"), installed)
    gc.collect()
    gc.freeze()  # or what a child lets go of would be written into pages that it shares with this process


@dataclass
class _Child:
    """A running job. `killed_at`: when the clock says that it was asked long enough; 0 while it was not asked."""

    pid: int
    life: socket.socket
    killed_at: float = 0.0


class Server:
    """Forks for each request, reaps, and kills what is not wanted any more."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: dict[int, _Child] = {}
        self._selector = selectors.DefaultSelector()
        self._woken, waker = socket.socketpair()
        self._own = [control, self._woken, waker]
        for one in (self._woken, waker):
            one.setblocking(False)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(control, selectors.EVENT_READ, self._request)
        self._selector.register(self._woken, selectors.EVENT_READ, self._reap)

    def serve(self) -> None:
        """Works until nothing can be asked any more, and every child is gone."""
        open_ = True
        while open_ or self._children:
            for key, _ in self._selector.select(self._patience()):
                if key.data == self._request:
                    open_ = self._request()
                elif isinstance(key.data, _Child):
                    self._end(key.data)
                else:
                    self._reap()
            for child in self._children.values():
                if child.killed_at and time.monotonic() >= child.killed_at:
                    _signal(child.pid, signal.SIGKILL)

    def _patience(self) -> float | None:
        times = [child.killed_at for child in self._children.values() if child.killed_at]
        return max(0.05, min(times) - time.monotonic()) if times else None

    def _request(self) -> bool:
        """Takes one request. Returns whether there can be others."""
        packet, descriptors, _, _ = socket.recv_fds(self._control, PACKET_BYTES, DESCRIPTORS)
        if not packet:
            self._selector.unregister(self._control)
            return False
        *streams, life = descriptors
        kept = [one.fileno() for one in (*self._own, *(child.life for child in self._children.values()))]
        kept += [life, self._selector.fileno()]
        alive = socket.socket(fileno=life)
        try:
            pid = fork(json.loads(packet)["arguments"], (streams[0], streams[1], streams[2]), kept)
        except OSError as error:
            # the jobs that run are well, and would die with this process
            with alive, suppress(OSError):
                alive.sendall(b"unable %d\n" % (error.errno or errno.EAGAIN))
            return True
        finally:
            for one in streams:
                os.close(one)
        child = self._children[pid] = _Child(pid, alive)
        self._selector.register(child.life, selectors.EVENT_READ, child)
        child.life.sendall(b"pid %d\n" % pid)
        return True

    def _end(self, child: _Child) -> None:
        """Asks a child to end whose job is not wanted any more."""
        self._selector.unregister(child.life)
        child.killed_at = time.monotonic() + PATIENCE_SECONDS
        _signal(child.pid, signal.SIGTERM)

    def _reap(self) -> None:
        with suppress(BlockingIOError):
            while self._woken.recv(1 << 12):
                pass
        for child in list(self._children.values()):
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if not pid:
                continue
            _signal(pid, signal.SIGKILL)  # what it started, if it left any of it
            del self._children[pid]
            with suppress(KeyError):
                self._selector.unregister(child.life)
            with suppress(OSError):  # the other end may be gone
                child.life.sendall(b"exit %d\n" % os.waitstatus_to_exitcode(status))
            child.life.close()


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def main() -> None:
    """Warms, and serves what comes on standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the daemon decides what becomes of its jobs
    control = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    names = sys.argv[1:]
    rehearse = names[:1] == [REHEARSE]
    warm([Path(name) for name in names[rehearse:]], rehearse=rehearse)
    Server(control).serve()


if __name__ == "__main__":
    main()
