"""Where on the genome there are genes: so that csq is asked only about alleles there, and genes are found by their names."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from pathlib import Path

from app.engine.bundles.manifest import Bundle

_GENES = re.compile(rb"(?m)^([^#\t\n]+)\t[^\t\n]*\t[^\t\n]*\t([0-9]+)\t([0-9]+)\t[^\n]*\tID=(?:gene|transcript):").findall

TABLE = "genes.tsv"
"""File of a bundle, a line a gene: name, contig, first and last position, id. A thousandth of the gene models."""


def table(models: Iterable[Path]) -> bytes:
    """The table of the genes in these gene models."""
    rows = []
    for path in models:
        with path.open("rb") as lines:
            for line in lines:
                fields = line.rstrip(b"\r\n").split(b"\t")
                if len(fields) == 9 and fields[8].startswith(b"ID=gene:"):
                    attributes = dict(item.partition(b"=")[::2] for item in fields[8].split(b";"))
                    name = attributes[b"ID"].removeprefix(b"gene:")
                    rows.append(b"\t".join((attributes.get(b"Name", name), fields[0], fields[3], fields[4], name)) + b"\n")
    return b"".join(rows)


class Places:
    """Where on the contigs there are genes, neighbours and overlapping ones joined."""

    def __init__(self, bundle: Bundle) -> None:
        self._places: dict[str, tuple[list[int], list[int]]] = {}
        found: dict[bytes, list[tuple[int, int]]] = {}
        for genes in bundle.genes:
            with bundle.path(genes.file).open("rb") as file:
                while lines := file.readlines(1 << 22):
                    for contig, start, end in _GENES(b"".join(lines)):
                        found.setdefault(contig, []).append((int(start) - 1, int(end)))
        for contig, intervals in found.items():
            starts: list[int] = []
            ends: list[int] = []
            for start, end in sorted(intervals):
                if ends and start <= ends[-1]:
                    ends[-1] = max(ends[-1], end)
                else:
                    starts.append(start)
                    ends.append(end)
            self._places[contig.decode()] = starts, ends

    def between(self, contig: str, begin: int, end: int) -> list[tuple[int, int]]:
        """The places (from 0, half-open) that overlap an interval."""
        starts, ends = self._places.get(contig, ([], []))
        first, last = bisect_right(ends, begin), bisect_left(starts, end)
        return list(zip(starts[first:last], ends[first:last], strict=True))
