"""Where the time of a test run goes, a plugin of pytest (`-p tests.support.times`): the slowest tests, and sums by folder.

Seconds are those of the clock, in the worker process that ran the test, and of the CPU: threads and children included, of
children what they took until they were waited for.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

MOST = 20
CPU = "cpu_seconds"
"""The property of a report that carries what its phase took of the CPU to the process that sums up."""

COUNTS: Counter[str] = Counter()
CLOCK: Counter[str] = Counter()
PROCESSOR: Counter[str] = Counter()
"""By node id: whether it ran, and what its set-up, call and tear-down took."""

before = [0.0]


def spent() -> float:
    """Seconds of CPU of this process and its children so far."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def folder_of(node: str) -> str:
    """The folder of a test, below `tests`."""
    return "/".join(node.partition("::")[0].split("/")[1:-1])


def pytest_runtest_logstart() -> None:
    before[0] = spent()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> object:
    report: pytest.TestReport = yield
    now = spent()
    report.user_properties = [*report.user_properties, (CPU, now - before[0])]
    before[0] = now
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    COUNTS[report.nodeid] += report.when == "call"
    CLOCK[report.nodeid] += report.duration
    PROCESSOR[report.nodeid] += dict(report.user_properties)[CPU]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    def line(clock: float, processor: float, what: str) -> None:
        terminalreporter.write_line(f"{clock:8.1f} s {processor:8.1f} s CPU  {what}")

    terminalreporter.section(f"the {MOST} slowest")
    for node, seconds in CLOCK.most_common(MOST):
        line(seconds, PROCESSOR[node], node)
    terminalreporter.section("by folder")
    for folder in sorted({*map(folder_of, CLOCK)}):
        inside = [node for node in CLOCK if folder_of(node) == folder]
        counted = sum(COUNTS[node] for node in inside)
        line(sum(CLOCK[node] for node in inside), sum(PROCESSOR[node] for node in inside), f"{folder} ({counted} tests)")
    line(CLOCK.total(), PROCESSOR.total(), f"all ({COUNTS.total()} tests)")
