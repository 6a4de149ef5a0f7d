"""A small change of a contig: trimmed, classified, and all the places where it can be spelled."""

from collections.abc import Sequence
from typing import NamedTuple

_COMPLEMENT = bytes.maketrans(b"ACGTUNRYSWKMBDHVacgtun", b"TGCAANYRSWMKVHDBtgcaan")
_CHUNK_BASES = 256
_UNKNOWN = ord("N")  # equals nothing, or a run would go through megabases of a gap
_PLAIN = frozenset(b"ACGT")


def reverse_complement(bases: bytes) -> bytes:
    """Returns the bases of the other strand, read in its direction."""
    return bases.translate(_COMPLEMENT)[::-1]


class Change(NamedTuple):
    """`ref` from base `start` of the contig on (1-based) becomes `alt`; an insertion (no `ref`) stands before `start`.

    The alleles share neither their first nor their last base.
    """

    start: int
    ref: bytes
    alt: bytes

    @property
    def end(self) -> int:
        """Position of the last base of `ref`; the base before `start` for an insertion."""
        return self.start + len(self.ref) - 1

    @property
    def variant_class(self) -> str:
        """VEP's VARIANT_CLASS: SNV, insertion, deletion, substitution (of one length) or indel."""
        if not self.ref:
            return "insertion"
        if not self.alt:
            return "deletion"
        if len(self.ref) == len(self.alt):
            return "SNV" if len(self.ref) == 1 else "substitution"
        return "indel"

    @property
    def plain(self) -> bool:
        """Whether the new bases are all A, C, G or T, so that they can be translated and named."""
        return _PLAIN.issuperset(self.alt)

    def moved(self, bases: int) -> "Change":
        """Returns the same insertion or deletion spelled `bases` further right (left if negative), within its `Run`."""
        if not bases:
            return self
        unit = self.ref or self.alt
        turn = bases % len(unit)
        unit = unit[turn:] + unit[:turn]
        return Change(self.start + bases, unit if self.ref else b"", b"" if self.ref else unit)


class Run(NamedTuple):
    """How many bases to the left and to the right a change can be spelled, and stays the same change."""

    left: int
    right: int

    def toward(self, strand: int) -> int:
        """Returns the way, in bases of the contig, to the 3'-most place on a strand."""
        return self.right if strand > 0 else -self.left


NOWHERE = Run(0, 0)


class Allele(NamedTuple):
    """One ALT of a record, as everything of a consequence needs it."""

    change: Change
    run: Run
    text: str = ""  # VEP's Allele: the file's ALT without an anchor base; `-` for a deletion
    variant_class: str = ""

    @property
    def leftmost(self) -> Change:
        """The spelling by which known variants are looked up."""
        return self.change.moved(-self.run.left)


def trimmed(position: int, ref: bytes, alt: bytes) -> Change:
    """Returns the change without the bases that both alleles share, those on the left taken first.

    So an allele with an anchor base stands where the file spells it, as with VEP.
    """
    if ref[:1] == alt[:1] and 1 in (len(ref), len(alt)):
        return Change(position + 1, ref[1:], alt[1:])
    shared, most = 0, min(len(ref), len(alt))
    while shared < most and ref[shared] == alt[shared]:
        shared += 1
    position, ref, alt = position + shared, ref[shared:], alt[shared:]
    shared, most = 0, min(len(ref), len(alt))
    while shared < most and ref[-1 - shared] == alt[-1 - shared]:
        shared += 1
    return Change(position, ref[: len(ref) - shared], alt[: len(alt) - shared])


def shown(ref: bytes, alt: bytes) -> str:
    """Returns an ALT as VEP writes it in Allele: without the base that both alleles of different lengths begin with."""
    if len(ref) != len(alt) and ref[:1] == alt[:1]:
        alt = alt[1:]
    return alt.decode("ascii", "replace") or "-"


def run_of(change: Change, contig: Sequence[int]) -> Run:
    """Returns all the places of an insertion or deletion; a substitution has one.

    `contig`: the bases of the whole contig, anything whose slices `bytes` takes (bytes, memoryview, a mapped uint8 array).
    """
    if (change.ref and change.alt) or not (change.ref or change.alt):
        return NOWHERE
    unit = change.ref or change.alt
    return Run(_same(unit[::-1], contig, change.start - 2, -1), _same(unit, contig, change.end, 1))


def _same(unit: bytes, contig: Sequence[int], first: int, step: int) -> int:
    """Counts the bases of the contig from index `first` on, in one direction, that repeat `unit` over and over."""
    count, length, size = 0, len(unit), len(contig)
    while True:
        if step > 0:
            piece = bytes(contig[first + count : first + count + _CHUNK_BASES])
        else:
            stop = first - count + 1
            piece = bytes(contig[max(stop - _CHUNK_BASES, 0) : max(stop, 0)])[::-1]
        for base in piece:
            if base != unit[count % length] or base == _UNKNOWN:
                return count
            count += 1
        if len(piece) < _CHUNK_BASES or count > size:
            return count


def allele(position: int, ref: bytes, alt: bytes, contig: Sequence[int]) -> Allele:
    """Returns an ALT of a record ready to be called. `position`: 1-based; `contig`: the bases of the whole contig."""
    change = trimmed(position, ref, alt)
    return Allele(change, run_of(change, contig), shown(ref, alt), change.variant_class)
