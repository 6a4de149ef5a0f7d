"""Writing tracks of alleles: by contig, spooled in the order of their places, then one file of all contigs."""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate, groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from app.engine.bundles.mapped import BundleError, Writer
from app.engine.bundles.track_format import (
    ALLELES,
    CODES,
    DENSE_BITS,
    OTHERS,
    SPARSE_BITS,
    VERSION,
    allele_keys,
    key_type,
)

BASES_PER_ROW = 128
"""Bases a row up to which a track is dense: small bins cost four bytes each, and save two bytes a row."""

_AT_ONCE = 1 << 20  # rows
_SETTLED = 2000  # bases behind the last record within which a later one's allele may still be moved
_DONE = "piece.json"


@dataclass(frozen=True)
class ValueColumn:
    """How a column is stored: each text once (`texts`), or as a number with the same letters before it (`numbers`)."""

    kind: str = "texts"
    prefix: str = ""


class Dictionary(dict[bytes, int]):
    """Texts by the order in which they came; 0 is the empty one, which is no value."""

    def __init__(self) -> None:
        super().__init__({b"": 0})

    def __missing__(self, text: bytes) -> int:
        self[text] = len(self)
        return self[text]


class AllelePiece:
    """The alleles of one contig, in a folder of plain arrays. It counts only once it is closed whole.

    Alleles come in the order of the records that they are in, trimmed and leftmost; of two that are the same the first counts.
    """

    def __init__(self, folder: Path, contig: str, columns: Sequence[ValueColumn]) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._folder, self.contig = folder, contig
        self.dictionaries = [Dictionary() for _ in columns]
        """Of each column, the texts that it has; `add` takes their numbers."""
        self.rows = self.repeated = 0
        self._last = 0
        self._positions = np.zeros(0, np.int64)
        self._codes = np.zeros(0, np.int64)
        self._values = [np.zeros(0, np.int64) for _ in columns]
        self._waiting: list[list[NDArray[np.int64]]] = []  # what was added since, joined with these only when it is much
        self._count = 0
        self._texts: dict[int, bytes] = {}  # of the alleles that are waiting, by their number in the order of arrival
        for name in ("positions", "codes", "other_rows", "other_texts", *(f"values{number}" for number in range(len(columns)))):
            (folder / name).touch()

    def add(
        self,
        positions: NDArray[np.int64],
        codes: NDArray[np.int64],
        values: Sequence[NDArray[np.int64]],
        others: Mapping[int, bytes],
        at: int,
    ) -> None:
        """Add alleles. `others`: the text `REF>ALT` of those without a code of their own; `at`: place of the last record."""
        self._texts |= {self._count + index: text for index, text in others.items()}
        self._waiting.append([positions, codes, *values])
        self._count += len(positions)
        if self._count >= _AT_ONCE:
            self._settle(at - _SETTLED)

    def _settle(self, before: int) -> None:
        """Write the alleles that lie before a place, in order."""
        added = zip([self._positions, self._codes, *self._values], *self._waiting, strict=True)
        self._positions, self._codes, *self._values = (np.concatenate(parts) for parts in added)
        self._waiting = []
        order = np.lexsort((self._codes, self._positions))
        settled = order[: int(np.searchsorted(self._positions[order], before))]
        if not len(settled):
            return
        if self._positions[settled[0]] < self._last:
            raise BundleError(f"the records of {self.contig} are not in order; sort them by position")
        positions, codes = self._positions[settled], self._codes[settled]
        same = np.zeros(len(settled), bool)
        same[1:] = (positions[1:] == positions[:-1]) & (codes[1:] == codes[:-1])
        seen: set[tuple[int, bytes]] = set()
        for index in np.flatnonzero(codes >= OTHERS).tolist():
            one = int(positions[index]), self._texts[int(settled[index])]
            same[index] = one in seen
            seen.add(one)
        kept = settled[~same]
        self.repeated += int(same.sum())
        self._last = int(positions[-1]) + 1
        self._write(kept)
        rest = np.sort(order[len(settled) :])
        self._texts = {int(new): self._texts[int(old)] for new, old in enumerate(rest.tolist()) if old in self._texts}
        self._positions, self._codes = self._positions[rest], self._codes[rest]
        self._values = [values[rest] for values in self._values]
        self._count = len(rest)

    def _write(self, kept: NDArray[Any]) -> None:
        codes = self._codes[kept]
        self._append("positions", self._positions[kept].astype("<u4").tobytes())
        self._append("codes", codes.astype("|u1").tobytes())
        for number, values in enumerate(self._values):
            self._append(f"values{number}", values[kept].astype("<u4").tobytes())
        others = np.flatnonzero(codes >= OTHERS)
        self._append("other_rows", (others + self.rows).astype("<u4").tobytes())
        self._append("other_texts", b"".join(self._texts[int(kept[index])] + b"\n" for index in others.tolist()))
        self.rows += len(kept)

    def _append(self, name: str, items: bytes) -> None:
        with (self._folder / name).open("ab") as file:
            file.write(items)

    def close(self, **counts: int) -> None:
        """Write what is left, and that the piece is whole; `counts` are kept with it."""
        self._settle(1 << 62)
        for number, texts in enumerate(self.dictionaries):
            (self._folder / f"texts{number}").write_bytes(b"".join(text + b"\n" for text in texts))
        facts = {"contig": self.contig, "rows": self.rows, "repeated": self.repeated, **counts}
        part = self._folder / f"{_DONE}.part"
        part.write_text(json.dumps(facts))
        part.rename(self._folder / _DONE)


