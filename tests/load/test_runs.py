"""A load test of the local stack, as CI and people run it: bounded, on loopback only."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from scripts.load.ledger import Ledger
from tests.support.stack import Stack

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
LOAD = [sys.executable, "-m", "scripts.load"]


def folder_of(out: Path) -> Path:
    (folder,) = out.iterdir()
    return folder


def test_journeys_are_right_from_upload_to_restored(stack: Stack, tmp_path: Path) -> None:
    options = ["--host", stack.portal, "--outbox", stack.outbox, "--out", str(tmp_path / "load")]
    options += ["--mix", "journey", "--users", "2", "--seconds", "15", "--records", "100"]
    ran = subprocess.run([*LOAD, *options], cwd=ROOT, env=stack.environment, capture_output=True, text=True, timeout=500)
    folder = folder_of(tmp_path / "load")
    assert ran.returncode == 0, ran.stdout + ran.stderr + (folder / "locust.log").read_text()[-3000:]
    ledger = Ledger(folder / "ledger.jsonl")
    assert len(list(ledger.read("journey"))) >= 2
    assert {"sign in", "upload", "queue wait", "annotate", "download", "restore"} <= set(ledger.stages())
    report = (folder / "report.html").read_text()
    assert "<svg" in report and "All is well." in report and "0 problems" in report and "Passed" in report
    assert (folder / "jobs.csv").read_text().count("\n") == 1 + len(list(ledger.read("timed")))
    assert not (folder / "run.json").exists(), "it held tokens"


def test_ctrl_c_leaves_no_job_and_no_token(stack: Stack, tmp_path: Path) -> None:
    options = ["--host", stack.portal, "--people", "tokens", "--mix", "submit", "--users", "2", "--seconds", "600"]
    environment = stack.environment | {"PYTHONUNBUFFERED": "1"}
    running = subprocess.Popen(
        [*LOAD, *options, "--records", "100", "--out", str(tmp_path / "load")],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert running.stdout
    try:
        assert "2 people" in running.stdout.readline()
        ledger = Ledger(folder_of(tmp_path / "load") / "ledger.jsonl")
        for _ in range(600):
            if seen := list(ledger.read("seen")):
                break
            time.sleep(0.2)
        tokens = json.loads((ledger.path.parent / "run.json").read_text())["tokens"]
        running.send_signal(signal.SIGINT)
        said = running.communicate(timeout=300)[0]
    finally:
        running.kill()
    assert running.returncode == 1 and "stopped before its end" in said and "not cleaned up" not in said, said
    assert seen
    for one in tokens:
        assert status(stack, one["token"]) == 401
    users = {entry["user"] for entry in ledger.read("job")}
    fresh = [json.loads(line) for line in stack.gas("account", "token", *users).stdout.splitlines()]
    for one in fresh:
        assert jobs(stack, one["token"]) == []


def status(stack: Stack, token: str) -> int:
    try:
        jobs(stack, token)
    except urllib.error.HTTPError as error:
        return error.code
    return 200


def jobs(stack: Stack, token: str) -> list[object]:
    request = urllib.request.Request(f"{stack.portal}/api/v1/jobs", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["jobs"]


def test_a_deployment_is_refused_without_a_cap(tmp_path: Path) -> None:
    ran = subprocess.run(
        [*LOAD, "--host", "https://gas.example.org", "--out", str(tmp_path)],
        cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 2 and "--spend-usd" in ran.stderr
