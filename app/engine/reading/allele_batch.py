"""Alleles by the column: what reading makes of records, and annotating begins with."""

from dataclasses import dataclass, field

Key = tuple[bytes, ...]
"""Position, REF and ALT as text."""

COLUMNS = ("heads", "starts", "refs", "alts", "ends", "keys", "known", "tails")
Row = tuple[bytes, int, bytes, bytes, int, Key | None, Key | None, bytes]  # in the order of COLUMNS


@dataclass
class AlleleBatch:
    """Neighbouring alleles on one contig, a column each; `heads` end with INFO, or with the tab before it if there is none."""

    place: str  # the contig as the reference calls it
    name: bytes  # and as the file does
    heads: list[bytes] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    refs: list[bytes] = field(default_factory=list)
    alts: list[bytes] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    # as the file wrote it, which is what a consequence is asked for with; None: nothing can be said of the allele
    keys: list[Key | None] = field(default_factory=list)
    # trimmed and leftmost, which is what is looked up; None: no allele that could be known
    known: list[Key | None] = field(default_factory=list)
    tails: list[bytes] = field(default_factory=list)  # what follows INFO, with the end of the line
    bare: bool = False  # whether there is one without INFO
    first: int = 0  # where the records began and ended before their alleles were moved
    last: int = 0

    def part(self, begin: int, end: int) -> "AlleleBatch":
        """The alleles from one index to another, as a batch that could stand in a block of its own."""
        first = self.first if begin == 0 else max(self.first, self.starts[begin])
        last = self.last if end == len(self.starts) else max(self.first, self.starts[end - 1])
        columns = {name: getattr(self, name)[begin:end] for name in COLUMNS}
        return AlleleBatch(self.place, self.name, **columns, bare=self.bare, first=first, last=max(first, last))

    def order(self) -> None:
        """Sort by position; alleles may have moved."""
        order = sorted(range(len(self.starts)), key=self.starts.__getitem__)
        for name in COLUMNS:
            column = getattr(self, name)
            column[:] = [column[index] for index in order]
