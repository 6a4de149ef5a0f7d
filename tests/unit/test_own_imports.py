"""What tests share stands in tests/support: no other module of theirs is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
FIXTURES = ("conftest", "test_")


def imported(path: Path) -> Iterator[str]:
    """Names, in full, of what a module imports anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)


def test_no_module_of_tests_imports_another_but_those_of_support() -> None:
    modules = sorted(TESTS.rglob("*.py"))
    wrong = [
        f"{path.relative_to(TESTS)} imports {name}"
        for path in modules
        for name in imported(path)
        if (name.startswith("tests.") and not name.startswith("tests.support."))
        or (name.startswith(".") and TESTS / "support" not in path.parents)
        or name.split(".")[0].startswith(FIXTURES)
    ]
    assert len(modules) > 100
    assert not wrong, "\n".join(wrong)
