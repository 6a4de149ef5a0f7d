"""The plan of the genome: which genes stand where, and how they are put together."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from scripts.genome.bases import STOPS, codons, filler, flipped, intron
from scripts.genome.models import Gene, Transcript, fragment, without_exon, without_intron

EDGE_BASES = 1300
"""Bases without genes at the ends of contigs, but for the one whose genes touch them."""


@dataclass(frozen=True)
class Plan:
    """A transcript to be made. `exons` and `introns`: lengths in its direction; `five`, `three`: bases of the UTRs."""

    label: str
    exons: tuple[int, ...]
    introns: tuple[int, ...] = ()
    five: int = 0
    three: int = 0
    biotype: str = "protein_coding"
    kind: str = "mRNA"
    tags: tuple[str, ...] = ()
    phase: int = 0
    start: str = "ATG"
    stop: str = ""  # one of the code's; "-" without
    code: int = 1
    within: tuple[int, ...] = ()  # codons that are TGA
    mature: tuple[tuple[int, int], ...] = ()  # cDNA spans
    variants: bool = False  # whether transcripts of other shapes are derived


MANY = (48, 70, 60, 120, 1, 90, 2, 75, 3, 100, 4, 66, 5, 150, 45, 80)
MANY_INTRONS = (90, 140, 77, 210, 63, 330, 120, 58, 96, 480, 71, 150, 66, 110, 85)
TINY_INTRONS = (1, 2, 3, 4, 5, 8, 10, 12, 13, 14, 15, 16, 18, 20, 25, 30)
NUCLEAR = (
    Plan("many", MANY, MANY_INTRONS, 85, 110, variants=True),
    Plan("split", (31, 90, 64, 51), (95, 130, 101), 30, 50, variants=True),  # A|TG, TA|A
    Plan("split2", (32, 91, 64, 54), (95, 130, 101), 30, 52, variants=True),  # AT|G, T|AA
    Plan("tiny", (60,) + (45,) * 15 + (66,), TINY_INTRONS, 20, 30),
    Plan("tinyutr", (20, 30, 90, 33, 44, 25), (9, 120, 12, 140, 11), 45, 60),
    Plan("single", (300,)),
    Plan("utr", (420,), (), 66, 54),
    Plan("short", (6,)),
    Plan("short9", (40,), (), 15, 16, stop="TGA"),
    Plan("bare", (61, 75, 44), (88, 140)),
    Plan("seleno", (80, 120, 97), (150, 122), 20, 36, tags=("seleno",), within=(9, 20, 40, 41)),
    Plan("ctg", (90, 99), (100,), 24, 12, start="CTG"),
    Plan("acg", (90, 99), (100,), 0, 12, start="ACG"),
    Plan("nostop", (90, 92), (100,), 24, 0, stop="-"),
    Plan("nostop3", (90, 93), (100,), 24, 9, stop="-"),
    Plan("open0", (70, 83), (110,), 0, 25, tags=("cds_start_NF", "mRNA_start_NF")),
    Plan("open1", (70, 83), (110,), 0, 25, phase=1, tags=("cds_start_NF", "mRNA_start_NF")),
    Plan("open2", (70, 83), (110,), 0, 25, phase=2, tags=("cds_start_NF", "mRNA_start_NF")),
    Plan("untagged1", (70, 83), (110,), 0, 25, phase=1),
    Plan("ends0", (70, 80), (110,), 27, 0, tags=("cds_end_NF", "mRNA_end_NF"), stop="-"),
    Plan("ends1", (70, 81), (110,), 27, 0, tags=("cds_end_NF", "mRNA_end_NF"), stop="-"),
    Plan("ends2", (70, 82), (110,), 27, 0, tags=("cds_end_NF", "mRNA_end_NF"), stop="-"),
    Plan("both", (50, 61, 70), (99, 87), phase=2, tags=("cds_start_NF", "cds_end_NF"), stop="-"),
    Plan("linc", (130, 1, 88, 240), (200, 140, 310), biotype="lncRNA", kind="lnc_RNA"),
    Plan("tinylinc", (60, 40, 70), (7, 40), biotype="lncRNA", kind="lnc_RNA"),
    Plan("mir", (86,), biotype="miRNA", kind="miRNA", mature=((10, 31), (52, 73))),
    Plan("snrna", (107,), biotype="snRNA", kind="snRNA"),
    Plan("trna", (38, 36), (14,), biotype="tRNA", kind="tRNA"),
    Plan("pseudo", (210,), biotype="processed_pseudogene", kind="pseudogenic_transcript"),
    Plan("processed", (90, 120), (95,), biotype="processed_transcript", kind="transcript"),
)
TOUCHING = (Plan("first", (120, 90), (80,)), Plan("last", (100, 75), (60,), 12, 8))
MITOCHONDRIAL = (
    Plan("mtone", (180,), code=2, stop="AGA"),
    Plan("mtthree", (70, 66, 80), (90, 84), 12, 18, code=2, start="ATA", stop="TAA"),
    Plan("mtgtg", (120, 60), (75,), 0, 21, code=2, start="GTG", stop="AGG"),
    Plan("mtrrna", (140,), biotype="Mt_rRNA", kind="rRNA"),
)


@dataclass
class Genome:
    """Contigs and their genes."""

    contigs: dict[str, str] = field(default_factory=dict)
    genes: list[Gene] = field(default_factory=list)

    @property
    def transcripts(self) -> list[Transcript]:
        return [one for gene in self.genes for one in gene.transcripts]

    def fasta(self, width: int) -> str:
        """Returns the contigs as FASTA."""
        return "".join(
            f">{name}\n" + "".join(bases[at : at + width] + "\n" for at in range(0, len(bases), width))
            for name, bases in self.contigs.items()
        )

    def gff3(self) -> str:
        """Returns the gene models as GFF3, sorted by place."""
        found = [line for gene in self.genes for line in gene.lines()]
        order = {name: number for number, name in enumerate(self.contigs)}

        def place(line: str) -> tuple[int, int, int]:
            columns = line.split("\t")
            return order[columns[0]], int(columns[3]), -int(columns[4])

        return "##gff-version 3\n" + "".join(line + "\n" for line in sorted(found, key=place))


def genome(seed: int) -> Genome:
    """Returns the genome of a seed."""
    dice, made = random.Random(seed), Genome()
    for contig, strands in (("1", (1, -1)), ("2", (-1, 1))):
        builder = _Builder(dice, contig, filler(dice, EDGE_BASES))
        for number, plan in enumerate(NUCLEAR):
            builder.add(plan, strands[number % 2])
            builder.gap(dice.randint(150, 900))
        builder.gap(EDGE_BASES)
        builder.end(made)
    for contig, strand in (("3", 1), ("4", -1)):
        builder = _Builder(dice, contig, "")
        builder.add(TOUCHING[0], strand)
        builder.gap(700)
        builder.add(TOUCHING[1], strand)
        builder.end(made)
    builder = _Builder(dice, "MT", filler(dice, EDGE_BASES))
    for plan in MITOCHONDRIAL:
        for strand in (1, -1):
            builder.add(replace(plan, label=plan.label + ("" if strand > 0 else "r")), strand)
            builder.gap(dice.randint(100, 300))
    builder.gap(EDGE_BASES)
    builder.end(made)
    return made


class _Builder:
    """One contig that grows from its left end."""

    def __init__(self, dice: random.Random, contig: str, bases: str) -> None:
        self._dice, self._contig, self._bases = dice, contig, bases
        self._genes: list[Gene] = []

    def gap(self, size: int) -> None:
        self._bases += filler(self._dice, size)

    def add(self, plan: Plan, strand: int) -> None:
        """Add a gene on a strand."""
        bases, one = self._made(plan, strand)
        self._bases += bases
        self._genes.append(Gene(one.gene, [one]))

    def _made(self, plan: Plan, strand: int) -> tuple[str, Transcript]:
        spliced, coding = _spliced(self._dice, plan)
        text, exons, at, cdna = "", [], 0, 0
        for number, size in enumerate(plan.exons):
            exons.append((at + 1, at + size))
            text += spliced[cdna : cdna + size]
            if number < len(plan.introns):
                text += intron(self._dice, plan.introns[number])
            at, cdna = len(text), cdna + size
        begin, name = len(self._bases), f"{self._contig}{plan.label}"
        mature = [exons[0][0] - 1 + place for span in plan.mature for place in span]
        if strand < 0:
            exons = [(at + 1 - last, at + 1 - first) for first, last in reversed(exons)]
            mature = [at + 1 - place for place in mature]
            text = flipped(text)
        return text, Transcript(
            name=f"T{name}",
            gene=f"G{name}",
            contig=self._contig,
            strand=strand,
            exons=tuple((begin + first, begin + last) for first, last in exons),
            coding=coding,
            phase=plan.phase,
            biotype=plan.biotype,
            kind=plan.kind,
            tags=plan.tags,
            code=plan.code,
            mature=tuple((begin + min(pair), begin + max(pair)) for pair in zip(mature[::2], mature[1::2], strict=True)),
        )

    def end(self, made: Genome) -> None:
        """Put nested genes and transcripts of other shapes in, and give the contig to the genome."""
        for gene in list(self._genes):
            one = gene.transcripts[0]
            if one.gene.endswith("many"):
                self._nest(one)
                self._overlap(one)
        for gene in self._genes:
            one = gene.transcripts[0]
            if one.gene[len(self._contig) + 1 :] in _WITH_VARIANTS:
                gene.transcripts += _others(one, self._bases)
        made.contigs[self._contig] = self._bases
        made.genes += self._genes

    def _nest(self, host: Transcript) -> None:
        """A gene of two exons in the longest intron of another, on the other strand."""
        low, high = max(((left[1], right[0]) for left, right in pairwise(host.exons)), key=lambda gap: gap[1] - gap[0])
        kept, self._bases = self._bases, self._bases[: low + 40]
        bases, one = self._made(Plan("nested", (60, 90), (110,), 12, 15), -host.strand)
        assert low + 40 + len(bases) < high - 40
        self._bases = kept[: low + 40] + bases + kept[low + 40 + len(bases) :]
        self._genes.append(Gene(one.gene, [one]))

    def _overlap(self, host: Transcript) -> None:
        """A long non-coding RNA against the direction of another gene, over its middle."""
        middle = host.exons[3][0] + 20, host.exons[3][1] + 30
        exons = (middle, (host.exons[5][0] - 10, host.exons[5][0] + 25), (host.exons[8][0] + 2, host.exons[9][1] - 5))
        name = f"{self._contig}anti"
        one = Transcript(f"T{name}", f"G{name}", self._contig, -host.strand, exons, biotype="lncRNA", kind="lnc_RNA")
        self._genes.append(Gene(one.gene, [one]))


_WITH_VARIANTS = frozenset(plan.label for plan in NUCLEAR if plan.variants)


def _spliced(dice: random.Random, plan: Plan) -> tuple[str, tuple[int, int] | None]:
    """The bases of the exons, and the cDNA positions of the coding sequence."""
    total = sum(plan.exons)
    if plan.kind != "mRNA":
        return filler(dice, total), None
    size, three, open_end = total - plan.five - plan.three, plan.three, plan.stop == "-"
    beyond = (size - plan.phase) % 3
    if not open_end:
        three, size = three + beyond, size - beyond
    coding = filler(dice, plan.phase) if plan.phase or "cds_start_NF" in plan.tags else plan.start
    stop = "" if open_end else plan.stop or dice.choice(STOPS[plan.code])
    body = list(_cut(codons(dice, (size - len(coding) - len(stop)) // 3, plan.code)))
    for number in plan.within:
        body[number] = "TGA"
    coding += "".join(body) + stop
    coding += filler(dice, size - len(coding))
    spliced = filler(dice, plan.five) + coding + filler(dice, three)
    assert len(spliced) == total
    return spliced, (plan.five + 1, plan.five + size)


def _cut(bases: str) -> Sequence[str]:
    return [bases[at : at + 3] for at in range(0, len(bases), 3)]


def _others(one: Transcript, bases: str) -> list[Transcript]:
    """Transcripts of other shapes: an exon left out, an intron kept, incomplete ends."""
    assert one.coding is not None
    first, last = one.coding
    cut = (last - first) // 3
    middle = len(one.exons) // 2
    skipped = without_exon(one, middle, f"{one.name}b", bases)
    found = [
        skipped,
        without_intron(one, middle - 1, f"{one.name}c"),
        fragment(one, f"{one.name}d", first + cut, len(one.places), ("cds_start_NF", "mRNA_start_NF")),
        fragment(one, f"{one.name}e", 1, first + 2 * cut, ("cds_end_NF", "mRNA_end_NF")),
        fragment(one, f"{one.name}f", first + cut + 1, first + 2 * cut + 1, ("cds_start_NF", "cds_end_NF")),
    ]
    for label, index in (("g", 3), ("h", 9), ("i", 4)) if len(one.exons) > 10 else ():
        found.append(without_exon(one, index if one.strand > 0 else -1 - index, f"{one.name}{label}", bases))
    return [replace(each, mature=()) for each in found]
