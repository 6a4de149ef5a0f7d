"""Lines that come into a compressed piece, or change in it, give what compressing all lines anew gives; other blocks stay."""

import gzip
import random
from copy import deepcopy

import pytest

from app.engine.formats import bgzf
from app.engine.pipeline import edits
from app.engine.pipeline.block import AnnotatedBlock, ContigSlice, MovedRecord, lay

LEVEL = 1


def line(contig: str, start: int, length: int) -> bytes:
    impact = ("MODIFIER", "HIGH")[length % 7 == 0]
    info = f"GAS_CSQ=stop_gained;GAS_IMPACT={impact};GAS_GENE=G{length % 5};CSQ="
    return f"{contig}\t{start + 1}\t.\tA\tC\t.\tPASS\t{info}".encode().ljust(length, b"x") + b"\n"


def slices(dice: random.Random, counts: dict[str, int]) -> list[ContigSlice]:
    found = []
    for contig, count in counts.items():
        starts = sorted(dice.choices(range(1000), k=count))
        texts = [line(contig, start, dice.randint(90, 970)) for start in starts]
        found.append(ContigSlice(contig, contig.encode(), starts, [start + 1 for start in starts], texts))
    return found


def laid(parts: list[ContigSlice]) -> AnnotatedBlock:
    piece = AnnotatedBlock()
    lay(piece, parts, LEVEL)
    return piece


def columns(piece: AnnotatedBlock) -> dict[str, list[object]]:
    """What is known of the lines in columns, codes as their words."""
    words = {name: {code: word for word, code in codes.items()} for name, codes in piece.rows.names.items()}
    found: dict[str, list[object]] = {}
    for name, values in piece.rows.columns.items():
        coded = words.get(name)
        found[name] = [coded[value] if coded else repr(value) for value in values.tolist()]
    return found


def mattering(piece: AnnotatedBlock) -> set[tuple[int, int, bytes]]:
    return set(piece.rows.candidates)


def text(piece: AnnotatedBlock) -> bytes:
    assert [len(one) for _, one in bgzf.inflated(b"".join(piece.blocks), 0)[0]] == piece.sizes
    return gzip.decompress(b"".join(piece.blocks)) if piece.blocks else b""


@pytest.mark.parametrize("counts", [{"1": 600}, {"1": 300, "2": 1, "3": 400}, {"1": 0, "2": 3}, {"1": 0}], ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_lines_that_come_in(seed: int, counts: dict[str, int]) -> None:
    dice = random.Random(seed)
    parts = slices(dice, counts)
    moved = [
        MovedRecord(contig, start, start + 1, line(contig, start, dice.randint(90, 70_000)))
        for contig in [*counts, "elsewhere"]
        for start in dice.choices([0, 999, *range(1000)], k=dice.randint(0, 3))
    ]
    dice.shuffle(moved)
    piece = laid(deepcopy(parts))
    edits.insert(piece, moved, LEVEL)
    for part in parts:
        rows = list(zip(part.starts, part.ends, part.lines, strict=True))
        rows += [(one.start, one.end, one.text) for one in moved if one.place == part.place]
        rows.sort(key=lambda row: row[0])
        part.starts, part.ends, part.lines = ([row[n] for row in rows] for n in range(3))
    whole = laid(parts)
    assert text(piece) == text(whole)
    assert (piece.records, piece.spans) == (whole.records, whole.spans)
    assert columns(piece) == columns(whole)
    assert mattering(piece) >= mattering(whole)


@pytest.mark.parametrize("seed", range(3))
def test_lines_that_change(seed: int) -> None:
    dice = random.Random(seed)
    parts = slices(dice, {"1": 500, "2": 500})
    piece, before = laid(deepcopy(parts)), text(laid(parts))
    places = [(contig, dice.randrange(1000)) for contig in (b"1", b"2", b"3") for _ in range(20)]
    blocks = list(piece.blocks)

    def said(lines: list[bytes]) -> list[bytes]:
        return [one[:-1] + b"y" * 40 + b"\n" if one.count(b"x") % 2 else one for one in lines]

    edits.change(piece, places, said, LEVEL)
    for part in parts:
        part.lines = [
            said([one])[0] if (part.name, start) in places else one for start, one in zip(part.starts, part.lines, strict=True)
        ]
    whole = laid(parts)
    assert text(piece) == text(whole) != before
    assert piece.spans == whole.spans
    assert columns(piece) == columns(whole)
    assert mattering(piece) == mattering(whole)
    assert blocks != piece.blocks


def test_a_line_that_comes_in_leaves_all_blocks_but_its_own() -> None:
    [part] = parts = slices(random.Random(1), {"1": 900})
    piece = laid(parts)
    before = list(piece.blocks)
    assert len(before) > 5
    edits.insert(piece, [MovedRecord("1", part.starts[400], part.starts[400] + 1, line("1", part.starts[400], 120))], LEVEL)
    assert len(set(before) - set(piece.blocks)) == 1
