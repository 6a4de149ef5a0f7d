"""The codons that an allele changes, so that alleles which change one codon together can be found.

Source of the need: what two substitutions of one codon make of it is not what each makes of it alone (Ensembl's Haplosaurus,
and bcftools csq without -l, say it by haplotype).
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from app.engine.consequence import terms
from app.engine.consequence.allele import Change
from app.engine.consequence.spliced import Spliced

IN_CIS, POSSIBLY_IN_CIS = "codon_in_cis", "codon_possibly_in_cis"
"""Words of GAS_FLAG: another allele changes the same codon, and is, or may be, on the same chromosome."""

MOST_BASES = 50
"""Of the reference: what replaces more leaves little to be read together with another allele."""

_ACID_BITS = 32


class Touched(NamedTuple):
    """What an allele changes: bases of the contig (the end before the start for an insertion), and codons."""

    start: int
    end: int
    codons: tuple[int, ...] = ()  # row of the transcript << 32 | number of the amino acid
    spread: bool = False  # whether one of the codons may have bases elsewhere, beyond an intron

    def excludes(self, other: "Touched") -> bool:
        """Whether no chromosome can have both: they change the same base, or insert at the same place."""
        if self.start == other.start and self.end < self.start and other.end < other.start:
            return True
        return self.start <= other.end and other.start <= self.end


def touched(change: Change, found: Iterable[tuple[int, int, str]], mends_frame: Callable[[int], bool]) -> Touched:
    """Returns what an allele changes, by its consequences: row of the transcript, terms and Protein_position.

    `mends_frame`: whether the transcript of a row has an intron so short that it only mends the reading frame.
    Of several codons only the first and the last count: what else changes a base of those between them, changes a base of both.
    """
    if len(change.ref) > MOST_BASES:
        return Touched(change.start, change.end)
    codons: dict[int, None] = {}
    spread = False
    for row, mask, protein in found:
        if protein:
            for number in _acids(protein, insertion=not change.ref):
                codons[row << _ACID_BITS | number] = None
            spread = spread or bool(mask & terms.SPLICE_REGION) or mends_frame(row)
    return Touched(change.start, change.end, tuple(codons), spread or len(change.ref) != 1)


def _acids(protein: str, *, insertion: bool) -> list[int]:
    """The numbers of Protein_position; none for an insertion between two codons."""
    places = protein[: protein.index("/")]
    if places.isdigit():
        return [int(places)]
    numbers = [int(number) for number in places.split("-") if number.isdigit()]
    return [] if insertion else numbers


def row_of(codon: int) -> int:
    """Returns the row of the transcript that a codon is of."""
    return codon >> _ACID_BITS


def extent(model: Spliced, codon: int) -> tuple[int, int]:
    """Returns the lowest and the highest position on the contig of a codon's bases."""
    first = model.coding_start - model.phase + 3 * ((codon & (1 << _ACID_BITS) - 1) - 1)
    places = [model.genomic(cdna) for cdna in range(max(first, 1), min(first + 2, model.length) + 1)]
    return min(places), max(places)
