"""Exactly one mail an event: what was seen to happen to a job, against the outbox of the local stack."""

from __future__ import annotations

import json
import time
import urllib.request
from collections import Counter
from typing import Any

from scripts.load.ledger import Ledger

SUBJECTS = {"ready": "is ready", "archived": "was archived", "back": "is back"}
"""End of the subject by event."""


def problems(outbox: str, ledger: Ledger, patience: float) -> list[str]:
    """Mails that are missing, or came twice. Waits for those that are still on their way."""
    seen = [(entry["job_id"], entry["event"]) for entry in ledger.read("seen")]
    jobs, ends = [entry["job_id"] for entry in ledger.read("job")], time.monotonic() + patience
    while True:
        counts = _counts(outbox, jobs)
        missing = [f"no mail that {job} {SUBJECTS[event]}" for job, event in seen if not counts[job, event]]
        if not missing or time.monotonic() > ends:
            break
        time.sleep(1)
    return missing + [f"{count} mails that {job} {SUBJECTS[event]}" for (job, event), count in counts.items() if count > 1]


def _counts(outbox: str, jobs: list[str]) -> Counter[tuple[str, str]]:
    with urllib.request.urlopen(f"{outbox}/mails.json") as answer:
        mails: list[dict[str, Any]] = json.load(answer)
    return Counter(
        (job, event)
        for mail in mails
        for job in jobs
        if job in mail["body"]
        for event, words in SUBJECTS.items()
        if mail["subject"].endswith(words)
    )
