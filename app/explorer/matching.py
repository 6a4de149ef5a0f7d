"""Which records of a result are wanted, and in what order: answered from its columns, without reading the records."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from app.engine.formats.columns import CHUNK
from app.engine.report.rows import CODED
from app.explorer.columns import StoredColumns
from app.explorer.expression import Table
from app.explorer.record import Filter, Region
from app.services.submissions import Refused

Array = npt.NDArray[Any]
Run = Callable[..., Awaitable[Any]]

SORTS: dict[str, tuple[str, ...]] = {
    "position": (),
    "impact": ("consequence",),
    "gene": ("gene",),
    "frequency": ("frequency",),
    "significance": ("significance", "stars"),
    "quality": ("quality",),
    "depth": ("depth",),
    "fraction": ("fraction",),
}
"""What records can be sorted by, and the columns that are needed. The first is the order of the file."""

LAST = (1 << 32) - 1
"""The key behind all others."""

NATURAL: dict[str, str] = {
    name: f"-{name}" if name in ("significance", "quality", "depth", "fraction") else name for name in SORTS
}
"""The order of each that people want first: the most severe, the rarest, the best known, the highest."""


class Matching(NamedTuple):
    """Numbers of records, in the order that was asked for, and how many there are in all."""

    rows: Array
    total: int


async def matching(columns: StoredColumns, wanted: Filter, sort: str, run: Run, most: int | None = None) -> Matching:
    """The records that are wanted, as far as the columns tell, in the order of `sort` (with `-` reversed): the first `most`
    of them, or all."""
    names = needed(wanted) | set(SORTS.get(sort.removeprefix("-"), ()))
    words = {name: await columns.words(name) for name in sorted(names) if name in ("contig", "gene", "genes", "filter")}
    chunks = _chunks(columns, wanted.region, words)
    values = {name: await columns.values(name, run, chunks) for name in sorted(names)}
    return await run(_answer, columns, chunks, wanted, sort, Table(values, words), most)


def _chunks(columns: StoredColumns, region: Region | None, words: dict[str, list[str]]) -> list[int] | None:
    """The chunks that are enough to look at; None: all."""
    if not region or not region.contig:
        return None
    if region.contig not in words["contig"]:
        return []
    return columns.near(words["contig"].index(region.contig), region.begin, region.end)


def _numbers(columns: StoredColumns, chunks: list[int] | None) -> Array:
    """The numbers of the records of these chunks."""
    if chunks is None:
        return np.arange(columns.records)
    parts = [np.arange(columns.directory.chunks[one].records) + one * CHUNK for one in chunks]
    return np.concatenate([np.zeros(0, "i8"), *parts])


def needed(wanted: Filter) -> set[str]:
    """The columns that a filter is answered from."""
    asked = {
        "contig": wanted.region and wanted.region.contig,
        "position": wanted.region,
        "end": wanted.region,
        "genes": wanted.genes or wanted.gene or wanted.panel,
        "consequence": wanted.consequence,
        "impact": wanted.impact,
        "known": wanted.known,
        "af": wanted.frequency is not None,
        "rsid": wanted.rsid is not None,
        "residue": wanted.residue is not None,
        "coding": wanted.coding is not None,
    }
    return {name for name, there in asked.items() if there} | set(wanted.where.columns if wanted.where else ())


def _answer(
    columns: StoredColumns, chunks: list[int] | None, wanted: Filter, sort: str, table: Table, most: int | None
) -> Matching:
    numbers = _numbers(columns, chunks)
    found = np.flatnonzero(_mask(len(numbers), wanted, table))
    return Matching(numbers[ordered(found, sort, table, len(found) if most is None else most)], len(found))


def _mask(records: int, wanted: Filter, table: Table) -> Array:
    values, kept = table.columns, np.ones(records, bool)
    if wanted.region:
        kept &= _within(wanted.region, table)
    for some in ((*wanted.genes, wanted.gene), wanted.panel):
        if symbols := {one.lower() for one in some if one}:
            codes = [code for code, word in enumerate(table.words["genes"]) if symbols & set(word.lower().split(","))]
            kept &= np.isin(values["genes"], codes)
    for name, word in (("consequence", wanted.consequence), ("impact", wanted.impact)):
        if word:
            kept &= values[name] == (CODED[name].index(word) if word in CODED[name] else 255)
    if wanted.known:
        kept &= values["known"] > 0
    if wanted.frequency is not None:
        kept &= ~(values["af"] > np.float32(wanted.frequency))
    for name, number in (("rsid", wanted.rsid), ("residue", wanted.residue), ("coding", wanted.coding)):
        if number is not None:
            kept &= values[name] == number
    return kept & wanted.where.keeps(table) if wanted.where else kept


def _within(region: Region, table: Table) -> Array:
    values = table.columns
    kept = (values["position"] <= region.end) & (np.maximum(values["end"], values["position"]) >= region.begin)
    if region.contig:
        words = table.words["contig"]
        kept &= values["contig"] == (words.index(region.contig) if region.contig in words else len(words))
    return kept


def ordered(found: Array, sort: str, table: Table, most: int) -> Array:
    """The first `most` of these records in another order; equal ones stay in the order of the file. Raises Refused."""
    name, down = sort.removeprefix("-"), sort.startswith("-")
    if name not in SORTS:
        raise Refused(f"The variants can be sorted by {', '.join(SORTS)}; - before it turns the order round.")
    if name == "position":
        return (found[::-1] if down else found)[:most]
    return found[_first(_key(name, found, table, down), most)]


def _first(keys: Array, most: int) -> Array:
    """Where the first `most` of these numbers of 32 bits are, in their order; equal ones as they come."""
    if 0 < most < len(keys):
        last = np.partition(keys, most - 1)[most - 1]
        before = np.flatnonzero(keys < last)
        return np.concatenate([before[_first(keys[before], len(before))], np.flatnonzero(keys == last)[: most - len(before)]])
    # key and place in one word: numpy sorts those of 64 bits by vectors, and equal keys stay in the order of their places
    words = keys.astype("u8")
    words <<= np.uint64(32)
    words |= np.arange(len(keys), dtype="u8")
    words.sort()
    words &= np.uint64(LAST)
    return words.view("i8")[:most]


def _key(name: str, found: Array, table: Table, down: bool) -> Array:
    """A number of 32 bits for each record, the least first; what is not known comes last, whichever way it is sorted."""
    whole = len(found) == len(table.columns[SORTS[name][0]])
    values = {column: table.columns[column] if whole else table.columns[column][found] for column in SORTS[name]}
    first = values[SORTS[name][0]]
    if first.dtype.kind == "f":
        unknown, key = np.isnan(first), _ordinal(first)
    else:
        unknown, key = first <= 0, first.astype("u4")
    if name == "gene":
        places = _places(table.words["gene"])
        unknown, key = places[first] == LAST, places[first]
    if name == "significance":
        key = key * np.uint32(8) + values["stars"]
    return np.where(unknown, np.uint32(LAST), np.uint32(LAST - 1) - key if down else key)


def _ordinal(values: Array) -> Array:
    """Numbers of 32 bits in the order of these floats, none of them the last two; NaN has any."""
    bits = (values + np.float32(0)).view("<u4")  # there is one zero, not two
    return np.where(bits >> np.uint32(31), ~bits, bits | np.uint32(1 << 31))


def _places(words: Sequence[str]) -> Array:
    """The place of each word in the alphabet, small letters as large ones; LAST where it is empty."""
    upper = [word.upper() for word in words]
    places = np.empty(len(words), "u4")
    places[sorted(range(len(words)), key=upper.__getitem__)] = np.arange(len(words))
    places[[code for code, word in enumerate(words) if not word]] = LAST
    return places
