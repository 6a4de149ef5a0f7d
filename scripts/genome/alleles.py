"""Alleles around every edge of the gene models, within runs and repeats, and anywhere."""

import random
import re
from collections.abc import Iterable, Iterator

from scripts.genome.bases import filler, flipped
from scripts.genome.genes import Genome
from scripts.genome.models import Transcript

Allele = tuple[str, int, str, str]
"""Contig, position, REF, ALT as in a VCF."""

_DONOR_BASES, _ACCEPTOR_BASES, _EXON_BASES = 9, 18, 4
_SHAPES_AT_AN_EDGE = 5
_ANYWHERE = 900
_RUNS = 500
_SPLICE_SHARE = 0.45  # of the bases near splice sites; all of those that decide more
_LARGE = 60
_REPEATS = re.compile(r"(([ACGT]{1,4}?)\2{2,})")
_HEADER = """##fileformat=VCFv4.2
{contigs}#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO
"""


def vcf(genome: Genome, seed: int) -> str:
    """Returns the alleles of a genome as a VCF, sorted, without those that stand twice."""
    maker = _Maker(genome, random.Random(seed + 1))
    found = {trimmed(one, genome.contigs[one[0]]) for one in maker.all() if one[2] != one[3]}
    order = {name: number for number, name in enumerate(genome.contigs)}
    rows = sorted(found, key=lambda one: (order[one[0]], *one[1:]))
    contigs = "".join(f"##contig=<ID={name},length={len(bases)}>\n" for name, bases in genome.contigs.items())
    lines = (
        f"{contig}\t{position}\tg{number}\t{ref}\t{alt}\t.\t.\t.\n" for number, (contig, position, ref, alt) in enumerate(rows)
    )
    return _HEADER.format(contigs=contigs) + "".join(lines)


def trimmed(allele: Allele, bases: str) -> Allele:
    """Returns the allele without bases that REF and ALT share, but for the one before an insertion or deletion.

    VEP takes off no more than that one. `bases`: those of the contig.
    """
    contig, position, ref, alt = allele
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while ref and alt and ref[0] == alt[0]:
        position, ref, alt = position + 1, ref[1:], alt[1:]
    if not (ref and alt):
        anchor = bases[position - 2]
        return contig, position - 1, anchor + ref, anchor + alt
    return contig, position, ref, alt


