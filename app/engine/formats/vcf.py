"""How far a record of a VCF reaches: one rule for the engine, for the index that it writes, and for who looks into the result."""

import re
from collections.abc import Iterator

INDEXABLE = 1 << 29
"""Bases that a tabix index can hold; no position of a record lies behind them."""

SIZED = (b"<DEL", b"<DUP", b"<CNV", b"<INV")
"""Symbolic alleles that cover as much of the reference as SVLEN says (VCF 4.5, section 3; an insertion covers its base alone)."""

BLOCKS = (b"<*>", b"<NON_REF>")
"""Alleles of a reference block, which covers as much of the reference as the LEN of its samples says (VCF 4.5)."""

_END = re.compile(rb"(?:^|;)END=([0-9]{1,18})(?:;|$)").search
_SVLEN = re.compile(rb"(?:^|;)SVLEN=((?:[-+]?[0-9]{1,18}|\.)(?:,(?:[-+]?[0-9]{1,18}|\.))*+)(?:;|$)").search
"""Possessive: what can be given back is remembered, 250 bytes for each of what may be a million lengths."""

_SIZES = re.compile(rb"[0-9]+").finditer
_LENGTH = re.compile(rb"[0-9]{1,18}").fullmatch


def reach(start: int, ref: bytes, alt: bytes, info: bytes, calls: bytes = b"") -> int:
    """Where a record of one allele ends (from 0, exclusive): by its REF, or by what it says of a structural variant or a block.

    `start` counts from 0; `calls` is what follows INFO, FORMAT first. The same as htslib's indices hold, except that nothing
    reaches further than those can tell.
    """
    said = end(info)
    if alt.startswith(SIZED):
        said = max(said, max((start + 1 + size for size in sizes(info)), default=0))
    if alt in BLOCKS and b"LEN" in calls:
        said = max(said, max((start + length for length in _lengths(calls)), default=0))
    return max(start + len(ref), min(said, INDEXABLE))


def extent(line: bytes) -> tuple[bytes, int, int]:
    """Contig, first and last position (from 1) of the record of one allele on a line. Raises ValueError."""
    contig, position, _, ref, alt, _, _, info, *calls = line.split(b"\t", 8)
    first = int(position)
    return contig, first, reach(first - 1, ref, alt, info, b"".join(calls))


def end(info: bytes) -> int:
    """The position that END names; 0 if it names none."""
    found = _END(info)
    return int(found[1]) if found else 0


def sizes(info: bytes) -> Iterator[int]:
    """What SVLEN says, one after the other, without the signs that versions before 4.4 gave to deletions."""
    if found := _SVLEN(info):
        for size in _SIZES(info, *found.span(1)):
            yield int(size[0])


def _lengths(calls: bytes) -> list[int]:
    """LEN of each sample that has one."""
    form, *samples = calls.strip(b"\t\n").split(b"\t")
    keys = form.split(b":")
    if b"LEN" not in keys:
        return []
    at = keys.index(b"LEN")
    values = [sample.split(b":", at + 1)[at : at + 1] for sample in samples]
    return [int(value[0]) for value in values if value and _LENGTH(value[0])]