def piece_facts(folder: Path) -> dict[str, Any] | None:
    """What a whole piece says of itself; None if it is not whole."""
    try:
        found: dict[str, Any] = json.loads((folder / _DONE).read_text())
        return found
    except (OSError, ValueError):
        return None


@dataclass(frozen=True)
class _Piece:
    folder: Path
    contig: str
    rows: int

    def array(self, name: str, dtype: str) -> NDArray[Any]:
        path = self.folder / name
        return np.memmap(path, dtype, "r") if path.stat().st_size else np.zeros(0, dtype)

    def parts(self, name: str, dtype: str) -> Iterator[NDArray[Any]]:
        items = self.array(name, dtype)
        for at in range(0, len(items), _AT_ONCE):
            yield np.asarray(items[at : at + _AT_ONCE])


def join_pieces(target: Path, folders: Iterable[Path], columns: Sequence[ValueColumn], lengths: Mapping[str, int]) -> int:
    """Write the file of a track from whole pieces, one a contig, in the order of `lengths`; the number of its rows."""
    found = [(folder, piece_facts(folder)) for folder in folders]
    pieces = [_Piece(folder, facts["contig"], facts["rows"]) for folder, facts in found if facts and facts["rows"]]
    pieces.sort(key=lambda piece: list(lengths).index(piece.contig))
    rows = sum(piece.rows for piece in pieces)
    if rows >= 1 << 32:
        raise BundleError(f"{target.name} would have {rows:,} rows, more than the {1 << 32:,} of a track")
    bases = sum(lengths[piece.contig] for piece in pieces)
    bits = DENSE_BITS if rows * BASES_PER_ROW >= bases else SPARSE_BITS
    with Writer(target, ALLELES, VERSION) as out:
        contigs = _write_bins(out, pieces, lengths, bits)
        out.begin("keys", key_type(bits))
        for piece in pieces:
            for positions, codes in zip(piece.parts("positions", "<u4"), piece.parts("codes", "|u1"), strict=True):
                out.write(allele_keys(positions.astype(np.int64), codes.astype(np.int64), bits))
        _write_others(out, pieces)
        for number, column in enumerate(columns):
            _write_values(out, pieces, number, column)
        out.finish({"contigs": contigs, "bits": bits, "rows": rows, "columns": [asdict(column) for column in columns]})
    return rows


def _write_bins(out: Writer, pieces: list[_Piece], lengths: Mapping[str, int], bits: int) -> list[tuple[str, int, int]]:
    contigs, first_bin, first_row = [], 0, 0
    out.begin("bins", "<u4")
    for piece in pieces:
        count = (lengths[piece.contig] >> bits) + 1
        bounds = np.arange(count + 1, dtype=np.int64) << bits
        out.write(np.searchsorted(piece.array("positions", "<u4"), bounds.astype(np.uint32)) + first_row)
        contigs.append((piece.contig, first_bin, count))
        first_bin, first_row = first_bin + count + 1, first_row + piece.rows
    return contigs


