"""Caps on what one input may ask of a machine, all in one table."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from app.engine.errors import RecordError
from app.engine.reading.values import shown


@dataclass(frozen=True)
class Limits:
    """Beyond any of these an input is refused with a sentence that names the cap, unless it says otherwise."""

    header_bytes: int = 64 << 20
    line_bytes: int = 64 << 20
    uncompressed_bytes: int = 500 << 30
    records: int = 500_000_000
    samples: int = 200_000
    alleles: int = 10_000
    split_bytes: int = 96 << 20  # that a record becomes when each of its alleles takes its values with it
    name_bytes: int = 256  # a tag of INFO, FORMAT or FILTER, a contig, a sample, a symbolic allele
    contigs: int = 100_000  # names that the reference does not have are refused beyond
    tags: int = 10_000  # names of INFO, FORMAT and FILTER
    evidence: int = 100_000  # records after which most of them have to be on contigs, and agree with the bases, of the reference
    mismatches: float = 0.1  # share of records whose REF may disagree with the reference

    def name(self, what: str, name: bytes, line: int) -> None:
        """Raises InputError if a name of the file, of a thing that `what` calls, is too long."""
        if len(name) > self.name_bytes:
            raise RecordError(
                f"Line {line}: the name of {what} has {len(name):,} bytes, more than the {self.name_bytes:,} that are accepted: "
                f"{shown(name)}. Please give it a shorter one.",
                line,
            )


DEFAULT = Limits()


def limited(given: Iterable[str]) -> Limits:
    """The caps with some of them set, each as `name=number`. ValueError says what cannot be."""
    kinds = {name: type(most) for name, most in vars(DEFAULT).items()}
    values = {}
    for one in given:
        name, _, number = one.partition("=")
        if name not in kinds:
            raise ValueError(f"There is no limit {name!r}. The limits are {', '.join(kinds)}.")
        try:
            values[name] = kinds[name](float(number))
        except (ValueError, OverflowError):
            raise ValueError(f"The limit {name} is {number!r}, expected a number.") from None
    return replace(DEFAULT, **values)
