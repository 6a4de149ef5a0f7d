"""Which parts of a transcript a change touches: introns and their splice sites, exons, UTRs."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from app.engine.consequence import terms
from app.engine.consequence.allele import Change
from app.engine.consequence.spliced import FRAMESHIFT_INTRON_BASES, Spliced

# Source of the distances: Sequence Ontology's definitions of the terms, as Ensembl documents them, counted in bases of the intron
# from its first (0, at the donor) and from its last (0, at the acceptor).
DONOR = (0, 1)
FIFTH_BASE = (4, 4)
DONOR_REGION = (2, 5)
ACCEPTOR = (0, 1)
POLYPYRIMIDINE = (2, 16)
INSIDE = 2  # an intron variant lies at least that far from both of its ends
REGION_INTRON = (2, 7)
REGION_EXON_BASES = 3
_DEEP = 20  # bases from both ends of an intron where nothing but the intron is touched
MENDED_BASES = 12  # so far around an exon of a transcript with frameshift introns counts as exon


@dataclass(slots=True)
class Touched:
    """What a change touches of a transcript. `mask`: terms that its place alone decides."""

    mask: int = 0
    intron: bool = False  # of any length
    exon: bool = False
    mended: bool = False  # within an intron that only mends the reading frame


def overlaps(first: int, last: int, start: int, end: int) -> bool:
    """Whether two spans share a base; an insertion (`last` is before `first`) must have bases of the other on both sides."""
    return last >= start and first <= end


def regions(change: Change) -> Iterator[tuple[int, int]]:
    """Gives the spans of the contig that differ: of two longer alleles only the bases that are not the same."""
    ref, alt = change.ref, change.alt
    if len(ref) < 2 or len(alt) < 2:
        yield change.start, change.end
        return
    first = -1
    for i in range(max(len(ref), len(alt)) + 1):
        differs = i < max(len(ref), len(alt)) and (i >= min(len(ref), len(alt)) or ref[i] != alt[i])
        if differs and first < 0:
            first = i
        elif not differs and first >= 0:
            yield change.start + first, change.start + i - 1
            first = -1


def touched(model: Spliced, change: Change) -> Touched:
    """Returns what a change that lies within or over the edge of a transcript touches of it."""
    low, high = change.start, change.end
    if low > high:
        low, high = high, low
    starts, ends = model.starts, model.ends
    stretch = MENDED_BASES if model.mends_frame else 0
    found, flags = Touched(), _Splice()
    found.exon = bisect_left(ends, low - stretch) < bisect_right(starts, high + stretch)
    first = max(bisect_left(starts, low - REGION_EXON_BASES + 1) - 1, 0)  # the first intron that reaches so far
    while first and ends[first - 1] + 1 + REGION_INTRON[1] >= low:
        first -= 1  # the splice region of a very short intron goes on in the next exon
    last = first
    while (
        last < model.exon_count - 1 and min(ends[last] + 1 - REGION_EXON_BASES, starts[last + 1] - 1 - REGION_INTRON[1]) <= high
    ):
        last += 1
    for i in range(first, last)[:: model.strand]:
        start, end = ends[i] + 1, starts[i + 1] - 1
        if start <= end:
            _intron(model, change, low, high, start, end, found, flags)
    found.mask = flags.mask(found.exon, found.intron)
    return found


@dataclass(slots=True)
class _Splice:
    """What a change does to the ends of introns; donor and acceptor in the direction of transcription."""

    donor: bool = False
    acceptor: bool = False
    fifth: bool = False
    donor_region: bool = False
    polypyrimidine: bool = False
    region: bool = False
    intronic: bool = False

    def mask(self, exon: bool, intron: bool) -> int:
        mask = terms.INTRON if self.intronic and intron else 0
        if self.donor:
            mask |= terms.SPLICE_DONOR
        if self.acceptor:
            mask |= terms.SPLICE_ACCEPTOR
        if self.fifth:
            mask |= terms.SPLICE_DONOR_5TH_BASE
        elif self.donor_region:
            mask |= terms.SPLICE_DONOR_REGION
        elif self.region and not (self.donor or self.acceptor):
            mask |= terms.SPLICE_REGION
        if self.polypyrimidine and intron and not exon:
            mask |= terms.SPLICE_POLYPYRIMIDINE
        return mask


def _intron(model: Spliced, change: Change, low: int, high: int, start: int, end: int, found: Touched, flags: _Splice) -> None:
    """Adds what a change from `low` to `high` does to the intron from `start` to `end`."""
    if start + _DEEP < low and high < end - _DEEP:
        found.intron = flags.intronic = True
        return
    inside = overlaps(low - 1, high + 1, start, end)  # VEP's look-up finds introns that a change only touches, too
    bound = overlaps(low, high, start - 3, start + 7) or overlaps(low, high, end - 7, end + 3)
    found.intron |= inside
    for first, last in regions(change):
        if end - start < FRAMESHIFT_INTRON_BASES and overlaps(first, last, start, end):
            found.mended = True
            continue
        insertion = last < first
        near, far = sorted((first, last))
        if inside:
            flags.intronic |= overlaps(first, last, start + INSIDE, end - INSIDE) or (
                insertion and (first == start + INSIDE or last == end - INSIDE)
            )
        if inside or bound:
            span = (near, far) if inside else (first, last)
            flags.polypyrimidine |= overlaps(*span, *_from_acceptor(model, start, end, POLYPYRIMIDINE))
        if bound:
            flags.donor |= overlaps(first, last, *_from_donor(model, start, end, DONOR))
            flags.acceptor |= overlaps(first, last, *_from_acceptor(model, start, end, ACCEPTOR))
            flags.fifth |= overlaps(first, last, *_from_donor(model, start, end, FIFTH_BASE))
            flags.donor_region |= overlaps(first, last, *_from_donor(model, start, end, DONOR_REGION))
            if not (flags.donor or flags.acceptor):
                flags.region = _splice_region(first, last, start, end)  # as in VEP, the last of several decides


def _from_donor(model: Spliced, start: int, end: int, bases: tuple[int, int]) -> tuple[int, int]:
    return (start + bases[0], start + bases[1]) if model.strand > 0 else (end - bases[1], end - bases[0])


def _from_acceptor(model: Spliced, start: int, end: int, bases: tuple[int, int]) -> tuple[int, int]:
    return (end - bases[1], end - bases[0]) if model.strand > 0 else (start + bases[0], start + bases[1])


def _splice_region(first: int, last: int, start: int, end: int) -> bool:
    """Whether a change is 3 to 8 bases into an intron or within 3 bases of it; an insertion counts at both ends of each span."""
    near, far = REGION_INTRON
    return (
        overlaps(first, last, start + near, start + far)
        or overlaps(first, last, end - far, end - near)
        or overlaps(first, last, start - REGION_EXON_BASES, start - 1)
        or overlaps(first, last, end + 1, end + REGION_EXON_BASES)
        or (last < first and (first in (start, start + near) or last in (end, end - near)))
    )
