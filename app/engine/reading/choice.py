"""Which of the installed references a file is on: its header and its first records overrule a wrong choice."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from app.engine.bundles.manifest import Bundle
from app.engine.bundles.sequence import Sequence as Bases
from app.engine.errors import InputError
from app.engine.limits import DEFAULT, Limits
from app.engine.reading import assembly, headers
from app.engine.reading.contigs import ContigNames
from app.engine.reading.diagnostics import Diagnostics
from app.engine.reading.headers import Header
from app.engine.reading.input_file import InputFile
from app.engine.reading.lines import Lines
from app.engine.reading.values import text

LOOKED_AT = 1000
"""Records at the beginning of a file that are compared with each reference."""

FEW = 10
"""Fewer records than this, on contigs that a reference has, are no evidence against it: they may be mistakes."""

Record = tuple[bytes, int, bytes]  # contig, 0-based position, REF


@dataclass(frozen=True)
class Evidence:
    """What a file's beginning says about one reference."""

    bundle: Bundle
    looked: int  # records
    placed: int  # of them on contigs that the reference has
    fitting: int  # of them with a REF that it has there
    same: int  # contigs of the header with the length that they have in the reference
    other: tuple[str, int] | None  # a contig of the header with another length

    @property
    def acceptable(self) -> bool:
        """Whether the file may well be on this reference."""
        few = self.looked < FEW and self.placed == self.looked
        return not self.other and (few or self.fitting >= self.looked / 2)

    @property
    def convincing(self) -> bool:
        """Whether enough speaks for this reference to overrule a choice."""
        return not self.other and (self.fitting >= 0.9 * self.looked if self.looked else self.same > 0)

    def against(self) -> str:
        """Returns what speaks against this reference, in words for the file's owner."""
        if self.other:
            return f"{self.other[0]} has length {self.other[1]:,} in its header"
        return f"{self.fitting:,} of its first {self.looked:,} records agree with {self.bundle.assembly}"


def choose(path: Path, wanted: Bundle | None, installed: Sequence[Bundle], limits: Limits = DEFAULT) -> tuple[Bundle, str]:
    """The reference to annotate with, and, if it is not the one that was wanted, why, in words for the file's owner.

    Where nothing installed explains the file better, it is the wanted one, or the first: the intake says what is wrong.
    """
    first = wanted or installed[0]
    candidates = [first, *(bundle for bundle in installed if bundle.id != first.id)]
    if len(candidates) == 1:
        return first, ""
    try:
        header, records = _beginning(InputFile(path, limits))
    except InputError:
        return first, ""
    expected = _evidence(first, header, records)
    if expected.acceptable:
        return first, ""
    named = assembly.looks_like(header) or ""
    found = [_evidence(bundle, header, records) for bundle in candidates[1:]]
    better = max(found, key=lambda one: (one.convincing, one.fitting, one.bundle.assembly in named, one.same))
    if not better.convincing:
        return first, ""
    why = f"{first.assembly} was chosen, but the file is on {better.bundle.assembly}: {expected.against()}"
    return better.bundle, why if wanted else ""


def _beginning(source: InputFile) -> tuple[Header, list[Record]]:
    notes = Diagnostics(silent=True)
    lines = Lines(source, notes)
    header = headers.read(lines.header(), notes, source.limits)
    return header, list(islice(_records(lines), LOOKED_AT))


def _records(lines: Lines) -> Iterator[Record]:
    """The records that can be compared with a reference, as far as the file can be read."""
    try:
        for block in lines.body():
            for line in block.split(b"\n"):
                fields = line.split(b"\t", 4)
                if len(fields) == 5 and fields[1].isdigit() and len(fields[1]) < 11 and not fields[3].upper().strip(b"ACGT"):
                    yield fields[0].strip(), int(fields[1]) - 1, fields[3].upper()
    except InputError:
        return


def _evidence(bundle: Bundle, header: Header, records: list[Record]) -> Evidence:
    names = ContigNames(bundle, header.contigs)
    lengths = [(text(name), length, found) for name, length in header.contigs.items() if length and (found := names.find(name))]
    others = [(name, length) for name, length, contig in lengths if contig.length != length]
    placed = [(found.name, start, ref) for contig, start, ref in records if (found := names.find(contig))]
    bases = Bases.open(bundle.path(bundle.sequence))  # mapped, for the records may be far from each other
    fitting = sum(bases.holds(contig, start + 1, ref) for contig, start, ref in placed)
    return Evidence(bundle, len(records), len(placed), fitting, len(lengths) - len(others), others[0] if others else None)
