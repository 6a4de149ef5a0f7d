"""Genes as they are written to GFF3, and from which transcripts of other shapes are derived."""

from dataclasses import dataclass, field, replace

from scripts.genome.bases import STOPS, flipped

Span = tuple[int, int]
"""First and last base, from 1."""

_DECAY_BASES = 50  # a stop further than this before the last junction leads to decay


@dataclass(frozen=True)
class Transcript:
    """A transcript; `exons` ascend on the contig. `coding`: cDNA positions of the coding sequence, its stop included."""

    name: str
    gene: str
    contig: str
    strand: int
    exons: tuple[Span, ...]
    coding: Span | None = None
    phase: int = 0  # as GFF3 has it: bases before the first whole codon
    biotype: str = "protein_coding"
    kind: str = "mRNA"
    tags: tuple[str, ...] = ()
    code: int = 1
    mature: tuple[Span, ...] = ()  # microRNAs, on the contig

    @property
    def places(self) -> list[int]:
        """The base of the contig of each cDNA position."""
        bases = [base for first, last in self.exons for base in range(first, last + 1)]
        return bases[:: self.strand]

    @property
    def junction(self) -> int:
        """cDNA position of the last base before the last intron."""
        lengths = [last - first + 1 for first, last in self.exons]
        return sum(lengths) - (lengths[-1] if self.strand > 0 else lengths[0])

    def spliced(self, bases: str) -> str:
        """Returns its sequence; `bases`: those of its contig."""
        text = "".join(bases[first - 1 : last] for first, last in self.exons)
        return text if self.strand > 0 else flipped(text)

    def coding_spans(self) -> list[tuple[int, int, int]]:
        """First and last base on the contig and GFF3's phase of each part of the coding sequence, in its direction."""
        if self.coding is None:
            return []
        found, position, (start, end) = [], 0, self.coding
        for first, last in self.exons[:: self.strand]:
            low, high = max(start, position + 1), min(end, position + last - first + 1)
            if low <= high:
                phase = (self.phase - (low - start)) % 3
                ends = (first + low - position - 1, first + high - position - 1)
                if self.strand < 0:
                    ends = (last - (high - position - 1), last - (low - position - 1))
                found.append((*ends, phase))
            position += last - first + 1
        return found

    def lines(self) -> list[str]:
        """Returns its lines of GFF3, behind that of its gene."""
        sign = "+" if self.strand > 0 else "-"

        def line(kind: str, first: int, last: int, phase: str, attributes: str) -> str:
            return "\t".join((self.contig, "made", kind, str(first), str(last), ".", sign, phase, attributes))

        tag = f";tag={','.join(self.tags)}" if self.tags else ""
        own = f"ID=transcript:{self.name};Parent=gene:{self.gene};biotype={self.biotype};transcript_id={self.name};version=1{tag}"
        parent = f"Parent=transcript:{self.name}"
        found = [line(self.kind, self.exons[0][0], self.exons[-1][1], ".", own)]
        for number, (first, last) in enumerate(self.exons[:: self.strand], 1):
            found.append(line("exon", first, last, ".", f"{parent};exon_id={self.name}E{number};rank={number}"))
        table = f";transl_table={self.code}" if self.code != 1 else ""
        for first, last, phase in self.coding_spans():
            found.append(line("CDS", first, last, str(phase), f"ID=CDS:{self.name}P;{parent};protein_id={self.name}P{table}"))
        for number, (first, last) in enumerate(self.mature, 1):
            found.append(line("miRNA", first, last, ".", f"ID=mature:{self.name}M{number};{parent}"))
        return found


@dataclass
class Gene:
    """Transcripts of one name on one contig."""

    name: str
    transcripts: list[Transcript] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Returns its lines of GFF3."""
        first = self.transcripts[0]
        low = min(one.exons[0][0] for one in self.transcripts)
        high = max(one.exons[-1][1] for one in self.transcripts)
        sign = "+" if first.strand > 0 else "-"
        about = f"ID=gene:{self.name};Name=MADE{self.name};biotype={first.biotype};gene_id={self.name}"
        own = "\t".join((first.contig, "made", "gene", str(low), str(high), ".", sign, ".", about))
        return [own, *(line for one in self.transcripts for line in one.lines())]


def translated(one: Transcript, bases: str, start: int) -> Transcript:
    """Returns the transcript with the coding sequence from a cDNA position on, to its first stop or its end."""
    text = one.spliced(bases)
    for at in range(start - 1, len(text) - 2, 3):
        if text[at : at + 3] in STOPS[one.code]:
            end = at + 3
            decays = len(one.exons) > 1 and one.junction - end > _DECAY_BASES
            kind, biotype = ("NMD_transcript_variant", "nonsense_mediated_decay") if decays else ("mRNA", "protein_coding")
            return replace(one, coding=(start, end), kind=kind, biotype=biotype)
    return replace(one, coding=(start, len(text)), tags=("cds_end_NF", "mRNA_end_NF"))


def without_exon(one: Transcript, index: int, name: str, bases: str) -> Transcript:
    """Returns the transcript without one of its exons, translated from the same start."""
    assert one.coding is not None
    start = one.places[one.coding[0] - 1]
    other = replace(one, name=name, exons=tuple(exon for exon in one.exons if exon != one.exons[index]), tags=())
    return translated(other, bases, other.places.index(start) + 1)


def without_intron(one: Transcript, index: int, name: str) -> Transcript:
    """Returns the transcript with one intron kept, and no coding sequence."""
    merged = (one.exons[index][0], one.exons[index + 1][1])
    exons = (*one.exons[:index], merged, *one.exons[index + 2 :])
    return replace(one, name=name, exons=exons, coding=None, biotype="retained_intron", kind="transcript", tags=())


def fragment(one: Transcript, name: str, first: int, last: int, tags: tuple[str, ...]) -> Transcript:
    """Returns what lies between two cDNA positions within the coding sequence, which goes on beyond it on one side or both."""
    assert one.coding is not None
    places = set(one.places[first - 1 : last])
    exons = []
    for low, high in one.exons:
        kept = [base for base in range(low, high + 1) if base in places]
        if kept:
            exons.append((kept[0], kept[-1]))
    start = max(one.coding[0] - first + 1, 1)
    phase = (first - one.coding[0]) % 3 if first > one.coding[0] else 0
    coding = (start, min(one.coding[1], last) - first + 1)
    return replace(one, name=name, exons=tuple(exons), coding=coding, phase=-phase % 3, tags=tags)
