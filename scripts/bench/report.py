"""Rows of a benchmark: as a table, as JSON, and two runs side by side."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Row:
    """One number: what was measured of what. `target` says what it should be, such as `>= 10`; empty where nothing is asked."""

    area: str
    case: str
    metric: str
    value: float
    unit: str = ""
    target: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        return self.area, self.case, self.metric

    @property
    def met(self) -> bool | None:
        if not self.target:
            return None
        sign, most = self.target.split()
        return self.value >= float(most) if sign == ">=" else self.value <= float(most)


def medians(runs: Iterable[Iterable[Row]]) -> list[Row]:
    """The median of each number over several runs of the same rows."""
    found: dict[tuple[str, str, str], list[Row]] = {}
    for run in runs:
        for row in run:
            found.setdefault(row.key, []).append(row)
    return [Row(**{**asdict(rows[0]), "value": statistics.median(row.value for row in rows)}) for rows in found.values()]


def table(rows: Iterable[Row]) -> Iterator[str]:
    area = case = ""
    for row in rows:
        if row.area != area:
            yield f"\n{row.area}"
            area, case = row.area, ""
        mark = {None: "", True: f"  ({row.target})", False: f"  (MISSED: {row.target})"}[row.met]
        yield f"  {row.case if row.case != case else '':34} {row.metric:34} {number(row.value):>12} {row.unit}{mark}"
        case = row.case


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def machine() -> dict[str, Any]:
    """Where and on what this was measured."""
    facts = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in facts if line.startswith("model name")), "")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "cpu": model,
        "load": round(os.getloadavg()[0], 1),
    }


def write(path: Path, rows: Iterable[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine(), "rows": [asdict(row) for row in rows]}, indent=1) + "\n")


def read(path: Path) -> list[Row]:
    return [Row(**row) for row in json.loads(path.read_text())["rows"]]


def comparison(before: Iterable[Row], after: Iterable[Row]) -> Iterator[str]:
    """Both values of every number that both runs have, and how the second stands to the first."""
    known = {row.key: row for row in before}
    for row in after:
        if old := known.get(row.key):
            ratio = row.value / old.value if old.value else float("nan")
            yield f"{' | '.join(row.key):84} {number(old.value):>10} -> {number(row.value):>10} {row.unit:10} x {ratio:.2f}"
