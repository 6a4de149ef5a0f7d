"""Who makes the pieces of a result: this process, or several others at once, with the same result.

`python -m app.engine.pipeline.pool PARENT` is such another process: a plan and then blocks come, pickled, on its standard input.
"""

import gc
import os
import pickle
import queue
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

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
            children.append(_Child(context))
            idle.put(children[-1])
        yield lambda block, before: pool.submit(make, block, before)
    finally:
        for child in children:
            child.process.kill()
            child.process.wait()
        pool.shutdown(cancel_futures=True)
        for child in children:
            child.close()


def ended(pieces: AnnotatedPieces) -> "Future[AnnotatedPieces]":
    """Returns pieces as the future that they were."""
    future: Future[AnnotatedPieces] = Future()
    future.set_result(pieces)
    return future


class _Child:
    """A worker in another process."""

    def __init__(self, context: AnnotationContext) -> None:
        command = [sys.executable, "-m", __name__, str(os.getpid())]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pipesize=bcftools.PIPE)
        self._send(context)

    def _send(self, what: object) -> None:
        assert self.process.stdin is not None
        pickle.dump(what, self.process.stdin, pickle.HIGHEST_PROTOCOL)
        self.process.stdin.flush()

    def pieces(self, block: bytes, before: int) -> AnnotatedPieces:
        assert self.process.stdout is not None
        try:
            self._send((block, before))
            answer = pickle.load(self.process.stdout)  # noqa: S301 from a process of ours
        except (EOFError, BrokenPipeError, pickle.UnpicklingError) as error:
            raise EngineError(f"a worker ended with status {self.process.wait()}") from error
        if isinstance(answer, BaseException):
            raise answer
        assert isinstance(answer, tuple)
        return answer

    def close(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            try:
                assert pipe is not None
                pipe.close()
            except BrokenPipeError:
                pass


def main(parent: int) -> None:
    bcftools.die_with(parent)
    hard_limits.watch()  # the limits themselves are its parent's
    gc.disable()  # nothing here makes cycles, and looking for them takes a tenth of the time
    source, target = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    worker = Worker(pickle.load(source))  # noqa: S301
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
    worker.close()


if __name__ == "__main__":
    main(int(sys.argv[1]))
