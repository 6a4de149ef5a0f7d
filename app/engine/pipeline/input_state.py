"""What has been found out about a file: its true header, its contigs, its records and everything that was repaired or flagged."""

from copy import deepcopy
from dataclasses import dataclass, field

from app.engine.bundles.manifest import Bundle
from app.engine.errors import InputError
from app.engine.limits import Limits
from app.engine.pipeline.block import BlockStats
from app.engine.reading import assembly
from app.engine.reading.diagnostics import Diagnostics
from app.engine.reading.headers import Header
from app.engine.reading.rejections import Rejections
from app.engine.reading.schema import apply_updates
from app.engine.reading.values import text


@dataclass
class InputState:
    """Gathered verdict by verdict, in the order of the file."""

    header: Header
    notes: Diagnostics
    limits: Limits
    names: dict[bytes, str] = field(default_factory=dict)  # contig as the file calls it: as the bundle does
    records: int = 0
    splits: int = 0
    mismatches: int = 0
    first_mismatch: str = ""
    unknown_contig_records: int = 0
    first_stranger: InputError | None = None
    rejections: Rejections = field(default_factory=Rejections)
    sorted: bool = True
    presorted: bool = True  # whether nothing was learned that earlier records would have needed

    def __post_init__(self) -> None:
        self.taken = set(self.names.values())  # contigs that have a name already

    def apply_header(self, stats: BlockStats) -> None:
        """Take in what a verdict says of the header and of contigs."""
        for name, (contig, line) in stats.names.items():
            if name in self.names:
                continue
            if contig in self.taken:
                self.presorted = False
                continue
            self.names[name] = contig
            self.taken.add(contig)
            if text(name) != contig:
                self.notes.add("contig_alias", line, f"{text(name)} → {contig}")
            if self.header.contigs.get(name) is None:
                self.notes.add("contigs_added", None, text(name))
        if apply_updates(self.header, stats.header_updates, self.notes):
            self.presorted = False

    def add(self, stats: BlockStats) -> None:
        """Take in all that a verdict says."""
        self.apply_header(stats)
        self.records += stats.count
        self.splits += stats.splits
        self.mismatches += stats.mismatches
        self.first_mismatch = self.first_mismatch or stats.first_mismatch
        self.unknown_contig_records += stats.unknown_contig_records
        self.first_stranger = self.first_stranger or stats.first_stranger
        self.sorted = self.sorted and stats.sorted
        self.notes.merge(stats.notes)
        self.rejections.add(stats.rejected, self.records)
        if self.records > self.limits.records:
            raise InputError(self.limits.said("records"))

    def again(self) -> "InputState":
        """The same file, to be read again now that its header is known."""
        notes = Diagnostics({code: deepcopy(note) for code, note in self.notes.found.items() if code in OF_HEADER})
        return InputState(
            self.header, notes, self.limits, dict(self.names), rejections=Rejections(self.rejections.path), sorted=self.sorted
        )

    def contigs(self, bundle: Bundle) -> dict[bytes, int | None]:
        """Names and lengths, where they are known, for the header; all of the bundle's if there is no record."""
        lengths = {contig.name: contig.length for contig in bundle.contigs}
        names = self.names or {name.encode(): name for name in lengths}
        return {name: lengths.get(contig, self.header.contigs.get(name)) for name, contig in names.items()}

    def early(self, bundle: Bundle) -> None:
        """As `check`, of a file that is not at its end: once so much is read, an assembly is the right one or it is not."""
        if self.records >= self.limits.evidence and max(self.mismatches, self.unknown_contig_records) > self.records / 2:
            self.check(bundle)

    def check(self, bundle: Bundle) -> None:
        """Refuse a file that is not of this assembly: by contigs that it does not have, or REF alleles that disagree with it."""
        if self.unknown_contig_records > self.records / 2:
            assert self.first_stranger
            raise self.first_stranger
        share = self.mismatches / (self.records - self.unknown_contig_records or 1)
        if share > 0.5 or (share > self.limits.mismatches and self.mismatches >= 10):
            guess, placed = assembly.looks_like(self.header), self.records - self.unknown_contig_records
            raise InputError(
                f"{self.mismatches:,} of {placed:,} records have a REF that disagrees with {bundle.assembly} "
                f"(first: {self.first_mismatch}). The file looks like {guess or 'another assembly'}. It was not annotated."
            )

    def finish(self, bundle: Bundle) -> None:
        """As `check`, at the end of the file; refuse it, too, for lines that are no records and are not to be set aside."""
        self.check(bundle)
        self.rejections.check(self.records)


# Notes about the header or about the text as a whole, which are taken once, however often the file is read.
OF_HEADER = frozenset(
    {
        *("bom", "crlf", "encoding", "no_fileformat", "old_version", "unknown_version", "version_raised", "header_line_dropped"),
        *(
            "declared_twice",
            "declaration_repaired",
            "undeclared",
            "retyped",
            "wrong_count",
            "tag_name",
            "run_together",
            "read_as_reserved",
            "no_newline",
            "no_samples",
            "contigs_added",
        ),
        *("contig_alias", "assembly"),
    }
)
