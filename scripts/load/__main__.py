"""Runs a load test and judges it: `python -m scripts.load --local`, or `--host https://… --spend-usd 5` for a deployment.

Exit code 0 if nothing went wrong: every result right, one mail an event, nothing for the doctor to report. Whatever ends
the run, Ctrl-C included, the accounts that were made for it are cleaned up.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.load import mails, operator, report, samples
from scripts.load.ledger import Ledger
from scripts.load.safety import Refused, budget, check, is_local
from scripts.load.shapes import MIXES, SHAPES

ROOT = Path(__file__).parents[2]


@dataclass
class Target:
    host: str
    outbox: str = ""
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)


@contextmanager
def local_stack(folder: Path, options: list[str]) -> Iterator[Target]:
    """A stack of its own, stopped with the block. It forgets everything."""
    command = [operator.GAS, "stack", "--port", "0", "--folder", str(folder), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout
    try:
        said = ""
        while "Ctrl-C stops" not in said:
            if not (line := process.stdout.readline()):
                raise Refused(f"The local stack does not start: {said}")
            said += line
        portal, outbox = re.findall(r"http://127\.0\.0\.1:\d+", said)[:2]
        words = shlex.split((folder / "environment").read_text())
        yield Target(portal, outbox, {**os.environ, **dict(word.split("=", 1) for word in words)})
    finally:
        process.terminate()
        process.wait(60)


def crowd(run: dict[str, Any], folder: Path, environment: Mapping[str, str]) -> int:
    """Locust, in a process of its own; returns its exit code. Ctrl-C stops it, and what follows still happens."""
    path = folder / "run.json"
    path.touch(mode=0o600)  # it holds tokens
    path.write_text(json.dumps(run))
    command = [sys.executable, "-m", "locust", "-f", str(ROOT / "scripts/load/locustfile.py"), "--headless", "--only-summary"]
    command += ["--stop-timeout", str(run["patience"]), "--csv", str(folder / "requests")]
    run_environment = {**environment, "LOAD_RUN": str(path), "PYTHONPATH": str(ROOT)}
    try:
        with (folder / "locust.log").open("w") as log:
            process = subprocess.Popen(command, env=run_environment, stdout=log, stderr=log, cwd=ROOT, start_new_session=True)
            try:
                return process.wait()
            except BaseException:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(60)
                except subprocess.TimeoutExpired:
                    process.kill()
                raise
    finally:
        path.unlink()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--local", action="store_true", help="a stack of its own on this machine")
    where.add_argument("--host", help="address of a portal: of a stack that runs here, or of a deployment")
    parser.add_argument("--outbox", default="", help="address of the outbox of a stack that runs here")
    parser.add_argument("--stack-options", default="--retention 3s --retrieval 2s", help="of `gas stack`, with --local")
    parser.add_argument(
        "--mix", choices=MIXES, default="everyday", help="; ".join(f"{name}: {acts}" for name, acts in MIXES.items())
    )
    parser.add_argument(
        "--shape", choices=SHAPES, default="steady", help="; ".join(f"{k}: {words}" for k, (words, _) in SHAPES.items())
    )
    parser.add_argument("--users", type=int, default=5, help="people at once, at most")
    parser.add_argument("--seconds", type=float, default=60, help="how long new things are begun")
    parser.add_argument("--records", type=int, action="append", help="size of a sample; may be repeated (100 and 3000)")
    parser.add_argument("--people", choices=("sign-in", "tokens"), help="how they come in (sign-in here, tokens elsewhere)")
    parser.add_argument("--patience", type=int, help="seconds that a step may take (default: 180 here, 1800 elsewhere)")
    parser.add_argument("--spend-usd", type=float, help="cap on what a deployment may be charged; it must be given")
    parser.add_argument("--backend", choices=("s3", "glacier"), default="s3", help="archive backend, for the prices")
    parser.add_argument("--out", type=Path, default=Path(".local/load"), help="where the report and all else is written")
    return parser.parse_args()


def main() -> int:
    chosen = arguments()
    # also where it was started in the background, which ignores Ctrl-C
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.default_int_handler)
    folder = chosen.out / time.strftime("%Y%m%d-%H%M%S")
    folder.mkdir(parents=True)
    try:
        with ExitStack() as stack:
            if chosen.local:
                options = shlex.split(chosen.stack_options)
                target = stack.enter_context(local_stack(folder / "stack", options))
            else:
                check(chosen.host, chosen.spend_usd, os.environ)
                target = Target(chosen.host.rstrip("/"), chosen.outbox)
            return play(chosen, target, folder)
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 2


def play(chosen: argparse.Namespace, target: Target, folder: Path) -> int:
    here, ledger = is_local(target.host), Ledger(folder / "ledger.jsonl")
    patience = chosen.patience or (180 if here else 1800)
    people = chosen.people or ("sign-in" if here else "tokens")
    if not here:
        spent = budget(chosen.spend_usd, chosen.backend)
        print(f"At most {int(spent.left / spent.job_usd):,} jobs, or {chosen.spend_usd:.2f} dollars, at {target.host}.")
    prefix = f"load-{secrets.token_hex(4)}"
    tokens: list[dict[str, str]] = []
    problems: list[str] = []
    findings: list[dict[str, str]] = []
    run: dict[str, Any] = {
        "host": target.host,
        "people": people,
        "mix": chosen.mix,
        "shape": chosen.shape,
        "users": chosen.users,
        "seconds": chosen.seconds,
        "patience": patience,
        "pause": (0.2, 1.0) if here else (1.0, 5.0),
        "look_seconds": 0.5 if here else 10,
        "spend_usd": None if here else chosen.spend_usd,
        "backend": chosen.backend,
    }
    try:
        run["samples"] = samples.prepare(folder / "samples", chosen.records or [100, 3000])
        if people == "tokens":
            # a journey each for somebody new, as long as there are some
            names = [f"{prefix}-{number}" for number in range(chosen.users * 3)]
            tokens = operator.accounts(names, target.environment)
        print(f"{chosen.users} people, {chosen.shape}, {chosen.mix}, {chosen.seconds:g} s, at {target.host}", flush=True)
        code = crowd({**run, "tokens": tokens}, folder, target.environment)
        problems = ledger.problems()
        if code and not problems:
            problems = [f"locust ended with {code}: see {folder / 'locust.log'}"]
        if target.outbox and people == "sign-in":
            problems += mails.problems(target.outbox, ledger, patience)
        findings = operator.doctor(target.environment)
    except KeyboardInterrupt:
        problems.append("stopped before its end")
    finally:
        # a second Ctrl-C must not leave accounts and data behind
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if tokens:
            problems += operator.clean_up(target.host, tokens, ledger, target.environment)
    written = report.write(folder, run, ledger, findings, problems)
    for line in [report.HEAD, *report.summary(ledger.stages())]:
        print("\t".join(str(cell) for cell in line))
    for text in problems[:20]:
        print(f"! {text}")
    print(f"{len(problems)} problems, {len(findings)} findings of the doctor. Report: {written}")
    return 1 if problems or findings else 0


if __name__ == "__main__":
    sys.exit(main())
