"""Plain substitutions of a bundle's contig, many at once: consequences in columns, their text put together from few pieces.

What takes more than a few lookups is left to the caller of consequences. What most pairs of a substitution and a transcript say
is the same but for a number or two, so its text is remembered in pieces, which `csq.entry` made.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.engine.bundles.layout import Flags
from app.engine.bundles.transcripts import Transcripts
from app.engine.consequence import columns, csq, hgvs, terms
from app.engine.consequence.allele import NOWHERE, Allele, Change, reverse_complement
from app.engine.consequence.caller import Consequence
from app.engine.consequence.csq_fields import NAMES
from app.engine.consequence.genetic_code import CODONS
from app.engine.consequence.pick import order_number

Array = NDArray[Any]
Called = Callable[[int, int], Consequence | None]
"""Of a row of the transcripts and the index of a substitution."""

_CODONS = [codon.decode().lower() for codon in CODONS]
_IRREGULAR, _INCOMPLETE_START = np.uint16(Flags.IRREGULAR), np.uint16(Flags.INCOMPLETE_START)
_READ = (
    *("left", "mask", "distance", "exon", "intron", "exons", "cdna", "cds", "protein", "cdna_length", "cds_length"),
    *("protein_length", "codons", "letters", "number", "behind", "offset"),
)
_SIMPLE = ("left", "mask", "distance", "exon", "intron", "exons", "number", "behind", "offset")
_HOLE = "\0"
_DISTANCE = NAMES.index("DISTANCE")
_KEPT = 50_000  # texts that are remembered
_OTHER = dict(zip(b"ACGT", "TGCA", strict=True))


class _ByRow:
    """A property of transcripts that is worked out for the rows that are asked for, so that no memory grows with the genome."""

    def __init__(self, column: Array, wanted: int, *, bit: bool = False) -> None:
        self._column, self._wanted, self._bit = column, wanted, bit

    def __getitem__(self, rows: Array) -> Array:
        values = self._column[rows]
        return (values & self._wanted) != 0 if self._bit else values == self._wanted


def _models(of: Transcripts) -> columns.TranscriptArrays:
    biotypes, flags = of.columns["biotypes"], of.flags
    by_row: dict[str, Any] = {
        "incomplete_starts": _ByRow(flags, int(_INCOMPLETE_START), bit=True),
        "protein_coding": _ByRow(biotypes, of.text.find("protein_coding")),
        "nmd": _ByRow(biotypes, of.text.find("nonsense_mediated_decay")),
        "odd": _ByRow(flags, int(_IRREGULAR), bit=True),
    }
    arrays = {field.name: getattr(of, field.name) for field in fields(columns.TranscriptArrays) if field.name not in by_row}
    return columns.TranscriptArrays(**arrays, **by_row)


class Said(NamedTuple):
    """What a substitution does to a transcript: the row, the terms, the entry of CSQ, and what the flat tags take of it.

    Of those of one allele, in the order of their rows, the least is the one that stands for all.
    """

    order: int
    row: int
    mask: int
    entry: str
    hgvsc: str = ""
    hgvsp: str = ""
    protein: str = ""


@dataclass(frozen=True)
class Plain:
    """Substitutions of a contig: positions from 1, `refs` and `alts` a letter of ACGT each, `names` with escaped HGVS names."""

    positions: Array
    refs: bytes
    alts: bytes
    names: Sequence[str]


class Substitutions:
    """Asks the columns about pairs of a substitution and a transcript."""

    def __init__(self, transcripts: Transcripts) -> None:
        self._transcripts, self._models = transcripts, _models(transcripts)
        self._pieces = lru_cache(_KEPT)(self._cut)
        self._order = lru_cache(_KEPT)(self._number)

    def said(self, these: Plain, which: Array, rows: Array, distance: int, called: Called) -> list[Said | None]:
        """Returns what is to be said of each pair; None of one that is too far away.

        `which`: of the substitutions; `rows`: of the transcripts, each at most `distance` bases away; `called`: the caller.
        """
        if not len(rows):
            return []
        alts = np.frombuffer(these.alts, np.uint8)[which]
        found = columns.substitutions(self._models, rows, these.positions[which], alts, distance)
        # a pair whose text is the same as that of many others: beside the transcript, or in an intron and nothing else
        simple = ~found.left & (found.mask != 0) & ((found.distance >= 0) | ((found.exon == 0) & (found.intron > 0)))
        values = zip(*(getattr(found, name).tolist() for name in _SIMPLE), strict=True)
        strands = self._models.strands[rows].tolist()
        out: list[Said | None] = []
        refs, all_alts, names, pieces = these.refs, these.alts, these.names, self._pieces
        others = np.flatnonzero(~simple)
        full = self._full(found, others, rows, which, these, called)
        add, make = out.append, tuple.__new__
        for index, row, strand, plain, (_, mask, away, _, intron, exons, number, behind, offset) in zip(
            which.tolist(), rows.tolist(), strands, simple.tolist(), values, strict=True
        ):
            if not plain:
                add(next(full))
                continue
            if away >= 0:
                order, before, after = pieces(row, mask, 0, 0)
                text = f"{all_alts[index]:c}{before}{away}{after}{names[index]}"
                add(make(Said, (order, row, mask, text, "", "", "")))
                continue
            order, before, after, start = pieces(row, mask, intron, exons)
            base, new = refs[index], all_alts[index]
            change = f"{base:c}>{new:c}" if strand > 0 else f"{_OTHER[base]}>{_OTHER[new]}"
            name = f"{start}{'*' if behind else ''}{number}{offset:+d}{change}"
            add(make(Said, (order, row, mask, f"{new:c}{before}{name}{after}{names[index]}", name, "", "")))
        return out

    def _full(self, found: columns.Columns, pairs: Array, rows: Array, which: Array, these: Plain, called: Called) -> Any:
        """The same of the pairs whose text is not remembered."""
        values = zip(*(getattr(found, name)[pairs].tolist() for name in _READ), strict=True)
        for row, index, value in zip(rows[pairs].tolist(), which[pairs].tolist(), values, strict=True):
            ref, alt = these.refs[index], these.alts[index]
            consequence = called(row, index) if value[0] else self._consequence(row, ref, alt, *value)
            if consequence is None:
                yield None
                continue
            entry = csq.entry(consequence, _allele(alt), 1, these.names[index])
            order = self._order(row, consequence.mask)
            yield Said(order, row, consequence.mask, entry, consequence.hgvsc, consequence.hgvsp, consequence.protein)

    def _cut(self, row: int, mask: int, intron: int, exons: int) -> tuple[Any, ...]:
        """The order, and an entry without its first letter and its last name, cut where a number or a name belongs.

        Of an intron there is also what the name begins with.
        """
        transcript, order = self._transcripts[row], self._order(row, mask)
        if not intron:
            fields = csq.entry(Consequence(transcript, mask, distance=0), _allele(0x41), 1, "").split("|")
            return order, "|".join(["", *fields[1:_DISTANCE], ""]), "|".join(["", *fields[_DISTANCE + 1 :]])
        within = Consequence(transcript, mask, intron=f"{intron}/{exons - 1}", hgvsc=_HOLE)
        before, after = csq.entry(within, _allele(0x41), 1, "").split(_HOLE)
        return order, before[1:], after, f"{'c' if transcript.coding_start else 'n'}."

    def _consequence(
        self, row: int, ref: int, alt: int,
        left: bool, mask: int, distance: int, exon: int, intron: int, exons: int, cdna: int, cds: int, protein: int,
        cdna_length: int, cds_length: int, protein_length: int, codons: list[int], letters: list[int],
        number: int, behind: bool, offset: int,
    ) -> Consequence | None:  # fmt: skip
        if left or not mask:
            return None
        transcript = self._transcripts[row]
        if distance >= 0:
            return Consequence(transcript, mask, distance=distance)
        change = bytes((ref, alt)) if transcript.strand > 0 else reverse_complement(bytes((alt, ref)))
        place = f"{'*' if behind else ''}{number}{f'{offset:+d}' if offset else ''}"
        read = codons[0] != columns.NO_CODON
        old, new = letters
        return Consequence(
            transcript,
            mask,
            exon=f"{exon}/{exons}" if exon else "",
            intron=f"{intron}/{exons - 1}" if intron else "",
            cdna=f"{cdna}/{cdna_length}" if cdna else "",
            cds=f"{cds}/{cds_length}" if cds else "",
            protein=f"{protein}/{protein_length}" if protein else "",
            amino_acids=(chr(old) if old == new else f"{old:c}/{new:c}") if read else "",
            codons=_codons(codons, (cds - 1) % 3) if read else "",
            hgvsc=f"{'c' if transcript.coding_start else 'n'}.{place}{change[0]:c}>{change[1]:c}",
            hgvsp=hgvs.substituted(old, new, protein, bool(mask & terms.START_LOST)) if read else "",
        )

    def _number(self, row: int, mask: int) -> int:
        return order_number(self._transcripts[row], mask)


@lru_cache(maxsize=4)
def _allele(alt: int) -> Allele:
    return Allele(Change(1, b"N", bytes((alt,))), NOWHERE, chr(alt), "SNV")


def _codons(numbers: list[int], within: int) -> str:
    """Two codons as VEP writes them: the base that differs in upper case."""
    old, new = _CODONS[numbers[0]], _CODONS[numbers[1]]
    return f"{old[:within]}{old[within].upper()}{old[within + 1 :]}/{new[:within]}{new[within].upper()}{new[within + 1 :]}"
