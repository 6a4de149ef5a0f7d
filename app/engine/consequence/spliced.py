"""A transcript prepared for questions: from positions of the contig to cDNA, coding sequence and protein, and back."""

from bisect import bisect_right
from functools import lru_cache

from app.engine.consequence.allele import Change
from app.engine.consequence.genetic_code import VERTEBRATE_MITOCHONDRIAL, GeneticCode, genetic_code
from app.engine.consequence.lazy import lazy
from app.engine.consequence.transcript import Transcript

FRAMESHIFT_INTRON_BASES = 13
"""Introns up to this long stand in a model to mend its reading frame; Ensembl takes them for no introns."""

Span = tuple[int, int]


class Spliced:
    """The geometry and the sequences of one transcript. Positions are 1-based; 0 stands for none."""

    def __init__(self, transcript: Transcript) -> None:
        self.transcript = transcript
        self.strand = transcript.strand
        self.start, self.end = transcript.start, transcript.end
        exons = sorted(transcript.exons)
        self.exon_count = len(exons)
        self.starts = [start for start, _ in exons]
        self.ends = [end for _, end in exons]
        self.firsts = self._firsts()
        self.length = sum(self.ends) - sum(self.starts) + self.exon_count
        self.coding = transcript.coding_start > 0
        self.coding_start, self.coding_end, self.phase = transcript.coding_start, transcript.coding_end, transcript.phase
        self.low = self.high = 0  # the coding region on the contig
        if self.coding:
            self.low, self.high = sorted((self.genomic(self.coding_start), self.genomic(self.coding_end)))
        self.mends_frame = any(end - start < FRAMESHIFT_INTRON_BASES for start, end, _ in self.introns)

    def _firsts(self) -> list[int]:
        """The cDNA position of the 5'-most base of each exon, in the order of the contig."""
        order = range(self.exon_count) if self.strand > 0 else range(self.exon_count - 1, -1, -1)
        firsts, position = [0] * self.exon_count, 1
        for i in order:
            firsts[i] = position
            position += self.ends[i] - self.starts[i] + 1
        return firsts

    @lazy
    def introns(self) -> list[tuple[int, int, int]]:
        """Start, end and number of each intron, in the order of the contig."""
        gaps = range(self.exon_count - 1)
        found = [(self.ends[i] + 1, self.starts[i + 1] - 1, i + 1 if self.strand > 0 else self.exon_count - 1 - i) for i in gaps]
        return [intron for intron in found if intron[0] <= intron[1]]

    def exon_number(self, index: int) -> int:
        """Returns the number, in the direction of transcription, of the exon at an index of `starts`."""
        return index + 1 if self.strand > 0 else self.exon_count - index

    def cdna(self, position: int) -> int:
        """Returns the cDNA position of a base of the contig; 0 outside the exons."""
        i = bisect_right(self.starts, position) - 1
        if i < 0 or position > self.ends[i]:
            return 0
        return self.firsts[i] + (position - self.starts[i] if self.strand > 0 else self.ends[i] - position)

    def genomic(self, cdna: int) -> int:
        """Returns the position on the contig of a cDNA position within the transcript."""
        for first, start, end in zip(self.firsts, self.starts, self.ends, strict=True):
            if first <= cdna <= first + end - start:
                return start + cdna - first if self.strand > 0 else end - (cdna - first)
        raise ValueError(f"{self.transcript.identifier} has no base {cdna}")

    def span(self, change: Change) -> Span:
        """Returns the cDNA positions of the first and the last changed base, 0 where it is not in an exon.

        For an insertion they are those of the bases behind and before it: the first is the greater. One that touches an exon
        counts as within it.
        """
        five, three = (change.start, change.end) if self.strand > 0 else (change.end, change.start)
        first, last = self.cdna(five), self.cdna(three)
        if not change.ref and (first or last):
            first, last = first or last + 1, last or first - 1
        return first, last

    def coding_span(self, span: Span) -> Span:
        """Returns the positions in the coding sequence of a cDNA span, 0 for an end that is outside."""
        first, last = span
        if first > last > 0 and (last < self.coding_start or first > self.coding_end):
            return 0, 0
        shift = 1 - self.coding_start + self.phase
        if first > last > 0:
            return first + shift, last + shift
        inside = range(self.coding_start, self.coding_end + 1)
        return (first + shift if first in inside else 0), (last + shift if last in inside else 0)

    def exons_touched(self, change: Change) -> list[int]:
        """Returns the numbers of the exons that lose or change a base, or have the insertion within them."""
        first = bisect_right(self.ends, change.start - 1)
        last = bisect_right(self.starts, change.end)
        numbers = [self.exon_number(i) for i in range(first, last)]
        return numbers if self.strand > 0 else numbers[::-1]

    def has_exon(self, first: int, last: int) -> bool:
        """Whether a base of an exon is between two positions of the contig, both included."""
        return bisect_right(self.ends, first - 1) < bisect_right(self.starts, last)

    @lazy
    def code(self) -> GeneticCode:
        return genetic_code(self.transcript.code)

    @lazy
    def sequence(self) -> bytes:
        """The coding sequence, with an N for each base that an incomplete 5' end lacks of its first codon."""
        return b"N" * self.phase + self.transcript.bases[self.coding_start - 1 : self.coding_end]

    @lazy
    def five_prime(self) -> bytes:
        """The bases before the coding sequence."""
        return self.transcript.bases[: self.coding_start - 1]

    @lazy
    def three_prime(self) -> bytes:
        """The bases behind the coding sequence."""
        return self.transcript.bases[self.coding_end :]

    @lazy
    def tail(self) -> bytes:
        """What follows the coding sequence when it is read on: its 3' UTR, or the A's that complete its last codon."""
        return b"AA" if self.polyadenylated else self.three_prime

    @lazy
    def polyadenylated(self) -> bool:
        """Whether the stop codon is completed by polyadenylation, as in vertebrate mitochondria: T or TA, then A's."""
        last = self.sequence[len(self.sequence) // 3 * 3 :]
        return self.code.number == VERTEBRATE_MITOCHONDRIAL and not self.three_prime and last in (b"T", b"TA")

    @lazy
    def starts_whole(self) -> bool:
        """Whether the first codon is there and begins the protein."""
        return not self.phase and not self.transcript.incomplete_start and self.sequence[:3] in self.code.initiators

    @lazy
    def letters(self) -> bytes:
        """The protein with its stop, if it has one: M first where a start codon is, U where TGA is read so."""
        letters = bytearray(self.code.translate(self.sequence))
        for position in self.transcript.selenocysteines:
            if position <= len(letters) and letters[position - 1] == 0x2A:
                letters[position - 1] = ord("U")
        if self.starts_whole:
            letters[:1] = b"M"
        return bytes(letters + b"*" if self.polyadenylated else letters)

    @lazy
    def protein_length(self) -> int:
        """Amino acids of the protein, without the stop."""
        return len(self.letters) - self.letters.endswith(b"*")


@lru_cache(maxsize=1024)
def spliced(transcript: Transcript) -> Spliced:
    """Returns the transcript prepared; the last thousand are remembered."""
    return Spliced(transcript)
