"""A warmed engine as those who have jobs see it: started when it is needed, renewed when a bundle changes or it dies.

Its `start` asks for one job: a child of `app.engine.fork_server`, with the engine's arguments, exit codes and lines of JSON.
"""

import atexit
import json
import os
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from app.engine.bundles.manifest import EMBEDDED, MANIFEST


@dataclass
class Child:
    """One job that was asked for. `stdout`, `stderr`: descriptors to read from, which are the caller's to close.

    `life` says `pid N` and, once the child is gone, `exit STATUS`; or only `unable ERRNO`, if there is no room for a process. It
    ends without that if the warmed process died. Shutting it has the child killed.
    """

    stdout: int
    stderr: int
    life: socket.socket


class Warmed:
    """One warmed process for the bundles of these folders and the embedded ones.

    `rehearsed`: whether it annotates something before the first job, which pays where there are many.
    """

    def __init__(self, *folders: Path, rehearsed: bool = True) -> None:
        self._folders = folders
        options = ["--rehearse"] if rehearsed else []
        self._command = [sys.executable, "-m", "app.engine.fork_server", *options, *map(str, folders)]
        self._control: socket.socket | None = None
        self._stamp: tuple[object, ...] = ()
        self._processes: list[int] = []  # the last is the one at work; those before end with their last job
        atexit.register(self.close)

    @property
    def process(self) -> int | None:
        """The process id, once it was started."""
        return self._processes[-1] if self._control else None

    def warm(self) -> None:
        """Starts it, unless it is there and knows the bundles as they are."""
        stamp = _stamp(self._folders)
        if self._control is None or stamp != self._stamp:
            self._renew(stamp)

    def start(self, arguments: Sequence[str], stdin: bytes = b"") -> Child:
        """Starts a job, whose standard input has these bytes. Raises OSError if no process can be started."""
        self.warm()
        given = os.memfd_create("stdin")
        os.write(given, stdin)
        os.lseek(given, 0, os.SEEK_SET)
        (stdout, out), (stderr, err) = os.pipe(), os.pipe()
        life, far = socket.socketpair()
        sent = [given, out, err, far.fileno()]
        packet = json.dumps({"arguments": list(arguments)}).encode()
        try:
            try:
                self._send(packet, sent)
            except OSError:  # it died
                self._renew(self._stamp)
                self._send(packet, sent)
        except OSError:
            for one in (stdout, stderr):
                os.close(one)
            life.close()
            raise
        finally:
            far.close()
            for one in sent[:3]:
                os.close(one)
        return Child(stdout, stderr, life)

    def close(self) -> None:
        """Lets it go: it ends with its last job."""
        if self._control:
            self._control.close()
            self._control = None
        self._forget_the_dead()

    def _send(self, packet: bytes, descriptors: list[int]) -> None:
        assert self._control
        socket.send_fds(self._control, [packet], descriptors)

    def _renew(self, stamp: tuple[object, ...]) -> None:
        self.close()
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with far:
            actions = [(os.POSIX_SPAWN_DUP2, far.fileno(), 0)]
            self._processes.append(os.posix_spawn(sys.executable, self._command, os.environ, file_actions=actions, setpgroup=0))
        self._control, self._stamp = near, stamp

    def _forget_the_dead(self) -> None:
        for pid in list(self._processes):
            with suppress(ChildProcessError):
                if not os.waitpid(pid, os.WNOHANG)[0]:
                    continue
            self._processes.remove(pid)


def _stamp(folders: Sequence[Path]) -> tuple[object, ...]:
    """What changes when a bundle is put there, replaced or removed."""
    found = [path for folder in (*folders, EMBEDDED) for path in sorted(folder.glob(f"[!.]*/{MANIFEST}"))]
    return tuple((str(path), (stat := path.stat()).st_mtime_ns, stat.st_size, stat.st_ino) for path in found)
