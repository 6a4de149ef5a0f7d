"""The records of a VCF by the block, as columns: where each field begins and ends is found for all rows at once."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from app.engine.bundles.mapped import BundleError

Ints = NDArray[np.int64]

_TAB, _NEWLINE, _RETURN, _SEMICOLON, _HASH, _ZERO = b"\t\n\r;#0"
_MOST_DIGITS = 18
_COLUMNS = 8
_LONG = 1000  # bytes a row from which on it is quicker to search than to compare each letter
_SAMPLE = 1 << 16


class VcfBlock:
    """Whole lines of a VCF; `#` lines and empty ones are none of its rows. Raises BundleError for a row without eight columns."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.letters = np.frombuffer(text, np.uint8)
        sample = text[:_SAMPLE]
        self._long = len(sample) > _LONG * sample.count(b"\n")
        ends = _places(text, b"\n") if self._long else np.flatnonzero(self.letters == _NEWLINE)
        starts = np.concatenate((np.zeros(1, np.int64), ends[:-1] + 1))
        kept = (ends > starts) & (self.letters[starts] != _HASH)
        self._starts, self._ends = starts[kept], ends[kept]
        self._ends = self._ends - (self.letters[self._ends - 1] == _RETURN)
        tabs = self._sparse_tabs() if self._long else np.flatnonzero(self.letters == _TAB)
        tabs = np.append(tabs, np.full(_COLUMNS, len(text)))
        first = np.searchsorted(tabs, self._starts)
        if (tabs[first + _COLUMNS - 2] >= self._ends).any():
            raise BundleError("a record has less than eight columns")
        self._tabs = [tabs[first + number] for number in range(_COLUMNS - 1)]
        self._info_ends = np.minimum(tabs[first + _COLUMNS - 1], self._ends)
        self._semicolons: Ints | None = None

    def _sparse_tabs(self) -> Ints:
        """The first tabs of each row: where rows are long, nearly all of a row is INFO, and is not looked through."""
        found: set[int] = set()  # the search behind the last tab of a row may find the first one of the next
        find = self.text.find
        for at in self._starts.tolist():
            for _ in range(_COLUMNS):
                at = find(b"\t", at) + 1
                if not at:
                    break
                found.add(at - 1)
        return np.array(sorted(found), np.int64)

    def __len__(self) -> int:
        return len(self._starts)

    def field(self, number: int, rows: slice) -> tuple[Ints, Ints]:
        """Where a column, counted from 0, begins and ends in each of these rows."""
        begins = (self._tabs[number - 1] + 1) if number else self._starts
        ends = self._tabs[number] if number < _COLUMNS - 1 else self._info_ends
        return begins[rows], ends[rows]

    def cells(self, begins: Ints, ends: Ints) -> list[bytes]:
        """The texts between these places."""
        text = self.text
        return [text[begin:end] for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)]

    def numbers(self, begins: Ints, ends: Ints) -> Ints:
        """The whole numbers between these places; -1 where there is none."""
        digits = np.clip(ends - begins, 0, _MOST_DIGITS + 1)
        found = np.zeros(len(begins), np.int64)
        right = (digits > 0) & (digits <= _MOST_DIGITS)
        for at in range(int(digits.max(initial=0))):
            inside = at < digits
            digit = self.letters[np.where(inside, begins + at, 0)].astype(np.int64) - _ZERO
            right &= ~inside | ((digit >= 0) & (digit <= 9))
            found = np.where(inside, found * 10 + digit, found)
        return np.where(right, found, -1)

    def begin_with(self, begins: Ints, ends: Ints, text: bytes) -> NDArray[np.bool_]:
        """Whether what lies between these places begins with the text."""
        found = ends - begins >= len(text)
        for at, letter in enumerate(text):
            found &= self.letters[np.minimum(begins + at, len(self.letters) - 1)] == letter
        return found

    def contigs(self) -> Iterator[tuple[bytes, slice]]:
        """Runs of rows with the same contig, in order."""
        row = 0
        while row < len(self):
            begins, ends = self.field(0, slice(row, None))
            name = self.text[begins[0] : ends[0]]
            same = (ends - begins == len(name)) & self.begin_with(begins, ends, name)
            end = row + (len(same) if same.all() else int(np.argmin(same)))
            yield name, slice(row, end)
            row = end

    def info(self, tag: "InfoTag", rows: slice) -> list[bytes]:
        """The value of a tag of INFO in each of these rows; nothing where it has none."""
        begins, ends = self.field(7, rows)
        if self._long:
            return [self._of_long(tag, begin, end) for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)]
        if self._semicolons is None:
            self._semicolons = np.flatnonzero(self.letters == _SEMICOLON)
        semicolons = np.append(self._semicolons, len(self.letters))
        first = np.searchsorted(semicolons, begins)
        values = np.full(len(begins), -1, np.int64)
        for step in _NEAR:
            missing = np.flatnonzero(values < 0)
            at = tag.item + step
            if not len(missing) or at < 0:
                continue
            behind = semicolons[np.minimum(first[missing] + at - 1, len(semicolons) - 1)] + 1
            items = behind if at else begins[missing]
            here = (items < ends[missing]) & self.begin_with(items, ends[missing], tag.text)
            values[missing[here]] = items[here] + len(tag.text)
        for row in np.flatnonzero(values < 0).tolist():
            values[row] = self._sought(tag, int(begins[row]), int(ends[row]), int(first[row]))
        found = np.minimum(semicolons[np.searchsorted(semicolons, values)], ends)
        return self.cells(np.maximum(values, 0), np.where(values < 0, 0, found))

    def _of_long(self, tag: "InfoTag", begin: int, end: int) -> bytes:
        """The value of a tag in a long INFO: it is looked for from a little before where it was in the row before."""
        text, needle = self.text, tag.needle
        at = text.find(needle, begin + tag.offset, end)
        if at < 0:
            if text.startswith(tag.text, begin, end):
                at = begin - 1
            elif not tag.offset or (at := text.find(needle, begin, min(begin + tag.offset + len(needle), end))) < 0:
                return b""
        tag.offset = max(at - begin, 0) * 7 // 8
        at += len(needle)
        behind = text.find(b";", at, end)
        return text[at:behind] if behind >= 0 else text[at:end]

    def _sought(self, tag: "InfoTag", begin: int, end: int, first: int) -> int:
        """Where the value of a tag begins that is not where it was in other rows; -1 if there is none."""
        assert self._semicolons is not None
        if self.text.startswith(tag.text, begin, end):
            tag.item = 0
            return begin + len(tag.text)
        at = self.text.find(b";" + tag.text, begin, end)
        if at < 0:
            return -1
        tag.item = int(np.searchsorted(self._semicolons, at)) - first + 1
        return at + 1 + len(tag.text)


def _places(text: bytes, letter: bytes) -> Ints:
    """Where a rare letter stands."""
    found, find = [], text.find
    at = find(letter)
    while at >= 0:
        found.append(at)
        at = find(letter, at + 1)
    return np.array(found, np.int64)


class InfoTag:
    """A tag of INFO, and which of the items it was when it was sought last: nearly always it is there again."""

    def __init__(self, name: str) -> None:
        self.text = f"{name}=".encode()
        self.needle = b";" + self.text
        self.item = 0
        self.offset = 0  # in bytes, of long rows


_NEAR = (0, -1, 1, -2, 2, -3, 3)
