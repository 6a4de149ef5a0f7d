"""What is known of alleles and regions: the tracks of a bundle, read by index where the records are, and nowhere else."""

import gzip
import re
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path

from zlib_ng import zlib_ng

from app.engine.bundles.manifest import Bundle, Column, Track
from app.engine.reading.records import AlleleBatch, Key

SPARSE = 150  # bytes of rows for each allele up to which it pays to look first which positions there are
STRIDE = 1 << 8
WINDOW_BITS = 14  # a window of a tabix index has 2^14 bases
_POSITIONS = re.compile(rb"([0-9]++)\t[^\n]*+\n").findall
_REGIONS = re.compile(rb"([0-9]+)\t([0-9]+)\t([^\n]*)\n").findall


class Table:
    """A sorted table, compressed with bgzip and indexed with tabix: its rows by contig and window."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._windows = _read_index(Path(f"{path}.tbi"))
        self._block: tuple[int, bytes, int] = (-1, b"", 0)  # where it begins, its text, where the next one begins

    def rows(self, contig: bytes, start: int, end: int) -> bytes:
        """Whole lines without their contig: at least all that overlap the 0-based, half-open interval."""
        windows = self._windows.get(contig, ())
        first = max(start, 0) >> WINDOW_BITS  # a telomere is before the first base
        if first >= len(windows):
            return b""
        prefix = b"\n%b\t" % contig
        at, within = windows[first] >> 16, windows[first] & 0xFFFF
        pieces: list[bytes] = [b"\n"]
        while True:
            _, text, following = self._read(at)
            pieces.append(text[within:])
            at, within = following, 0
            stop = text.rfind(b"\n")
            last = text.rfind(b"\n", 0, max(stop, 0))
            if not text or (last >= 0 and _beyond(text[last:stop], prefix, end)):
                break
        text = b"".join(pieces)
        text = text[: text.rfind(b"\n") + 1]
        begin, last = text.find(prefix), text.rfind(prefix)
        return text[begin : text.find(b"\n", last + 1) + 1].replace(prefix, b"\n")[1:] if begin >= 0 else b""

    def _read(self, at: int) -> tuple[int, bytes, int]:
        if self._block[0] != at:
            self._file.seek(at)
            head = self._file.read(18)
            if len(head) < 18:
                return at, b"", at
            size = struct.unpack_from("<H", head, 16)[0] + 1
            body = self._file.read(size - 18)
            self._block = at, zlib_ng.decompress(body[:-8], -15), at + size
        return self._block

    def close(self) -> None:
        self._file.close()


def _beyond(tail: bytes, prefix: bytes, end: int) -> bool:
    """Whether the last whole line, which `tail` begins with, is on another contig or begins at or after the end."""
    return not tail.startswith(prefix) or int(tail[len(prefix) :].split(b"\t", 1)[0]) > end


def _read_index(path: Path) -> dict[bytes, Sequence[int]]:
    """The linear part of a tabix index: for each contig, where the rows of each window begin."""
    data = gzip.decompress(path.read_bytes())
    contigs, length = struct.unpack_from("<i", data, 4)[0], struct.unpack_from("<i", data, 32)[0]
    names = data[36 : 36 + length].split(b"\0")[:contigs]
    at = 36 + length
    found: dict[bytes, Sequence[int]] = {}
    for number, name in enumerate(names):
        (bins,) = struct.unpack_from("<i", data, at)
        at += 4
        for _ in range(bins):
            (chunks,) = struct.unpack_from("<i", data, at + 4)
            at += 8 + 16 * chunks
        (count,) = struct.unpack_from("<i", data, at)
        windows = list(struct.unpack_from(f"<{count}Q", data, at + 4))
        for window in range(count - 2, -1, -1) if number else ():
            windows[window] = windows[window] or windows[window + 1]  # without rows: those of the next one
        found[name] = windows
        at += 4 + 8 * count
    return found


class Alleles:
    """A track of known alleles."""

    def __init__(self, track: Track, table: Table) -> None:
        self._columns, self._table = track.columns, table

    def close(self) -> None:
        self._table.close()

    def tags(self, batch: AlleleBatch) -> list[bytes]:
        """What the track says of each allele, as text to be put behind INFO."""
        contig, found = batch.place.encode(), []
        for begin, end in _spans(batch.starts):
            text = self._table.rows(contig, begin, end)
            keys = batch.known[bisect_left(batch.starts, begin) : bisect_left(batch.starts, end)]
            if len(text) < SPARSE * len(keys):
                there = set(_POSITIONS(text))
                keys = [key if key and key[0] in there else None for key in keys]
            found += _searched(text, keys)
        return [_tags(self._columns, [values]) if values else b"" for values in found]


def _searched(text: bytes, keys: Sequence[Key | None]) -> list[bytes | None]:
    """The values of these alleles, in the order of their positions: only the rows around each of them are looked at."""
    text = b"\n" + text
    places, positions = [0], [0]
    for at in range(STRIDE, len(text) - 1, STRIDE):
        place = text.find(b"\n", at, len(text) - 1)
        if place > places[-1]:
            places.append(place)
            positions.append(int(text[place + 1 : text.find(b"\t", place)]))
    places.append(len(text))
    found: list[bytes | None] = []
    for key in keys:
        if key is None:
            found.append(None)
            continue
        position = int(key[0])
        first, last = max(bisect_left(positions, position) - 1, 0), bisect_right(positions, position)
        row = b"\n%b\t" % b"\t".join(key)
        at = text.find(row, places[first], places[last])
        # rows that begin before `places[last]` may end behind it
        found.append(text[at + len(row) : text.find(b"\n", at + 1)] if at >= 0 else None)
    return found


class Regions:
    """A track of intervals."""

    def __init__(self, track: Track, table: Table) -> None:
        self._columns, self._table = track.columns, table

    def close(self) -> None:
        self._table.close()

    def tags(self, batch: AlleleBatch) -> list[bytes]:
        """What the track says of the place of each allele, as text to be put behind INFO."""
        begin, end = batch.starts[0], max(batch.ends)
        rows = [
            (int(start), int(stop), values)
            for start, stop, values in _REGIONS(self._table.rows(batch.place.encode(), begin, end))
        ]
        rows = [row for row in rows if row[0] < end and row[1] > begin]
        if not rows:
            return [b""] * len(batch.starts)
        bounds = sorted({place for row in rows for place in row[:2]})
        held: list[list[bytes]] = [[] for _ in range(len(bounds) + 1)]
        for start, stop, values in rows:
            for index in range(bisect_right(bounds, start), bisect_right(bounds, stop - 1) + 1):
                held[index].append(values)
        texts = [_tags(self._columns, values) for values in held]
        first = [bisect_right(bounds, start) for start in batch.starts]
        last = [bisect_right(bounds, stop - 1) for stop in batch.ends]
        if first == last:
            return [texts[index] for index in first]
        return [
            texts[one] if one == other else _tags(self._columns, [value for values in held[one : other + 1] for value in values])
            for one, other in zip(first, last, strict=True)
        ]


def _spans(starts: list[int]) -> Iterator[tuple[int, int]]:
    """Intervals of whole windows that hold these ascending positions, close ones together."""
    begin = previous = starts[0] >> WINDOW_BITS
    for window in sorted({start >> WINDOW_BITS for start in starts}):
        if window > previous + 1:
            yield begin << WINDOW_BITS, (previous + 1) << WINDOW_BITS
            begin = window
        previous = window
    yield begin << WINDOW_BITS, (previous + 1) << WINDOW_BITS


def _tags(columns: tuple[Column, ...], rows: list[bytes]) -> bytes:
    """The tags of these rows' values, each value once."""
    text = []
    for column, values in zip(columns, zip(*(row.split(b"\t") for row in rows), strict=False), strict=False):
        distinct = (
            dict.fromkeys(part for value in values if value != b"." for part in value.split(b",")) if len(rows) > 1 else values
        )
        if said := b",".join(value for value in distinct if value != b"."):
            text.append(b";%b" % column.tag.encode() + (b"" if column.type == "Flag" else b"=" + said))
    return b"".join(text)


def tracks(bundle: Bundle) -> list[Alleles | Regions]:
    """The tracks of a bundle, opened."""
    return [(Alleles if track.kind == "allele" else Regions)(track, Table(bundle.path(track.file))) for track in bundle.tracks]
