"""What the tests of the infrastructure made, said at the end of the run; those of the night run where `-m` asks for them."""

from __future__ import annotations

from typing import Any

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.option.markexpr:
        night = [item for item in items if "tests/infra" in item.nodeid and item.get_closest_marker("night")]
        config.hook.pytest_deselected(items=night)
        items[:] = [item for item in items if item not in night]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints how many things were created, read back, changed, replaced and destroyed, and what was only written down."""
    told = [
        (name, value)
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, value in report.user_properties
    ]
    lines = sorted((value for name, value in told if name == "infrastructure"), key=lambda value: value["deployment"])
    types = next((value for name, value in told if name == "types"), None)
    if not lines:
        return
    terminalreporter.section("infrastructure, made in an emulator")
    for line in lines:
        terminalreporter.line(
            f"{line['deployment']}: {line['created']} created ({line['recorded']} more only written down), "
            f"{line['read back']} read back with {line['attributes']} attributes, {line['changed']} changed, "
            f"{line['replaced']} replaced, {line['destroyed']} destroyed, in {line['seconds']} s"
        )
    if types:
        terminalreporter.line(f"made: {', '.join(types['made'])}")
        for kind, reason in types["recorded"].items():
            terminalreporter.line(f"written down: {kind}: {reason}")
