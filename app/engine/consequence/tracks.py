"""What is known of alleles and regions: the tracks of a bundle, mapped into memory and searched for a whole batch at once."""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from app.engine.bundles.manifest import Bundle, Column, Track
from app.engine.bundles.mapped import BundleError, Mapped
from app.engine.bundles.track_format import ALLELES, CODE_BITS, CODES, OTHERS, REGIONS, VERSION, allele_keys, short_allele
from app.engine.reading.allele_batch import AlleleBatch, Key

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class ColumnSaid:
    """What a column of a track says of the alleles that the track knows, one behind the other.

    `texts`: with the tag before each; `numbers`: what follows the prefix in each, 0 for no text, of a column that has numbers.
    """

    texts: list[bytes]
    numbers: Ints | None = None
    prefix: str = ""


@dataclass(frozen=True)
class TrackSaid:
    """What a track says of the alleles of a batch.

    `texts`: to be put behind INFO; `alleles`, `tags`: of how many it says anything, and how many have each tag; `known`: those
    that it knows, of which `columns` has what it says by tag. A track of regions has no `columns`.
    """

    texts: list[bytes]
    alleles: int
    tags: dict[str, int]
    known: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    columns: dict[str, ColumnSaid] | None = None

    def of_tags(self, wanted: Container[str]) -> list[bytes]:
        """The texts with these tags alone; of regions with all of them."""
        if self.columns is None:
            return self.texts
        columns = [column.texts for tag, column in self.columns.items() if tag in wanted]
        return _spread(_joined(columns), self.known, len(self.texts)) if columns else [b""] * len(self.texts)


def _joined(columns: list[list[bytes]]) -> list[bytes]:
    return columns[0] if len(columns) == 1 else list(map(b"".join, zip(*columns, strict=True)))


def _spread(texts: list[bytes], places: Ints, count: int) -> list[bytes]:
    """`count` texts, of which these are at `places` and all others are empty."""
    if len(texts) == count:
        return texts
    spread = [b""] * count
    for place, text in zip(places.tolist(), texts, strict=True):
        spread[place] = text
    return spread


class _Texts:
    """Texts of a column by their numbers, each behind what comes before it; 0 is the empty one."""

    def __init__(self, mapped: Mapped, number: int, before: bytes) -> None:
        self._pages, self._at = mapped.bytes_of(f"texts{number}")
        self._offsets = mapped.array(f"offsets{number}")
        self._before = before

    def of(self, indices: Ints) -> list[bytes]:
        """The text of each."""
        distinct, which = np.unique(indices, return_inverse=True)
        firsts = (self._offsets[distinct].astype(np.int64) + self._at).tolist()
        lasts = (self._offsets[distinct.astype(np.int64) + 1].astype(np.int64) + self._at).tolist()
        before, pages = self._before, self._pages
        texts = [before + pages[first:last] for first, last in zip(firsts, lasts, strict=True)]
        if len(distinct) and not distinct[0]:
            texts[0] = b""
        return list(map(texts.__getitem__, which.tolist()))


class _Values:
    """A column of a track of alleles."""

    def __init__(self, mapped: Mapped, number: int, column: Column) -> None:
        stored = mapped.facts["columns"][number]
        before = f";{column.tag}={stored['prefix']}".encode()
        self.tag, self._prefix = column.tag, stored["prefix"]
        self._values = mapped.array(f"values{number}")
        self._format = before.replace(b"%", b"%%") + b"%d" if stored["kind"] == "numbers" else None
        self._texts = _Texts(mapped, number, before) if self._format is None else None

    def of(self, rows: Ints) -> ColumnSaid:
        """The tag of each row, nothing where it has no value."""
        values = self._values[rows]
        if self._texts is not None:
            return ColumnSaid(self._texts.of(values))
        form = self._format
        assert form is not None
        return ColumnSaid([form % value if value else b"" for value in values.tolist()], values.astype(np.int64), self._prefix)


