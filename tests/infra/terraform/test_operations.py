"""docs/operations.md says of every alarm what to do, and of none that there is not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from app.local.topology import load

PAGE = Path(__file__).parent.parent.parent.parent / "docs" / "operations.md"


def kind(alarm: str) -> str:
    """An alarm's name as the page writes it: without its deployment, and one for all queues, tables and tiers."""
    name = re.sub(r"^gas-(dev|prod)[-_]", "", alarm)
    topology = load()
    for known, stands_for in (
        (topology["queues"], "QUEUE"),
        (topology["tables"], "TABLE"),
        (("web", "annotate", "utility"), "TIER"),
    ):
        for one in known:
            if re.match(rf"{one}(_dead)?-", name) and name != "annotate-wake":
                return name.replace(one, stands_for, 1)
    return name


def test_every_alarm_has_a_line(deploy: Any) -> None:
    (table,) = re.findall(r"## Alarms\n(.*?)\n## ", PAGE.read_text(), re.DOTALL)
    rows = re.findall(r"^\| (`.*?) \| (\w+) \|", table, re.MULTILINE)
    written = {name: severity for names, severity in rows for name in re.findall(r"`([^`]+)`", names)}
    planned = {
        kind(values["alarm_name"]): (values["tags"] or {}).get("Severity", "none")
        for environment in ("dev", "prod")
        for values in deploy(environment, "s3").planned("aws_cloudwatch_metric_alarm").values()
    }
    assert written == planned
