"""Caps on what one input may ask of a machine, all in one table, each with what its owner reads when it is reached."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from app.engine.errors import RecordError
from app.engine.reading.values import shown


def _cap(most: float, said: str) -> Any:
    """A cap and the sentence for who reaches it: `{most}`, `{mib}` and `{gib}` are the cap, other words facts of the input."""
    return field(default=most, metadata={"said": said})


@dataclass(frozen=True)
class Limits:
    """Beyond any of these an input is refused with the sentence that stands beside it, unless that says otherwise."""

    header_bytes: int = _cap(64 << 20, "The header is larger than {mib} MiB. Please shorten it.")
    line_bytes: int = _cap(64 << 20, "A line is longer than {mib} MiB. Is this a VCF?")
    uncompressed_bytes: int = _cap(500 << 30, "The file is larger than {gib} GiB when uncompressed. Please split it.")
    records: int = _cap(500_000_000, "The file has more than {most:,} records. Please split it.")
    samples: int = _cap(200_000, "The file has {got:,} samples, more than the {most:,} that are accepted.")
    alleles: int = _cap(10_000, "Line {line}: more than {most:,} ALT alleles.")
    ref_bases: int = _cap(1 << 20, "Line {line}: a REF beyond {most:,} bases.")
    split_bytes: int = _cap(  # what a record becomes when each of its alleles takes its values with it
        96 << 20,
        "Line {line}: {got:,} alleles with {each:,} bytes each are more than can be split. Please split the record before.",
    )
    name_bytes: int = _cap(  # a tag of INFO, FORMAT or FILTER, a contig, a sample, a symbolic allele
        256,
        "Line {line}: the name of {what} has {got:,} bytes, more than the {most:,} that are accepted: {name}. "
        "Please give it a shorter one.",
    )
    contigs: int = _cap(100_000, "As of another assembly, if a file has more names than that which are not of it.")
    tags: int = _cap(10_000, "The file has more than {most:,} different tags in INFO, FORMAT and FILTER. Is this a VCF?")
    evidence: int = _cap(
        100_000, "As of another assembly, if of so many records most are not on its contigs, or disagree with its bases."
    )
    mismatches: float = _cap(0.1, "As of another assembly, if this share of the records disagrees with its bases.")
    free_bytes: int = _cap(4 << 30, "As for `sort_ratio` and `output_ratio`: bytes on disk that any file may take besides those.")
    sort_ratio: int = _cap(  # bytes on disk, while it is sorted, for each of the input
        100, "The file is not sorted, and too large uncompressed to be sorted here. Please sort it before: bcftools sort."
    )
    memory_bytes: int = _cap(  # private memory of a process that reads the file; 0: no limit
        768 << 20, "The file asks for more than {mib} MiB of memory. Please split it, or shorten what it says of each variant."
    )
    cpu_seconds: int = _cap(  # of a core, for each process, besides `cpu_rate`; 0: no limit
        900, "The file asks for more time than files of its size have. Please split it, or shorten what it says of each variant."
    )
    cpu_rate: int = _cap(100, "As for `cpu_seconds`: so many more of them for each MB of the file.")
    output_ratio: int = _cap(  # bytes of any one file that is written for each of the input; 0: no limit
        200, "The result of the file would be more than {most:,} times as large as the file. Please split it."
    )

    def said(self, cap: str, **facts: Any) -> str:
        """Returns what is said of an input that reaches a cap; `facts`: what its sentence names besides the cap."""
        most = getattr(self, cap)
        scaled = {"mib": int(most) >> 20, "gib": int(most) >> 30}
        sentence: str = sentences()[cap]
        return sentence.format(most=most, **scaled, **facts)

    def name(self, what: str, name: bytes, line: int) -> None:
        """Raises InputError if a name of the file, of a thing that `what` calls, is too long."""
        if len(name) > self.name_bytes:
            raise RecordError(self.said("name_bytes", line=line, what=what, got=len(name), name=shown(name)), line)


DEFAULT = Limits()


def sentences() -> dict[str, str]:
    """Returns what is said of an input that reaches each cap, by the name of the cap, with the facts in braces."""
    return {name: one.metadata["said"] for name, one in Limits.__dataclass_fields__.items()}


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
