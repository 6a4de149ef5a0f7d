"""The tabix index (.tbi) of a VCF: where in the compressed file the records of a region are.

`Index` is made while the result is written. `StoredIndex` is read where it is asked for and not turned into objects: that of
a whole genome has forty thousand bins. Places are virtual offsets of BGZF.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from app.engine.formats import bgzf

Ints = Sequence[int]
WINDOW_BITS = 14  # the smallest bins and the windows of the linear index have 2^14 bases
MAGIC = b"TBI\1"
_STATISTICS = 37450
"""The bin that is none: the contig's first and last place, and how many records it has."""

_LEVELS = ((0, 29), (1, 26), (9, 23), (73, 20), (585, 17), (4681, 14))
"""First bin and width (bits) of each level of the binning scheme (SAM specification, 5.3)."""

_U32, _U64, _CHUNK = struct.Struct("<I"), struct.Struct("<Q"), struct.Struct("<QQ")
_VCF = (2, 1, 2, 0, ord("#"), 0)  # format, columns of contig, begin and end, comment character, lines to skip


@dataclass
class Span:
    """What an index needs to know of neighbouring lines on one contig; offsets count in the text of their piece."""

    name: bytes
    records: int
    begin: int
    end: int
    chunks: array[int] = field(default_factory=lambda: array("q"))  # bin, begin and end of each row of lines, flattened
    windows: array[int] = field(default_factory=lambda: array("q"))  # window, where its first line begins, flattened


def span(name: bytes, starts: Ints, ends: Ints, lengths: Ints, begin: int) -> Span:
    """The span of these lines, which are in ascending order and begin at this offset.

    What starts before the contig (-1: the telomere, POS 0) counts to its first base.
    """
    if len(starts) and starts[0] < 0:
        starts, ends = [max(start, 0) for start in starts], [max(end, 1) for end in ends]
    first, last = (np.asarray(places, np.int64) >> WINDOW_BITS for places in (starts, np.asarray(ends, np.int64) - 1))
    offsets = np.cumsum(np.concatenate([[begin], np.asarray(lengths, np.int64)])).tolist()
    found = Span(name, len(starts), begin, offsets[-1])
    # rows of lines that lie in one window alone, and each line that does not
    cuts = np.flatnonzero((first[1:] != first[:-1]) | (first[1:] != last[1:]) | (first[:-1] != last[:-1])) + 1
    reached = -1
    for at, until in pairwise([0, *cuts.tolist(), len(starts)] if len(starts) else []):
        window, final = int(first[at]), int(last[at])
        bin_ = 4681 + window if window == final else _bin(starts[at], ends[at])
        found.chunks.extend((bin_, offsets[at], offsets[until]))
        for one in range(max(window, reached + 1), final + 1):
            found.windows.extend((one, offsets[at]))
        reached = max(reached, final)
    return found


def _bin(start: int, end: int) -> int:
    """The smallest bin of the R-tree that holds the interval."""
    for first, bits in reversed(_LEVELS):
        if start >> bits == (end - 1) >> bits:
            return first + (start >> bits)
    return 0


class Index:
    """Gathers the spans of a file that is written."""

    def __init__(self) -> None:
        self._contigs: dict[bytes, _Contig] = {}

    def add(self, span: Span, texts: list[int], blocks: list[int], base: int) -> None:
        """Takes in a span of a piece. Its blocks begin at `texts` in its text, and compressed at `blocks` from `base` on.

        Both have one more item, where the last block ends.
        """

        def virtual(offset: int) -> int:
            block = bisect_right(texts, offset) - 1
            return (base + blocks[block]) << 16 | offset - texts[block]

        contig = self._contigs.setdefault(span.name, _Contig(virtual(span.begin)))
        contig.records += span.records
        contig.end = virtual(span.end)
        for bin_, begin, end in zip(*(iter(span.chunks),) * 3, strict=True):
            contig.chunk(bin_, virtual(begin), virtual(end))
        for window, offset in zip(*(iter(span.windows),) * 2, strict=True):
            contig.window(window, virtual(offset))

    @property
    def records(self) -> int:
        """How many records the index knows of."""
        return sum(contig.records for contig in self._contigs.values())

    def write(self, path: Path, shift: int) -> None:
        """Writes the index of a file that begins with `shift` bytes which were not there yet."""
        names = b"".join(name + b"\0" for name in self._contigs)
        parts = [struct.pack("<4si6ii", MAGIC, len(self._contigs), *_VCF, len(names)), names]
        parts += [contig.bytes(shift << 16) for contig in self._contigs.values()]
        path.write_bytes(bgzf.compress(b"".join([*parts, struct.pack("<Q", 0)])) + bgzf.END_BLOCK)


