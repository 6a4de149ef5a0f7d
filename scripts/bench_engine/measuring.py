"""CPU of a command and of every process that it starts, and the memory that they have of their own."""

import ctypes
import os
import resource
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.engine.formats import bgzf

_PR_SET_CHILD_SUBREAPER = 36
_EVERY_SECONDS = 0.05
_TEXT_BYTES = 16 << 20


@dataclass(frozen=True)
class Run:
    """What a command took. `own_bytes`: the most that its processes had together, without pages of mapped files; what they share
    counts once."""

    seconds: float
    cpu_seconds: float
    own_bytes: int


def measure(command: str, environment: Mapping[str, str] | None = None) -> Run:
    """Runs a command of the shell. Returns what it and all that it started took. Raises SystemExit if it fails."""
    # whom a command leaves behind, as the command line does its warmed engine, comes to this process to be counted
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    child = subprocess.Popen(
        ["bash", "-o", "pipefail", "-c", command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, **(environment or {})},
    )
    most, done = 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(_EVERY_SECONDS):
            most = max(most, sum(map(own_bytes, (child.pid, *descendants(child.pid)))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    _, complaints = child.communicate()
    seconds = time.perf_counter() - started
    done.set()
    watcher.join()
    _wait_for_all()
    if child.returncode:
        raise SystemExit(f"{command}\nended with {child.returncode}: {complaints[-2000:].decode(errors='replace')}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Run(seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, most)


def _wait_for_all() -> None:
    """Waits for all children of this process."""
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def descendants(pid: int) -> list[int]:
    """Returns the processes that a process has started, and those that they have."""
    try:
        children = [int(child) for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [found for child in children for found in (child, *descendants(child))]


def own_bytes(pid: int) -> int:
    """Returns the resident memory of a process that is of no file, its share of what it has with others; 0 if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith(("Pss_Anon", "Pss_Shmem")))


def deflating_seconds(result: Path) -> float:
    """Returns the CPU seconds of compressing the text of a result as the engine does."""
    spent = 0.0
    with subprocess.Popen(["bgzip", "-dc", str(result)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        while text := child.stdout.read(_TEXT_BYTES):
            began = time.process_time()
            bgzf.compress(text)
            spent += time.process_time() - began
    return spent
