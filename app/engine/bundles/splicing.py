"""The exons of a transcript joined: what lies where by cDNA position, and what of it is translated."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from app.engine.bundles.gff3 import CODING, NO_PHASE, STOP

Span = tuple[int, int]


class Contradiction(Exception):
    """The lines of a transcript cannot all be right; the text says which part."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One exon or coding part on its contig, and its line in the annotation."""

    start: int
    end: int
    strand: int
    phase: int
    line: int


class Spliced:
    """The exons of a transcript by cDNA position."""

    def __init__(self, exons: list[Span], strand: int) -> None:
        self._exons, self._strand = exons, strand
        self._starts = [start for start, _ in exons]
        self.cdna = [0] * len(exons)
        self.length = 0
        for index in range(len(exons))[::strand]:
            self.cdna[index] = self.length + 1
            self.length += exons[index][1] - exons[index][0] + 1

    def place(self, start: int, end: int) -> Span | None:
        """First and last cDNA position of a span of the contig; None if it is not within one exon."""
        index = bisect_right(self._starts, start) - 1
        if index < 0 or end > self._exons[index][1]:
            return None
        first, last = self._exons[index]
        ahead = start - first if self._strand > 0 else last - end
        return self.cdna[index] + ahead, self.cdna[index] + ahead + end - start


def coding_sequence(spliced: Spliced, segments: dict[int, list[Segment]]) -> tuple[int, int, int]:
    """cDNA start and end of the coding sequence, and the bases missing before its first codon; zeros without one."""
    parts = []
    for segment in segments.get(CODING, ()):
        place = spliced.place(segment.start, segment.end)
        if place is None:
            raise Contradiction(f"the coding sequence on line {segment.line} is not within an exon")
        parts.append((*place, segment))
    if not parts:
        return 0, 0, 0
    parts.sort(key=lambda part: part[:2])
    coding_start, end, first = parts[0][0], parts[0][0] - 1, parts[0][2].phase % 3
    for start, last, segment in parts:
        if start != end + 1:
            what = "leaves bases of an exon out before" if start > end + 1 else "overlaps with"
            raise Contradiction(f"its coding sequence {what} line {segment.line}")
        wanted = (first - (start - coding_start)) % 3
        if segment.phase not in (wanted, NO_PHASE):
            raise Contradiction(f"the coding sequence on line {segment.line} has phase {segment.phase}, where {wanted} follows")
        end = last
    for start, last in sorted(filter(None, (spliced.place(one.start, one.end) for one in segments.get(STOP, ())))):
        end = max(end, last) if start <= end + 1 else end
    return coding_start, end, -first % 3


def amino_acids(spliced: Spliced, sites: list[int], coding_start: int, coding_end: int, phase: int) -> tuple[int, ...]:
    """Amino acid positions of codons, by the place of their first base on the contig."""
    found = set()
    for site in sites:
        place = spliced.place(site, site)
        if place and coding_start <= place[0] <= coding_end:
            number, within = divmod(place[0] - coding_start + phase, 3)
            if within == 0:
                found.add(number + 1)
    return tuple(sorted(found))


def joined(segments: Iterator[Segment]) -> list[Span]:
    """Spans without gaps or overlaps between neighbours."""
    spans: list[Span] = []
    for start, end in sorted((segment.start, segment.end) for segment in segments):
        if spans and start <= spans[-1][1] + 1:
            spans[-1] = spans[-1][0], max(end, spans[-1][1])
        else:
            spans.append((start, end))
    return spans
