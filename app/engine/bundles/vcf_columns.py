"""The records of a VCF by the block, as columns: where each field begins and ends is found for all rows at once."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from app.engine.bundles.mapped import BundleError

Ints = NDArray[np.int64]

_TAB, _NEWLINE, _RETURN, _SEMICOLON, _HASH, _ZERO = b"\t\n\r;#0"
_MOST_DIGITS = 18
_COLUMNS = 8
_ENDING = 2  # letters of a tag by which it is sought
_SHORT = 16  # letters of a value that are looked at for all rows at once
_CHUNK = 1 << 20  # bytes, so that what is compared stays in the processor's cache


class VcfBlock:
    """Whole lines of a VCF; `#` lines and empty ones are none of its rows. Raises BundleError for a row without eight columns."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.letters = np.frombuffer(text, np.uint8)
        marks = _marks(self.letters)
        letters = self.letters[marks]
        tabs, ends = marks[letters == _TAB], marks[letters == _NEWLINE]
        starts = np.concatenate((np.zeros(1, np.int64), ends[:-1] + 1))
        kept = (ends > starts) & (self.letters[starts] != _HASH)
        self._starts, self._ends = starts[kept], ends[kept]
        self._ends = self._ends - (self.letters[self._ends - 1] == _RETURN)
        tabs = np.append(tabs, np.full(_COLUMNS, len(text)))
        first = np.searchsorted(tabs, self._starts)
        if (tabs[first + _COLUMNS - 2] >= self._ends).any():
            raise BundleError("a record has less than eight columns")
        self._tabs = [tabs[first + number] for number in range(_COLUMNS - 1)]
        self._info_ends = np.minimum(tabs[first + _COLUMNS - 1], self._ends)
        self._endings: dict[bytes, tuple[Ints, Ints]] = {}

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
        """The value of a tag of INFO in each of these rows; nothing where it has none, and the first where it has several."""
        begins, ends = self.field(7, rows)
        if tag.ending not in self._endings:
            self._endings[tag.ending] = self._ending(tag.ending)
        behind, row = self._endings[tag.ending]
        part = slice(*np.searchsorted(row, (rows.start, rows.start + len(begins))))
        behind, row = behind[part], row[part] - rows.start
        items = behind - len(tag.text)
        found = (items == begins[row]) | ((items > begins[row]) & (self.letters[items - 1] == _SEMICOLON))
        items, behind, row = items[found], behind[found], row[found]
        same = self.begin_with(items, behind, tag.text)
        behind, row = behind[same][::-1], row[same][::-1]
        values, stops = ends.copy(), ends.copy()
        values[row], stops[row] = behind, self._before_semicolon(behind, ends[row])  # of several in a row the first comes last
        return self.cells(values, stops)

    def _ending(self, letters: bytes) -> tuple[Ints, Ints]:
        """Where these letters end in INFO, and in which rows."""
        behind = _places(self.text, letters) + len(letters)
        begins, ends = self.field(7, slice(0, None))
        row = np.searchsorted(begins, behind, "right") - 1
        within = (row >= 0) & (behind <= ends[row])
        return behind[within], row[within]

    def _before_semicolon(self, begins: Ints, ends: Ints) -> Ints:
        """Where the text that begins at these places ends: before the next semicolon, or at `ends`."""
        near = self.letters[np.minimum(begins[:, None] + np.arange(_SHORT), len(self.letters) - 1)] == _SEMICOLON
        stops = np.where(near.any(axis=1), begins + near.argmax(axis=1), ends)
        for index in np.flatnonzero(~near.any(axis=1)).tolist():
            place = self.text.find(b";", begins[index], ends[index])
            stops[index] = ends[index] if place < 0 else place
        return np.minimum(stops, ends)


def _marks(letters: NDArray[np.uint8]) -> Ints:
    """Where tabs and ends of lines stand; what else is as low is no text."""
    parts = range(0, len(letters), _CHUNK)
    return np.concatenate([np.flatnonzero(letters[begin : begin + _CHUNK] <= _NEWLINE) + begin for begin in parts])


def _places(text: bytes, pair: bytes) -> Ints:
    """Where these two letters stand, one behind the other, in ascending order: compared as one number, at even and odd places."""
    (wanted,) = np.frombuffer(pair, np.uint16)
    found = [
        np.flatnonzero(np.frombuffer(text, np.uint16, (len(text) - first) // 2, first) == wanted) * 2 + first for first in (0, 1)
    ]
    return np.sort(np.concatenate(found))


class InfoTag:
    """A tag of INFO, and its last letters, by which it is sought: tags of one source often have them in common."""

    def __init__(self, name: str) -> None:
        self.text = f"{name}=".encode()
        self.ending = self.text[-_ENDING:]
