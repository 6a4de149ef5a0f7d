"""Where on its contig a place lies that HGVS counts in a transcript: `123`, `-3`, `*7`, `12+1`, `13-2`.

It is the way back of what the engine names. Source: HGVS Nomenclature, numbering of coding (c.) and non-coding (n.) sequences.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

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

    def span(self, numbering: str, first: str, last: str) -> tuple[int, int]:
        """Returns the first and the last base on the contig, 1-based. Raises NoPlace."""
        begin, end = self._position(numbering, first), self._position(numbering, last)
        return (begin, end) if self.model.strand > 0 else (end, begin)

    def bases(self, text: str) -> str:
        """Returns bases of the transcript's strand as the contig has them."""
        return text if self.model.strand > 0 else text.translate(_COMPLEMENT)[::-1]

    def _position(self, numbering: str, place: str) -> int:
        found = _PARTS.fullmatch(place)
        assert found, "the notation has let it through"
        model, (sign, digits, offset) = self.model, found.groups()
        if numbering == "c" and not model.coding:
            raise NoPlace(f"{model.transcript.identifier} has no coding sequence: its places are named n.{place}.")
        origin = {"": model.coding_start - 1, "-": model.coding_start, "*": model.coding_end} if numbering == "c" else {"": 0}
        if sign not in origin or int(digits) < 1:
            raise NoPlace(f"{numbering}.{place} is no place of a transcript.")
        number = int(digits)
        try:
            base = model.genomic(origin[sign] - number if sign == "-" else origin[sign] + number)
        except ValueError:
            raise NoPlace(f"{model.transcript.identifier} has {model.length:,} bases, and none is {numbering}.{place}.") from None
        return base + model.strand * int(offset or 0)


def by_name(transcripts: Iterable[Transcripts]) -> Mapping[str, Counted]:
    """Returns transcripts by their identifiers, with and without versions, and by the symbols of their genes, in capitals.

    A symbol stands for the transcript that MANE selected, or the canonical one, or the only one.
    """
    found: dict[str, Counted] = {}
    symbols: dict[str, list[Counted]] = {}
    for some in transcripts:
        for row in range(len(some)):
            one = Counted(Spliced(some[row]))
            of = one.model.transcript
            for name in filter(None, (of.identifier, of.mane_select, of.mane_plus_clinical)):
                found.setdefault(name.upper(), one)
                found.setdefault(name.upper().partition(".")[0], one)
            symbols.setdefault(of.symbol.upper(), []).append(one)
    for symbol, those in symbols.items():
        chosen = [one for one in those if one.model.transcript.mane_select] or [
            one for one in those if one.model.transcript.canonical
        ]
        if len(chosen or those) == 1:
            found.setdefault(symbol, (chosen or those)[0])
    return found
