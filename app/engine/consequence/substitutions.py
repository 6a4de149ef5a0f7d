"""Consequences of plain substitutions for a bundle's transcripts, in columns; what those leave is for the caller to answer."""

from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.engine.bundles.layout import Flags
from app.engine.bundles.transcripts import Transcripts
from app.engine.consequence import columns, hgvs, terms
from app.engine.consequence.allele import reverse_complement
from app.engine.consequence.caller import Consequence
from app.engine.consequence.genetic_code import CODONS

Array = NDArray[Any]

_CODONS = [codon.decode().lower() for codon in CODONS]
_IRREGULAR, _INCOMPLETE_START = np.uint16(Flags.IRREGULAR), np.uint16(Flags.INCOMPLETE_START)
_READ = (
    *("left", "mask", "distance", "exon", "intron", "exons", "cdna", "cds", "protein", "cdna_length", "cds_length"),
    *("protein_length", "codons", "letters", "number", "behind", "offset"),
)


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


class Substitutions:
    """Asks the columns about pairs of a substitution and a transcript."""

    def __init__(self, transcripts: Transcripts) -> None:
        self._transcripts, self._models = transcripts, _models(transcripts)

    def called(self, rows: Array, positions: Array, refs: bytes, alts: bytes, distance: int) -> list[Consequence | None]:
        """Returns the consequence of each pair, as `caller.consequence` has it; None for a pair that is left to it.

        `rows`: of the transcripts, each at most `distance` bases away; `refs`, `alts`: a letter of ACGT a pair.
        """
        if not len(rows):
            return []
        found = columns.substitutions(self._models, rows, positions, np.frombuffer(alts, np.uint8), distance)
        values = zip(*(getattr(found, name).tolist() for name in _READ), strict=True)
        changes = zip(rows.tolist(), refs, alts, strict=True)
        return [self._consequence(*change, *value) for change, value in zip(changes, values, strict=True)]

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


def _codons(numbers: list[int], within: int) -> str:
    """Two codons as VEP writes them: the base that differs in upper case."""
    old, new = _CODONS[numbers[0]], _CODONS[numbers[1]]
    return f"{old[:within]}{old[within].upper()}{old[within + 1 :]}/{new[:within]}{new[within].upper()}{new[within + 1 :]}"
