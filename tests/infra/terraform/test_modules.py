"""Each module's own tests (`terraform test`), with a mocked provider; and every rule of a variable is broken in one of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

MODULES = Path(__file__).parent.parent.parent.parent / "terraform" / "modules"
BLOCK = re.compile(r'^(?:variable|resource) "(\w+)"(?: "(\w+)")? {\n(.*?)^}', re.MULTILINE | re.DOTALL)
EXPECTED = re.compile(r"expect_failures\s*=\s*\[([^\]]+)\]")
modules = pytest.mark.parametrize("module", sorted(path.name for path in MODULES.iterdir()))


@modules
def test_module_keeps_its_promises(any_core, checkout: Callable[[], Path], module: str) -> None:
    folder = checkout() / "modules" / module
    any_core.prepare(folder)
    said = any_core.run(folder, "test", "-no-color")
    assert re.search(r"^Success! [1-9]\d* passed, 0 failed\.$", said, re.MULTILINE), said


@modules
def test_every_rule_is_broken_once(module: str) -> None:
    rules: Counter[str] = Counter()
    for file in (MODULES / module).glob("*.tf"):
        for kind, name, body in BLOCK.findall(file.read_text()):
            address = f"{kind}.{name}" if name else f"var.{kind}"
            rules[address] += len(re.findall(r"^ +(?:validation|precondition) {", body, re.MULTILINE))
    broken = Counter(EXPECTED.findall((MODULES / module / "tests" / "rules.tftest.hcl").read_text()))
    assert +rules <= broken, "a rule without a test"
    assert set(broken) <= set(+rules)


@modules
def test_every_variable_and_output_is_described(module: str) -> None:
    for file in ("variables.tf", "outputs.tf"):
        blocks = re.findall(
            r'^(?:variable|output) "(\w+)" {\n(.*?)^}', (MODULES / module / file).read_text(), re.MULTILINE | re.DOTALL
        )
        assert blocks
        for name, body in blocks:
            assert re.search(r"description = (\"[^\"]+\.\"|<<-EOT\n)", body), f"{name} has no sentence"
            assert file == "outputs.tf" or re.search(r"^  type +=", body, re.MULTILINE), f"{name} has no type"
