"""Where on its contig a place lies that HGVS counts in a transcript: `123`, `-3`, `*7`, `12+1`, `13-2`.

It is the way back of what the engine names. Source: HGVS Nomenclature, numbering of coding (c.) and non-coding (n.) sequences.
"""

from __future__ import annotations

import re
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.engine.bundles.transcripts import Transcripts
from app.engine.consequence.spliced import Spliced

PLACE = r"[-*]?[0-9]+(?:[+-][0-9]+)?"
"""A place, as a regular expression without groups."""

_PARTS = re.compile(r"([-*]?)([0-9]+)([+-][0-9]+)?")
_COMPLEMENT = str.maketrans("ACGTNacgtn", "TGCANtgcan")


class NoPlace(ValueError):
    """The transcript has no such place; the text says why."""


@dataclass(frozen=True)
class Counted:
    """A transcript to count in."""

    model: Spliced

    @property
    def contig(self) -> str:
        """Returns the contig, by the name that its bundle has for it."""
        return self.model.transcript.contig

    def span(self, numbering: str, first: str, last: str, *, substitution: bool = False) -> tuple[int, int]:
        """Returns the first and the last base on the contig, 1-based. Raises NoPlace.

        Where the coding sequence begins amid a codon, a substitution in it is counted from the codon's first base, which the
        transcript lacks, as the engine and VEP count it there and nowhere else.
        """
        lacking = self.model.phase if substitution and numbering == "c" and first.isdigit() else 0
        begin, end = (self._position(numbering, place, lacking) for place in (first, last))
        return (begin, end) if self.model.strand > 0 else (end, begin)

    def bases(self, text: str) -> str:
        """Returns bases of the transcript's strand as the contig has them."""
        return text if self.model.strand > 0 else text.translate(_COMPLEMENT)[::-1]

    def _position(self, numbering: str, place: str, lacking: int) -> int:
        found = _PARTS.fullmatch(place)
        assert found, "the notation has let it through"
        model, (sign, digits, offset) = self.model, found.groups()
        if numbering == "c" and not model.coding:
            raise NoPlace(f"{model.transcript.identifier} has no coding sequence: its places are named n.{place}.")
        origin = {"": model.coding_start - 1, "-": model.coding_start, "*": model.coding_end} if numbering == "c" else {"": 0}
        if sign not in origin or int(digits) <= lacking:
            raise NoPlace(f"{numbering}.{place} is no place of a transcript.")
        number = int(digits) - lacking
        try:
            base = model.genomic(origin[sign] - number if sign == "-" else origin[sign] + number)
        except ValueError:
            raise NoPlace(f"{model.transcript.identifier} has {model.length:,} bases, and none is {numbering}.{place}.") from None
        return base + model.strand * int(offset or 0)


class ByName:
    """The transcripts of a bundle by their identifiers, with and without versions, and by the symbols of their genes.

    What is kept is one hash and one row a name, in two arrays: of a genome a few megabytes. Everything else stays in the mapped
    file. Making it reads every name once: a second or two for a genome, for a thread.
    """

    def __init__(self, transcripts: Transcripts) -> None:
        self._transcripts = transcripts
        columns, text = transcripts.columns, transcripts.text
        hashes, rows = array("I"), array("I")
        for column in _NAMED:
            for row, index in enumerate(columns[column].tolist()):
                if index:
                    hashes.append(_hash(_unversioned(text.encoded(index))))
                    rows.append(row)
        order = np.argsort(found := np.array(hashes, np.uint32), kind="stable")
        self._hashes, self._rows = found[order], np.array(rows, np.uint32)[order]

    def find(self, name: str) -> Counted | None:
        """The transcript; None if there is none. A symbol stands for the transcript that MANE selected, or the canonical one, or
        the only one. Raises NoPlace where the transcript is there in another version, for its places may be others."""
        wanted = name.upper()
        plain = _unversioned(wanted.encode()).decode()
        rows = self._named(plain)
        spelled = [(row, one) for row in rows for one in self._identifiers(row) if one.upper().partition(".")[0] == plain]
        for row, one in spelled:
            if wanted in (one.upper(), plain) or one.upper() == plain:  # a bundle may not know of which version it has one
                return Counted(Spliced(self._transcripts[row]))
        if spelled:
            raise NoPlace(f"{name} is not at hand here, and {spelled[0][1]} is: its places may be others.")
        return self._of_symbol([row for row in rows if self._transcripts[row].symbol.upper() == wanted])

    def _named(self, plain: str) -> list[int]:
        wanted = _hash(plain.encode())
        first = np.searchsorted(self._hashes, np.uint32(wanted), "left")
        last = np.searchsorted(self._hashes, np.uint32(wanted), "right")
        return list(dict.fromkeys(self._rows[first:last].tolist()))

    def _identifiers(self, row: int) -> list[str]:
        of = self._transcripts[row]
        return [one for one in (of.identifier, of.mane_select, of.mane_plus_clinical) if one]

    def _of_symbol(self, rows: Sequence[int]) -> Counted | None:
        those = [self._transcripts[row] for row in rows]
        chosen = [one for one in those if one.mane_select] or [one for one in those if one.canonical] or those
        return Counted(Spliced(chosen[0])) if len(chosen) == 1 else None


_NAMED = ("identifiers", "mane_selects", "mane_plus_clinicals", "symbols")


def _unversioned(name: bytes) -> bytes:
    return name.partition(b".")[0]


def _hash(name: bytes) -> int:
    return zlib.crc32(name.upper())
