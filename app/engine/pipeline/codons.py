"""Alleles that change one codon: found among the lines of a block, and those near its edges handed on to be found by the next."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

from app.engine.consequence import codons
from app.engine.consequence.annotation import AlleleAnnotation
from app.engine.consequence.codons import Touched
from app.engine.reading import phase
from app.engine.reading.allele_batch import AlleleBatch, Key
from app.engine.reading.phase import Calls

MOST_LINES = 20
"""Lines of one allele whose genotypes are compared with another's; of more, nothing certain is said."""

MOST_ALLELES = 64
"""Alleles of one codon that are compared with each other."""

WORDS = {phase.IN_CIS: codons.IN_CIS, phase.POSSIBLE: codons.POSSIBLY_IN_CIS}
_FLAG, _BEHIND = b";GAS_FLAG=", b";CSQ="
T = TypeVar("T")


@dataclass(frozen=True)
class EdgeAllele:
    """A line of the result whose allele changes a codon that may go on beyond its block."""

    place: str
    touched: Touched
    high: int  # the last base of its codons
    late: bool  # whether they may go on behind the block
    line: bytes


def pairs(alleles: Sequence[tuple[T, Touched]]) -> Iterator[tuple[T, T]]:
    """Gives every two alleles that change one codon and can be on one chromosome; some of them more than once."""
    for together in _together(alleles):
        for one, other in combinations(together, 2):
            if not alleles[one][1].excludes(alleles[other][1]):
                yield alleles[one][0], alleles[other][0]


def _together(alleles: Sequence[tuple[T, Touched]]) -> Iterator[tuple[int, ...]]:
    """Gives the indices of alleles that change one codon, as many as are compared."""
    by_codon: dict[int, list[int]] = {}
    for index, (_, touched) in enumerate(alleles):
        for codon in touched.codons:
            by_codon.setdefault(codon, []).append(index)
    # most transcripts of a gene have the same codons
    for together in {tuple(indices) for indices in by_codon.values() if len(indices) > 1}:
        yield together[:MOST_ALLELES]


def accompanied(alleles: Sequence[tuple[T, Touched]]) -> set[T]:
    """Returns those that are in any of the `pairs`."""
    found: set[int] = set()
    for together in _together(alleles):
        for one, other in combinations(together, 2):
            if (one not in found or other not in found) and not alleles[one][1].excludes(alleles[other][1]):
                found |= {one, other}
    return {alleles[index][0] for index in found}


def shared(batch: AlleleBatch, answers: Mapping[Key, AlleleAnnotation], *, samples: bool) -> dict[int, int]:
    """Returns for the lines that change a codon together with another of the batch what `phase` says of them."""
    changing = [(key, answer.touched) for key, answer in answers.items() if answer.touched.codons]
    if not samples:
        keys = accompanied(changing)
        return {index: phase.POSSIBLE for index, key in enumerate(batch.keys) if key in keys} if keys else {}
    found = set(pairs(changing))
    if not found:
        return {}
    lines: dict[Key, list[int]] = {key: [] for pair in found for key in pair}
    for index, key in enumerate(batch.keys):
        if key in lines:
            lines[key].append(index)
    genotypes: dict[int, Calls | None] = {}

    def calls(index: int) -> Calls | None:
        if index not in genotypes:
            genotypes[index] = phase.calls(batch.tails[index])
        return genotypes[index]

    verdicts: dict[int, int] = {}
    for one, other in sorted(found):
        if max(len(lines[one]), len(lines[other])) > MOST_LINES:
            said = {index: phase.POSSIBLE for index in (*lines[one], *lines[other])}
        else:
            said = _compared(lines[one], lines[other], calls)
        for index, verdict in said.items():
            verdicts[index] = max(verdict, verdicts.get(index, phase.APART))
    return {index: verdict for index, verdict in verdicts.items() if verdict != phase.APART}


def _compared(ones: list[int], others: list[int], calls: Callable[[int], Calls | None]) -> dict[int, int]:
    """The most that any two lines of two alleles say, for each of them."""
    said: dict[int, int] = dict.fromkeys((*ones, *others), phase.APART)
    for one in ones:
        for other in others:
            verdict = phase.together(calls(one), calls(other))
            said[one], said[other] = max(said[one], verdict), max(said[other], verdict)
    return said


def edges(
    batch: AlleleBatch,
    answers: Mapping[Key, AlleleAnnotation],
    lines: list[bytes],
    extent: Callable[[int], tuple[int, int]],
    slack: int,
) -> list[EdgeAllele]:
    """Returns the lines of a batch whose codons may have bases in the blocks before and behind it.

    `extent`: the first and the last base of a codon; `slack`: bases by which an allele may reach into the next block.
    """
    first, last = batch.first + 1, batch.last + 1
    at_edge: dict[Key, tuple[Touched, int]] = {}
    for key, answer in answers.items():
        touched = answer.touched
        if not touched.codons:
            continue
        near = touched.start - 2 <= first + slack or touched.end + 2 >= last
        if near or touched.spread:
            extents = [extent(codon) for codon in touched.codons]
            high = max(end for _, end in extents)
            if high >= last or min(begin for begin, _ in extents) <= first + slack:
                at_edge[key] = touched, high
    found: list[EdgeAllele] = []
    left = dict.fromkeys(at_edge, MOST_LINES)
    for asked, line in zip(batch.keys, lines, strict=True) if at_edge else ():
        if asked in at_edge and left[asked]:
            left[asked] -= 1
            touched, high = at_edge[asked]
            found.append(EdgeAllele(batch.place, touched, high, high >= last, line))
    return found


def verdict_of(text: bytes) -> int:
    """Returns what GAS_FLAG of a line of the result says of another allele in its codon."""
    _, words, _ = _flags(text)
    return max((verdict for verdict, word in WORDS.items() if word.encode() in words), default=phase.APART)


def flagged(text: bytes, verdict: int) -> bytes:
    """Returns a line of the result, or its tags, with what is to be said in GAS_FLAG, instead of what it said of that before."""
    before, words, behind = _flags(text)
    words = [one for one in words if one.decode() not in WORDS.values()]
    return before + _FLAG + b",".join([*words, WORDS[verdict].encode()]) + behind


def _flags(text: bytes) -> tuple[bytes, list[bytes], bytes]:
    """The words of GAS_FLAG, and what is before and behind the tag, or where it belongs; an allele with codons has a CSQ."""
    place = text.index(_BEHIND)
    begin = text.rfind(_FLAG, 0, place)
    if begin < 0:
        return text[:place], [], text[place:]
    return text[:begin], text[begin + len(_FLAG) : place].split(b","), text[place:]
