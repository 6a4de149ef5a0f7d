"""The consequences of a small change for a transcript near it, as Ensembl VEP 115 words and numbers them."""

from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol

from app.engine.consequence import hgvs, terms
from app.engine.consequence.allele import Allele, Change
from app.engine.consequence.coding import Coding
from app.engine.consequence.lazy import lazy
from app.engine.consequence.regions import overlaps, touched
from app.engine.consequence.spliced import Span, Spliced, spliced
from app.engine.consequence.transcript import Transcript

DISTANCE_BASES = 5000
"""VEP's default distance within which a transcript is upstream or downstream."""

FLAGS = {
    (False, False): "",
    (True, False): "cds_start_NF",
    (False, True): "cds_end_NF",
    (True, True): "cds_start_NF&cds_end_NF",
}
"""VEP's FLAGS, by whether the start and the end of the coding sequence are incomplete."""

_NMD = "nonsense_mediated_decay"
_PLACES_TRIED = 200
_SPLICING_BASES = 20  # of an intron that may be more than intron: the polypyrimidine tract has the furthest


class Spanning(Protocol):
    """What has a first and a last base."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


class Consequence(NamedTuple):
    """What an allele does to one transcript; texts as in VEP's CSQ, empty where there is nothing to say."""

    transcript: Transcript
    mask: int  # of terms.TABLE
    exon: str = ""  # number/total
    intron: str = ""
    cdna: str = ""  # position/total
    cds: str = ""
    protein: str = ""
    amino_acids: str = ""
    codons: str = ""
    distance: int = -1  # bases to the transcript; -1 within it
    hgvsc: str = ""  # without the name of the reference: c.12A>G
    hgvsp: str = ""
    offset: int = 0  # bases of the contig that the change is moved by for its HGVS names

    @property
    def flags(self) -> str:
        """VEP's FLAGS."""
        return FLAGS[self.transcript.incomplete_start, self.transcript.incomplete_end]


def consequence(
    transcript: Transcript, allele: Allele, contig: Sequence[int], distance: int = DISTANCE_BASES
) -> Consequence | None:
    """Returns what an allele does to a transcript of its contig; None if it is further than `distance` bases away.

    `contig`: the bases of the whole contig (bytes, memoryview or a mapped uint8 array).
    """
    change, run = allele.change, allele.run
    if apart(transcript.start, transcript.end, around(allele)):
        mask, away = beside(transcript.start, transcript.end, transcript.strand, change, distance)
        return Consequence(transcript, mask, distance=away) if mask else None
    model = spliced(transcript)
    offset = allele.run.toward(model.strand)
    named = hgvs.transcript(model, allele, contig)
    if not overlaps(change.start, change.end, model.start, model.end):
        mask, away = beside(model.start, model.end, model.strand, change, distance)
        if not mask:
            return None
        moved = _coding(model, change.moved(offset)) if named else None
        protein = hgvs.protein(moved) if moved is not None else ""
        return Consequence(transcript, mask, distance=away, hgvsc=named, hgvsp=protein, offset=offset if named else 0)
    if intron := _deep_intron(model, change.start - run.left - 1, change.end + run.right + 1):
        mask, number = _intronic(model), f"{intron}/{model.exon_count - 1}"
        return Consequence(transcript, mask, intron=number, hgvsc=named, offset=offset if named else 0)
    place = _place(model, change)
    moved = place.coding if not offset else _coding(model, change.moved(offset))
    protein = hgvs.protein(moved) if moved is not None else ""
    return Consequence(
        transcript,
        place.mask,
        exon=_numbers(place.exons, model.exon_count),
        intron=_numbers(_introns(model, change), model.exon_count - 1) if place.intron else "",
        cdna=f"{_positions(place.span)}/{model.length}" if place.exon else "",
        cds=f"{_positions(place.coding.cds)}/{len(model.sequence)}" if place.coding else "",
        protein=f"{_positions((place.coding.first, place.coding.last))}/{model.protein_length}" if place.coding else "",
        amino_acids=place.coding.amino_acids if place.coding else "",
        codons=place.coding.shown_codons if place.coding else "",
        hgvsc=named,
        hgvsp=protein,
        offset=offset if named or protein else 0,
    )


