"""Rows of tables are what the csv module makes of them, and no cell is a formula to a spreadsheet."""

from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from app.engine.report.render import csv_row, tsv_row

CELLS = st.text(st.sampled_from("=+-@\t\r\n\",'; aé1"), max_size=4)
ROWS = st.lists(CELLS, min_size=2, max_size=6)


def written(row: list[str], dialect: str, end: str) -> str:
    out = io.StringIO()
    guarded = [f"'{cell}" if len(cell) > 1 and cell[0] in "=+-@\t\r" else cell for cell in row]
    csv.writer(out, dialect=dialect, lineterminator=end).writerow(guarded)
    return out.getvalue()


@given(ROWS)
def test_a_row_is_spelled_as_the_csv_module_spells_it(row: list[str]) -> None:
    assert tsv_row(row) == written(row, "excel-tab", "\n")
    assert csv_row(row) == written(row, "excel", "\r\n")


def test_strands_stand_as_they_are_and_formulas_do_not() -> None:
    assert tsv_row(["MT", "+", "-", "=1+1", ""]) == "MT\t+\t-\t'=1+1\t\n"
    assert csv_row(["a,b", "@x", "+"]) == '"a,b",\'@x,+\r\n'
