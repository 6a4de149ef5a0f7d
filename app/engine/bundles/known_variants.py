"""Known variants: a VCF from the web, its alleles trimmed, moved left, checked against the sequence, and its values, as pieces.

Text is worked on by the block, and each row costs about a microsecond; what a block has of rare things goes through slower code.
"""

import gc
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from app.engine.bundles.mapped import BundleError
from app.engine.bundles.sequence import Sequence as Genome
from app.engine.bundles.sources import text_blocks
from app.engine.bundles.track_format import CODES, OTHERS
from app.engine.bundles.track_writer import AllelePiece, Dictionary, ValueColumn, numbered
from app.engine.bundles.vcf_columns import InfoTag, Ints, VcfBlock
from app.engine.reading.normalize import leftmost, movable

_BASES = re.compile(rb"[ACGTN]+").fullmatch
_LETTERS = (b"A", b"C", b"G", b"T")
_SUBSTITUTIONS = {(ref, alt): CODES[ref, alt] for ref in _LETTERS for alt in _LETTERS if ref != alt}
_BASE_CODES = np.full(256, -1, np.int64)
_BASE_CODES[list(b"ACGT")] = range(4)
_FIXED = {"ID": 2, "FILTER": 6}
_REMEMBERED = 1 << 18

STARS: dict[bytes, bytes] = {
    b"practice_guideline": b"4",
    b"reviewed_by_expert_panel": b"3",
    b"criteria_provided,_multiple_submitters,_no_conflicts": b"2",
    b"criteria_provided,_multiple_submitters": b"2",
    b"criteria_provided,_conflicting_classifications": b"1",
    b"criteria_provided,_conflicting_interpretations": b"1",
    b"criteria_provided,_single_submitter": b"1",
}
"""Stars of ClinVar's review status (https://www.ncbi.nlm.nih.gov/clinvar/docs/review_status/); all others have none."""

SIGNIFICANT_DIGITS = 4
_ROUNDED = b"%%.%dg" % SIGNIFICANT_DIGITS


def plain(value: bytes) -> bytes:
    """A value as INFO may carry it."""
    return b"" if value in (b".", b"") else re.sub(rb"[\s;=]+", b"_", value.strip())


def listed(value: bytes) -> bytes:
    """Values with `|` between them, as ClinVar has them, with commas between; a comma within one goes."""
    return plain(value.replace(b",_", b"_").replace(b",", b"_").replace(b"|", b","))


def stars(value: bytes) -> bytes:
    """Stars for a review status; none for no status at all."""
    return STARS.get(value, b"0") if value not in (b".", b"") else b""


def frequency(value: bytes) -> bytes:
    """A frequency, rounded to `SIGNIFICANT_DIGITS`."""
    try:
        return _ROUNDED % float(value) if value not in (b".", b"") else b""
    except ValueError:
        return b""


def failed(value: bytes) -> bytes:
    """The filters that a site failed; nothing if it passed."""
    return b"" if value in (b"PASS", b".", b"") else plain(value.replace(b";", b","))


MEANINGS: dict[str, Callable[[bytes], bytes]] = {
    "text": plain,
    "list": listed,
    "stars": stars,
    "frequency": frequency,
    "failed": failed,
}
"""What a recipe's column may say that its values are (`as`); beside these, `number`: digits behind the same letters."""


@dataclass(frozen=True)
class KnownColumn:
    """Where the values of a column come from: an INFO tag, ID or FILTER, what they mean, and letters before a number."""

    source: str
    meaning: str = "text"
    prefix: str = ""

    @property
    def stored(self) -> ValueColumn:
        """How its values are stored."""
        return ValueColumn("numbers", self.prefix) if self.meaning == "number" else ValueColumn()


class _Numbers(dict[bytes, int]):
    """The number of each cell as it stands in the file; few cells are many."""

    def __init__(self, column: KnownColumn, texts: Dictionary) -> None:
        super().__init__()
        self._meaning = MEANINGS.get(column.meaning, _first_identifier)
        self._number = numbered(column.stored, texts)
        self._kept = column.meaning != "number"
        self._before = column.prefix.encode()

    def of(self, block: VcfBlock, begins: Ints, ends: Ints) -> Ints:
        """The numbers of what lies between these places."""
        if self._kept:
            return self.of_cells(block.cells(begins, ends))
        found = np.where(block.begin_with(begins, ends, self._before), block.numbers(begins + len(self._before), ends), -1)
        odd = np.flatnonzero((found < 0) | (found >= 1 << 32))
        found[odd] = self.of_cells(block.cells(begins[odd], ends[odd]))
        return found

    def of_cells(self, cells: Sequence[bytes]) -> Ints:
        """The numbers of these cells."""
        return np.array(list(map(self.__getitem__, cells)), np.int64)

    def __missing__(self, cell: bytes) -> int:
        number = self._number(self._meaning(cell))
        if self._kept:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[cell] = number
        return number