def _coding(model: Spliced, change: Change) -> Coding | None:
    """What a change at another of its places does to the coding sequence; None if it does not touch it."""
    if not (model.coding and overlaps(change.start, change.end, model.start, model.end)):
        return None
    return _place(model, change).coding


def mask_at(model: Spliced, change: Change, distance: int = DISTANCE_BASES) -> int:
    """Returns the terms of a change spelled at one place; 0 if it is further than `distance` bases away."""
    if not overlaps(change.start, change.end, model.start, model.end):
        return beside(model.start, model.end, model.strand, change, distance)[0]
    return _place(model, change).mask


def _deep_intron(model: Spliced, first: int, last: int) -> int:
    """The number of the intron that a span of the contig is deep within, where nothing but the intron is touched; 0 for none."""
    exon = bisect_right(model.starts, first) - 1
    if not 0 <= exon < model.exon_count - 1:
        return 0
    deep = model.ends[exon] + _SPLICING_BASES < first and last < model.starts[exon + 1] - _SPLICING_BASES
    return (exon + 1 if model.strand > 0 else model.exon_count - 1 - exon) if deep else 0


def _intronic(model: Spliced) -> int:
    """The terms of what is deep within an intron."""
    mask, biotype = terms.INTRON, model.transcript.biotype
    if not model.coding and biotype != "protein_coding":
        mask |= terms.NON_CODING_TRANSCRIPT
    return mask | terms.NMD_TRANSCRIPT if biotype == _NMD else mask


def depends_on_spelling(transcript: Transcript, allele: Allele, distance: int = DISTANCE_BASES, known: int | None = None) -> bool:
    """Whether an edge within the run of equivalent places gives another spelling of the change other terms.

    `known`: the terms of the spelling that the file has, if they were found before.
    """
    run = allele.run
    if not (run.left or run.right) or alike(transcript.start, transcript.end, around(allele), distance):
        return False
    model = spliced(transcript)
    if _deep_intron(model, allele.change.start - run.left - 1, allele.change.end + run.right + 1):
        return False
    if run.left + run.right > _PLACES_TRIED:
        places: Sequence[int] = (-run.left, run.right)
    else:
        places = range(-run.left, run.right + 1)
    here = mask_at(model, allele.change, distance) if known is None else known
    return any(bases and mask_at(model, allele.change.moved(bases), distance) != here for bases in places)


def around(allele: Allele) -> Span:
    """Returns the bases before and behind all places where an allele can be spelled."""
    (start, ref, _), (left, right) = allele.change, allele.run
    return start - left - 1, start + len(ref) + right


def apart(start: int, end: int, places: Span) -> bool:
    """Whether an allele does not touch a transcript from `start` to `end`, wherever it is spelled. `places`: of `around`."""
    first, last = places
    return last < start or first > end


def alike(start: int, end: int, places: Span, distance: int) -> bool:
    """Whether all spellings of an allele have the same terms, for they are all beside the transcript, or too far away."""
    first, last = places
    if last < start:
        return first > start - distance or last < start - distance
    return first > end and (last < end + distance or first > end + distance)


def beside(start: int, end: int, strand: int, change: Spanning, distance: int) -> tuple[int, int]:
    """Returns the term and the distance of a change outside of a transcript from `start` to `end`; 0 and -1 if it is too far."""
    if start - distance <= change.end < start:
        before = True
    elif end < change.start <= end + distance:
        before = False
    else:
        return 0, -1
    away = min([abs(place - edge) for place in (change.start, change.end) for edge in (start, end)])
    return (terms.UPSTREAM if before == (strand > 0) else terms.DOWNSTREAM), away


