"""Caps on what one input may ask of a machine, all in one table."""

import resource
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

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


@dataclass(frozen=True)
class HardLimits:
    """What the kernel holds the process of a job to. Mapped bundles do not count as data."""

    data_bytes: int = 2 << 30
    cpu_seconds: int = 600
    cpu_seconds_per_input_mib: int = 60
    file_bytes: int = 4 << 30
    file_bytes_per_input_byte: int = 200


HARD = HardLimits()


def hold(arguments: Iterable[str], hard: HardLimits = HARD) -> None:
    """Has the kernel hold this process, and what it starts, to the hard limits of a job with these arguments of the engine."""
    paths = [Path(argument) for argument in arguments if not argument.startswith("-")]
    size = paths[0].stat().st_size if paths and paths[0].is_file() else 0
    for kind, most in (
        (resource.RLIMIT_DATA, hard.data_bytes),
        (resource.RLIMIT_CPU, hard.cpu_seconds + hard.cpu_seconds_per_input_mib * (size >> 20)),
        (resource.RLIMIT_FSIZE, hard.file_bytes + hard.file_bytes_per_input_byte * size),
        (resource.RLIMIT_CORE, 0),
    ):
        _, highest = resource.getrlimit(kind)
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most) if highest == resource.RLIM_INFINITY else (min(most, highest),) * 2)


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