def _first_identifier(value: bytes) -> bytes:
    return plain(value.split(b";", 1)[0])


class _Other(NamedTuple):
    """An allele of a row that is no plain substitution: its number among the row's, where it is, and its text if it needs one."""

    row: int
    number: int
    position: int
    code: int
    text: bytes


@dataclass
class Tally:
    """What became of the records: alleles that contradict the sequence, and those that no position and bases describe."""

    mismatches: int = 0
    symbolic: int = 0


class _Contig:
    """Takes in the rows of one contig."""

    def __init__(
        self, folder: Path, name: str, genome: Genome, columns: Sequence[KnownColumn], per_allele: Sequence[bool]
    ) -> None:
        self._name, self._genome, self._columns, self._per_allele = name, genome, columns, per_allele
        self.piece = AllelePiece(folder, name, [column.stored for column in columns])
        self._numbers = [_Numbers(*pair) for pair in zip(columns, self.piece.dictionaries, strict=True)]
        self._tags = [InfoTag(column.source) for column in columns]
        self._bases = partial(_read, genome, name)
        self.tally = Tally()

    def add(self, block: VcfBlock, rows: slice) -> None:
        """Add rows of a block."""
        places = block.numbers(*block.field(1, rows))
        if (places < 0).any():
            raise BundleError(f"a record of {self._name} has a position that is no number")
        (ref_begins, ref_ends), (alt_begins, alt_ends) = block.field(3, rows), block.field(4, rows)
        refs, alts = block.letters[ref_begins], block.letters[alt_begins]
        plain_rows = (ref_ends - ref_begins == 1) & (alt_ends - alt_begins == 1) & (refs != alts)
        plain_rows &= (_BASE_CODES[refs] >= 0) & (_BASE_CODES[alts] >= 0)
        agrees = self._genome.agrees(self._name, places, refs)
        right = plain_rows & agrees
        self.tally.mismatches += int(plain_rows.sum() - right.sum())
        taken, rest = np.flatnonzero(right), np.flatnonzero(~plain_rows)
        rest_refs, rest_alts = block.cells(ref_begins[rest], ref_ends[rest]), block.cells(alt_begins[rest], alt_ends[rest])
        others = self._others(rest.tolist(), places[rest].tolist(), rest_refs, rest_alts, agrees[rest].tolist())
        which = np.concatenate((taken, np.array([one.row for one in others], np.int64)))
        positions = np.concatenate((places[taken], np.array([one.position for one in others], np.int64)))
        codes = np.concatenate((_BASE_CODES[alts[taken]], np.array([one.code for one in others], np.int64)))
        values = [self._values(number, block, rows, which, others) for number in range(len(self._columns))]
        kept = np.any([one > 0 for one in values], axis=0)
        order = np.argsort(which, kind="stable")
        order = order[kept[order]]
        place_of = np.full(len(which), -1, np.int64)
        place_of[order] = np.arange(len(order))
        first = len(taken)
        texts = {int(place_of[first + index]): one.text for index, one in enumerate(others) if one.text and kept[first + index]}
        self.piece.add(positions[order], codes[order], [one[order] for one in values], texts, int(places[-1]))

    def _others(
        self, rows: list[int], places: list[int], refs: list[bytes], alts: list[bytes], begun: list[bool]
    ) -> list[_Other]:
        """The alleles of rows that are no plain substitution. `begun`: whether the first base of REF is the sequence's."""
        found = []
        for row, place, ref, alleles, checked in zip(rows, places, refs, alts, begun, strict=True):
            checked = checked and len(ref) == 1
            for number, alt in enumerate(alleles.split(b",")):
                if (code := _SUBSTITUTIONS.get((ref, alt), -1)) < 0:
                    ref, alt = ref.upper(), alt.upper()
                    if not (_BASES(ref) and _BASES(alt)) or ref == alt:
                        self.tally.symbolic += 1
                        continue
                if not checked and not self._genome.holds(self._name, place, ref):
                    self.tally.mismatches += alleles.count(b",") + 1 - number
                    break
                checked = True
                position, base = place, ref
                if code < 0:
                    if movable(ref, alt):
                        start, base, alt = leftmost(self._bases, place - 1, ref, alt)
                        position = start + 1
                    code = CODES[base, alt]
                found.append(_Other(row, number, position, code, b"%b>%b" % (base, alt) if code >= OTHERS else b""))
        return found

    def _values(self, number: int, block: VcfBlock, rows: slice, which: Ints, others: list[_Other]) -> Ints:
        """The numbers of a column's values, one an allele."""
        source, numbers = self._columns[number].source, self._numbers[number]
        if source in _FIXED:
            return numbers.of(block, *block.field(_FIXED[source], rows))[which]
        cells = block.info(self._tags[number], rows)
        found = numbers.of_cells(cells)[which]
        if self._per_allele[number]:
            first = len(which) - len(others)
            for index, one in enumerate(others, first):
                parts = cells[one.row].split(b",")
                found[index] = numbers[parts[one.number] if one.number < len(parts) else parts[-1]]
        return found

    def close(self) -> Mapping[str, int]:
        """End the piece; what was counted."""
        self.piece.close(mismatches=self.tally.mismatches, symbolic=self.tally.symbolic)
        return {"rows": self.piece.rows, "repeated": self.piece.repeated, **vars(self.tally)}


