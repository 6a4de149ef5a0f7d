"""Caps on what one input may ask of a machine, all in one table."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Beyond any of these an input is refused with a sentence that names the cap."""

    header_bytes: int = 64 << 20
    line_bytes: int = 64 << 20
    uncompressed_bytes: int = 500 << 30
    records: int = 500_000_000
    samples: int = 200_000
    alleles: int = 10_000
    mismatches: float = 0.1  # share of records whose REF may disagree with the reference


DEFAULT = Limits()
