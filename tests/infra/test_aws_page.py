"""Every line of docs/aws.md names a test that there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "aws.md").read_text()
ROWS = [row for row in re.findall(r"^\| (.+) \|$", PAGE, re.MULTILINE) if row != "AWS | proof" and not row.startswith("---")]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[:40])
def test_every_line_names_a_test_that_there_is(row: str) -> None:
    proofs = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`(?: \(`(\w+)`\))?", row)
    assert proofs
    for file, name, run in proofs:
        assert re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text(), re.MULTILINE), name
        # a run of `terraform test`, by its name
        assert not run or any(f'run "{run}"' in path.read_text() for path in (ROOT / "terraform").rglob("*.tftest.hcl")), run