@lru_cache(maxsize=256)
def _place(model: Spliced, change: Change) -> "_Place":
    """A change at one of its places, which its names and the comparison of its spellings ask for again."""
    return _Place(model, change)


class _Place:
    """A change at one of its spellings, which is at least partly within a transcript."""

    def __init__(self, model: Spliced, change: Change) -> None:
        self.model, self.change = model, change
        self.covers = change.start <= model.start and change.end >= model.end
        self.touched = touched(model, change)
        self.exon, self.intron = self.touched.exon, self.touched.intron
        self.exons = model.exons_touched(change) if self.exon else []
        self.span: Span = model.span(change) if self.exon else (0, 0)
        self.coding: Coding | None = None
        low, high = sorted((change.start, change.end))
        self.utr = model.coding and (low < model.low or high > model.high)
        if model.coding and self.exon and overlaps(low, high, model.low, model.high):
            self.coding = Coding(model, change, self.span)

    @lazy
    def mask(self) -> int:
        """The terms."""
        model, change = self.model, self.change
        if self.covers and len(change.alt) < len(change.ref):
            return terms.TRANSCRIPT_ABLATION
        if self._mature_mirna():
            return terms.MATURE_MIRNA
        mask = self.touched.mask
        if self.coding is not None:
            mask |= self.coding.mask(self._within_cds() and not self.covers)
        biotype = model.transcript.biotype
        if model.coding:
            if self.exon and self.utr and self._within_cdna():
                mask |= self._utr()
            if self.covers and biotype == "protein_coding":
                mask |= terms.CODING_TRANSCRIPT
        elif biotype != "protein_coding":
            mask |= terms.NON_CODING_EXON if self.exons and not self.covers else terms.NON_CODING_TRANSCRIPT
        if biotype == _NMD:
            mask |= terms.NMD_TRANSCRIPT
        return mask or terms.INTERGENIC

    def _mature_mirna(self) -> bool:
        model = self.model
        for first, last in model.transcript.micro_rna:
            start, end = sorted((model.genomic(first), model.genomic(last)))
            for left, right in zip(model.starts, model.ends, strict=True):
                if overlaps(self.change.start, self.change.end, max(start, left), min(end, right)):
                    return True
        return False

    def _within_cdna(self) -> bool:
        """Whether a base of an exon is touched; an insertion at the edge of one counts."""
        return bool(self.exons or self.span[0] or self.touched.mended)

    def _within_cds(self) -> bool:
        model, change = self.model, self.change
        if not change.ref:
            within = bool(self.coding and self.coding.cds[0])
        else:
            first, last = max(change.start, model.low), min(change.end, model.high)
            within = first <= last and model.has_exon(first, last)
        return within or (self.touched.mended and overlaps(change.start, change.end, model.low, model.high))

    def _utr(self) -> int:
        model, change = self.model, self.change
        insertion = not change.ref
        mask = 0
        if overlaps(change.start, change.end, model.start, model.low - 1) or (insertion and change.start == model.low):
            mask |= terms.FIVE_PRIME_UTR if model.strand > 0 else terms.THREE_PRIME_UTR
        if overlaps(change.start, change.end, model.high + 1, model.end) or (insertion and change.end == model.high):
            mask |= terms.THREE_PRIME_UTR if model.strand > 0 else terms.FIVE_PRIME_UTR
        return mask


def _introns(model: Spliced, change: Change) -> list[int]:
    return sorted(number for start, end, number in model.introns if overlaps(change.start, change.end, start, end))


def _numbers(numbers: list[int], total: int) -> str:
    if not numbers:
        return ""
    return f"{numbers[0]}/{total}" if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}/{total}"


def _positions(span: Span) -> str:
    """Two positions as VEP writes them: the lower first, `?` for one that is outside, `-` where both are."""
    first, last = span
    if first > last > 0:
        first, last = last, first
    if first == last:
        return str(first) if first else "-"
    return f"{first or '?'}-{last or '?'}"