class _Contig:
    def __init__(self, begin: int) -> None:
        self.begin = self.end = begin
        self.records = 0
        self._chunks: array[int] = array("Q")  # bin, begin, end
        self._windows: array[int] = array("Q")

    def chunk(self, bin_: int, begin: int, end: int) -> None:
        chunks = self._chunks
        if len(chunks) > 2 and chunks[-3] == bin_ and chunks[-1] == begin:
            chunks[-1] = end
        else:
            chunks.extend((bin_, begin, end))

    def window(self, window: int, offset: int) -> None:
        if window >= len(self._windows):
            before = self._windows[-1] if self._windows else self.begin
            self._windows.extend([before] * (window - len(self._windows)))
            self._windows.append(offset)

    def bytes(self, shift: int) -> bytes:
        bins: dict[int, list[tuple[int, int]]] = {}
        for bin_, begin, end in zip(*(iter(self._chunks),) * 3, strict=True):
            bins.setdefault(bin_, []).append((begin + shift, end + shift))
        bins[_STATISTICS] = [(self.begin + shift, self.end + shift), (self.records, 0)]
        parts = [struct.pack("<i", len(bins))]
        for bin_, chunks in bins.items():
            parts.append(struct.pack("<Ii", bin_, len(chunks)))
            parts += [struct.pack("<QQ", *chunk) for chunk in chunks]
        windows = [offset + shift for offset in self._windows]
        parts.append(struct.pack(f"<i{len(windows)}Q", len(windows), *windows))
        return b"".join(parts)


Places = tuple[int, int]
"""From one virtual offset up to another."""


@dataclass(frozen=True)
class StoredContig:
    """One contig of a stored index: where it begins and ends in the file, and how many records it has."""

    place: int  # of its bins in the index
    span: Places
    records: int


@dataclass(frozen=True)
class StoredIndex:
    """What a .tbi file says: `data` is its text, `contigs` are those that have records, in the file's order."""

    data: bytes
    contigs: dict[str, StoredContig]

    @property
    def first(self) -> int:
        """Where the first record starts; behind everything if there is none."""
        return min((contig.span[0] for contig in self.contigs.values()), default=bgzf.BEHIND_ALL)

    def spans(self, name: str, begin: int, end: int) -> list[Places]:
        """The parts of the file, in its order, that have every record that overlaps 1-based `begin` to `end`."""
        contig = self.contigs.get(name)
        if contig is None:
            return []
        wanted = {n for first, bits in _LEVELS for n in range(first + (begin - 1 >> bits), first + (end - 1 >> bits) + 1)}
        found: list[Places] = []
        for number, place in _bins(self.data, contig.place):
            if number in wanted:
                (chunks,) = _U32.unpack_from(self.data, place - 4)
                found += _CHUNK.iter_unpack(self.data[place : place + 16 * chunks])
        least = self._least(contig, begin)
        return _joined(sorted((max(start, least), stop) for start, stop in found if stop > least))

    def along(self, name: str, length: int, bins: int) -> list[float]:
        """Compressed bytes of the records in each of `bins` equal parts of a contig, as finely as windows of 16 kb tell."""
        contig, along = self.contigs[name], [0.0] * bins
        place = _after_bins(self.data, contig.place)
        (windows,) = _U32.unpack_from(self.data, place)
        starts = [start >> 16 for start in struct.unpack_from(f"<{windows}Q", self.data, place + 4)]
        before = contig.span[0] >> 16
        for window, start in enumerate([*starts[1:], contig.span[1] >> 16]):
            # a window without records has no place, or the one of the window before
            along[min(bins - 1, (window << 14) * bins // length)] += max(0, start - before)
            before = max(before, start)
        return along

    def _least(self, contig: StoredContig, begin: int) -> int:
        """No record that overlaps `begin` starts before this."""
        place = _after_bins(self.data, contig.place)
        (windows,) = _U32.unpack_from(self.data, place)
        window = min(begin - 1 >> 14, windows - 1)
        return _U64.unpack_from(self.data, place + 4 + 8 * window)[0] if windows else 0


def read(compressed: bytes) -> StoredIndex:
    """Returns the index in a .tbi file. Raises ValueError if it is none."""
    data = b"".join(text for _, text in bgzf.inflated(compressed, 0)[0])
    if not data.startswith(MAGIC):
        raise ValueError("not a tabix index")
    count, *_, name_bytes = struct.unpack_from("<8I", data, 4)
    names = data[36 : 36 + name_bytes].split(b"\0")[:count]
    contigs: dict[str, StoredContig] = {}
    place = 36 + name_bytes
    for name in names:
        contigs[name.decode("utf-8", "replace")] = _stored_contig(data, place)
        place = _after_bins(data, place)
        place += 4 + 8 * _U32.unpack_from(data, place)[0]
    return StoredIndex(data, {name: contig for name, contig in contigs.items() if contig.records})


def _stored_contig(data: bytes, place: int) -> StoredContig:
    for number, chunks in _bins(data, place):
        if number == _STATISTICS:
            begin, end, records, _ = struct.unpack_from("<4Q", data, chunks)
            return StoredContig(place, (begin, end), records)
    return StoredContig(place, (bgzf.BEHIND_ALL, bgzf.BEHIND_ALL), 0)


def _bins(data: bytes, place: int) -> Iterator[tuple[int, int]]:
    """Number of each bin, and the place of its chunks, before which their count is."""
    (count,) = _U32.unpack_from(data, place)
    place += 4
    for _ in range(count):
        number, chunks = struct.unpack_from("<II", data, place)
        yield number, place + 8
        place += 8 + 16 * chunks


def _after_bins(data: bytes, place: int) -> int:
    end = place + 4
    for _, chunks in _bins(data, place):
        end = chunks + 16 * _U32.unpack_from(data, chunks - 4)[0]
    return end


def _joined(spans: list[Places]) -> list[Places]:
    joined: list[Places] = []
    for start, stop in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(stop, joined[-1][1])
        else:
            joined.append((start, stop))
    return joined
