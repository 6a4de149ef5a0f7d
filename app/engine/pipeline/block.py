"""One block of a file, from its text to compressed and indexed lines of the result."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

from app.engine.bundles.manifest import MITOCHONDRIAL, Bundle
from app.engine.errors import InputError, LineFault
from app.engine.formats import bgzf, tabix
from app.engine.formats.fasta import Sequences
from app.engine.limits import Limits
from app.engine.pipeline.annotator import MOST_ENTRIES, BlockAnnotator
from app.engine.pipeline.codons import EdgeAllele
from app.engine.reading.allele_batch import AlleleBatch
from app.engine.reading.diagnostics import Diagnostics, Note
from app.engine.reading.headers import Header
from app.engine.reading.records import Records
from app.engine.reading.schema import HeaderUpdate, header_updates
from app.engine.report.counts import Counts
from app.engine.report.heteroplasmy import Heteroplasmy
from app.engine.report.piece_rows import PieceRows, piece_rows
from app.engine.report.rows import Values


@dataclass(frozen=True)
class AnnotationContext:
    """All that is known of a file before its blocks are worked on."""

    header: Header
    bundle: Bundle
    limits: Limits
    names: dict[bytes, str]
    presorted: bool = False  # the records are sorted, of one allele each, and where they belong
    distance: int | None = None  # bases of upstream and downstream, instead of the bundle's
    level: int = bgzf.LEVEL  # of compression


@dataclass
class BlockStats:
    """What a block's records taught and counted."""

    count: int
    splits: int
    sorted: bool
    header_updates: list[HeaderUpdate]
    names: dict[bytes, tuple[str, int]]
    notes: dict[str, Note]
    mismatches: int
    first_mismatch: str
    unknown_contig_records: int  # records on contigs that the reference does not have
    first_stranger: InputError | None  # what to say if that are too many
    rejected: list[LineFault]  # lines that are no records


@dataclass
class MovedRecord:
    """A line of the result that belongs into another piece, for its allele has moved."""

    place: str
    start: int
    end: int
    text: bytes


@dataclass
class ContigLines:
    """Where the lines of a piece on one contig are: places from 0, ends exclusive, lengths in bytes of text."""

    name: bytes
    starts: array[int]
    ends: array[int]
    lengths: array[int]


@dataclass
class AnnotatedBlock:
    """A part of the result: what a block, or a portion of it, became."""

    totals: Counts = field(default_factory=Counts)
    blocks: list[bytes] = field(default_factory=list)  # compressed
    sizes: list[int] = field(default_factory=list)  # bytes of their texts
    lines: list[ContigLines] = field(default_factory=list)  # what is in them
    records: int = 0
    spans: list[tabix.Span] = field(default_factory=list)
    places: list[str] = field(default_factory=list)  # contigs in their order
    first: int = 0  # positions at which the block begins and ends
    last: int = 0
    early: list[MovedRecord] = field(default_factory=list)
    late: list[MovedRecord] = field(default_factory=list)
    edges: list[EdgeAllele] = field(default_factory=list)
    rows: PieceRows = field(default_factory=PieceRows)
    heteroplasmy: Heteroplasmy = field(default_factory=Heteroplasmy)


AnnotatedPieces = tuple[BlockStats, list[AnnotatedBlock]]
"""What a block taught, and its parts of the result in order."""


class Reader:
    """Judges blocks, one independently of the other but for what they teach about the header."""

    def __init__(self, context: AnnotationContext) -> None:
        self._sequences = Sequences(context.bundle.path(context.bundle.fasta))
        self._notes = Diagnostics()
        self.header = context.header.copy()  # learns on its own
        names, move = dict(context.names), not context.presorted
        self._records = Records(self.header, context.bundle, self._sequences, context.limits, self._notes, names, move=move)

    def read(self, block: bytes, before: int) -> tuple[list[AlleleBatch], BlockStats]:
        """The alleles of a block, before which `before` lines came, and what is to be said of it."""
        records = self._records
        while True:
            reshaped = records.declarations.reshaped
            self._notes.found = {}
            records.begin()
            batches = records.block(block, before)
            if records.declarations.reshaped == reshaped:
                break
        names = dict(records.sites.learned)
        records.sites.learned.clear()
        stats = BlockStats(
            records.examiner.count,
            records.examiner.splits,
            records.sorted,
            header_updates(records.declarations),
            names,
            self._notes.found,
            records.sites.mismatches,
            records.sites.first_mismatch,
            records.sites.unknown_contig_records,
            records.sites.first_stranger,
            records.rejected,
        )
        return batches, stats

    def close(self) -> None:
        self._sequences.close()


