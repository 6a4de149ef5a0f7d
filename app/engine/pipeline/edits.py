"""Lines of a piece that come in or change after it was compressed: only the blocks that they are in are made anew."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from itertools import accumulate

from app.engine.bundles.manifest import MITOCHONDRIAL
from app.engine.formats import bgzf
from app.engine.pipeline.block import AnnotatedBlock, ContigLines, MovedRecord, index

Edit = tuple[int, int, bytes]
"""From an offset in the text on, so many bytes become others."""


def insert(piece: AnnotatedBlock, lines: Iterable[MovedRecord], level: int) -> None:
    """Puts lines to their places, behind others at the same place, where the piece has their contig."""
    found: list[Edit] = []
    here = [(piece.places.index(line.place), line) for line in lines if line.place in piece.places]
    for number, line in sorted(here, key=lambda one: (one[0], one[1].start)):
        part = piece.lines[number]
        at = bisect_right(part.starts, line.start)
        found.append((_begin(piece, number) + sum(part.lengths[:at]), 0, line.text))
        piece.rows.insert(_lines_before(piece, number) + at, part.name, line.start, line.end, line.text)
        if line.place in MITOCHONDRIAL:
            piece.heteroplasmy.add([line.text])
        for column, value in ((part.starts, line.start), (part.ends, line.end), (part.lengths, 0)):
            column.insert(at, value)  # the text of the others stays where it was until all are put in
    _make(piece, found, level)
    texts = iter(sorted(found, key=lambda edit: edit[0]))
    for part in piece.lines:
        for at, length in enumerate(part.lengths):
            if not length:
                part.lengths[at] = len(next(texts)[2])
    _index(piece)


def change(
    piece: AnnotatedBlock, places: Iterable[tuple[bytes, int]], said: Callable[[list[bytes]], list[bytes]], level: int
) -> None:
    """Gives all lines that begin at these places (contig as the file calls it, position from 0) what `said` makes of them."""
    texts, begin, before = [0, *accumulate(piece.sizes)], 0, 0
    found: list[Edit] = []
    longer: list[tuple[ContigLines, int, int]] = []  # lines and what their lengths become
    for part in piece.lines:
        for _, position in sorted(place for place in places if place[0] == part.name):
            first, last = bisect_left(part.starts, position), bisect_right(part.starts, position)
            offset = begin + sum(part.lengths[:first])
            lines = _lines(piece, texts, offset, offset + sum(part.lengths[first:last]))
            for at, (line, new) in enumerate(zip(lines, said(lines), strict=True), first):
                if new != line:
                    piece.rows.change(before + at, new)
                    found.append((offset, len(line), new))
                    longer.append((part, at, len(new)))
                offset += len(line)
        begin, before = begin + sum(part.lengths), before + len(part.lengths)
    if found:
        _make(piece, found, level)
        for part, at, length in longer:
            part.lengths[at] = length
        _index(piece)


def _index(piece: AnnotatedBlock) -> None:
    index(piece)
    piece.rows.place(length for part in piece.lines for length in part.lengths)


def _lines(piece: AnnotatedBlock, texts: list[int], begin: int, end: int) -> list[bytes]:
    """The lines between two offsets in the text."""
    if begin == end:
        return []
    one, other = bisect_right(texts, begin) - 1, bisect_left(texts, end)
    return _inflated(piece.blocks[one:other])[begin - texts[one] : end - texts[one]].splitlines(keepends=True)


def _begin(piece: AnnotatedBlock, number: int) -> int:
    """Where in the text the lines of a contig begin."""
    return sum(sum(part.lengths) for part in piece.lines[:number])


def _lines_before(piece: AnnotatedBlock, number: int) -> int:
    return sum(len(part.lengths) for part in piece.lines[:number])


def _make(piece: AnnotatedBlock, edits: list[Edit], level: int) -> None:
    """Makes the blocks anew that have these places."""
    texts = [0, *accumulate(piece.sizes)]
    last = max(len(piece.blocks) - 1, 0)
    groups: list[tuple[int, int, list[Edit]]] = []  # first block, the one behind the last, what happens in them
    for edit in sorted(edits, key=lambda edit: edit[0]):
        offset, size, _ = edit
        one = min(bisect_right(texts, offset) - 1, last)
        other = max(bisect_left(texts, offset + size), one + 1)
        if groups and one < groups[-1][1]:
            first, before, others = groups.pop()
            groups.append((first, max(before, other), [*others, edit]))
        else:
            groups.append((one, other, [edit]))
    for one, other, these in reversed(groups):
        text, pieces, at = _inflated(piece.blocks[one:other]), [], 0
        for offset, size, new in these:
            pieces += [text[at : offset - texts[one]], new]
            at = offset - texts[one] + size
        made = b"".join([*pieces, text[at:]])
        piece.blocks[one:other] = bgzf.blocks(made, level)
        piece.sizes[one:other] = [min(bgzf.BLOCK, len(made) - start) for start in range(0, len(made), bgzf.BLOCK)]


def _inflated(blocks: list[bytes]) -> bytes:
    return b"".join([text for _, text in bgzf.inflated(b"".join(blocks), 0)[0]])
