"""The result as it grows: pieces in order, their alleles that moved into a neighbour put there, the index made on the way."""

import os
import shutil
from collections import Counter, deque
from itertools import accumulate
from pathlib import Path

import numpy as np
import numpy.typing as npt

from app.engine.formats import bgzf, tabix
from app.engine.formats.columns import ColumnsWriter
from app.engine.pipeline import edits
from app.engine.pipeline.block import AnnotatedBlock, MovedRecord
from app.engine.pipeline.codon_edges import CodonEdges
from app.engine.reading.input_file import BGZF_END
from app.engine.report.distributions import Distributions
from app.engine.report.heteroplasmy import Heteroplasmy
from app.engine.report.rows import DTYPES, NAMED
from app.engine.report.what_matters import WhatMatters

COPIED = 1 << 20
HELD_BYTES = 32 << 20  # compressed, that wait until the rest of a codon, behind an intron, has come


class NeedsPresort(Exception):
    """The file cannot be annotated on the way: it has to be read whole first, and be sorted."""


class ResultWriter:
    """Writes the body of a result; `finish` puts the header before it. `samples`: whether the file has genotypes."""

    def __init__(self, body: Path, *, samples: bool = False, level: int = bgzf.LEVEL) -> None:
        self._path, self._level = body, level
        self._file = body.open("wb")
        self._index = tabix.Index()
        self._held: AnnotatedBlock | None = None
        self._seen: set[str] = set()
        self._codons = CodonEdges(samples)
        self._number = 0  # of the last piece
        self._ready: deque[tuple[int, AnnotatedBlock]] = deque()  # in order, whole, but perhaps with lines to flag
        self._columns = ColumnsWriter(body.with_name("rows"), DTYPES, NAMED)
        self.what_matters, self.distributions, self.heteroplasmy = WhatMatters(), Distributions(), Heteroplasmy()
        self.records = 0

    @property
    def flags(self) -> Counter[str]:
        """What was flagged of lines after they were counted."""
        return self._codons.flags

    def add(self, piece: AnnotatedBlock) -> None:
        """Take the next piece; Unsettled if it does not follow on what came before."""
        if not piece.places:
            return
        held = self._held
        if held is None or held.places[-1] != piece.places[0]:
            if not self._seen.isdisjoint(piece.places):
                raise NeedsPresort
            self._end()
            self._put(piece, piece.early)
        else:
            if piece.first < held.last or not self._seen.isdisjoint(piece.places[1:]):
                raise NeedsPresort
            opening = held.first if len(held.places) == 1 else 0
            if any(line.start < opening for line in piece.early):
                raise NeedsPresort
            near = [line for line in held.late if line.start <= piece.first]
            far = [line for line in held.late if line.start > piece.first]
            if far and len(piece.places) == 1 and max(line.start for line in far) > piece.last:
                raise NeedsPresort
            self._put(held, [*piece.early, *near])
            self._put(piece, far)
            self._finished(held)
        self._seen.update(piece.places)
        self._held = piece
        self._number += 1
        self._codons.add(self._number, piece.edges, piece.places[0], piece.first)
        self._release()

    def finish(self, header: bytes, vcf: Path, index: Path, columns: Path) -> int:
        """Write the result with this header, its index and its columns; how many records they have, if they agree on it."""
        self._end()
        self._codons.give_up(self._number)
        self._release()
        self._file.close()
        with vcf.open("wb") as file, self._path.open("rb") as body:
            file.write(bgzf.compress(header))
            shift = file.tell()
            shutil.copyfileobj(body, file, COPIED)
            file.write(BGZF_END)
        self._index.write(index, shift)
        self._columns.finish(columns, shift)
        os.unlink(self._path)
        return self.records if self.records == self._index.records else -1

    def close(self) -> None:
        self._file.close()
        self._columns.close()

    def _end(self) -> None:
        """Write the last piece of a contig."""
        if self._held:
            self._put(self._held, self._held.late)
            self._finished(self._held)
        self._held = None

    def _finished(self, piece: AnnotatedBlock) -> None:
        """Nothing more comes into the piece; it waits for those before it, and for codons that go on behind it."""
        self._ready.append((self._number, piece))

    def _release(self) -> None:
        """Write the pieces that nothing waits for; of too many, the first."""
        while self._ready:
            number, piece = self._ready[0]
            needed = self._codons.needs()
            if needed is not None and needed <= number:
                if sum(len(block) for _, one in self._ready for block in one.blocks) < HELD_BYTES:
                    return
                self._codons.give_up(number)
            self._ready.popleft()
            if self._codons.marked({span.name for span in piece.spans}, piece.first, piece.last):
                edits.change(piece, self._codons.places(), self._codons.apply, self._level)
            self._write(piece)

    def _put(self, piece: AnnotatedBlock, lines: list[MovedRecord]) -> None:
        """Sort these lines into a piece."""
        if lines:
            edits.insert(piece, lines, self._level)

    def _write(self, piece: AnnotatedBlock) -> None:
        base = self._file.tell()
        texts, offsets = [0, *accumulate(piece.sizes)], [0, *accumulate(map(len, piece.blocks))]
        for span in piece.spans:
            self._index.add(span, texts, offsets, base)
        self._file.writelines(piece.blocks)
        self._write_rows(piece, np.array(texts, "<u8"), np.array(offsets, "<u8") + np.uint64(base))
        self.records += piece.records
        self.heteroplasmy.merge(piece.heteroplasmy)

    def _write_rows(self, piece: AnnotatedBlock, texts: npt.NDArray[np.uint64], blocks: npt.NDArray[np.uint64]) -> None:
        """What the columns and the list of what matters take of a piece, whose blocks begin at these offsets in its text and in
        the file."""
        found = piece.rows
        if not found.columns:
            return
        place = found.columns["place"]
        block = np.searchsorted(texts, place, "right") - 1
        rows = found.columns | {"place": blocks[block] << np.uint64(16) | place - texts[block]}
        self.what_matters.add((rank, self.records + number, line) for rank, number, line in found.candidates)
        self.distributions.add(rows)
        self._columns.add(rows, found.names)
