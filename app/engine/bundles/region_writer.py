"""Writing tracks of regions: what holds between any two places where something begins or ends."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.engine.bundles.mapped import Writer
from app.engine.bundles.track_format import REGIONS, VERSION
from app.engine.bundles.track_writer import Dictionary, write_texts

RegionRow = tuple[str, int, int, Sequence[bytes]]
"""Contig, start from 0, end behind the last base, and a cell for each column."""


def write_regions(target: Path, rows: Iterable[RegionRow], lengths: Mapping[str, int]) -> int:
    """Write the file of a track of regions, in any order; the number of rows."""
    by_contig: dict[str, list[RegionRow]] = {}
    for row in rows:
        by_contig.setdefault(row[0], []).append(row)
    texts = Dictionary()
    sets: dict[tuple[int, ...], int] = {(): 0}
    bounds: list[NDArray[Any]] = []
    held: list[NDArray[Any]] = []
    contigs, first, count = [], 0, 0
    for contig in lengths:
        if found := sorted(by_contig.get(contig, ()), key=lambda row: row[1:]):
            places, numbers = _segments(found, texts, sets)
            contigs.append((contig, first, len(places)))
            bounds.append(places)
            held.append(numbers)
            first, count = first + len(places), count + len(found)
    with Writer(target, REGIONS, VERSION) as out:
        out.array("bounds", "<i4", np.concatenate(bounds or [np.zeros(0)]))
        out.array("sets", "<u4", np.concatenate(held or [np.zeros(0)]))
        out.array("set_offsets", "<u4", list(accumulate(map(len, sets), initial=0)))
        out.array("set_rows", "<u4", [row for rows in sets for row in rows])
        write_texts(out, 0, list(texts))
        out.finish({"contigs": contigs, "rows": count})
    return count


def _segments(rows: list[RegionRow], texts: Dictionary, sets: dict[tuple[int, ...], int]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The places where something begins or ends, and the number of the set of rows before, between and behind them."""
    places = np.unique([place for row in rows for place in row[1:3]])
    begins: dict[int, list[int]] = {}
    ends: dict[int, list[int]] = {}
    for number, (_, start, end, _) in enumerate(rows):
        begins.setdefault(start, []).append(number)
        ends.setdefault(end, []).append(number)
    cells = [texts[b"\t".join(row[3])] for row in rows]
    open_rows: dict[int, None] = {}
    numbers = [0]
    for place in places.tolist():
        for number in ends.get(place, ()):
            open_rows.pop(number, None)
        open_rows |= dict.fromkeys(begins.get(place, ()))
        held = tuple(dict.fromkeys(cells[number] for number in open_rows))
        numbers.append(sets.setdefault(held, len(sets)))
    return places, np.array(numbers)
