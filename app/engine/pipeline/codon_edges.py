"""Alleles of different blocks that change one codon: what was written of them is flagged before it leaves this process."""

from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache

from app.engine.pipeline.codons import WORDS, EdgeAllele, flagged, pairs, verdict_of
from app.engine.reading import phase
from app.engine.reading.normalize import REACH

MOST_CARRIED = 10_000
"""Alleles that wait for the rest of their codons; the oldest are given up."""

_MOVED_BASES = REACH + 1


@dataclass
class CodonEdges:
    """Compares each block with those before it. `samples`: whether the file has genotypes."""

    samples: bool
    flags: Counter[str] = field(default_factory=Counter)
    _carried: list[tuple[int, EdgeAllele]] = field(default_factory=list)  # number of the block, allele
    _marks: dict[bytes, int] = field(default_factory=dict)  # what is to be said of lines

    def add(self, number: int, edges: list[EdgeAllele], place: str, first: int) -> None:
        """Takes in the next block, which begins on a contig at a position (from 0)."""
        self._carried = [one for one in self._carried if one[1].place == place and one[1].high > first]
        here = [(number, edge) for edge in edges]
        if self._carried:
            beside = [(one, one[1].touched) for one in (*self._carried, *here) if one[1].place == place]
            for one, other in {(id(pair[0]), id(pair[1])): pair for pair in pairs(beside)}.values():
                if one[0] != other[0]:
                    self._compare(one[1], other[1])
        self._carried += [one for one in here if one[1].late]
        del self._carried[:-MOST_CARRIED]

    def needs(self) -> int | None:
        """Returns the number of the earliest block in which a line may have to be flagged; None if there is no such line."""
        return min((number for number, _ in self._carried), default=None)

    def give_up(self, number: int) -> None:
        """Lets a block go, whatever its lines wait for."""
        self._carried = [one for one in self._carried if one[0] > number]

    def marked(self, contigs: set[bytes], first: int, last: int) -> bool:
        """Returns whether a block on contigs, as the file calls them, may have lines to flag.

        On one contig it has lines from `first` to `last`, and those that moved; what is to be said before is not needed again.
        """
        if len(contigs) > 1:
            return any(_place(line)[0] in contigs for line in self._marks)
        low, high = first - _MOVED_BASES, last + _MOVED_BASES
        places = {line: _place(line) for line in self._marks}
        self._marks = {
            line: verdict for line, verdict in self._marks.items() if places[line][0] not in contigs or places[line][1] >= low
        }
        return any(places[line][0] in contigs and places[line][1] <= high for line in self._marks)

    def places(self) -> set[tuple[bytes, int]]:
        """Returns the contigs and positions (from 0) of the lines of which something is to be said."""
        return {_place(line) for line in self._marks}

    def apply(self, lines: list[bytes]) -> list[bytes]:
        """Returns these lines with what is to be said of them."""
        return [self._said(line) if line in self._marks else line for line in lines]

    def _compare(self, one: EdgeAllele, other: EdgeAllele) -> None:
        verdict = phase.together(_calls(one.line), _calls(other.line)) if self.samples else phase.POSSIBLE
        for edge in (one, other):
            if verdict > self._marks.get(edge.line, phase.APART):
                self._marks[edge.line] = verdict

    def _said(self, line: bytes) -> bytes:
        verdict, before = self._marks[line], verdict_of(line)
        if verdict <= before:
            return line
        self.flags[WORDS[verdict]] += 1
        if before:
            self.flags[WORDS[before]] -= 1
        return flagged(line, verdict)


def _place(line: bytes) -> tuple[bytes, int]:
    contig, position, _ = line.split(b"\t", 2)
    return contig, int(position) - 1


@lru_cache(maxsize=16)
def _calls(line: bytes) -> phase.Calls | None:
    columns = line.split(b"\t", 8)
    return phase.calls(b"\t" + columns[8]) if len(columns) > 8 else None
