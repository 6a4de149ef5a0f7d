"""The report of a load test: one HTML page with percentiles of every stage, what went wrong, and the doctor's verdict."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from scripts.load.ledger import Ledger
from scripts.plots import Points, chart, page, percentile, percentile_points, table

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
    shown = {name: run[name] for name in ("host", "mix", "shape", "users", "seconds", "spend_usd") if run.get(name) is not None}
    verdict = "All is well." if not findings else f"{len(findings)} findings"
    timed = list(ledger.read("timed"))
    notes = [entry["text"] for entry in ledger.read("note")]
    parts = [
        f'<p class="{"bad" if problems or findings else ""}"><strong>{_verdict(bool(problems), bool(findings))}</strong></p>',
        table(tuple(shown), [tuple(shown.values())]),
        table(("what was asked", "how much"), [*_extent(timed), *_requests(folder)]),
        f'<h2 class="{"bad" if problems else ""}">{len(problems)} problems</h2>',
        _list(problems + notes),
        f'<h2 class="{"bad" if findings else ""}">The doctor: {verdict}</h2>',
        _list([" ".join(filter(None, finding.values())) for finding in findings]),
        "<h2>Stages, in seconds</h2>",
        table(HEAD, summary(stages)),
        chart("jobs submitted and not finished", "seconds since the first", "jobs", {"": _unfinished(timed)}),
        *(chart(name, "per cent", "seconds", {name: percentile_points(values)}) for name, values in stages.items()),
    ]
    target = folder / "report.html"
    target.write_text(page("GAS load test", *parts))
    facts = {"run": shown, "stages": summary(stages), "problems": problems, "findings": findings, "notes": notes}
    (folder / "report.json").write_text(json.dumps(facts, indent=1) + "\n")
    with (folder / "jobs.csv").open("w", newline="") as file:
        names = ("job_id", "user", "bytes", "submitted_at", "started_at", "finished_at")
        rows = csv.DictWriter(file, names, extrasaction="ignore")
        rows.writeheader()
        rows.writerows(timed)
    return target


def _verdict(problems: bool, findings: bool) -> str:
    if not problems and not findings:
        return "Passed: every answer was right, nothing was lost or came twice."
    return (
        "Failed: " + " and ".join(["people met problems"] * problems + ["the doctor found what was not mended"] * findings) + "."
    )


def _extent(timed: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """How many jobs were done, and how fast they came."""
    if not timed:
        return [("jobs", "none was seen to its end")]
    began, ended = min(job["submitted_at"] for job in timed), max(job["finished_at"] for job in timed)
    return [
        ("began", datetime.fromtimestamp(began // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")),
        ("jobs", f"{len(timed):,}"),
        ("jobs a second", f"{1000 * len(timed) / max(1, ended - began):.2f}"),
        ("bytes annotated", f"{sum(job['bytes'] for job in timed):,}"),
    ]


def _requests(folder: Path) -> list[tuple[str, str]]:
    """What locust counted of HTTP, if it came so far."""
    path = folder / "requests_stats.csv"
    rows = list(csv.DictReader(path.read_text().splitlines())) if path.exists() else []
    total = [row for row in rows if row["Name"] == "Aggregated"]
    return [
        row
        for one in total
        for row in (
            ("requests", f"{int(one['Request Count']):,}"),
            ("requests a second", f"{float(one['Requests/s']):.1f}"),
            ("requests that failed", f"{int(one['Failure Count']):,}"),
        )
    ]


def _unfinished(timed: list[dict[str, Any]]) -> Points:
    """How many jobs were submitted and not finished, at each moment that this changed."""
    changes = sorted([(job["submitted_at"], 1) for job in timed] + [(job["finished_at"], -1) for job in timed])
    points, waiting = [], 0
    for at, change in changes:
        since = (at - changes[0][0]) / 1000
        points += [(since, waiting), (since, waiting + change)]
        waiting += change
    return points


def _list(lines: list[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines[:100]) + "</ul>"