class Alleles:
    """A track of known alleles. Raises BundleError if its file cannot be used."""

    def __init__(self, track: Track, mapped: Mapped) -> None:
        self.columns = [_Values(mapped, number, column) for number, column in enumerate(track.columns)]
        self._bits = mapped.facts["bits"]
        self._contigs = {name: (first, count) for name, first, count in mapped.facts["contigs"]}
        self._bins, self._keys, self._other_rows, self._other_offsets = (
            mapped.array(name) for name in ("bins", "keys", "other_rows", "other_offsets")
        )
        self._pages, self._at = mapped.bytes_of("other_texts")

    def close(self) -> None:
        """Nothing is left open: pages are let go with the arrays."""

    def rows(self, contig: str, positions: Ints, codes: Ints) -> Ints:
        """The first row of each allele, given by its 1-based position and code (`track_format.CODES`); -1 where there is none.

        A code of `OTHERS` or more may belong to another allele: `is_allele` says whether a row is the one that is meant.
        """
        found = np.full(len(positions), -1, np.int64)
        first, count = self._contigs.get(contig, (0, 0))
        bins = positions >> self._bits
        inside = np.flatnonzero((bins >= 0) & (bins < count))
        if not len(inside):
            return found
        at = bins[inside] + first
        low, end = self._bins[at].astype(np.int64), self._bins[at + 1].astype(np.int64)
        keys = allele_keys(positions[inside], codes[inside], self._bits)
        high, last = end.copy(), len(self._keys) - 1
        for _ in range(int((end - low).max()).bit_length()):
            middle = (low + high) >> 1
            less = (low < high) & (self._keys[np.minimum(middle, last)] < keys)
            low, high = np.where(less, middle + 1, low), np.where(less, high, middle)
        there = (low < end) & (self._keys[np.minimum(low, last)] == keys)
        found[inside[there]] = low[there]
        return found

    def is_allele(self, row: int, contig: str, position: int, ref: bytes, alt: bytes) -> int:
        """The row of this allele among those that have its code, of which `row` is the first; -1 if it is not there."""
        wanted, key = b"%b>%b" % (ref, alt), self._keys[row]
        end = int(self._bins[self._contigs[contig][0] + (position >> self._bits) + 1])
        at = int(np.searchsorted(self._other_rows, row))
        while row < end and self._keys[row] == key:
            begin, behind = (self._at + int(offset) for offset in self._other_offsets[at : at + 2])
            if self._pages[begin:behind] == wanted:
                return row
            at, row = at + 1, row + 1
        return -1

    def find(self, contig: str, keys: Sequence[Key | None]) -> Ints:
        """The row of each allele, trimmed and leftmost; -1 where there is none."""
        asked = list(filter(None, keys))
        if not asked:
            return np.full(len(keys), -1, np.int64)
        places, refs, alts = zip(*asked, strict=True)
        positions = np.array(list(map(int, places)), np.int64)
        codes = np.array(list(map(CODES.__getitem__, zip(refs, alts, strict=True))), np.int64)
        rows = self.rows(contig, positions, codes)
        for index in np.flatnonzero((rows >= 0) & (codes >= OTHERS)).tolist():
            rows[index] = self.is_allele(int(rows[index]), contig, int(positions[index]), refs[index], alts[index])
        if len(asked) == len(keys):
            return rows
        found = np.full(len(keys), -1, np.int64)
        found[[key is not None for key in keys]] = rows
        return found

    def texts(self, rows: Ints) -> list[bytes]:
        """What the track says in each of these rows, as text to be put behind INFO."""
        return _joined([column.of(rows).texts for column in self.columns])

    def listed(self, bases: Callable[[str, int, int], bytes]) -> Iterator[tuple[str, int, bytes, bytes, bytes]]:
        """Contig, position, REF, ALT and the tags of every allele, in order. For small tracks: each is looked at by itself."""
        for contig, (first, count) in self._contigs.items():
            for number in range(count):
                for row in range(int(self._bins[first + number]), int(self._bins[first + number + 1])):
                    offset, code = divmod(int(self._keys[row]), 1 << CODE_BITS)
                    position = (number << self._bits) + offset
                    if code < OTHERS:
                        ref, alt = short_allele(code, position, partial(bases, contig))
                    else:
                        at = int(np.searchsorted(self._other_rows, row))
                        begin, behind = (self._at + int(offset) for offset in self._other_offsets[at : at + 2])
                        ref, _, alt = bytes(self._pages[begin:behind]).partition(b">")
                    yield contig, position, ref, alt, self.texts(np.array([row]))[0]

    def said(self, batch: AlleleBatch) -> TrackSaid:
        """What the track says of each allele."""
        found = self.find(batch.place, batch.known)
        known = np.flatnonzero(found >= 0)
        columns = {column.tag: column.of(found[known]) for column in self.columns}
        texts = _joined([column.texts for column in columns.values()])
        tags = {tag: len(texts) - column.texts.count(b"") for tag, column in columns.items()}
        alleles = len(texts) - texts.count(b"")
        return TrackSaid(_spread(texts, known, len(found)), alleles, tags, known, columns)


