"""The columns of a piece of the result, and those of its records that may matter most."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np

from app.engine.report.rows import Rows, fresh_names, rows
from app.engine.report.what_matters import candidates

_PASSED = (b"PASS", b".", b"")


@dataclass
class PieceRows:
    """`columns` of a piece, with offsets in its text for places, the words of their codes, and rank, number and line of the
    records that may matter most."""

    columns: Rows = field(default_factory=dict)
    names: dict[str, dict[bytes, int]] = field(default_factory=dict)
    candidates: list[tuple[int, int, bytes]] = field(default_factory=list)


def piece_rows(parts: Iterable[tuple[bytes, Sequence[int], Sequence[int], Sequence[bytes]]]) -> PieceRows:
    """What the columns know of a piece, given as the name, the starts (from 0), the ends and the lines of each contig's part."""
    names = fresh_names()
    lines: list[bytes] = []
    found: list[Rows] = []
    for name, starts, ends, texts in parts:
        found.append(rows(name, starts, ends, texts, names))
        lines += texts
    if not lines:
        return PieceRows()
    columns = {name: np.concatenate([part[name] for part in found]) for name in found[0]}
    columns["place"] = np.fromiter(accumulate(map(len, lines[:-1]), initial=0), "<u8", len(lines))
    passed = np.isin(columns["filter"], [names["filter"][word] for word in _PASSED if word in names["filter"]])
    return PieceRows(columns, names, [(rank, number, lines[number]) for rank, number in candidates(columns, passed)])
