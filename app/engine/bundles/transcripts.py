"""The transcripts of a bundle, ready at once: mapped into memory, shared by all processes, decoded one by one when asked for."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.engine.bundles import layout
from app.engine.bundles.genes import Genes
from app.engine.bundles.layout import BIN_SHIFT, Flags
from app.engine.bundles.mapped import BundleError, Mapped, identity
from app.engine.bundles.texts import Texts
from app.engine.consequence.transcript import Transcript

DECODED = 1024
"""Decoded transcripts that are kept, those used last."""

_INCOMPLETE_START, _INCOMPLETE_END = int(Flags.INCOMPLETE_START), int(Flags.INCOMPLETE_END)  # quicker than the enum
_CANONICAL, _BASIC = int(Flags.CANONICAL), int(Flags.BASIC)

Ints = NDArray[np.signedinteger[Any]]


class Transcripts:
    """All transcripts, as rows: `layout.py` says what each array means. The arrays are read-only."""

    def __init__(self, mapped: Mapped) -> None:
        self._mapped = mapped
        array = mapped.array
        self.starts, self.ends, self.strands = array("starts"), array("ends"), array("strands")
        self.codes, self.flags = array("codes"), array("flags")
        self.coding_starts, self.coding_ends, self.phases = array("coding_starts"), array("coding_ends"), array("phases")
        self.exon_offsets, self.exon_keys = array("exon_offsets"), array("exon_keys")
        self.exon_starts, self.exon_ends, self.exon_cdna = array("exon_starts"), array("exon_ends"), array("exon_cdna")
        self.spliced_offsets, self.spliced = array("spliced_offsets"), array("spliced")
        self.columns: Mapping[str, NDArray[Any]] = MappingProxyType({name: array(name) for name in layout.TRANSCRIPTS})
        """The arrays of `layout.TRANSCRIPTS` by name, those with indices of texts, too; `text` has the text."""
        self.text = Texts(mapped)
        self.genes = Genes(mapped, self.text)
        self._values = {name: _items(column) for name, column in self.columns.items()}
        self._exons = _items(self.exon_offsets), _items(self.exon_starts), _items(self.exon_ends)
        self._spliced = _items(self.spliced_offsets), _items(self.spliced)
        self._gene_identifiers = _items(self.genes.identifiers)
        self._selenocysteines = _items(array("selenocysteine_rows")), _items(array("selenocysteine_positions"))
        self._micro_rna = tuple(_items(array(f"micro_rna_{name}")) for name in ("rows", "starts", "ends"))
        self._special = frozenset(self._selenocysteines[0]) | frozenset(self._micro_rna[0])  # few have either
        self._bins = array("bin_firsts"), array("bin_offsets"), array("bin_rows")
        self._places = {name: tuple(numbers) for name, *numbers in mapped.facts["contigs"]}
        self._firsts = [first for first, *_ in self._places.values()]
        self._names = list(self._places)
        self._decoded = lru_cache(DECODED)(self._decode)
        if not len(self.starts) == len(self.exon_offsets) - 1 == mapped.facts["transcripts"]:
            raise BundleError("The arrays of the transcripts are not of one length: build the bundle again")

    @staticmethod
    def open(path: Path) -> "Transcripts":
        """Map the file, or give what was mapped of it before. Raises BundleError if it is no such file, or cut off or damaged."""
        return _opened(path, identity(path))

    def gene_table(self) -> Iterator[bytes]:
        """The lines of the table of genes; see `Genes.table`."""
        numbered = zip(self.columns["genes"].tolist(), self.columns["hgncs"].tolist(), strict=True)
        return self.genes.table({gene: hgnc for gene, text in numbered if (hgnc := self.text[text])})

    def verify(self) -> None:
        """Read the whole file, and raise BundleError if it is not what was written."""
        self._mapped.verify()

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index: int) -> Transcript:
        """The transcript of a row. Raises IndexError beyond the last."""
        return self._decoded(int(index))

    def rows(self, contig: str) -> range:
        """The rows of a contig; none for one that has no transcripts."""
        first, count, _, _ = self._places.get(contig, (0, 0, 0, 0))
        return range(first, first + count)

    def overlapping(self, contig: str, starts: Ints, ends: Ints, distance: int = 0) -> tuple[Ints, Ints]:
        """All pairs of an allele and a transcript that is at most `distance` bases away, as two arrays of one length.

        Alleles are intervals of the contig, 1-based and both ends included; of an insertion, which lies between two bases, the
        end is one less than the start. A transcript counts if it starts at or before end + distance, and ends at or after
        start - distance, so that at distance 0 an insertion counts where bases of the transcript are on both sides.

        Returns indices of alleles, ascending, and rows of transcripts, ascending for each allele.

        How: rows are sorted by start, and the contig is cut into bins. Let `low` be start - distance. A transcript near an allele
        either starts in the bin of `low` or later: those are one run of rows, from the first of the bin to the last that starts
        in time. Or it started before, and reaches into the bin: those the bin lists. Of both, what ends before `low` is
        dropped, and there is little of that, however long or nested transcripts are. Between the genes nothing is left to do.
        """
        if contig not in self._places or not len(starts):
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        low, run, runs, listed, lists = self._candidates(contig, starts, ends, distance)
        ran_alleles, ran = _spread(run, runs)
        listed_alleles, at = _spread(listed, lists)
        bin_rows = self._bins[2][at].astype(np.int64)
        alleles, rows = np.concatenate([listed_alleles, ran_alleles]), np.concatenate([bin_rows, ran])
        near = self.ends[rows] >= low[alleles]
        alleles, rows = alleles[near], rows[near]
        order = np.argsort(alleles, kind="stable")
        return alleles[order], rows[order]

    def at_most(self, contig: str, starts: Ints, ends: Ints, distance: int = 0) -> Ints:
        """For each allele a number of transcripts that `overlapping` does not exceed, without any of them being looked at."""
        if contig not in self._places or not len(starts):
            return np.zeros(len(starts), np.int64)
        _, _, runs, _, lists = self._candidates(contig, starts, ends, distance)
        return runs + lists

    def _candidates(self, contig: str, starts: Ints, ends: Ints, distance: int) -> tuple[Ints, Ints, Ints, Ints, Ints]:
        """As `overlapping` has it, for each allele: `low`, the first row and length of its run, and of what its bin lists."""
        first, count, first_bin, bins = self._places[contig]
        low = np.maximum(np.asarray(starts, np.int64) - distance, 0)
        high = np.minimum(np.asarray(ends, np.int64) + distance, np.iinfo(np.int32).max)
        bin_firsts, bin_offsets, _ = self._bins
        place = first_bin + np.minimum(low >> BIN_SHIFT, bins)
        run = bin_firsts[place].astype(np.int64)
        after = first + np.searchsorted(self.starts[first : first + count], high.astype(np.int32), side="right")
        listed = bin_offsets[place].astype(np.int64)
        return low, run, np.maximum(after - run, 0), listed, bin_offsets[place + 1] - listed

    def exon_at(self, rows: Ints, positions: Ints) -> Ints:
        """For each pair the index of the last exon (on the contig) that starts at or before the position.

        Index into the exon arrays; one less than the row's first where the position is before all its exons. The position is in
        the exon where it is not beyond `exon_ends`, else in the intron behind it, or beyond the transcript.
        """
        return np.searchsorted(self.exon_keys, np.asarray(rows, np.int64) << 32 | positions, side="right") - 1

    def _decode(self, row: int) -> Transcript:
        if not 0 <= row < len(self):
            raise IndexError(row)
        value = {name: column[row] for name, column in self._values.items()}
        text, flags = self.text, value["flags"]
        offsets, starts, ends = self._exons
        exons = list(zip(starts[offsets[row] : offsets[row + 1]], ends[offsets[row] : offsets[row + 1]], strict=True))
        places, spliced = self._spliced
        special = row in self._special
        return Transcript(
            index=row,
            contig=self._names[bisect_right(self._firsts, row) - 1],
            start=value["starts"],
            end=value["ends"],
            strand=value["strands"],
            identifier=text[value["identifiers"]],
            gene=text[self._gene_identifiers[value["genes"]]],
            symbol=text[value["symbols"]],
            symbol_source=text[value["symbol_sources"]],
            hgnc=text[value["hgncs"]],
            biotype=text[value["biotypes"]],
            protein=text[value["proteins"]],
            source=text[value["sources"]],
            code=value["codes"],
            exons=tuple(exons[:: value["strands"]]),
            coding_start=value["coding_starts"],
            coding_end=value["coding_ends"],
            phase=value["phases"],
            bases=bytes(spliced[places[row] : places[row + 1]]),
            selenocysteines=tuple(_of(row, *self._selenocysteines)[0]) if special else (),
            incomplete_start=bool(flags & _INCOMPLETE_START),
            incomplete_end=bool(flags & _INCOMPLETE_END),
            canonical=bool(flags & _CANONICAL),
            mane_select=text[value["mane_selects"]],
            mane_plus_clinical=text[value["mane_plus_clinicals"]],
            appris=text[value["appris"]],
            level=value["levels"],
            ccds=text[value["ccds"]],
            basic=bool(flags & _BASIC),
            micro_rna=tuple(zip(*_of(row, *self._micro_rna), strict=True)) if special else (),
        )


@lru_cache(maxsize=4)
def _opened(path: Path, which: tuple[int, ...]) -> Transcripts:
    return Transcripts(Mapped(path, layout.KIND, layout.VERSION))


def _spread(firsts: Ints, counts: Ints) -> tuple[Ints, Ints]:
    """For each of the runs of numbers from `firsts`, as long as `counts`: which run, and the number."""
    some = np.flatnonzero(counts)
    counts = counts[some]
    which = np.repeat(some, counts)
    return which, np.arange(len(which)) + np.repeat(firsts[some] - np.cumsum(counts) + counts, counts)


def _items(column: NDArray[Any]) -> memoryview:
    """The same items, read one by one three times as fast."""
    return memoryview(column)  # type: ignore[arg-type]


def _of(row: int, rows: memoryview, *columns: memoryview) -> list[list[int]]:
    """Of columns sorted by row, what belongs to one row."""
    first = bisect_left(rows, row)
    last = bisect_right(rows, row, first)
    return [column[first:last].tolist() for column in columns]
