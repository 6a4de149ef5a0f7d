"""A table as an Excel file, written row by row in constant memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from xlsxwriter import Workbook  # type: ignore[import-untyped]

MOST_ROWS = 1 << 20
"""Rows of a sheet, by the limits of Excel."""

_MOST_LETTERS = 32_767
_NUMBERS = frozenset({"position", "distance"})


class Sheet:
    """A sheet that takes rows; the first has the titles."""

    def __init__(self, path: Path) -> None:
        self.path, self.rows, self._numbers = path, 0, frozenset[int]()
        self._book = Workbook(str(path), {"constant_memory": True, "tmpdir": str(path.parent)})
        self._sheet = self._book.add_worksheet("Variants")

    def add(self, rows: Iterable[list[str]]) -> bool:
        """Writes rows. Every cell is text but the positions, so that nothing is taken for a formula or a date.

        Returns whether there were any, and there may be more.
        """
        before = self.rows
        for row in rows:
            if self.rows >= MOST_ROWS:
                return False
            if not self.rows:
                self._numbers = frozenset(at for at, title in enumerate(row) if title in _NUMBERS)
            for at, cell in enumerate(row):
                if at in self._numbers and cell.isdigit():
                    self._sheet.write_number(self.rows, at, int(cell))
                elif cell:
                    self._sheet.write_string(self.rows, at, cell[:_MOST_LETTERS])
            self.rows += 1
        return self.rows > before

    def close(self) -> None:
        """Completes the file."""
        self._sheet.freeze_panes(1, 0)
        self._book.close()


@contextmanager
def sheet() -> Iterator[Sheet]:
    """A sheet in a file that is gone afterwards."""
    with TemporaryDirectory(prefix="gas-sheet-") as folder:
        yield Sheet(Path(folder) / "variants.xlsx")
