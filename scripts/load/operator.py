"""What an operator does around a load test: accounts with tokens before it, and no trace of them after it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scripts.load.ledger import Ledger

GAS = str(Path(sys.executable).with_name("gas"))


def accounts(names: list[str], environment: Mapping[str, str]) -> list[dict[str, str]]:
    """Accounts without quotas, whose mail SES does not deliver, each with a token that is good for a day."""
    made = subprocess.run([GAS, "account", "token", *names], env=environment, capture_output=True, text=True)
    if made.returncode:
        raise RuntimeError(f"no accounts: {made.stderr[-1000:]}")
    return [json.loads(line) for line in made.stdout.splitlines() if line.startswith("{")]


def clean_up(host: str, tokens: list[dict[str, str]], ledger: Ledger, environment: Mapping[str, str]) -> list[str]:
    """Deletes the accounts' jobs with all their data, takes premium back, and revokes the tokens; says what it could not do."""
    left = []
    for user_id in {entry["user_id"] for entry in ledger.read("granted")}:
        revoked = subprocess.run(
            [GAS, "account", "revoke", user_id, "--reason", "load test ended"], env=environment, capture_output=True, text=True
        )
        if revoked.returncode:
            left.append(f"premium of {user_id} was not taken back: {revoked.stderr[-300:]}")
    for one in tokens:
        try:
            for job in list(_jobs(host, one["token"])):
                _ask(host, one["token"], "DELETE", f"/jobs/{job['job_id']}")
            _ask(host, one["token"], "DELETE", f"/tokens/{hashlib.sha256(one['token'].encode()).hexdigest()}")
        except (urllib.error.URLError, OSError) as error:
            left.append(f"not cleaned up after {one['name']}: {error!r}")
    return left


def doctor(environment: Mapping[str, str]) -> list[dict[str, str]]:
    """Findings of a full look."""
    examined = subprocess.run([GAS, "doctor", "--full", "--json"], env=environment, capture_output=True, text=True)
    if examined.returncode not in (0, 1):
        return [{"kind": "the doctor failed", "detail": examined.stderr[-1000:]}]
    return [line for text in examined.stdout.splitlines() if text.startswith("{") and "kind" in (line := json.loads(text))]


def _jobs(host: str, token: str) -> Iterator[dict[str, Any]]:
    before = ""
    while True:
        page = _ask(host, token, "GET", f"/jobs?limit=100{before}")
        yield from page["jobs"]
        if not page["next"]:
            return
        before = f"&before={page['next']}"


def _ask(host: str, token: str, method: str, path: str) -> Any:
    request = urllib.request.Request(f"{host}/api/v1{path}", method=method, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer) if answer.status != 204 else None
