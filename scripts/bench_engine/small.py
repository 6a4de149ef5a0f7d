"""The rows of small jobs, and of the start of the command line."""

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from app.engine.bundles import manifest
from app.engine.warmed import Warmed
from scripts.bench_engine import data
from scripts.bench_engine.measuring import measure

RECORDS, JOBS = 350, 50
_TICKS = os.sysconf("SC_CLK_TCK")
Found = Iterator[tuple[str, float, float]]
"""What, how much of it, and the bar."""


def starting(folder: Path, options: argparse.Namespace) -> Found:
    """What the command line costs before it does anything."""
    runs = [measure(f"{Path(sys.executable).with_name('gas')} --help").cpu_seconds for _ in range(5)]
    yield "seconds of CPU of `gas --help`", min(runs), 0.25


def jobs(folder: Path, options: argparse.Namespace) -> Found:
    """Small jobs one after the other, each forked of a warmed engine as the annotator does; its own CPU counts, too."""
    bundle = manifest.find("rcrs")
    source = folder / f"rcrs.{RECORDS}.vcf"
    data.write_vcf(source, bundle, data.mitochondrial_rows(bundle, RECORDS))
    cpu_ms, by_clock = _forked(source, folder / "small", ["--bundle=rcrs"], Warmed())
    yield f"ms of CPU a job of {RECORDS} records, mitochondrion", cpu_ms, 60
    yield "ms by the clock between two of them (12 a second and core)", by_clock, 1000 / 12
    if options.human:
        source = options.human / "bench.vcf"
        human = manifest.find("human_size", options.human)
        if not source.is_file():
            data.write_vcf(source, human, data.human_rows(human, RECORDS))
        arguments = ["--bundle=human_size", f"--bundles={options.human}"]
        yield (
            f"ms of CPU a job of {RECORDS} records, human size",
            _forked(source, folder / "small", arguments, Warmed(options.human))[0],
            100,
        )


def _forked(source: Path, out: Path, arguments: list[str], warmed: Warmed) -> tuple[float, float]:
    """Milliseconds of CPU, and by the clock, of a job."""
    shutil.rmtree(out, ignore_errors=True)

    def run(number: int) -> None:
        # a new folder, as each job of the annotator has: putting a file in the place of another costs more
        child = warmed.start([str(source), str(out / str(number)), "--name=x", *arguments])
        with child.life, os.fdopen(child.stdout) as said, os.fdopen(child.stderr) as complaints:
            *_, last = said
            assert json.loads(last)["event"] == "done", last + complaints.read()
            while child.life.recv(100):
                pass

    run(0)
    assert warmed.process
    before, began = _cpu_ticks(warmed.process), time.perf_counter()
    for number in range(JOBS):
        run(number + 1)
    ticks, seconds = _cpu_ticks(warmed.process) - before, time.perf_counter() - began
    warmed.close()
    return 1000 * ticks / _TICKS / JOBS, 1000 * seconds / JOBS


def _cpu_ticks(pid: int) -> int:
    """Of a process and of its children that ended."""
    return sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]))


ROWS: dict[str, Callable[[Path, argparse.Namespace], Found]] = {"small": jobs, "start": starting}
