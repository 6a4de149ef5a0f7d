"""The engine as a child process: `python -m app.engine INPUT OUT_DIR --name-from-stdin [--bundle ID] [--among ID]…`.

Standard output carries JSON lines: `progress` at least once a second, then exactly one of `done` (exit 0), `rejected` (1: the
input is at fault) or `failed` (3: we are). Usage errors exit with 2. SIGTERM ends it and everything it started.
"""

import argparse
import errno
import json
import os
import signal
import sys
import threading
from functools import cache
from pathlib import Path
from typing import Any

from app.engine import hard_limits
from app.engine.bundles import manifest
from app.engine.errors import InputError
from app.engine.formats import bgzf
from app.engine.limits import Limits, limited
from app.engine.pipeline.annotate import annotate
from app.engine.reading.choice import choose

TICK = 0.5
OF_THE_NODE = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ENOMEM, errno.EAGAIN, errno.EMFILE, errno.ENFILE}
)
"""What fails for want of the machine, and would not on another: a disk that is full or read-only, no memory, no process."""

EXITS = {"done": 0, "rejected": 1, "failed": 3}


class Reporter:
    """Says twice a second where the work is, also while nothing moves."""

    def __init__(self) -> None:
        self._state = ("reading", 0, 0.0)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        threading.Thread(target=self._tick, name="progress", daemon=True).start()

    def __call__(self, phase: str, records: int, percent: float) -> None:
        """Notes how far a phase is, for the next line that is said about it."""
        self._state = phase, records, percent

    def _tick(self) -> None:
        while True:
            with self._lock:
                if self._stop.is_set():
                    return
                phase, records, percent = self._state
                self._say({"event": "progress", "phase": phase, "records": records, "percent": round(percent, 1)})
            self._stop.wait(TICK)

    def end(self, event: str, **facts: Any) -> int:
        """Says how it ended. Returns the exit code that means it."""
        with self._lock:
            self._stop.set()
            self._say({"event": event, **facts})
        return EXITS[event]

    @staticmethod
    def _say(event: dict[str, Any]) -> None:
        os.write(1, json.dumps(event).encode() + b"\n")


@cache
def arguments() -> argparse.ArgumentParser:
    """Returns the parser of the command line, which is made once in a process."""
    parser = argparse.ArgumentParser(prog="python -m app.engine", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("input", type=Path)
    parser.add_argument("out_dir", type=Path)
    named = parser.add_mutually_exclusive_group(required=True)
    named.add_argument("--name", help="the file's name as its owner knows it; only ever shown")
    # every user of the host sees the arguments of processes, and names of files are names of people
    named.add_argument("--name-from-stdin", action="store_true", help="read that name from standard input, as UTF-8")
    parser.add_argument("--bundle", help="the reference bundle that was asked for; without it, the file decides")
    parser.add_argument("--among", action="append", help="a bundle that the file may decide for (default: all)")
    parser.add_argument("--bundles", type=Path, action="append", default=[], help="a folder of further reference bundles")
    parser.add_argument(
        "--jobs", type=int, default=0, help="processes that work on it (default: one a core if the file is large)"
    )
    parser.add_argument("--limit", action="append", default=[], help="a cap on inputs, as name=number")
    parser.add_argument("--distance", type=int, help="bases of upstream and downstream, instead of what the bundle says")
    parser.add_argument("--level", type=int, choices=bgzf.LEVELS, default=bgzf.LEVEL, help="of compression")
    parser.add_argument("--skip-bad", action="store_true", help="set lines aside that are no records, if they are few")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Annotates one file as a child process. Returns the exit code: 0 done, 1 rejected, others mean that the engine failed."""
    parser = arguments()
    options = parser.parse_args(argv)
    try:
        limits = limited(options.limit)
    except ValueError as fault:
        parser.error(str(fault))
    if not options.input.is_file():
        parser.error(f"{options.input} is not a file")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    name = sys.stdin.buffer.read().decode(errors="replace") if options.name_from_stdin else options.name
    report = Reporter()
    hard_limits.apply(limits, options.input.stat().st_size)
    try:
        with hard_limits.said(limits):
            return _annotated(options, name, limits, report)
    except InputError as fault:
        faults = [one.shown() for one in fault.faults]
        return report.end("rejected", message=fault.message, line=fault.line, faults=faults, skippable=fault.skippable)
    except Exception as fault:
        import traceback

        traceback.print_exc()
        of_node = isinstance(fault, OSError) and fault.errno in OF_THE_NODE
        return report.end("failed", message=f"{type(fault).__name__}: {fault}"[:1000], of_node=of_node)


def _annotated(options: argparse.Namespace, name: str, limits: Limits, report: Reporter) -> int:
    wanted = manifest.find(options.bundle, *options.bundles) if options.bundle else None
    among = [manifest.find(one, *options.bundles) for one in options.among or ()] or manifest.installed(*options.bundles)
    bundle, why = choose(options.input, wanted, among, limits)
    chosen: dict[str, Any] = {"bundle": bundle, "overruled": why, "limits": limits, "jobs": options.jobs}
    chosen |= {"skip_bad": options.skip_bad, "distance": options.distance, "level": options.level}
    result = annotate(options.input, options.out_dir, name=name, progress=report, **chosen)
    summary = result.summary
    facts = {"bundle": bundle.id} | {key: summary[key] for key in ("records_in", "records_out", "splits", "set_aside")}
    return report.end("done", records=summary["records_out"], notes=len(summary["notes"]), **facts)


if __name__ == "__main__":
    sys.exit(main())
