"""A file that cannot be annotated on the way is settled first: read whole, repaired, split, moved and sorted on disk."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from app.engine.errors import InputError
from app.engine.pipeline.block import AnnotationContext, Reader
from app.engine.pipeline.input_state import InputState
from app.engine.reading.allele_batch import AlleleBatch
from app.engine.reading.diagnostics import Diagnostics
from app.engine.reading.input_file import InputFile
from app.engine.reading.lines import Lines
from app.engine.reading.old_record import ASKED

SORT_BYTES = 48 << 20  # bytes that are sorted in memory
FILES = 200  # that are merged at once

Progress = Callable[[str, int, float], None]
_Row = tuple[int, int, bytes]  # contig, position, line


@dataclass
class Presorted:
    """A sorted copy, in which each record has one allele at its leftmost place, and what was found on the way."""

    path: Path
    context: AnnotationContext
    state: InputState


def presort(source: InputFile, context: AnnotationContext, state: InputState, work: Path, progress: Progress) -> Presorted:
    """Read a file twice, to learn its header and to sort its records."""

    def reading(records: int) -> None:
        progress("reading", records, 50 * source.position / source.size)

    def sorting(records: int) -> None:
        progress("sorting", records, 50 + 50 * source.position / source.size)

    _read(Lines(source, state.notes), context, state, lambda batches: None, reading)
    learned, again, sorter = replace(context, names=dict(state.names)), state.again(), _Sorter(work, source)
    _read(Lines(source, Diagnostics(silent=True)), learned, again, sorter.add, sorting)
    path = work / "settled.vcf"
    with path.open("wb") as file:
        file.write(learned.header.text(again.contigs(context.bundle)))
        file.writelines(line for _, _, line in sorter.rows())
    if not again.sorted:
        again.notes.add("unsorted")
    return Presorted(path, replace(learned, presorted=True), again)


def _read(
    lines: Lines,
    context: AnnotationContext,
    state: InputState,
    take: Callable[[list[AlleleBatch]], None],
    progress: Callable[[int], None],
) -> None:
    reader = Reader(context)
    try:
        lines.header()
        for block in lines.body():
            batches, stats = reader.read(block, lines.number)
            lines.number += block.count(b"\n")
            state.add(stats)
            state.early(context.bundle)
            take(batches)
            progress(state.records)
    finally:
        reader.close()


class _Sorter:
    """Sorts more lines than fit into memory; equal positions stay in their order."""

    def __init__(self, work: Path, source: InputFile) -> None:
        self._work, self._limits = work, source.limits
        self._room = (
            source.limits.free_bytes + source.limits.sort_ratio * source.size
        )  # on disk; what is merged takes its place twice
        self._contigs: dict[str, int] = {}
        self._rows: list[_Row] = []
        self._held = self._made = 0
        self._files: list[Path] = []

    def add(self, batches: list[AlleleBatch]) -> None:
        for batch in batches:
            contig = self._contigs.setdefault(batch.place, len(self._contigs))
            for head, start, ref, alt, key, tail in zip(
                batch.heads, batch.starts, batch.refs, batch.alts, batch.keys, batch.tails, strict=True
            ):
                bare = head.endswith(b"\t")
                if key and key[:3] != (b"%d" % (start + 1), ref, alt):
                    note = (b"" if bare else b";") + ASKED + b":".join(key)
                else:
                    note = b"." if bare else b""
                line = b"%b%b%b" % (head, note, tail)
                self._rows.append((contig, start, line))
                self._held += len(line) + 100
        if self._held > SORT_BYTES:
            self._spill()

    def rows(self) -> Iterator[_Row]:
        self._rows.sort(key=_place)
        return heapq.merge(*map(_stored, self._files), self._rows, key=_place)

    def _spill(self) -> None:
        if self._held > self._room:
            raise InputError(self._limits.said("sort_ratio"))
        self._rows.sort(key=_place)
        self._store(iter(self._rows))
        self._rows, self._held = [], 0
        if len(self._files) == FILES:
            files, self._files = self._files, []
            self._store(heapq.merge(*map(_stored, files), key=_place))
            for file in files:
                self._room += file.stat().st_size
                file.unlink()

    def _store(self, rows: Iterator[_Row]) -> None:
        path = self._work / f"sorted.{self._made}"
        self._made += 1
        with path.open("wb") as file:
            file.writelines(b"%d\t%d\t%b" % row for row in rows)
            self._room -= file.tell()
        self._files.append(path)


def _place(row: _Row) -> tuple[int, int]:
    return row[:2]


def _stored(path: Path) -> Iterator[_Row]:
    with path.open("rb") as file:
        for line in file:
            contig, start, text = line.split(b"\t", 2)
            yield int(contig), int(start), text
