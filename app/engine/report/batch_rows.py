"""What the columns of a result know of alleles whose annotation is at hand: the same as their lines say, without reading them."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from app.engine.consequence.annotation import AlleleAnnotation
from app.engine.consequence.tracks import ColumnSaid, Ints, TrackSaid
from app.engine.reading.allele_batch import AlleleBatch
from app.engine.report.rows import IMPACTS, TERMS, TRACKED, TRACKED_TAGS, Records, Values, known_tag, turned, values_of

_IDENTIFIER, _PREFIX = "GAS_RSID", "rs"
_BEFORE_NUMBER = len(f";{_IDENTIFIER}={_PREFIX}")
_ALL_NUMBERED = re.compile(rf"(?:(?:;{_IDENTIFIER}={_PREFIX}[0-9]{{1,9}}+)?\n)*+".encode()).fullmatch
_LARGEST = 10**9  # of identifiers, exclusive
_TERM_CODES, _IMPACT_CODES = ({word: code for code, word in enumerate(words)} for words in (TERMS, IMPACTS))


def values_of_batch(batch: AlleleBatch, found: Sequence[AlleleAnnotation], tracks: Sequence[TrackSaid]) -> Values:
    """Returns what `rows.values_of_lines` reads from the lines of these alleles.

    `found`: what was found out of each; `tracks`: what each track says of them.
    """
    heads = [head.split(b"\t", 7) for head in batch.heads]
    identifiers, qualities, filters, infos = ([head[at] for head in heads] for at in (2, 5, 6, 7))
    tracked = _tracked(tracks, len(heads))
    # of what has no consequence, tags of tracks are read as if they were the file's
    for index in [index for index, one in enumerate(found) if not one.term] if tracks else ():
        infos[index] += b"".join([said.texts[index] for said in tracks])
        for column, value in zip(tracked, TRACKED[b""], strict=True):
            column[index] = value
    calls = [tail[1:-1] for tail in batch.tails]
    said = (
        [_TERM_CODES[one.term] for one in found],
        [_IMPACT_CODES[one.impact] for one in found],
        _encoded([one.gene for one in found]),
        _encoded([one.genes for one in found]),
        [one.coding for one in found],
        [one.residue for one in found],
    )
    return values_of(Records(identifiers, batch.refs, batch.alts, qualities, filters, infos, calls), said, tracked)


def _encoded(words: list[str]) -> list[bytes]:
    encoded = {word: word.encode() for word in set(words)}
    return [encoded[word] for word in words]


def _tracked(tracks: Sequence[TrackSaid], count: int) -> list[list[Any]]:
    """What the tracks say of each allele, as columns of TRACKED."""
    numbered = [said for said in tracks if said.columns is None or _IDENTIFIER in said.columns]
    column = numbered[0].columns[_IDENTIFIER] if len(numbered) == 1 and numbered[0].columns else None
    numbers = _numbers(column) if column else None
    wanted = _Wanted(with_identifier=numbers is None)
    texts = [said.of_tags(wanted) for said in tracks if said.columns is None or any(tag in wanted for tag in said.columns)]
    if texts:
        tracked: list[list[Any]] = turned([TRACKED[text] for text in map(b"".join, zip(*texts, strict=True))], 5)
    else:
        tracked = [[value] * count for value in TRACKED[b""]]
    if numbers is not None:
        found = np.zeros(count, np.int64)
        found[numbered[0].known] = np.where(numbers < _LARGEST, numbers, 0)
        tracked[3] = found.tolist()
    return tracked


def _numbers(column: ColumnSaid) -> Ints | None:
    """The numbers of identifiers, 0 for none; None if one of them is more than a number behind the prefix."""
    if column.numbers is not None:
        return column.numbers if column.prefix == _PREFIX else None
    if not _ALL_NUMBERED(b"".join([one for text in column.texts for one in (text, b"\n")])):
        return None
    return np.array([int(text[_BEFORE_NUMBER:] or 0) for text in column.texts], np.int64)


class _Wanted:
    """The tags of tracks that a column has something of."""

    def __init__(self, *, with_identifier: bool) -> None:
        self._with_identifier = with_identifier

    def __contains__(self, tag: object) -> bool:
        return self._with_identifier if tag == _IDENTIFIER else isinstance(tag, str) and _read(tag)


@lru_cache(maxsize=1000)
def _read(tag: str) -> bool:
    return tag in TRACKED_TAGS or known_tag(tag)
