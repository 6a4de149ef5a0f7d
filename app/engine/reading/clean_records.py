"""Records of which a pattern saw that they are clean, by the column, and the lines of the block that they came from."""

from dataclasses import dataclass
from operator import add

from app.engine.reading.allele_batch import AlleleBatch


@dataclass(frozen=True)
class CleanRecords:
    """Clean records of one contig, a column each."""

    name: bytes
    heads: tuple[bytes, ...]
    positions: tuple[bytes, ...]
    refs: tuple[bytes, ...]
    alts: tuple[bytes, ...]
    infos: tuple[bytes, ...]
    tails: tuple[bytes, ...]
    forms: tuple[bytes, ...]
    samples: tuple[bytes, ...]
    starts: list[int]
    ends: list[int]

    @classmethod
    def of(cls, rows: list[tuple[bytes, ...]]) -> "CleanRecords":
        """The fields CLEAN of records as columns."""
        heads, contigs, positions, refs, alts, infos, tails, forms, samples = zip(*rows, strict=True)
        starts = [int(position) - 1 for position in positions]
        ends = list(map(add, starts, map(len, refs)))
        return cls(contigs[0], heads, positions, refs, alts, infos, tails, forms, samples, starts, ends)

    def batch(self, place: str) -> AlleleBatch:
        """The same as alleles, for those of them that have one allele where it belongs."""
        keys = list(zip(self.positions, self.refs, self.alts, strict=True))
        columns = AlleleBatch(place, self.name, list(self.heads), self.starts, list(self.refs), list(self.alts), self.ends)
        columns.keys, columns.known, columns.tails = list(keys), list(keys), list(self.tails)
        columns.bare = b"" in self.infos
        return columns


class Block:
    """The lines of a block by their index, cut only if one is asked for."""

    def __init__(self, block: bytes, first: int) -> None:
        self.first = first  # number of the first line in the file
        self._block = block
        self._lines: list[bytes] = []

    def at(self, index: int) -> tuple[bytes, int]:
        """A line and its number in the file."""
        self._lines = self._lines or self._block.split(b"\n")
        return self._lines[index], self.first + index
