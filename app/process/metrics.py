"""Every metric, declared once. They leave as CloudWatch's embedded metric format (EMF), one log line a flush.

Format: CloudWatch documentation, "Specification: Embedded metric format".
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import defaultdict
from enum import StrEnum

NAMESPACE = "GAS"
FLUSH_SECONDS = 60


class Metric(StrEnum):
    """What is measured, by its name in CloudWatch."""

    HANDLED = "handled"
    FAILED = "failed"
    BURIED = "buried"
    SECONDS = "seconds"
    VIOLATIONS = "violations"
    REPAIRS = "repairs"
    RENEWAL_FAILURES = "renewal_failures"
    CLINVAR_AGE = "clinvar_age"


DECLARED: dict[Metric, tuple[str, str]] = {
    Metric.HANDLED: ("Count", "Messages handled and deleted."),
    Metric.FAILED: ("Count", "Deliveries that raised and are tried again."),
    Metric.BURIED: ("Count", "Messages moved to the dead-letter queue by us."),
    Metric.SECONDS: ("Seconds", "Time in the handler."),
    Metric.VIOLATIONS: ("Count", "What the doctor found wrong."),
    Metric.REPAIRS: ("Count", "What the doctor mended."),
    Metric.RENEWAL_FAILURES: ("Count", "Runs of gas-renew that did not end well, also if they were killed."),
    Metric.CLINVAR_AGE: ("Seconds", "Age of ClinVar in each reference that gas-renew renews."),
}
"""Unit and meaning. The dimensions `deployment` and `verb` say whose daemon, and which."""


class Metrics:
    """Values of one daemon since the last flush."""

    def __init__(self, verb: str, environment: str = "local") -> None:
        self.verb = verb
        self.deployment = f"gas-{environment}"
        self.values: dict[Metric, list[float]] = defaultdict(list)

    def add(self, metric: Metric, value: float = 1) -> None:
        """Adds a value, in the metric's unit."""
        self.values[metric].append(value)

    def flush(self) -> None:
        """Writes one EMF line to standard output, if there is anything to say."""
        if not self.values:
            return
        values, self.values = self.values, defaultdict(list)
        shown = {metric: sum(found) if DECLARED[metric][0] == "Count" else found[-100:] for metric, found in values.items()}
        line: dict[str, object] = {
            "_aws": {
                "Timestamp": time.time_ns() // 1_000_000,
                "CloudWatchMetrics": [
                    {
                        "Namespace": NAMESPACE,
                        "Dimensions": [["deployment", "verb"]],
                        "Metrics": [{"Name": metric, "Unit": DECLARED[metric][0]} for metric in shown],
                    }
                ],
            },
            "deployment": self.deployment,
            "verb": self.verb,
            **{str(metric): value for metric, value in shown.items()},
        }
        print(json.dumps(line), file=sys.stdout, flush=True)

    async def flush_regularly(self) -> None:
        """Flushes every FLUSH_SECONDS, for ever."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            self.flush()
