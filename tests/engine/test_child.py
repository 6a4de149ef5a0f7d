"""The engine as a child process: what it says, how it ends, and that nothing of it outlives it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

HEADER = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
GOOD = HEADER + "MT\t3460\t.\tG\tA\t.\t.\t.\n"


def test_done(child: Callable, tmp_path: Path) -> None:
    (tmp_path / "in").write_text(GOOD)
    status, events, _ = child(tmp_path / "in", tmp_path / "out", "--name", "mine.vcf")
    assert status == 0
    assert [event["event"] for event in events[:-1]] == ["progress"] * (len(events) - 1)
    assert events[0].keys() == {"event", "phase", "records", "percent"}
    counts = {"records": 1, "notes": 1, "records_in": 1, "records_out": 1, "splits": 0, "set_aside": 0}
    assert events[-1] == {"event": "done", "bundle": "rcrs", **counts}
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["name"] == "mine.vcf"


def test_the_name_comes_by_standard_input(tmp_path: Path) -> None:
    (tmp_path / "in").write_text(GOOD)
    command = [sys.executable, "-m", "app.engine", str(tmp_path / "in"), str(tmp_path / "out"), "--name-from-stdin"]
    assert subprocess.run(command, input="--Jörg\u2028 Doe.vcf".encode(), capture_output=True, timeout=60, check=True)
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["name"] == "--Jörg\u2028 Doe.vcf"
    assert subprocess.run([*command, "--name=x"], capture_output=True, timeout=60, check=False).returncode == 2


def test_rejected_says_what_and_where(child: Callable, tmp_path: Path) -> None:
    (tmp_path / "in").write_text(GOOD + "MT\t3461\t.\tC\n")
    status, events, _ = child(tmp_path / "in", tmp_path / "out", "--name", "mine.vcf")
    assert status == 1
    fault = {"line": 4, "column": "", "reason": "has 4 columns, at least 8 expected.", "text": "MT\t3461\t.\tC"}
    said = {"message": f"Line 4 {fault['reason']}", "line": 4, "faults": [fault], "skippable": 1}
    assert events[-1] == {"event": "rejected", **said}
    assert list((tmp_path / "out").iterdir()) == []


def test_failed_is_our_fault(child: Callable, tmp_path: Path) -> None:
    (tmp_path / "in").write_text(GOOD)
    status, events, _ = child(tmp_path / "in", tmp_path / "out", "--name", "mine.vcf", "--bundle", "nothing")
    assert (status, events[-1]["event"]) == (3, "failed")


def test_usage(child: Callable, tmp_path: Path) -> None:
    assert child(tmp_path / "missing", tmp_path / "out", "--name", "mine.vcf")[0] == 2


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.slow
def test_its_children_die_with_it(how: signal.Signals, tmp_path: Path) -> None:
    records = "".join(f"MT\t{position}\t.\tN\t<DEL>\t.\t.\t.\n" for position in [3107] * 400_000)
    (tmp_path / "in").write_text(HEADER + records)
    command = [sys.executable, "-m", "app.engine", str(tmp_path / "in"), str(tmp_path / "out"), "--name", "x"]
    engine = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    while not (children := _children(engine.pid)):
        assert engine.poll() is None
        time.sleep(0.01)
    engine.send_signal(how)
    assert engine.wait(20) != 0
    assert engine.stdout is not None
    engine.stdout.close()
    deadline = time.monotonic() + 20
    while any(_alive(child) for child in children):
        assert time.monotonic() < deadline, "a child outlived the engine"
        time.sleep(0.01)
    assert not (tmp_path / "out" / "annot.vcf.gz").exists()


def test_sigterm_amid_a_fork_is_not_lost(tmp_path: Path) -> None:
    (tmp_path / "in").write_text(GOOD)
    code = (
        "import os, signal, sys; os.register_at_fork(after_in_parent=lambda: os.kill(os.getpid(), signal.SIGTERM)); "
        "from app.engine.__main__ import main; "
        f"sys.exit(main([{str(tmp_path / 'in')!r}, {str(tmp_path / 'out')!r}, '--name=x', '--jobs=2']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 128 + signal.SIGTERM, done.stderr
    assert not (tmp_path / "out" / "annot.vcf.gz").exists()


def _children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread may have ended
            found += map(int, task.read_text().split())
    return found


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_a_small_job_imports_no_more_than_it_needs(tmp_path: Path) -> None:
    """Of its half second of CPU, importing is the most: pysam, or importlib.metadata with all of email, would be a fifth more."""
    (tmp_path / "in").write_text(GOOD)
    code = (
        "import sys; from app.engine.__main__ import main; "
        f"assert main([{str(tmp_path / 'in')!r}, {str(tmp_path / 'out')!r}, '--name=x']) == 0; "
        "print(sorted({'pysam', 'email', 'importlib.metadata', 'asyncio', 'pydantic', 'multiprocessing'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
