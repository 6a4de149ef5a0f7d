"""The columns of a piece of the result, and those of its records that may matter most."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import numpy as np

from app.engine.report.rows import Rows, Values, coded, fresh_names, rows, values_of_lines
from app.engine.report.what_matters import candidates

_PASSED = (b"PASS", b".", b"")


@dataclass
class PieceRows:
    """`columns` of a piece, with offsets in its text for places, the words of their codes, and rank, number and line of the
    records that may matter most."""

    columns: Rows = field(default_factory=dict)
    names: dict[str, dict[bytes, int]] = field(default_factory=dict)
    candidates: list[tuple[int, int, bytes]] = field(default_factory=list)

    def place(self, lengths: Iterable[int]) -> None:
        """Notes where the lines begin, of all of which the lengths are given."""
        ends = np.fromiter(accumulate(lengths, initial=0), "<u8")
        if self.columns:
            self.columns["place"] = ends[:-1]

    def insert(self, at: int, name: bytes, start: int, end: int, line: bytes) -> None:
        """Takes in a line of the contig `name` as the `at`-th, of which only the place is not known yet."""
        self.names = self.names or fresh_names()
        one = rows(name, [start], [end], [line], self.names)
        moved = [(rank, number + (number >= at), text) for rank, number, text in self.candidates]
        self.candidates = [*moved, *((rank, at, line) for rank, _ in _candidates(one, self.names))]
        others = self.columns or {column: np.zeros(0, values.dtype) for column, values in one.items()}
        self.columns = {column: np.insert(others[column], at, values) for column, values in one.items()}

    def change(self, at: int, line: bytes) -> None:
        """Takes the text that the `at`-th line has now; its columns stay as they are."""
        self.candidates = [(rank, number, line if number == at else text) for rank, number, text in self.candidates]


Part = tuple[bytes, Sequence[int], Sequence[int], Sequence[bytes], Values | None]
"""Of one contig: its name, the starts (from 0), the ends and the lines, and what they say, if it need not be read from them."""


def piece_rows(parts: Iterable[Part]) -> PieceRows:
    """What the columns know of a piece.

    A block can have thousands of contigs with a line each, so that columns are made of all lines at once.
    """
    names = fresh_names()
    contigs: list[tuple[bytes, int]] = []
    starts: list[int] = []
    ends: list[int] = []
    lines: list[bytes] = []
    values: dict[str, list[Any]] = {}
    for name, begin, end, texts, said in parts:
        if texts:
            contigs.append((name, len(texts)))
            starts += begin
            ends += end
            lines += texts
            for title, found in (values_of_lines(texts) if said is None else said).items():
                values.setdefault(title, []).extend(found)
    if not lines:
        return PieceRows()
    columns = coded(contigs, starts, ends, values, names)
    made = PieceRows(columns, names)
    made.candidates = [(rank, number, lines[number]) for rank, number in _candidates(columns, names)]
    made.place(map(len, lines))
    return made


def _candidates(columns: Rows, names: dict[str, dict[bytes, int]]) -> Iterable[tuple[int, int]]:
    return candidates(columns, np.isin(columns["filter"], [names["filter"][word] for word in _PASSED if word in names["filter"]]))
