"""The consequences of symbolic alleles and breakends for a transcript, as Ensembl VEP 115 words and numbers them.

A structural variant is a span of the contig and a kind of change. As in VEP, an insertion of known length counts as the span of
that length behind its place, nothing is said of splice sites, and a change within an intron is an intron variant alone.
"""

import re
from dataclasses import dataclass
from itertools import islice

from app.engine.consequence import terms
from app.engine.consequence.allele import NOWHERE, Allele, Change
from app.engine.consequence.caller import Consequence, _introns, _numbers, _positions, beside
from app.engine.consequence.regions import overlaps, touched
from app.engine.consequence.spliced import Spliced, spliced
from app.engine.consequence.transcript import Transcript
from app.engine.formats import vcf

# The kind of a symbolic allele, by its type and subtypes: the Sequence Ontology term that VEP gives as Allele and VARIANT_CLASS,
# and whether bases are lost, gained or put in.
KINDS: dict[bytes, tuple[str, str]] = {
    b"DEL": ("deletion", "loss"),
    b"DEL:ME": ("mobile_element_deletion", "loss"),
    b"DUP": ("duplication", "gain"),
    b"DUP:TANDEM": ("tandem_duplication", "gain"),
    b"INS": ("insertion", "insertion"),
    b"INS:ME": ("mobile_element_insertion", "insertion"),
    b"INV": ("inversion", ""),
    b"CNV": ("copy_number_variation", ""),
    b"CNV:TR": ("tandem_repeat", ""),
    b"BND": ("chromosome_breakpoint", "break"),
    b"TRA": ("chromosome_breakpoint", "break"),
}
_COPIES = re.compile(rb"CN(\d{1,3})").fullmatch
_MATE = re.compile(rb"[\[\]](.+):(\d{1,10})[\[\]]").search


@dataclass(frozen=True, slots=True)
class Structural:
    """A structural variant on one contig: `start` to `end`, 1-based, both changed; `end` before `start`: between two bases."""

    start: int
    end: int
    term: str
    effect: str  # loss, gain, insertion, break, or nothing of these

    # what the geometry of small changes reads of a `Change`
    @property
    def ref(self) -> bytes:
        return b"N" if self.end >= self.start else b""

    @property
    def alt(self) -> bytes:
        return b"" if self.end >= self.start else b"N"

    @property
    def allele(self) -> Allele:
        """The allele as entries of CSQ name it."""
        return Allele(Change(self.start, b"", b""), NOWHERE, self.term, self.term)


def kind(alt: bytes) -> tuple[str, str] | None:
    """The term and the effect of a symbolic allele or breakend; None of one that says nothing of what it is."""
    if not alt.startswith(b"<"):
        return KINDS[b"BND"]
    name = alt.strip(b"<>").upper()
    if copies := _COPIES(name):
        return KINDS[b"DEL" if int(copies[1]) == 0 else b"DUP" if int(copies[1]) > 1 else b"CNV"]
    whole, *_ = parts = name.split(b":", 2)
    return KINDS.get(b":".join(parts[:2])) or KINDS.get(whole)


def spans(position: int, alt: bytes, info: bytes, length: int, *, circular: bool) -> list[tuple[int, int]]:
    """Where a structural variant lies on its contig of `length` bases, as 1-based spans; two where it goes round the origin.

    What END and SVLEN say is used as far as they agree: with several alleles END is that of the longest.
    """
    found = kind(alt)
    start, named = position + 1, vcf.end(info)
    sizes = [*islice(filter(None, vcf.sizes(info)), 2)]  # what two of them say is not used
    if found is None or found[1] == "break":
        return [(start, position)]
    if found[1] == "insertion":
        return [(start, min(position + sizes[0], length) if len(sizes) == 1 else position)]
    end = named or position
    if circular and 0 < named < position:
        end = named + length
    if len(sizes) == 1 and alt.startswith(vcf.SIZED):
        end = min(end, position + sizes[0]) if named else position + sizes[0]
    if circular and end > length:
        return [(start, length), (1, min(end - length, position))] if start <= length else [(1, min(end - length, length))]
    return [(start, max(min(end, length), position))]