class Regions:
    """A track of intervals. Raises BundleError if its file cannot be used."""

    def __init__(self, track: Track, mapped: Mapped) -> None:
        self._columns = track.columns
        self._contigs = {name: (number, first, count) for number, (name, first, count) in enumerate(mapped.facts["contigs"])}
        self._bounds, self._sets, self._set_offsets, self._set_rows = (
            mapped.array(name) for name in ("bounds", "sets", "set_offsets", "set_rows")
        )
        self._texts = _Texts(mapped, 0, b"")
        self._said: dict[tuple[int, ...], bytes] = {}

    def close(self) -> None:
        """Nothing is left open: pages are let go with the arrays."""

    def said(self, batch: AlleleBatch) -> TrackSaid:
        """What the track says of the place of each allele."""
        texts = self._texts_of(batch)
        counts = Counter(texts)
        del counts[b""]
        tags = {
            column.tag: sum(count for text, count in counts.items() if b";%b=" % column.tag.encode() in text)
            for column in self._columns
        }
        return TrackSaid(texts, counts.total(), tags)

    def _texts_of(self, batch: AlleleBatch) -> list[bytes]:
        if batch.place not in self._contigs:
            return [b""] * len(batch.starts)
        number, begin, count = self._contigs[batch.place]
        bounds = self._bounds[begin : begin + count]
        sets = self._sets[begin + number : begin + number + count + 1]
        first = np.searchsorted(bounds, np.array(batch.starts, np.int64), "right")
        last = np.searchsorted(bounds, np.array(batch.ends, np.int64) - 1, "right")
        said = list(map(self._of_set, sets[first].tolist()))
        for index in np.flatnonzero(first != last).tolist():
            between = dict.fromkeys(sets[first[index] : last[index] + 1].tolist())
            said[index] = self._of_sets(tuple(between))
        return said

    def _of_set(self, one: int) -> bytes:
        return self._of_sets((one,)) if one else b""

    def _of_sets(self, sets: tuple[int, ...]) -> bytes:
        """The tags of all rows of these sets."""
        if (known := self._said.get(sets)) is not None:
            return known
        rows = dict.fromkeys(row for one in sets for row in self._rows(one))
        text = _tags(self._columns, self._texts.of(np.array(list(rows), np.int64)))
        if len(self._said) < 1 << 17:
            self._said[sets] = text
        return text

    def _rows(self, one: int) -> Iterable[int]:
        return map(int, self._set_rows[self._set_offsets[one] : self._set_offsets[one + 1]])


def _tags(columns: tuple[Column, ...], rows: list[bytes]) -> bytes:
    """The tags of these rows' cells, each value once."""
    text = []
    for column, cells in zip(columns, zip(*(row.split(b"\t") for row in rows), strict=False), strict=False):
        distinct = dict.fromkeys(part for cell in cells for part in cell.split(b",")) if len(rows) > 1 else cells
        if said := b",".join(value for value in distinct if value):
            text.append(b";%b=%b" % (column.tag.encode(), said))
    return b"".join(text)


KINDS: dict[str, tuple[type[Alleles] | type[Regions], str]] = {"allele": (Alleles, ALLELES), "region": (Regions, REGIONS)}


def tracks(bundle: Bundle) -> list[Alleles | Regions]:
    """The tracks of a bundle, opened. Raises BundleError that names the part that cannot be used."""
    sizes = {file.path: file.bytes for file in bundle.files}
    found: list[Alleles | Regions] = []
    for track in bundle.tracks:
        kind, stored = KINDS[track.kind]
        try:
            mapped = Mapped(bundle.path(track.file), stored, VERSION)
        except BundleError as error:
            raise BundleError(f"The part {track.id} of {bundle.id} cannot be used: {error}") from error
        # the folder may have been replaced by a newer version since its manifest was read
        if mapped.size != sizes.get(track.file, mapped.size):
            raise BundleError(f"The part {track.id} of {bundle.id} has {mapped.size} bytes instead of {sizes[track.file]}")
        found.append(kind(track, mapped))
    return found