class Worker:
    """Makes pieces of blocks."""

    def __init__(self, context: AnnotationContext) -> None:
        self.reader, self._level = Reader(context), context.level
        self._annotator = BlockAnnotator(self.reader.header, context.bundle, context.distance, moved=context.presorted)

    def pieces(self, block: bytes, before: int) -> AnnotatedPieces:
        """The part of the result that this block is: in several pieces, if it is a large one."""
        return self.made(*self.reader.read(block, before))

    def made(self, batches: list[AlleleBatch], stats: BlockStats) -> AnnotatedPieces:
        """The part of the result that these alleles of a block are."""
        if not stats.sorted:
            return stats, []  # the file is read anew, and sorted first
        held: list[AlleleBatch] = []
        entries = 0
        pieces: list[AnnotatedBlock] = []
        for batch in batches:
            for portion, more in self._annotator.portions(batch):
                if held and entries + more > MOST_ENTRIES:
                    pieces.append(self._piece(held))
                    held, entries = [], 0
                held.append(portion)
                entries += more
        return stats, [*pieces, self._piece(held)] if held else []

    def _piece(self, batches: list[AlleleBatch]) -> AnnotatedBlock:
        piece = AnnotatedBlock()
        parts = []
        for batch in batches:
            lines, values, edges = self._annotator.annotated(batch, piece.totals)
            parts.append(ContigSlice(batch.place, batch.name, batch.starts, batch.ends, lines, values))
            piece.edges += edges
        piece.first, piece.last = batches[0].first, batches[-1].last
        piece.early = parts[0].taken_out(0, bisect_left(parts[0].starts, piece.first))
        piece.late = parts[-1].taken_out(bisect_right(parts[-1].starts, piece.last), len(parts[-1].starts))
        lay(piece, parts, self._level)
        return piece

    def close(self) -> None:
        self.reader.close()
        self._annotator.close()


@dataclass
class ContigSlice:
    """Lines of the result on one contig, in ascending order. `values`: what its columns have of them, if that is at hand."""

    place: str
    name: bytes
    starts: list[int]
    ends: list[int]
    lines: list[bytes]
    values: Values | None = None

    def taken_out(self, begin: int, end: int) -> list[MovedRecord]:
        """Take out the lines from one index to another."""
        if begin >= end:
            return []
        rows = zip(self.starts[begin:end], self.ends[begin:end], self.lines[begin:end], strict=True)
        found = [MovedRecord(self.place, *row) for row in rows]
        self.starts, self.ends = (column[:begin] + column[end:] for column in (self.starts, self.ends))
        self.lines = self.lines[:begin] + self.lines[end:]
        if self.values is not None:
            self.values = {name: [*column[:begin], *column[end:]] for name, column in self.values.items()}
        return found


def lay(piece: AnnotatedBlock, parts: list[ContigSlice], level: int) -> None:
    """Compress these lines into the piece, and note where they are."""
    piece.places = [part.place for part in parts]
    columns = ((part.name, part.starts, part.ends, list(map(len, part.lines))) for part in parts)
    piece.lines = [ContigLines(name, *(array("q", numbers) for numbers in others)) for name, *others in columns]
    text = b"".join([line for part in parts for line in part.lines])
    piece.blocks = bgzf.blocks(text, level)
    piece.sizes = [min(bgzf.BLOCK, len(text) - start) for start in range(0, len(text), bgzf.BLOCK)]
    for part in parts:
        if part.place in MITOCHONDRIAL:
            piece.heteroplasmy.add(part.lines)
    piece.rows = piece_rows((part.name, part.starts, part.ends, part.lines, part.values) for part in parts)
    index(piece)


def index(piece: AnnotatedBlock) -> None:
    """Note what the index has to know of the piece."""
    piece.spans, offset = [], 0
    for part in piece.lines:
        span = tabix.span(part.name, part.starts, part.ends, part.lengths, offset)
        offset = span.end
        piece.spans.append(span)
    piece.records = sum(span.records for span in piece.spans)
