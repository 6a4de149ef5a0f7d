"""One block of a file, from its text to compressed and indexed lines of the result."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field

from app.annotation import bgzf, tabix
from app.annotation.declarations import Lesson, lessons
from app.annotation.finisher import Finisher
from app.annotation.genes import Places
from app.annotation.headers import Header
from app.annotation.limits import Limits
from app.annotation.notes import Note, Notes
from app.annotation.records import Records, Run
from app.annotation.reference import Bundle
from app.annotation.sequences import Sequences
from app.annotation.summary import Tally


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


@dataclass
class Line:
    """A line of the result that belongs into another piece, for its allele has moved."""

    place: str
    name: bytes
    row: "Row"

    @property
    def start(self) -> int:
        return self.row[0]


@dataclass
class Piece:
    """A block's part of the result."""

    verdict: Verdict
    tally: Tally
    blocks: list[bytes]  # compressed
    records: int
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
            records.count = records.splits = records.sites.mismatches = 0
            records.sorted, records.sites.first_mismatch = True, ""
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
        )
        return runs, verdict

    def close(self) -> None:
        self._sequences.close()


class Worker:
    """Makes pieces of blocks."""

    def __init__(self, plan: Plan) -> None:
        self._reader = Reader(plan)
        self._finisher = Finisher(self._reader.header, plan.bundle, plan.places)

    def piece(self, block: bytes, before: int) -> Piece:
        """The part of the result that this block is."""
        runs, verdict = self._reader.read(block, before)
        tally = Tally()
        piece = Piece(verdict, tally, [], 0)
        parts = []
        for run in runs:
            rows = list(zip(run.starts, run.ends, self._finisher.lines(run, tally), strict=True))
            parts.append((run.place, run.name, rows))
        if runs:
            piece.first, piece.last = runs[0].first, runs[-1].last
            piece.early = _outside(parts[0], lambda start: start < piece.first)
            piece.late = _outside(parts[-1], lambda start: start > piece.last)
        lay(piece, parts)
        return piece

    def close(self) -> None:
        self._reader.close()
        self._finisher.close()


Row = tuple[int, int, bytes]  # begin, end, line
Part = tuple[str, bytes, list[Row]]  # contig, its name in the file, lines


def _outside(part: Part, out: Callable[[int], bool]) -> list[Line]:
    """Take the lines whose positions are out of their block from its beginning or end."""
    place, name, rows = part
    if not rows or not (out(rows[0][0]) or out(rows[-1][0])):
        return []
    found = [Line(place, name, row) for row in rows if out(row[0])]
    rows[:] = [row for row in rows if not out(row[0])]
    return found


def lay(piece: Piece, parts: list[Part]) -> None:
    """Compress these lines into the piece, and note where they are."""
    piece.spans, piece.places, offset = [], [], 0
    for place, name, rows in parts:
        span = tabix.span(name, [row[0] for row in rows], [row[1] for row in rows], [len(row[2]) for row in rows], offset)
        offset = span.end
        piece.spans.append(span)
        piece.places.append(place)
    text = b"".join([row[2] for part in parts for row in part[2]])
    piece.blocks, piece.records = bgzf.blocks(text), text.count(b"\n")
