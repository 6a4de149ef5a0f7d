"""What the files of tracks hold, and how an allele becomes a small number in them.

Alleles lie in bins of 2^8 bases where a track is dense, or of 2^16. Within its bin an allele is one number: its offset, then
eight bits of what happens there. REF is not among them, for it is the sequence's. Short changes have numbers of their own; all
others share 128 numbers by a checksum, and are told apart by their text.
"""

import zlib
from collections.abc import Callable
from itertools import product

import numpy as np
from numpy.typing import NDArray

ALLELES, REGIONS, VERSION = "alleles", "regions", 1
"""Kinds of the files, and their version."""

CODE_BITS = 8
DENSE_BITS, SPARSE_BITS = 8, 16
"""Bits of the offset in a bin."""

OTHERS = 128
"""The first code of alleles that are compared by their text."""

_LONGEST_DELETION = 104
_REMEMBERED_BASES, _REMEMBERED = 16, 1 << 17

# Arrays of a file of alleles: `bins` (<u4, first row of each bin, the bins of all contigs one after another, each with one more
# than it reaches), `keys` (<u2 in dense tracks, else <u4), `other_rows` (<u4) with `other_offsets` (<u8) and `other_texts` (|u1),
# and `values{n}` of each column n: numbers (<u4), or indices into `texts{n}` (|u1, UTF-8) by `offsets{n}` (<u8); 0 is no value.
# Arrays of a file of regions: `bounds` (<i4, places, from 0, where anything begins or ends, by contig), `sets` (<u4: set
# of rows before the first bound of a contig, after it, after the next …), `set_offsets` (<u4) with `set_rows` (<u4, values of a
# set) and `texts0` by `offsets0`: the cells of a row, with tabs between.
# The facts have the contigs (name, first bin or bound, number), the bits of an offset, and each column's kind and prefix.

_SHORT: dict[tuple[bytes, bytes], int] = {}


def _number_short_changes() -> None:
    bases = [b"A", b"C", b"G", b"T"]
    for code, base in enumerate(bases):
        for ref in bases:
            _SHORT[ref, base] = code
    inserted = [b"".join(one) for size in (1, 2) for one in product(bases, repeat=size)]
    for code, text in enumerate(inserted, 4):
        for anchor in bases:
            _SHORT[anchor, anchor + text] = code


_number_short_changes()
_DELETION = 4 + 4 + 16


class _Codes(dict[tuple[bytes, bytes], int]):
    """Codes by REF and ALT, short ones remembered."""

    def __missing__(self, pair: tuple[bytes, bytes]) -> int:
        code = allele_code(*pair)
        if len(pair[0]) + len(pair[1]) <= _REMEMBERED_BASES and len(self) < _REMEMBERED:
            self[pair] = code
        return code


CODES = _Codes(_SHORT)
"""The code of each pair of REF and ALT, trimmed and leftmost, in upper case."""


def allele_code(ref: bytes, alt: bytes) -> int:
    """The eight bits of an allele that is trimmed and leftmost; `OTHERS` or more: other alleles may have the same."""
    if (short := _SHORT.get((ref, alt))) is not None:
        return short
    deleted = len(ref) - 1
    if len(alt) == 1 and ref[:1] == alt and 1 <= deleted <= _LONGEST_DELETION:
        return _DELETION + deleted - 1
    return OTHERS + zlib.crc32(b"%b>%b" % (ref, alt)) % OTHERS


def short_allele(code: int, position: int, bases: Callable[[int, int], bytes]) -> tuple[bytes, bytes]:
    """REF and ALT of a code below `OTHERS`; `bases` gives those of the contig from one 1-based position to another."""
    if code < 4:
        return bases(position, position), b"ACGT"[code : code + 1]
    if code >= _DELETION:
        ref = bases(position, position + code - _DELETION + 1)
        return ref, ref[:1]
    anchor = bases(position, position)
    return anchor, next(alt for (ref, alt), known in _SHORT.items() if known == code and ref == anchor)


def allele_keys(positions: NDArray[np.int64], codes: NDArray[np.int64], bits: int) -> NDArray[np.int64]:
    """The number of each allele within its bin, by its 1-based position."""
    return (positions & ((1 << bits) - 1)) << CODE_BITS | codes


def key_type(bits: int) -> str:
    """The type of an array of keys whose offsets have so many bits."""
    return "<u2" if bits == DENSE_BITS else "<u4"