def mate(alt: bytes) -> tuple[bytes, int] | None:
    """Contig and position that a breakend is joined to."""
    found = _MATE(alt)
    return (found[1], int(found[2])) if found else None


def consequence(transcript: Transcript, change: Structural, distance: int) -> Consequence | None:
    """Returns what a structural variant does to a transcript of its contig; None if it is more than `distance` bases away."""
    model = spliced(transcript)
    if not overlaps(change.start, change.end, model.start, model.end):
        mask, away = beside(model.start, model.end, model.strand, change, distance)
        return Consequence(transcript, mask, distance=away) if mask else None
    if change.start <= model.start and change.end >= model.end:
        return Consequence(transcript, _whole(model, change))
    found = touched(model, change)  # type: ignore[arg-type]
    exons = model.exons_touched(change) if found.exon else []  # type: ignore[arg-type]
    span = model.span(change) if found.exon else (0, 0)  # type: ignore[arg-type]
    low, high = sorted((change.start, change.end))
    coding = model.coding and found.exon and overlaps(low, high, model.low, model.high)
    cds = model.coding_span(span) if coding else (0, 0)
    protein = tuple((place - 1) // 3 + 1 if place else 0 for place in cds)
    return Consequence(
        transcript,
        _partly(model, change, found.mask & terms.INTRON, exons, coding=coding),
        exon=_numbers(exons, model.exon_count),
        intron=_numbers(_introns(model, change), model.exon_count - 1) if found.intron else "",  # type: ignore[arg-type]
        cdna=f"{_positions(span)}/{model.length}" if found.exon else "",
        cds=f"{_positions(cds)}/{len(model.sequence)}" if coding else "",
        protein=f"{_positions((protein[0], protein[1]))}/{model.protein_length}" if coding else "",
    )


def _whole(model: Spliced, change: Structural) -> int:
    """The terms where a whole transcript is changed."""
    if change.effect == "loss":
        return terms.TRANSCRIPT_ABLATION
    if change.effect == "gain":
        return terms.TRANSCRIPT_AMPLIFICATION
    mask = terms.CODING_TRANSCRIPT if model.coding else terms.NON_CODING_TRANSCRIPT
    return mask | (terms.NMD_TRANSCRIPT if model.transcript.biotype == "nonsense_mediated_decay" else 0)


def _partly(model: Spliced, change: Structural, mask: int, exons: list[int], *, coding: bool) -> int:
    """The terms where a part of a transcript is changed; `mask`: what its introns give."""
    within = change.start >= model.start and change.end <= model.end
    if exons and change.effect == "loss":
        mask |= terms.FEATURE_TRUNCATION
    if change.effect == "break":
        mask |= terms.FEATURE_TRUNCATION
    if exons and within and change.effect in ("gain", "insertion"):
        mask |= terms.FEATURE_ELONGATION
    if model.coding:
        if coding and _bases(model, max(change.start, model.low), min(change.end, model.high)):
            mask |= terms.CODING_SEQUENCE
        for first, last, term in (
            (model.start, model.low - 1, terms.FIVE_PRIME_UTR if model.strand > 0 else terms.THREE_PRIME_UTR),
            (model.high + 1, model.end, terms.THREE_PRIME_UTR if model.strand > 0 else terms.FIVE_PRIME_UTR),
        ):
            if exons and overlaps(change.start, change.end, first, last):
                mask |= term
    else:
        mask |= terms.NON_CODING_EXON if exons else terms.NON_CODING_TRANSCRIPT
    return mask | (terms.NMD_TRANSCRIPT if model.transcript.biotype == "nonsense_mediated_decay" else 0)


def _bases(model: Spliced, first: int, last: int) -> bool:
    """Whether a span of the coding region has a base of an exon, or the place between two of them."""
    change = Structural(min(first, last), max(first, last), "", "")
    return bool(model.exons_touched(change))  # type: ignore[arg-type]
