"""A tabix index (.tbi) of a VCF: where in the compressed file the records of a region are.

A place in a BGZF file is a *virtual offset*: the offset of its block in the file, shifted by 16 bits, plus the offset in the
block's text (SAM specification, section 4.1.1). The index itself is read where it is asked for and not turned into objects:
a whole genome's has forty thousand bins.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

MAGIC = b"TBI\1"
_U32, _U64, _CHUNK = struct.Struct("<I"), struct.Struct("<Q"), struct.Struct("<QQ")
_STATISTICS = 37450
"""The bin that is none: the contig's first and last place, and how many records it has."""

_LEVELS = ((0, 29), (1, 26), (9, 23), (73, 20), (585, 17), (4681, 14))
"""First bin and width (bits) of each level of the binning scheme."""

Span = tuple[int, int]
"""From one virtual offset up to another."""

END = 1 << 63


class BadBlock(ValueError):
    """What is at this place is not the start of a BGZF block."""


@dataclass(frozen=True)
class ContigIndex:
    place: int  # of its bins in the index
    span: Span
    records: int


@dataclass(frozen=True)
class Index:
    data: bytes
    contigs: dict[str, ContigIndex]

    @property
    def first(self) -> int:
        """Where the first record starts; behind everything if there is none."""
        return min((contig.span[0] for contig in self.contigs.values()), default=END)

    def spans(self, name: str, begin: int, end: int) -> list[Span]:
        """The parts of the file, in its order, that have every record that overlaps 1-based `begin` to `end`."""
        contig = self.contigs.get(name)
        if contig is None:
            return []
        wanted = {n for first, bits in _LEVELS for n in range(first + (begin - 1 >> bits), first + (end - 1 >> bits) + 1)}
        found: list[Span] = []
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

    def _least(self, contig: ContigIndex, begin: int) -> int:
        """No record that overlaps `begin` starts before this."""
        place = _after_bins(self.data, contig.place)
        (windows,) = _U32.unpack_from(self.data, place)
        window = min(begin - 1 >> 14, windows - 1)
        return _U64.unpack_from(self.data, place + 4 + 8 * window)[0] if windows else 0


def read(compressed: bytes) -> Index:
    """The index in a .tbi file. Raises ValueError if it is none."""
    data = b"".join(text for _, text in blocks(compressed, 0)[0])
    if not data.startswith(MAGIC):
        raise ValueError("not a tabix index")
    count, *_, name_bytes = struct.unpack_from("<8I", data, 4)
    names = data[36 : 36 + name_bytes].split(b"\0")[:count]
    contigs: dict[str, ContigIndex] = {}
    place = 36 + name_bytes
    for name in names:
        contigs[name.decode("utf-8", "replace")] = _contig(data, place)
        place = _after_bins(data, place)
        place += 4 + 8 * _U32.unpack_from(data, place)[0]
    return Index(data, {name: contig for name, contig in contigs.items() if contig.records})


def blocks(compressed: bytes, offset: int, most: int = END) -> tuple[list[tuple[int, bytes]], int]:
    """The whole blocks at the start of `compressed`, each with its offset in the file, and how many bytes they took.

    `offset` is where in the file `compressed` starts. What follows once they have `most` bytes, inflated, is left where it is.
    Raises BadBlock.
    """
    found: list[tuple[int, bytes]] = []
    place = inflated = 0
    while len(compressed) - place >= 18 and inflated < most:
        if compressed[place : place + 4] != b"\x1f\x8b\x08\x04" or compressed[place + 12 : place + 14] != b"BC":
            raise BadBlock(offset + place)
        size = int.from_bytes(compressed[place + 16 : place + 18], "little") + 1
        if place + size > len(compressed):
            break
        try:
            found.append((offset + place, zlib.decompress(compressed[place + 18 : place + size - 8], wbits=-15)))
        except zlib.error as error:
            raise BadBlock(offset + place) from error
        inflated += len(found[-1][1])
        place += size
    return found, place


def _contig(data: bytes, place: int) -> ContigIndex:
    for number, chunks in _bins(data, place):
        if number == _STATISTICS:
            begin, end, records, _ = struct.unpack_from("<4Q", data, chunks)
            return ContigIndex(place, (begin, end), records)
    return ContigIndex(place, (END, END), 0)


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


def _joined(spans: list[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, stop in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(stop, joined[-1][1])
        else:
            joined.append((start, stop))
    return joined
