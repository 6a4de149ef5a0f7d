"""Who makes the pieces of a result: this process, or several others at once, with the same result.

Another process is forked of this one, so that it has all imported and remembered: blocks come, pickled, on one pipe, and pieces
go back on another.
"""

import fcntl
import gc
import os
import pickle
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from app.engine import hard_limits
from app.engine.errors import EngineError
from app.engine.formats import bcftools
from app.engine.pipeline.block import AnnotatedPieces, AnnotationContext, Worker

WORKER = 100 << 20  # bytes that a worker takes; the bundle is mapped, and its pages are shared


def cores() -> int:
    """The cores that this process may use, by its affinity and its control group."""
    allowed = len(os.sched_getaffinity(0))
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(allowed, -(-int(quota) // int(period))))
    except (OSError, ValueError):
        return allowed


def affordable() -> int:
    """How many workers half of the free memory holds."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    free = next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable"))
    with suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        free = min(free, int((group / "memory.max").read_text()) - int((group / "memory.current").read_text()))
    return max(1, free // 2 // WORKER)


Make = Callable[[bytes, int], "Future[AnnotatedPieces]"]


@contextmanager
def workers(context: AnnotationContext, count: int, begun: Worker | None = None) -> Iterator[Make]:
    """What makes pieces: this process if `count` is 1, else so many others at once; none of them outlives the block.

    `begun`: a worker of this process that has begun.
    """
    if count == 1:
        worker = begun or Worker(context)
        try:
            yield lambda block, before: ended(worker.pieces(block, before))
        finally:
            worker.close()
        return
    idle: queue.SimpleQueue[_Child] = queue.SimpleQueue()
    children: list[_Child] = []
    pool = ThreadPoolExecutor(count, thread_name_prefix="worker")

    def make(block: bytes, before: int) -> AnnotatedPieces:
        child = idle.get()
        try:
            return child.pieces(block, before)
        finally:
            idle.put(child)

    try:
        for _ in range(count):
            with _signals_put_off():
                children.append(_Child(context, children))
            idle.put(children[-1])
        yield lambda block, before: pool.submit(make, block, before)
    finally:
        for child in children:
            child.kill()
        pool.shutdown(cancel_futures=True)
        for child in children:
            child.close()


def ended(pieces: AnnotatedPieces) -> "Future[AnnotatedPieces]":
    """Returns pieces as the future that they were."""
    future: Future[AnnotatedPieces] = Future()
    future.set_result(pieces)
    return future


_ENDING = (signal.SIGTERM, signal.SIGINT)
"""What ends this process, by an exception."""


class _Child:
    """A worker in another process. `others`: those that were started before it."""

    def __init__(self, context: AnnotationContext, others: Sequence["_Child"]) -> None:
        parent = os.getpid()
        (blocks, self._blocks), (self._pieces, pieces) = _pipe(), _pipe()
        self._status: int | None = None
        self._ending = threading.Lock()
        self.pid = os.fork()
        if not self.pid:
            for one in (self, *others):
                one.close()
            _work(context, parent, blocks, pieces)
        blocks.close()
        pieces.close()

    def pieces(self, block: bytes, before: int) -> AnnotatedPieces:
        try:
            pickle.dump((block, before), self._blocks, pickle.HIGHEST_PROTOCOL)
            self._blocks.flush()
            answer = pickle.load(self._pieces)  # noqa: S301 from a process that was forked here
        except (EOFError, BrokenPipeError, pickle.UnpicklingError) as error:
            raise EngineError(f"a worker ended with status {self.wait()}") from error
        if isinstance(answer, BaseException):
            raise answer
        assert isinstance(answer, tuple)
        return answer

    def wait(self) -> int:
        """Returns its exit status once it is gone, negative for a signal."""
        with self._ending:
            return self._reaped()

    def kill(self) -> None:
        """Ends it, unless it has ended."""
        with self._ending:  # or the number may be another process's by now
            if self._status is None:
                os.kill(self.pid, signal.SIGKILL)
                self._reaped()

    def _reaped(self) -> int:
        if self._status is None:
            self._status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._status

    def close(self) -> None:
        """Lets go of its pipes."""
        for pipe in (self._blocks, self._pieces):
            with suppress(BrokenPipeError):
                pipe.close()


@contextmanager
def _signals_put_off() -> Iterator[None]:
    """Handlers of what ends this process run at the end of the block: an exception that one raises amid a fork is lost, by
    Python's callbacks around it, or leaves a child that is not known."""
    came = list[int]()
    before: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():  # handlers run there
        before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
        for one in came:
            signal.raise_signal(one)


def _pipe() -> tuple[BinaryIO, BinaryIO]:
    """The ends to read from and to write to."""
    source, target = os.pipe()
    with suppress(OSError):  # as wide as the host allows
        fcntl.fcntl(target, fcntl.F_SETPIPE_SZ, bcftools.PIPE)
    return os.fdopen(source, "rb"), os.fdopen(target, "wb")


def _work(context: AnnotationContext, parent: int, source: BinaryIO, target: BinaryIO) -> NoReturn:
    """What the other process does until no more blocks come."""
    status = 1
    try:
        for number in _ENDING:
            signal.signal(number, signal.SIG_DFL)
        bcftools.die_with(parent)
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1):  # what is said on standard output is its parent's
            os.dup2(null, stream)
        hard_limits.watch()  # the limits themselves are its parent's
        gc.disable()  # nothing here makes cycles, and looking for them takes a tenth of the time
        worker = Worker(context)
        while True:
            try:
                block, before = pickle.load(source)  # noqa: S301
            except EOFError:
                break
            try:
                answer: object = worker.pieces(block, before)
            except (Exception, MemoryError) as error:
                answer = error.with_traceback(None)
            pickle.dump(answer, target, pickle.HIGHEST_PROTOCOL)
            target.flush()
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)
