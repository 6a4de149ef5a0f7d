"""The report of a load test: one HTML page with percentiles of every stage, what went wrong, and the doctor's verdict."""

from __future__ import annotations

import csv
import json
from html import escape
from pathlib import Path
from typing import Any

from scripts.load.ledger import Ledger
from scripts.plots import chart, page, percentile, percentile_points, table

HEAD = ("stage", "count", "p50", "p90", "p95", "p99", "most")


def summary(stages: dict[str, list[float]]) -> list[list[object]]:
    """A row a stage: its name, how often, percentiles in seconds."""
    rows: list[list[object]] = []
    for name, values in stages.items():
        ordered = sorted(values)
        rows.append([name, len(ordered), *(f"{percentile(ordered, share):.3f}" for share in (0.5, 0.9, 0.95, 0.99, 1))])
    return rows


def write(folder: Path, run: dict[str, Any], ledger: Ledger, findings: list[dict[str, str]], problems: list[str]) -> Path:
    """Writes report.html, report.json, and jobs.csv, which the fleet's simulator plays back."""
    stages = ledger.stages()
    shown = {name: run[name] for name in ("host", "mix", "shape", "users", "seconds", "spend_usd") if name in run}
    verdict = "All is well." if not findings else f"{len(findings)} findings"
    notes = [entry["text"] for entry in ledger.read("note")]
    parts = [
        table(tuple(shown), [tuple(shown.values())]),
        f'<h2 class="{"bad" if problems else ""}">{len(problems)} problems</h2>',
        _list(problems + notes),
        f'<h2 class="{"bad" if findings else ""}">The doctor: {verdict}</h2>',
        _list([" ".join(filter(None, finding.values())) for finding in findings]),
        "<h2>Stages, in seconds</h2>",
        table(HEAD, summary(stages)),
        *(chart(name, "per cent", "seconds", {name: percentile_points(values)}) for name, values in stages.items()),
    ]
    target = folder / "report.html"
    target.write_text(page("GAS load test", *parts))
    told = {"run": shown, "stages": summary(stages), "problems": problems, "findings": findings, "notes": notes}
    (folder / "report.json").write_text(json.dumps(told, indent=1) + "\n")
    with (folder / "jobs.csv").open("w", newline="") as file:
        names = ("job_id", "user", "bytes", "submitted_at", "started_at", "finished_at")
        rows = csv.DictWriter(file, names, extrasaction="ignore")
        rows.writeheader()
        rows.writerows(ledger.read("timed"))
    return target


def _list(lines: list[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines[:100]) + "</ul>"