class _Maker:
    def __init__(self, genome: Genome, dice: random.Random) -> None:
        self._genome, self._dice = genome, dice

    def all(self) -> Iterator[Allele]:
        """Gives alleles of every kind, some of them twice."""
        transcripts = self._genome.transcripts
        yield from self._substitutions(transcripts)
        for contig, edges in self._edges(transcripts).items():
            for edge in edges:
                for _ in range(_SHAPES_AT_AN_EDGE):
                    yield from self._shape(contig, edge + self._dice.randint(-4, 5))
        yield from self._in_repeats(transcripts)
        for _ in range(_ANYWHERE):
            contig, place = self._place(transcripts)
            yield from self._shape(contig, place) if self._dice.random() < 0.6 else self._substitution(contig, place, 1)
        yield from self._large(transcripts)

    def _place(self, transcripts: list[Transcript]) -> tuple[str, int]:
        """A base in or beside a transcript."""
        one = self._dice.choice(transcripts)
        return one.contig, self._dice.randint(one.exons[0][0] - 200, one.exons[-1][1] + 200)

    def _edges(self, transcripts: Iterable[Transcript]) -> dict[str, list[int]]:
        """The first and last bases of exons and coding sequences, by contig."""
        found: dict[str, set[int]] = {}
        for one in transcripts:
            here = found.setdefault(one.contig, set())
            here.update(base for exon in one.exons for base in exon)
            here.update(base for span in (*one.mature, *self._codons(one)) for base in (min(span), max(span)))
        return {contig: sorted(bases) for contig, bases in found.items()}

    def _codons(self, one: Transcript) -> list[list[int]]:
        """The bases of the first and the last codon, and of codons that are read in another way."""
        if one.coding is None:
            return []
        places, (first, last) = one.places, one.coding
        found = [places[first - 1 : first + 2], places[last - 3 : last]]
        if "seleno" in one.tags:
            text = one.spliced(self._genome.contigs[one.contig])
            found += [places[at : at + 3] for at in range(first - 1, last - 3, 3) if text[at : at + 3] == "TGA"]
        return found

    def _substitutions(self, transcripts: Iterable[Transcript]) -> Iterator[Allele]:
        for one in transcripts:
            for codon in self._codons(one):
                for place in codon:
                    yield from self._substitution(one.contig, place, 3)
            for (_, left), (right, _) in zip(one.exons, one.exons[1:], strict=False):
                near = (_DONOR_BASES, _ACCEPTOR_BASES)[:: one.strand]
                for place in (left, left + 1, left + 2, right - 2, right - 1, right):
                    yield from self._substitution(one.contig, place, 1)
                for place in (*range(left - _EXON_BASES, left + near[0]), *range(right - near[1], right + _EXON_BASES)):
                    if self._dice.random() < _SPLICE_SHARE:
                        yield from self._substitution(one.contig, place, 1)

    def _substitution(self, contig: str, place: int, count: int) -> Iterator[Allele]:
        bases = self._genome.contigs[contig]
        if 1 <= place <= len(bases):
            ref = bases[place - 1]
            for alt in self._dice.sample([base for base in "ACGT" if base != ref], count):
                yield contig, place, ref, alt

    def _shape(self, contig: str, place: int) -> Iterator[Allele]:
        """An insertion, deletion, duplication, inversion or another change of some bases, that begins at a place."""
        bases, dice = self._genome.contigs[contig], self._dice
        size = dice.choice((1, 1, 1, 2, 2, 3, 3, 4, 5, 6, 9))
        if not 2 < place <= len(bases) - size:
            return
        ref, before = bases[place - 1 : place - 1 + size], bases[max(place - 1 - size, 0) : place - 1]
        kind = dice.choice(("insertion", "duplication", "deletion", "deletion", "delins", "mnv", "inversion"))
        if kind == "insertion":
            yield self._anchored(contig, place, "", filler(dice, size))
        elif kind == "duplication":
            yield self._anchored(contig, place, "", before)
        elif kind == "deletion":
            yield self._anchored(contig, place, ref, "")
        elif kind == "delins":
            yield contig, place, ref, filler(dice, dice.choice((1, 2, 3, 4, 6, 7)))
        elif kind == "mnv":
            yield contig, place, ref, "".join(dice.choice("ACGT") for _ in ref)
        else:
            yield contig, place, ref, flipped(ref)

    def _anchored(self, contig: str, place: int, ref: str, alt: str) -> Allele:
        anchor = self._genome.contigs[contig][place - 2]
        return contig, place - 1, anchor + ref, anchor + alt

    def _in_repeats(self, transcripts: list[Transcript]) -> Iterator[Allele]:
        """A unit more or less, spelled anywhere within its run."""
        found = []
        for one in transcripts:
            first, last = one.exons[0][0] - 30, one.exons[-1][1] + 30
            matches = _REPEATS.finditer(self._genome.contigs[one.contig], max(first, 0), last)
            found += [(one.contig, match.start() + 1, match[1], match[2]) for match in matches]
        for contig, start, run, unit in self._dice.sample(sorted(set(found)), _RUNS):
            offset = self._dice.randint(0, len(run) - len(unit))
            turned = (run + run)[offset : offset + len(unit)]
            if start + offset > 1:
                one_more = self._dice.random() < 0.5
                yield self._anchored(contig, start + offset, "" if one_more else turned, turned if one_more else "")

    def _large(self, transcripts: list[Transcript]) -> Iterator[Allele]:
        """Deletions and insertions of up to whole transcripts."""
        for one in self._dice.sample(transcripts, _LARGE):
            bases = self._genome.contigs[one.contig]
            first, last = self._dice.choice(one.exons)
            if first <= 4:
                continue
            yield self._anchored(one.contig, first, bases[first - 1 : last], "")
            start = first - self._dice.randint(0, 3)
            yield self._anchored(one.contig, start, bases[start - 1 : start - 1 + self._dice.randint(20, 70)], "")
            yield self._anchored(one.contig, first + 1, "", filler(self._dice, self._dice.randint(12, 40)))
            if one.exons[-1][1] - one.exons[0][0] < 400:
                yield self._anchored(one.contig, one.exons[0][0], bases[one.exons[0][0] - 1 : one.exons[-1][1]], "")