def _write_others(out: Writer, pieces: list[_Piece]) -> None:
    """Texts of the alleles that are compared by them; where each row's text begins."""
    out.begin("other_rows", "<u4")
    for piece, first in zip(pieces, accumulate((piece.rows for piece in pieces), initial=0), strict=False):
        out.write(piece.array("other_rows", "<u4").astype(np.int64) + first)
    sizes = [np.array([len(line) - 1 for line in _lines(piece.folder / "other_texts")], np.int64) for piece in pieces]
    out.array(
        "other_offsets",
        "<u8",
        np.concatenate((np.zeros(1, np.int64), np.cumsum(np.concatenate([np.zeros(0, np.int64), *sizes])))),
    )
    out.begin("other_texts", "|u1")
    for piece in pieces:
        for lines in _batches(_lines(piece.folder / "other_texts")):
            out.write(b"".join(line[:-1] for line in lines))


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from file


def _batches(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    for _, batch in groupby(enumerate(lines), lambda item: item[0] // _AT_ONCE):
        yield [line for _, line in batch]


def _write_values(out: Writer, pieces: list[_Piece], number: int, column: ValueColumn) -> None:
    """The values of a column; the texts of all pieces get numbers in common."""
    name = f"values{number}"
    if column.kind == "numbers":
        out.begin(name, "<u4")
        for piece in pieces:
            for values in piece.parts(name, "<u4"):
                out.write(values)
        return
    texts = Dictionary()
    renamed = [np.array([texts[line[:-1]] for line in _lines(piece.folder / f"texts{number}")], np.uint32) for piece in pieces]
    out.begin(name, np.min_scalar_type(len(texts) - 1).newbyteorder("<").str)
    for piece, names in zip(pieces, renamed, strict=True):
        for values in piece.parts(name, "<u4"):
            out.write(names[values])
    write_texts(out, number, list(texts))


def write_texts(out: Writer, number: int, texts: list[bytes]) -> None:
    """Write the texts of a column."""
    out.array(f"offsets{number}", "<u8", list(accumulate(map(len, texts), initial=0)))
    out.begin(f"texts{number}", "|u1")
    out.write(b"".join(texts))


AlleleRow = tuple[str, int, bytes, bytes, Sequence[bytes]]
"""Contig, 1-based position, REF and ALT, trimmed and leftmost, and a cell for each column; an empty one is no value."""


class AlleleTrack:
    """Writes a small track at once, of rows that are sorted by contig and position."""

    def __init__(self, target: Path, columns: Sequence[ValueColumn], lengths: Mapping[str, int]) -> None:
        self._target, self._columns, self._lengths = target, columns, lengths
        self._work = target.with_name(f".{target.name}.pieces")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._work, ignore_errors=True)

    def write(self, rows: Iterable[AlleleRow]) -> int:
        """Write all rows; returns how many there are."""
        folders: list[Path] = []
        for contig, group in groupby(rows, itemgetter(0)):
            folders.append(self._work / str(len(folders)))
            piece, these = AllelePiece(folders[-1], contig, self._columns), list(group)
            codes = [CODES[ref, alt] for _, _, ref, alt, _ in these]
            cells = zip(*(row[4] for row in these), strict=True)
            counters = map(numbered, self._columns, piece.dictionaries)
            values = [np.array(list(map(count, column)), np.int64) for count, column in zip(counters, cells, strict=True)]
            others = {index: b"%b>%b" % these[index][2:4] for index, code in enumerate(codes) if code >= OTHERS}
            piece.add(np.array([row[1] for row in these], np.int64), np.array(codes, np.int64), values, others, 0)
            piece.close()
        return join_pieces(self._target, folders, self._columns, self._lengths)


def numbered(column: ValueColumn, texts: Dictionary) -> Callable[[bytes], int]:
    """What gives each cell of a column its number."""
    if column.kind == "texts":
        return texts.__getitem__
    skipped, prefix = len(column.prefix), column.prefix.encode()

    def number(cell: bytes) -> int:
        digits = cell[skipped:]
        if cell and not (cell.startswith(prefix) and digits.isdigit() and int(digits) < 1 << 32):
            raise BundleError(f"{cell[:40].decode('utf-8', 'replace')!r} is no number behind {column.prefix!r}")
        return int(digits or 0)

    return number