def _read(genome: Genome, contig: str, begin: int, end: int) -> bytes:
    return genome.get(contig, begin + 1, end)


def convert(
    source: Path,
    folder: Path,
    genome_path: Path,
    names: Mapping[str, str],
    columns: Sequence[KnownColumn],
    part: tuple[str, int] | None = None,
) -> dict[str, Any]:
    """Convert a VCF, or the contig of it that begins at a virtual offset (`part`), into pieces below a folder, one a contig.

    `names` has the contigs of the sequence by each of their names; records elsewhere are left out. Returns what was
    counted. Raises BundleError.
    """
    gc.disable()  # millions of small objects and no cycles: looking for some takes as long as all else
    try:
        return _convert(source, folder, Genome.open(genome_path), names, columns, part)
    finally:
        gc.enable()


def _convert(
    source: Path,
    folder: Path,
    genome: Genome,
    names: Mapping[str, str],
    columns: Sequence[KnownColumn],
    part: tuple[str, int] | None,
) -> dict[str, Any]:
    wanted = {alias.encode(): name for alias, name in names.items()}
    open_contig: _Contig | None = None
    done: dict[str, Mapping[str, int]] = {}
    numbers: dict[str, str] = {}
    try:
        for block in _blocks(source, part[1] if part else 0, numbers):
            for contig, rows in block.contigs():
                if part and contig.decode() != part[0]:
                    return _ended(open_contig, done)
                name = wanted.get(contig)
                if open_contig and open_contig.piece.contig != name:
                    done[open_contig.piece.contig] = open_contig.close()
                    open_contig = None
                if name is None:
                    continue
                if name in done:
                    raise BundleError(f"the records of {name} are in two places; sort it")
                if open_contig is None:
                    per_allele = [numbers.get(column.source) == "A" for column in columns]
                    open_contig = _Contig(folder / name, name, genome, columns, per_allele)
                open_contig.add(block, rows)
    except BundleError as error:
        raise BundleError(f"{source.name}: {error}") from error
    return _ended(open_contig, done)


def _ended(contig: _Contig | None, done: dict[str, Mapping[str, int]]) -> dict[str, Any]:
    if contig:
        done[contig.piece.contig] = contig.close()
    total = {name: sum(one[name] for one in done.values()) for name in ("rows", "repeated", "mismatches", "symbolic")}
    return {"contigs": list(done), **total}


def _blocks(source: Path, offset: int, numbers: dict[str, str]) -> Iterator[VcfBlock]:
    """The records of a VCF by the block. Notes how many values each INFO tag of its header has."""
    numbers |= {found[1]: found[2] for line in _header(source) if (found := _DECLARED(line))}
    for text in text_blocks(source, offset):
        yield VcfBlock(text)


def _header(source: Path) -> Iterator[str]:
    for text in text_blocks(source):
        for line in text.split(b"\n"):
            if not line.startswith(b"##"):
                return
            yield line.decode("utf-8", "replace").rstrip("\r")


def header_of(source: Path) -> dict[str, str]:
    """What the header of a VCF says of its version."""
    pairs = (line[2:].partition("=")[::2] for line in _header(source))
    return {name: value for name, value in pairs if name in HEADER_FACTS}


HEADER_FACTS = {"fileDate", "source", "dbSNP_BUILD_ID", "reference", "gnomAD_version"}
"""Lines of a VCF's header that say which version it is."""

_DECLARED = re.compile(r"##INFO=<ID=([^,>]+),Number=([^,>]+)").match
