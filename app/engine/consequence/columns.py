"""Many plain substitutions against many transcripts at once, as arrays.

The rules are those of `caller`, which defines them; here is only a faster way to the same answers. What takes more than a few
lookups is left to it: `Columns.left` says for which pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.engine.consequence import terms
from app.engine.consequence.genetic_code import BASE_NUMBERS, NUMBERS, STANDARD, genetic_code
from app.engine.consequence.regions import (
    ACCEPTOR,
    DONOR,
    DONOR_REGION,
    FIFTH_BASE,
    INSIDE,
    POLYPYRIMIDINE,
    REGION_EXON_BASES,
    REGION_INTRON,
)
from app.engine.consequence.spliced import FRAMESHIFT_INTRON_BASES
from app.engine.consequence.transcript import Transcript

Array = NDArray[Any]
STOP, UNKNOWN, METHIONINE = ord("*"), ord("X"), ord("M")
NO_CODON = 255

_LETTERS = np.full((max(NUMBERS) + 1, 64), UNKNOWN, np.uint8)
_INITIATORS = np.zeros((max(NUMBERS) + 1, 64), bool)
for _number in NUMBERS:
    _code = genetic_code(_number)
    _LETTERS[_number], _INITIATORS[_number] = _code.array, _code.initiator_array
_COMPLEMENT_NUMBERS = np.array([2, 3, 0, 1, 4], np.uint8)  # of TCAG, in its order: AGTC


@dataclass(frozen=True)
class TranscriptArrays:
    """Transcripts as arrays, one item a row; `exon_*` in the order of the contig, row by row from `exon_offsets` on.

    `exon_cdna`: cDNA position of the first transcribed base of the exon; `exon_keys`: row << 32 | start; `spliced`: the bases of
    all transcripts in the direction of transcription, from `spliced_offsets` on; `odd`: rows with rules that the arrays lack.
    """

    starts: Array
    ends: Array
    strands: Array
    codes: Array
    coding_starts: Array
    coding_ends: Array
    phases: Array
    incomplete_starts: Array
    protein_coding: Array
    nmd: Array
    odd: Array
    exon_offsets: Array
    exon_starts: Array
    exon_ends: Array
    exon_cdna: Array
    exon_keys: Array
    spliced_offsets: Array
    spliced: Array


@dataclass(frozen=True)
class Columns:
    """Answers by pair. Positions are 1-based; 0 where there is none."""

    left: Array  # bool: the caller has to be asked; the other columns are not to be read
    mask: Array  # uint64, of terms.TABLE; 0 further than the distance
    distance: Array  # bases to the transcript; -1 within it
    exon: Array  # number
    intron: Array
    exons: Array  # of the transcript
    cdna: Array
    cds: Array
    protein: Array
    cdna_length: Array
    cds_length: Array
    protein_length: Array
    codons: Array  # (pairs, 2) uint8, before and after: 16 × first + 4 × second + third base in the order TCAG; NO_CODON
    letters: Array  # (pairs, 2) uint8, before and after; 0
    number: Array  # HGVS' number of the base: -3 for c.-3, 7 for c.*7 if `behind`
    behind: Array  # bool: behind the coding sequence
    offset: Array  # HGVS' offset into the intron, with its sign


def taken(of: Columns, pairs: Array) -> Columns:
    """Returns the answers of these pairs alone."""
    return Columns(*(getattr(of, one.name)[pairs] for one in fields(Columns)))


def odd(exon_offsets: Array, exon_starts: Array, exon_ends: Array) -> Array:
    """Returns which rows have exons so short, or so near to each other, that one base may be at several splice sites."""
    counts = exon_offsets[1:].astype(np.int64) - exon_offsets[:-1].astype(np.int64)
    rows = np.repeat(np.arange(len(counts)), counts)
    found = np.zeros(len(exon_offsets) - 1, bool)
    found[rows[exon_ends - exon_starts + 1 < REGION_EXON_BASES]] = True
    near = (rows[1:] == rows[:-1]) & (exon_starts[1:] - exon_ends[:-1] - 2 < FRAMESHIFT_INTRON_BASES)
    found[rows[1:][near]] = True
    return found


def models(transcripts: Sequence[Transcript]) -> TranscriptArrays:
    """Returns transcripts as arrays, in their order."""
    exons = [sorted(one.exons) for one in transcripts]
    offsets = np.cumsum([0, *map(len, exons)])
    starts = np.array([start for row in exons for start, _ in row], np.int64)
    ends = np.array([end for row in exons for _, end in row], np.int64)
    cdna: list[int] = []
    for one, row in zip(transcripts, exons, strict=True):
        sizes = np.array([end - start + 1 for start, end in row])
        before = np.cumsum(sizes) - sizes if one.strand > 0 else np.cumsum(sizes[::-1])[::-1] - sizes
        cdna.extend((before + 1).tolist())

    def column(name: str) -> Array:
        return np.array([getattr(one, name) for one in transcripts])

    biotypes = column("biotype")
    special = np.array([bool(one.micro_rna or one.selenocysteines) for one in transcripts])
    return TranscriptArrays(
        starts=column("start"),
        ends=column("end"),
        strands=column("strand"),
        codes=column("code"),
        coding_starts=column("coding_start"),
        coding_ends=column("coding_end"),
        phases=column("phase"),
        incomplete_starts=column("incomplete_start"),
        protein_coding=biotypes == "protein_coding",
        nmd=biotypes == "nonsense_mediated_decay",
        odd=odd(offsets, starts, ends) | special,
        exon_offsets=offsets,
        exon_starts=starts,
        exon_ends=ends,
        exon_cdna=np.array(cdna, np.int64),
        exon_keys=np.repeat(np.arange(len(exons)), np.diff(offsets)) << 32 | starts,
        spliced_offsets=np.cumsum([0, *(len(one.bases) for one in transcripts)]),
        spliced=np.frombuffer(b"".join(one.bases for one in transcripts), np.uint8),
    )


def substitutions(these: TranscriptArrays, rows: Array, positions: Array, alts: Array, distance: int) -> Columns:
    """Returns the consequences of pairs: the transcript `rows[i]`, and at `positions[i]` the base `alts[i]` (uint8, of ACGT)."""
    rows, positions = rows.astype(np.int64), positions.astype(np.int64)
    starts, ends, forward = these.starts[rows].astype(np.int64), these.ends[rows].astype(np.int64), these.strands[rows] > 0
    within = (positions >= starts) & (positions <= ends)
    place = _Places(these, rows, positions, within, forward)
    mask = place.splice()
    coding = _Codings(these, rows, place, forward, alts)
    mask |= coding.mask()
    mask |= _kind(these, rows, place, coding.coded)
    mask[mask == 0] = terms.INTERGENIC
    away = np.where(positions < starts, starts - positions, positions - ends)
    upstream = (positions < starts) == forward
    beside = np.where(upstream, np.uint64(terms.UPSTREAM), np.uint64(terms.DOWNSTREAM))
    mask = np.where(within, mask, np.where(away <= distance, beside, np.uint64(0)))
    number, behind, offset = place.numbers(coding)
    return Columns(
        left=within & (these.odd[rows] | (starts == ends) | coding.left),
        mask=mask,
        distance=np.where(within, -1, away),
        exon=np.where(place.in_exon, place.exon_number, 0),
        intron=np.where(place.in_intron, place.intron_number, 0),
        exons=place.exons,
        cdna=np.where(place.in_exon, place.cdna, 0),
        cds=np.where(coding.coded, coding.cds, 0),
        protein=np.where(coding.coded, coding.amino_acid, 0),
        cdna_length=these.spliced_offsets[rows + 1] - these.spliced_offsets[rows],
        cds_length=np.where(coding.coded, coding.length, 0),
        protein_length=np.where(coding.coded, coding.protein_length, 0),
        codons=coding.codons,
        letters=coding.letters,
        number=number,
        behind=behind,
        offset=offset,
    )


def _kind(these: TranscriptArrays, rows: Array, place: "_Places", coded: Array) -> Array:
    """Terms that the kind of transcript decides: UTRs, non-coding and NMD transcripts."""
    coding = these.coding_starts[rows] > 0
    utr = coding & place.in_exon & ~coded
    five = place.cdna < these.coding_starts[rows]
    non_coding = ~coding & ~these.protein_coding[rows]
    mask = _bits(utr & five, terms.FIVE_PRIME_UTR) | _bits(utr & ~five, terms.THREE_PRIME_UTR)
    mask |= _bits(non_coding & place.in_exon, terms.NON_CODING_EXON) | _bits(
        non_coding & ~place.in_exon, terms.NON_CODING_TRANSCRIPT
    )
    mask |= _bits(these.nmd[rows], terms.NMD_TRANSCRIPT)
    return mask


def _bits(holds: Array, bit: int) -> Array:
    return holds.astype(np.uint64) * np.uint64(bit)


def _between(values: Array, bounds: tuple[int, int]) -> Array:
    return (values >= bounds[0]) & (values <= bounds[1])


class _Places:
    """Where in its transcript the base of each pair is."""

    def __init__(self, these: TranscriptArrays, rows: Array, positions: Array, within: Array, forward: Array) -> None:
        self.these, self.forward = these, forward
        first = these.exon_offsets[rows].astype(np.int64)
        self.exons = these.exon_offsets[rows + 1].astype(np.int64) - first
        last = len(these.exon_keys) - 1
        found = np.searchsorted(these.exon_keys, rows << 32 | positions, side="right") - 1
        self.exon = exon = np.clip(found, first, first + self.exons - 1)
        self.next = following = np.minimum(exon + 1, last)
        nth = exon - first
        start, end = these.exon_starts[exon].astype(np.int64), these.exon_ends[exon].astype(np.int64)
        self.in_exon = within & (positions <= end)
        self.in_intron = within & ~self.in_exon
        self.exon_number = np.where(forward, nth + 1, self.exons - nth)
        self.intron_number = np.where(forward, nth + 1, self.exons - 1 - nth)
        self.cdna = these.exon_cdna[exon] + np.where(forward, positions - start, end - positions)
        self.left = positions - end - 1  # bases of the intron before this one, on the contig
        self.right = these.exon_starts[following].astype(np.int64) - 1 - positions
        self.near_next = (nth < self.exons - 1) & (end - positions < REGION_EXON_BASES)
        self.near_last = (nth > 0) & (positions - start < REGION_EXON_BASES)

    def splice(self) -> Array:
        donor_bases = np.where(self.forward, self.left, self.right)
        acceptor_bases = np.where(self.forward, self.right, self.left)
        inside = self.in_intron
        donor, acceptor = inside & _between(donor_bases, DONOR), inside & _between(acceptor_bases, ACCEPTOR)
        fifth = inside & _between(donor_bases, FIFTH_BASE)
        donor_region = inside & _between(donor_bases, DONOR_REGION) & ~fifth
        region = inside & (_between(donor_bases, REGION_INTRON) | _between(acceptor_bases, REGION_INTRON))
        region |= self.in_exon & (self.near_next | self.near_last)
        region &= ~(donor | acceptor | fifth | donor_region)
        intronic = inside & (self.left >= INSIDE) & (self.right >= INSIDE)
        mask = _bits(donor, terms.SPLICE_DONOR) | _bits(acceptor, terms.SPLICE_ACCEPTOR)
        mask |= _bits(fifth, terms.SPLICE_DONOR_5TH_BASE) | _bits(donor_region, terms.SPLICE_DONOR_REGION)
        mask |= _bits(region, terms.SPLICE_REGION) | _bits(intronic, terms.INTRON)
        return mask | _bits(inside & _between(acceptor_bases, POLYPYRIMIDINE), terms.SPLICE_POLYPYRIMIDINE)

    def numbers(self, coding: "_Codings") -> tuple[Array, Array, Array]:
        """HGVS' number of the base, or of the nearest base of an exon with the way from it."""
        these = self.these
        toward_left = np.where(self.forward, self.left <= self.right, self.left < self.right)
        exon = np.where(toward_left, self.exon, self.next)
        sizes = these.exon_ends[exon].astype(np.int64) - these.exon_starts[exon]
        upstream = toward_left == self.forward  # the nearest exon is before the intron, in the direction of transcription
        edge = these.exon_cdna[exon] + np.where(upstream, sizes, 0)
        way = np.where(toward_left, self.left, self.right) + 1
        cdna = np.where(self.in_intron, edge, self.cdna)
        behind = coding.has & (cdna > coding.end)
        inside = cdna - coding.start + 1 + np.where(coding.coded, coding.phase, 0)
        number = np.where(behind, cdna - coding.end, np.where(cdna < coding.start, cdna - coding.start, inside))
        return np.where(coding.has, number, cdna), behind, np.where(self.in_intron, np.where(upstream, way, -way), 0)


