"""The tabix index of a result, made while the result is written."""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate
from operator import sub
from pathlib import Path

from app.engine.formats import bgzf
from app.engine.reading.input_file import BGZF_END

WINDOW = 14  # the smallest bins and the windows of the linear index have 2^14 bases
_PSEUDO = 37450  # the bin that holds counts
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


def span(name: bytes, starts: list[int], ends: list[int], lengths: Iterable[int], begin: int) -> Span:
    """The span of these lines, which are in ascending order and begin at this offset."""
    offsets = [begin, *(begin + length for length in accumulate(lengths))]
    found = Span(name, len(starts), begin, offsets[-1])
    long = _crossing(starts, ends)
    cuts = sorted({*long, *(index + 1 for index in long)})
    at, reached = 0, -1
    while at < len(starts):
        window = starts[at] >> WINDOW
        if at in long:
            until, bin_, last = at + 1, _bin(starts[at], ends[at]), (ends[at] - 1) >> WINDOW
        else:
            until = bisect_left(starts, (window + 1) << WINDOW, at)
            cut = bisect_left(cuts, at + 1)
            until = min(until, cuts[cut]) if cut < len(cuts) else until
            bin_, last = 4681 + window, window
        found.chunks.extend((bin_, offsets[at], offsets[until]))
        for one in range(max(window, reached + 1), last + 1):
            found.windows.extend((one, offsets[at]))
        at, reached = until, max(reached, last)
    return found


def _crossing(starts: list[int], ends: list[int]) -> set[int]:
    """The lines that lie in more than one window."""
    longest = max(map(sub, ends, starts), default=1)
    found: set[int] = set()
    for window in range((starts[0] >> WINDOW) + 1, (starts[-1] >> WINDOW) + 2) if starts and longest > 1 else ():
        edge = window << WINDOW
        first, last = bisect_left(starts, edge - longest), bisect_left(starts, edge)
        found.update(index for index in range(first, last) if ends[index] > edge)
    return found


def _bin(start: int, end: int) -> int:
    """The smallest bin of the R-tree that holds the interval (SAM specification, 5.3)."""
    for level, shift in ((4681, 14), (585, 17), (73, 20), (9, 23), (1, 26)):
        if start >> shift == (end - 1) >> shift:
            return level + (start >> shift)
    return 0


class Index:
    """Gathers the spans of a file."""

    def __init__(self) -> None:
        self._contigs: dict[bytes, _Contig] = {}

    def add(self, span: Span, blocks: list[int], base: int) -> None:
        """Take in a span of a piece whose compressed blocks begin at these offsets from `base`."""

        def virtual(offset: int) -> int:
            return (base + blocks[offset // bgzf.BLOCK]) << 16 | offset % bgzf.BLOCK

        contig = self._contigs.setdefault(span.name, _Contig(virtual(span.begin)))
        contig.records += span.records
        contig.end = virtual(span.end)
        for bin_, begin, end in zip(*(iter(span.chunks),) * 3, strict=True):
            contig.chunk(bin_, virtual(begin), virtual(end))
        for window, offset in zip(*(iter(span.windows),) * 2, strict=True):
            contig.window(window, virtual(offset))

    @property
    def records(self) -> int:
        return sum(contig.records for contig in self._contigs.values())

    def write(self, path: Path, shift: int) -> None:
        """Write the index of a file that begins with `shift` bytes which were not there yet."""
        names = b"".join(name + b"\0" for name in self._contigs)
        parts = [struct.pack("<4si6ii", b"TBI\1", len(self._contigs), *_VCF, len(names)), names]
        parts += [contig.bytes(shift << 16) for contig in self._contigs.values()]
        path.write_bytes(bgzf.compress(b"".join([*parts, struct.pack("<Q", 0)])) + BGZF_END)


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
        bins[_PSEUDO] = [(self.begin + shift, self.end + shift), (self.records, 0)]
        parts = [struct.pack("<i", len(bins))]
        for bin_, chunks in bins.items():
            parts.append(struct.pack("<Ii", bin_, len(chunks)))
            parts += [struct.pack("<QQ", *chunk) for chunk in chunks]
        windows = [offset + shift for offset in self._windows]
        parts.append(struct.pack(f"<i{len(windows)}Q", len(windows), *windows))
        return b"".join(parts)
