"""What is said of structural variants: an entry of INFO/CSQ for each transcript, or, of very large ones, for the worst genes."""

from collections.abc import Callable, Mapping

import numpy as np

from app.engine.bundles.transcripts import Ints, Transcripts
from app.engine.consequence import terms
from app.engine.consequence.caller import Consequence
from app.engine.consequence.pick import order
from app.engine.consequence.structural import KINDS, Structural, consequence, kind, mate
from app.engine.reading.allele_batch import Key

MOST_BASES = 10_000_000
MOST_GENES = 50
"""A variant of more bases or genes has an entry for this many of its genes, and the rest of them is counted."""

MOST_JUDGED = 500
"""Transcripts that reach over an end of a very large variant and are judged."""

Find = Callable[[bytes], str | None]
"""The contig of a bundle that a name means."""


def structural(key: Key) -> tuple[list[Structural], bytes]:
    """The spans of a structural variant and its ALT, from its key: position, REF, ALT, then start and end of each span."""
    term, effect = kind(key[2]) or KINDS[b"CNV"]
    numbers = list(map(int, key[3:]))
    return [Structural(*ends, term, effect) for ends in zip(numbers[::2], numbers[1::2], strict=True)], key[2]


def consequences(
    transcripts: Transcripts, contig: str, key: Key, distances: Mapping[str, int], find: Find
) -> tuple[list[Consequence], Structural, int, int]:
    """What a variant does to transcripts, the variant, how many genes it overlaps, and how many of them have no entry.

    `distances`: bases of upstream and downstream by contig.
    """
    parts, alt = structural(key)
    places = [(contig, part) for part in parts]
    if parts[0].effect == "break" and (other := mate(alt)) and (name := find(other[0])):
        places.append((name, Structural(other[1] + 1, other[1], parts[0].term, "break")))
    found: list[Consequence] = []
    genes = left_out = 0
    for place, part in places:
        said, there, missing = _on(transcripts, place, part, distances[place])
        found, genes, left_out = [*found, *said], genes + there, left_out + missing
    return found, parts[0], genes, left_out


def _on(transcripts: Transcripts, contig: str, part: Structural, distance: int) -> tuple[list[Consequence], int, int]:
    rows = _near(transcripts, contig, part.start, part.end, distance)
    low, high = min(part.start, part.end), max(part.start, part.end)
    within = rows[(transcripts.starts[rows] <= high) & (transcripts.ends[rows] >= low)]
    genes = len(np.unique(transcripts.columns["genes"][within]))
    if part.end - part.start < MOST_BASES and genes <= MOST_GENES:
        return _called(transcripts, rows, part, distance), genes, 0
    worst = _worst(transcripts, within, part, distance)
    return worst, genes, genes - len(worst)


def _worst(transcripts: Transcripts, within: Ints, part: Structural, distance: int) -> list[Consequence]:
    """One entry for each of the genes that suffer most; of genes that lie within, one is as good as another."""
    whole = (transcripts.starts[within] >= part.start) & (transcripts.ends[within] <= part.end)
    owners = transcripts.columns["genes"][within]
    _, first = np.unique(owners[whole], return_index=True)
    chosen = [*within[~whole][:MOST_JUDGED].tolist(), *within[whole][np.sort(first)[:MOST_GENES]].tolist()]
    best: dict[str, Consequence] = {}
    for said in sorted(_called(transcripts, chosen, part, distance), key=lambda said: (terms.rank(said.mask), order(said))):
        best.setdefault(said.transcript.gene, said)
    return list(best.values())[:MOST_GENES]


def _near(transcripts: Transcripts, contig: str, start: int, end: int, distance: int) -> Ints:
    _, rows = transcripts.overlapping(contig, np.array([start], np.int64), np.array([end], np.int64), distance)
    return rows


def _called(transcripts: Transcripts, rows: Ints | list[int], part: Structural, distance: int) -> list[Consequence]:
    called = (consequence(transcripts[int(row)], part, distance) for row in rows)
    return [said for said in called if said is not None]
