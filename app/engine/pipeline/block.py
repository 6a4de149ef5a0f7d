"""One block of a file, from its text to compressed and indexed lines of the result."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from operator import itemgetter

from app.engine.bundles.gene_table import Places
from app.engine.bundles.manifest import Bundle
from app.engine.errors import InputError
from app.engine.formats import bgzf, tabix
from app.engine.formats.fasta import Sequences
from app.engine.limits import Limits
from app.engine.pipeline.annotator import Finisher
from app.engine.reading.diagnostics import Note, Notes
from app.engine.reading.headers import Header
from app.engine.reading.records import Records, Run
from app.engine.reading.schema import Lesson, lessons
from app.engine.report.counts import Tally


@dataclass(frozen=True)
class Plan:
    """All that is known of a file before its blocks are worked on."""

    header: Header
    bundle: Bundle
    limits: Limits
    names: dict[bytes, str]
    places: Places | None
    settled: bool = False  # the records are sorted, of one allele each, and where they belong


@dataclass
class Verdict:
    """What a block's records taught and counted."""

    count: int
    splits: int
    sorted: bool
    lessons: list[Lesson]
    names: dict[bytes, tuple[str, int]]
    notes: dict[str, Note]
    mismatches: int
    first_mismatch: str
    strangers: int  # records on contigs that the reference does not have
    first_stranger: InputError | None  # what to say if that are too many


@dataclass
class Line:
    """A line of the result that belongs into another piece, for its allele has moved."""

    place: str
    start: int
    end: int
    text: bytes


@dataclass
class Piece:
    """A block's part of the result."""

    verdict: Verdict
    tally: Tally
    blocks: list[bytes] = field(default_factory=list)  # compressed
    records: int = 0
    spans: list[tabix.Span] = field(default_factory=list)
    places: list[str] = field(default_factory=list)  # contigs in their order
    first: int = 0  # positions at which the block begins and ends
    last: int = 0
    early: list[Line] = field(default_factory=list)
    late: list[Line] = field(default_factory=list)


class Reader:
    """Judges blocks, one independently of the other but for what they teach about the header."""

    def __init__(self, plan: Plan) -> None:
        self._sequences = Sequences(plan.bundle.path(plan.bundle.fasta))
        self._notes = Notes()
        self.header = deepcopy(plan.header)  # learns on its own
        names, move = dict(plan.names), not plan.settled
        self._records = Records(self.header, plan.bundle, self._sequences, plan.limits, self._notes, names, move=move)

    def read(self, block: bytes, before: int) -> tuple[list[Run], Verdict]:
        """The alleles of a block, before which `before` lines came, and what is to be said of it."""
        records = self._records
        while True:
            reshaped = records.declarations.reshaped
            self._notes.found = {}
            records.count = records.splits = records.sites.mismatches = records.sites.strangers = 0
            records.sorted, records.sites.first_mismatch, records.sites.first_stranger = True, "", None
            runs = records.block(block, before)
            if records.declarations.reshaped == reshaped:
                break
        names = dict(records.sites.learned)
        records.sites.learned.clear()
        verdict = Verdict(
            records.count,
            records.splits,
            records.sorted,
            lessons(records.declarations),
            names,
            self._notes.found,
            records.sites.mismatches,
            records.sites.first_mismatch,
            records.sites.strangers,
            records.sites.first_stranger,
        )
        return runs, verdict

    def close(self) -> None:
        self._sequences.close()


class Worker:
    """Makes pieces of blocks."""

    def __init__(self, plan: Plan) -> None:
        self._reader = Reader(plan)
        self._finisher = Finisher(self._reader.header, plan.bundle, plan.places, plan.limits)

    def piece(self, block: bytes, before: int) -> Piece:
        """The part of the result that this block is."""
        runs, verdict = self._reader.read(block, before)
        if not verdict.sorted:
            return Piece(verdict, Tally())  # the file is read anew, and sorted first
        tally = Tally()
        piece = Piece(verdict, tally)
        parts = [Part(run.place, run.name, run.starts, run.ends, self._finisher.lines(run, tally)) for run in runs]
        if runs:
            piece.first, piece.last = runs[0].first, runs[-1].last
            piece.early = parts[0].without(lambda start: start < piece.first)
            piece.late = parts[-1].without(lambda start: start > piece.last)
        lay(piece, parts)
        return piece

    def close(self) -> None:
        self._reader.close()
        self._finisher.close()


@dataclass
class Part:
    """Lines of the result on one contig, in ascending order."""

    place: str
    name: bytes
    starts: list[int]
    ends: list[int]
    lines: list[bytes]

    def without(self, out: Callable[[int], bool]) -> list[Line]:
        """Take the lines whose positions are out of their block from its beginning or end."""
        if not self.starts or not (out(self.starts[0]) or out(self.starts[-1])):
            return []
        rows = list(zip(self.starts, self.ends, self.lines, strict=True))
        self._set([row for row in rows if not out(row[0])])
        return [Line(self.place, *row) for row in rows if out(row[0])]

    def insert(self, lines: list[Line]) -> None:
        """Put those lines that are on this contig to their places."""
        rows = list(zip(self.starts, self.ends, self.lines, strict=True))
        rows += [(line.start, line.end, line.text) for line in lines if line.place == self.place]
        self._set(sorted(rows, key=itemgetter(0)))

    def _set(self, rows: list[tuple[int, int, bytes]]) -> None:
        self.starts, self.ends = [row[0] for row in rows], [row[1] for row in rows]
        self.lines = [row[2] for row in rows]


def lay(piece: Piece, parts: list[Part]) -> None:
    """Compress these lines into the piece, and note where they are."""
    piece.spans, piece.places, offset = [], [part.place for part in parts], 0
    for part in parts:
        span = tabix.span(part.name, part.starts, part.ends, map(len, part.lines), offset)
        offset = span.end
        piece.spans.append(span)
    text = b"".join([line for part in parts for line in part.lines])
    piece.blocks, piece.records = bgzf.blocks(text), text.count(b"\n")