class _Codings:
    """What each pair does to the coding sequence. `left`: pairs whose codon is not whole or known, or whose stop is lost."""

    def __init__(self, these: TranscriptArrays, rows: Array, place: _Places, forward: Array, alts: Array) -> None:
        self.these, self.codes = these, these.codes[rows]
        self.start, self.end = these.coding_starts[rows].astype(np.int64), these.coding_ends[rows].astype(np.int64)
        self.has = self.start > 0
        self.phase = these.phases[rows].astype(np.int64)
        self.coded = self.has & place.in_exon & (place.cdna >= self.start) & (place.cdna <= self.end)
        self.cds = place.cdna - self.start + 1 + self.phase
        self.amino_acid = (self.cds - 1) // 3 + 1
        self.length = self.end - self.start + 1 + self.phase
        self.offsets = these.spliced_offsets[rows].astype(np.int64)
        self.size = these.spliced_offsets[rows + 1].astype(np.int64) - self.offsets
        incomplete = these.incomplete_starts[rows]
        self.at_start = self.coded & ~incomplete & (place.cdna <= self.start + 2)
        before, after = self._codon_numbers(forward, alts)
        partial = self.amino_acid * 3 > self.length
        lacking = (self.phase > 0) & ((self.amino_acid == 1) | self.at_start)
        hard = (before > 63) | (after > 63) | partial | lacking
        known = self.coded & ~hard
        self.codons = np.where(known[:, None], np.stack([before, after], axis=1), NO_CODON).astype(np.uint8)
        self._read(known, hard, incomplete)

    def _codon_numbers(self, forward: Array, alts: Array) -> tuple[Array, Array]:
        first = self.offsets + self.start - 1 - self.phase + 3 * (self.amino_acid - 1)
        within = (self.cds - 1) % 3
        before, after = np.zeros(len(first), np.int64), np.zeros(len(first), np.int64)
        new = BASE_NUMBERS[alts]
        new = np.where(forward, new, _COMPLEMENT_NUMBERS[new]).astype(np.int64)
        for i in range(3):
            index = np.where(self.coded, first + i, 0)
            old = BASE_NUMBERS[self.these.spliced[np.clip(index, 0, len(self.these.spliced) - 1)]].astype(np.int64)
            for numbers, base in ((before, old), (after, np.where(within == i, new, old))):
                numbers *= 4
                numbers += np.where(base > 3, 1 << 12, base)
        return before, after

    def _read(self, known: Array, hard: Array, incomplete: Array) -> None:
        before, after = np.where(known, self.codons[:, 0], 0), np.where(known, self.codons[:, 1], 0)
        old, new = _LETTERS[self.codes, before], _LETTERS[self.codes, after]
        begins, begun = _INITIATORS[self.codes, before], _INITIATORS[self.codes, after]
        whole = (self.amino_acid == 1) & (self.phase == 0) & ~incomplete & begins
        old = np.where(whole, METHIONINE, old)
        new = np.where(whole & begun, METHIONINE, new)
        self.known, self.old, self.new = known, old, new
        self.left = self.coded & (hard | ((old == STOP) & (new != STOP)))  # a lost stop is named by what follows
        self.starting = known & self.at_start
        self.begun = begun
        self.letters = np.where(known[:, None], np.stack([old, new], axis=1), 0).astype(np.uint8)

    def mask(self) -> Array:
        known, old, new = self.known, self.old, self.new
        differs = old != new
        retained = self.starting & self.begun
        lost = self.starting & ((~self.begun & (self.start > 1)) | (differs & (self.amino_acid == 1)))
        stop_lost = known & (old == STOP) & (new != STOP)
        stop_retained = known & (old == STOP) & (new == STOP)
        gone = (self.amino_acid == 1) & (self.codes != STANDARD) & lost
        stop_gained = known & (new == STOP) & (old != STOP) & ~gone
        missense = known & differs & ~(lost | stop_lost | stop_gained | stop_retained)
        synonymous = known & ~differs & ~(stop_retained | retained)
        mask = _bits(retained, terms.START_RETAINED) | _bits(lost, terms.START_LOST)
        mask |= (
            _bits(stop_lost, terms.STOP_LOST) | _bits(stop_retained, terms.STOP_RETAINED) | _bits(stop_gained, terms.STOP_GAINED)
        )
        return mask | _bits(missense, terms.MISSENSE) | _bits(synonymous, terms.SYNONYMOUS)

    @property
    def protein_length(self) -> Array:
        """Amino acids without the stop, as `Spliced.protein_length` has them."""
        whole, rest = self.length // 3, self.length % 3
        spliced, end = self.these.spliced, np.where(self.has, self.offsets + self.end, 3)
        tail = np.clip(np.stack([end - 3, end - 2, end - 1], axis=1), 0, len(spliced) - 1)
        bases = BASE_NUMBERS[spliced[tail]].astype(np.int64)
        codon = np.where((bases > 3).any(axis=1), 0, bases @ np.array([16, 4, 1]))
        stops = (rest == 0) & (bases <= 3).all(axis=1) & (_LETTERS[self.codes, codon] == STOP)
        length: Array = whole - stops
        return length
