"""The records of a file by the block: what is clean passes in columns, all else is examined, repaired, split or refused."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby, repeat
from operator import add

from app.engine.bundles.manifest import Bundle, Contig
from app.engine.consequence.structural import spans
from app.engine.errors import InputError, LineFault, RecordError
from app.engine.formats.fasta import Sequences
from app.engine.formats.vcf import reach
from app.engine.limits import Limits
from app.engine.reading.contigs import is_circular
from app.engine.reading.diagnostics import Diagnostics
from app.engine.reading.headers import Header
from app.engine.reading.normalize import Splitter, leftmost, movable
from app.engine.reading.old_record import noted, old_record, settled
from app.engine.reading.rejections import IN_A_BLOCK, NAMED, Rejections
from app.engine.reading.schema import CLEAN, TagSchema
from app.engine.reading.sites import PLAIN, SILENT, STRUCTURAL, SiteChecks
from app.engine.reading.values import CONTROLS, FLOAT, many, shown, text

Key = tuple[bytes, ...]
"""Position, REF and ALT as text."""
_QUALITY = re.compile(rb"\.|" + FLOAT).fullmatch
_VALUES = b"0123456789.,+-e"  # without these, the INFO of clean records are few, for their names are what is left
_MOST_KNOWN = 10_000
HELD_BASES = 4 << 20  # bases that are held at once
SPARSE = 1 << 10  # bases a record beyond which each is looked up by itself
EMPTY = (b"",) * len(CLEAN)
NEVER = re.compile(rb"(?!)").fullmatch


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


_EXAMINED, _ALTERED = 0, 1  # how many of the clean records are taken by such a stop
_Stop = tuple[int, int, int]  # the clean record before or at which it is, its kind, its line in the block
COLUMNS = ("heads", "starts", "refs", "alts", "ends", "keys", "known", "tails")
Row = tuple[bytes, int, bytes, bytes, int, Key | None, Key | None, bytes]  # in the order of COLUMNS


class Records:
    """Judges the records of one file by the block, and gives their alleles back in runs."""

    def __init__(
        self,
        header: Header,
        bundle: Bundle,
        sequences: Sequences,
        limits: Limits,
        notes: Diagnostics,
        names: dict[bytes, str] | None = None,
        *,
        move: bool = True,
    ) -> None:
        self.header, self.bundle, self.sequences, self.limits, self.notes = header, bundle, sequences, limits, notes
        self.sites = SiteChecks(header, bundle, sequences, limits, notes, names or {})
        self.declarations = TagSchema(header, limits, notes)
        self.count = self.splits = 0
        self.rejected: list[LineFault] = []
        self.sorted, self._move = True, move
        self._splitter = Splitter(header)
        self._batches: list[AlleleBatch] = []
        self._places: set[str] = set()  # contigs of these batches
        self._unique: set[bytes] = set()
        if len(header.samples) > limits.samples:
            raise InputError(limits.said("samples", got=len(header.samples)))
        self.header.check_tags(self.limits)

    def block(self, block: bytes, before: int) -> list[AlleleBatch]:
        """The alleles of a block of whole lines, before which `before` lines came."""
        self._batches, self._places = [], set()
        found = self.declarations.lines(block)
        lines = Block(block, before + 1)
        contigs, start = [row[1] for row in found], 0
        if contigs.count(contigs[0]) < len(contigs):
            for contig in [name for name, _ in groupby(filter(None, contigs))][1:]:
                end = contigs.index(contig, start)
                self._part(found[start:end], lines, start)
                start = end
        self._part(found[start:], lines, start)
        for run in self._batches:
            if not _ascending(run.starts):
                run.order()
        return self._batches

    def _part(self, found: list[tuple[bytes, ...]], lines: "Block", base: int) -> None:
        """Take in lines whose clean records are all on one contig; the first is number `base` of the block."""
        clean = [row for row in found if row[0]]
        dirty = [index for index, row in enumerate(found) if not row[0]] if len(clean) < len(found) else []
        if not clean:
            for index in dirty:
                self._add(self._judged(*lines.at(base + index)))
            return
        records = _CleanRecords.of(clean)
        contig = self.sites.contigs.find(records.name)
        odd = self._odd(records, contig)
        places = [index for index, row in enumerate(found) if row[0]]
        if odd or contig is None:
            for index in odd:
                found[places[index]] = EMPTY
            self._part(found, lines, base)
            return
        self.sites.contig([records.name, records.positions[0]], lines.first + base)
        self.count += len(clean)
        numbers = [base + place for place in places]
        others = [(index - skipped, _EXAMINED, base + index) for skipped, index in enumerate(dirty)]
        self._weave(records.batch(contig.name), others, numbers, lines)

    def _odd(self, records: "_CleanRecords", contig: Contig | None) -> set[int]:
        """Which of these records, clean as they look, have to be examined."""
        if contig is None or self.sites.preferred(contig.name, records.name) != records.name:
            return set(range(len(records.heads)))
        return (
            self._mismatching(contig.name, records.starts, records.ends, records.refs)
            | self._repeating(records.infos)
            | self._calling(records.forms, records.samples, records.alts)
        )

    def _weave(self, columns: AlleleBatch, others: list["_Stop"], numbers: list[int], lines: "Block") -> None:
        """Take over clean records, whose lines are `numbers`; in between, in order, what is to be examined, split or moved."""
        stops = others + [
            (index, _ALTERED, numbers[index])
            for index, (ref, alt) in enumerate(zip(columns.refs, columns.alts, strict=True))
            if len(ref) + len(alt) > 2 and (b"," in alt or (self._move and movable(ref, alt)) or len(ref) > self.limits.ref_bases)
        ]
        taken = 0
        for index, kind, line in sorted(stops):
            self._extend(columns, taken, index)
            taken = index + kind
            altered = self._altered(columns, index) if kind == _ALTERED else None
            if kind == _ALTERED and altered is None:
                self.count -= 1  # examining counts it again
            self._add(altered or self._judged(*lines.at(line)))
        self._extend(columns, taken, len(numbers))

    def _mismatching(self, place: str, starts: list[int], ends: list[int], refs: tuple[bytes, ...]) -> set[int]:
        """Which of these records have a REF that the reference has not."""
        low, high = min(starts), max(ends)
        if high - low > min(HELD_BASES, SPARSE * len(starts)):
            return {i for i, right in enumerate(map(self.sequences.holds, repeat(place), starts, refs)) if not right}
        bases = self.sequences.get(place, low, high)
        there = [bases[start - low : end - low] for start, end in zip(starts, ends, strict=True)]
        return set() if there == list(refs) else {i for i, (seen, ref) in enumerate(zip(there, refs, strict=True)) if seen != ref}

    def _calling(self, forms: tuple[bytes, ...], samples: tuple[bytes, ...], alts: tuple[bytes, ...]) -> set[int]:
        """Which of these records have samples that are not plainly what FORMAT says."""
        if not self.header.samples:
            return set()
        kinds = [(form, alt.count(b",") + 1) for form, alt in zip(forms, alts, strict=True)]
        patterns = {kind: self.declarations.format(*kind) or NEVER for kind in set(kinds)}
        return {i for i, (kind, values) in enumerate(zip(kinds, samples, strict=True)) if not patterns[kind](values)}

    def _repeating(self, infos: tuple[bytes, ...]) -> set[int]:
        """Which of these records name a tag of INFO twice."""
        names = b"\n".join(infos).translate(None, _VALUES).split(b"\n")
        unknown = set(names) - self._unique
        if not unknown:
            return set()
        repeated = {one for one in unknown if _repeats(one)}
        if len(self._unique) > _MOST_KNOWN:
            self._unique.clear()
        self._unique |= unknown - repeated
        return {i for i, one in enumerate(names) if one in repeated and _repeats(infos[i])} if repeated else set()

    def _batch(self, place: str, name: bytes, start: int) -> AlleleBatch:
        """The run that an allele on this contig belongs to."""
        if not self._batches or self._batches[-1].place != place:
            self.sorted = self.sorted and place not in self._places
            self._places.add(place)
            self._batches.append(AlleleBatch(place, name, first=start, last=start))
        run = self._batches[-1]
        self.sorted = self.sorted and start >= run.last
        return run

    def _extend(self, columns: AlleleBatch, begin: int, end: int) -> None:
        """Take over a slice of clean records."""
        if begin < end:
            run = self._batch(columns.place, columns.name, columns.starts[begin])
            starts = columns.starts[begin:end]
            self.sorted = self.sorted and _ascending(starts)
            for name in COLUMNS:
                getattr(run, name).extend(getattr(columns, name)[begin:end])
            run.last = starts[-1]
            run.bare = run.bare or columns.bare

    def _add(self, examined: tuple[str, bytes, int, list[Row]] | None) -> None:
        """Take over the alleles of one record."""
        if examined:
            place, name, start, rows = examined
            run = self._batch(place, name, start)
            run.last = start
            for row in rows:
                run.bare = run.bare or row[0].endswith(b"\t")
                for column, value in zip(COLUMNS, row, strict=True):
                    getattr(run, column).append(value)

    def _altered(self, columns: AlleleBatch, index: int) -> tuple[str, bytes, int, list[Row]] | None:
        """A clean record whose alleles have to be split or moved; None if its values are not one for each of them."""
        start, ref, alt = columns.starts[index], columns.refs[index], columns.alts[index]
        fields = columns.heads[index].split(b"\t")
        alts = alt.split(b",")
        tail = columns.tails[index]
        parts = [(fields[7], tail)]
        if len(alts) * (len(columns.heads[index]) + len(tail)) > self.limits.split_bytes:
            return None
        if ref in alts or len(set(alts)) < len(alts) or len(alts) > self.limits.alleles:
            return None
        if len(ref) > self.limits.ref_bases:
            return None
        if len(alts) > 1:
            _, form, *samples = tail[:-1].split(b"\t") if self.header.samples else (b"", b"")
            try:
                split = self._splitter.split(fields[7], form, samples, ref, alts, strict=True)
            except ValueError:
                return None
            parts = [(info, b"\t".join((b"", form, *calls)) + b"\n" if samples else tail) for info, calls in split]
            self.splits += len(alts) - 1
        rows = [
            self._row(columns.place, [*fields[:7], info], start, ref, one, calls, old_record(fields, number))
            for number, (one, (info, calls)) in enumerate(zip(alts, parts, strict=True), 1)
        ]
        return columns.place, columns.name, start, rows

    def _row(
        self,
        place: str,
        fields: list[bytes],
        start: int,
        ref: bytes,
        alt: bytes,
        tail: bytes,
        old: bytes,
        asked: Key | None = None,
    ) -> Row:
        """One allele at its leftmost place. `old`: the record that it was in, for its INFO if it is another one now."""
        key = known = (b"%d" % (start + 1), ref, alt)
        if self._move and movable(ref, alt):
            start, ref, alt = leftmost(lambda begin, end: self.sequences.get(place, begin, end), start, ref, alt)
            known = (b"%d" % (start + 1), ref, alt)
        altered = not self._move or known != key or b"," in fields[4]
        info = noted(fields[7], old) if altered else fields[7]
        head = b"\t".join((fields[0], known[0], fields[2], ref, alt, *fields[5:7], info))
        return head, start, ref, alt, reach(start, ref, alt, fields[7]), asked or key, known, tail

    def _judged(self, line: bytes, number: int) -> tuple[str, bytes, int, list[Row]] | None:
        """The alleles of a record; None if the line held none, or is no record, which is noted."""
        counted = self.sites.evidence()
        try:
            return self._examine(line, number)
        except RecordError as fault:
            self.sites.restore(counted)
            self.rejected.append(LineFault(number, fault.column, fault.reason, line))
            if len(self.rejected) > IN_A_BLOCK:
                raise Rejections(count=len(self.rejected), first=self.rejected[:NAMED]).refusal(self.count) from None
            return None

    def _examine(self, line: bytes, number: int) -> tuple[str, bytes, int, list[Row]] | None:
        """The alleles of a record, repaired, None if the line held none; InputError if it cannot be one."""
        if not line.strip() or line.startswith(b"#"):
            self._no_record(line, number)
            return None
        if CONTROLS.search(line):
            line = CONTROLS.sub(b"_", line)
            self.notes.add("controls", number)
        fields = self._columns(line, number)
        asked, old = (None, b"") if self._move else settled(fields)
        if len(fields[3]) > self.limits.ref_bases:
            raise RecordError(self.limits.said("ref_bases", line=number), number, "REF")
        if fields[4].count(b",") >= self.limits.alleles:
            raise RecordError(self.limits.said("alleles", line=number), number, "ALT")
        size = len(line) - len(fields[4])
        if (fields[4].count(b",") + 1) * size > self.limits.split_bytes:
            said = self.limits.said("split_bytes", line=number, got=fields[4].count(b",") + 1, each=size)
            raise RecordError(said, number, "ALT")
        for index, name in ((2, "ID"), (5, "QUAL"), (6, "FILTER"), (7, "INFO")):
            if not fields[index].strip():
                fields[index] = b"."
                self.notes.add("id_repaired", number, name)
        identifiers = b";".join(dict.fromkeys(filter(None, fields[2].strip().replace(b" ", b"_").split(b";")))) or b"."
        if identifiers != fields[2]:
            fields[2] = identifiers
            self.notes.add("id_repaired", number, "ID")
        contig = self.sites.contig(fields, number)
        verdicts = self.sites.alleles(fields, contig, number)
        alleles = 0 if fields[4] == b"." else len(verdicts)
        if not _QUALITY(fields[5]):
            raise RecordError(f"Line {number}: QUAL is {shown(fields[5])}, expected a number or a dot.", number, "QUAL")
        self.declarations.filters(fields, number)
        self.declarations.info(fields, alleles, number)
        self.header.check_tags(self.limits)
        if len(fields) > 8:
            self.declarations.genotypes(fields, alleles, number)
        self.count += 1
        self.splits += max(alleles - 1, 0)
        return contig.name, fields[0], int(fields[1]) - 1, list(self._rows(contig, fields, verdicts, asked, old))

    def _rows(self, contig: Contig, fields: list[bytes], verdicts: list[str], asked: Key | None, old: bytes) -> Iterator[Row]:
        """The alleles of a repaired record. `asked`, `old`: its key and what it was before, if it is of a settled file."""
        start, ref, alts = int(fields[1]) - 1, fields[3], fields[4].split(b",")
        info, form, samples = fields[7], b"".join(fields[8:9]), fields[9:]
        parts = [(info, samples)] if len(alts) == 1 else self._splitter.split(info, form, samples, ref, alts)
        for number, (alt, verdict, (values, calls)) in enumerate(zip(alts, verdicts, parts, strict=True), 1):
            tail = b"\t".join((b"", form, *calls)) + b"\n" if samples else b"\n"
            if verdict not in (PLAIN, SILENT, STRUCTURAL):
                values = b"GAS_FLAG=%b" % verdict.encode() if values == b"." else b"%b;GAS_FLAG=%b" % (values, verdict.encode())
            was = old if not self._move else old_record(fields, number)
            site = [*fields[:7], b"" if values == b"." else values]
            if verdict == PLAIN:
                yield self._row(contig.name, site, start, ref, alt, tail, was, asked)
                continue
            if len(alts) > 1 or old:
                site[7] = noted(site[7], was)
            head = b"\t".join((*site[:4], alt, *site[5:]))
            end = max(min(reach(start, ref, alt, values, tail), contig.length), start + 1)
            key = self._extent(contig, start, ref, alt, values) if verdict == STRUCTURAL else None
            yield head, start, ref, alt, end, key, None, tail

    @staticmethod
    def _extent(contig: Contig, start: int, ref: bytes, alt: bytes, info: bytes) -> Key:
        """The key of a structural variant: where it stands, and where it begins and ends."""
        places = spans(start + 1, alt, info, contig.length, circular=is_circular(contig))
        return b"%d" % (start + 1), ref, alt, *(b"%d" % place for span in places for place in span)

    def _no_record(self, line: bytes, number: int) -> None:
        if not line.strip():
            self.notes.add("blank_lines", number)
        elif line.startswith(b"#CHROM") and line.split(b"\t")[9:] != self.header.samples:
            raise InputError(
                f"Line {number}: a second header with other columns; it looks as if files were joined with cat. "
                "Please merge them with bcftools and upload the result.",
                number,
            )
        else:
            self.declarations.later(line, number)
            self.notes.add("comment_lines", number, text(line))

    def _columns(self, line: bytes, number: int) -> list[bytes]:
        fields = line.split(b"\t")
        width = self.header.columns
        while len(fields) > width and not fields[-1].strip():
            fields.pop()
            self.notes.add("trailing_tab", number)
        if len(fields) == width == 9:
            self.notes.add("format_dropped", number)
            return fields[:8]
        if len(fields) == width or (len(fields) == 8 and width == 9):
            return fields
        if len(fields) < 8:
            hint = " They seem to be separated by spaces instead of tabs." if len(line.split()) >= 8 else ""
            raise RecordError(f"Line {number} has {many(len(fields), 'column')}, at least 8 expected.{hint}", number)
        if len(fields) == 8 and width > 8:
            self.notes.add("missing_format", number)
            return [*fields, b"GT", *[b"."] * len(self.header.samples)]
        if min(len(fields), width) < 10:
            raise RecordError(f"Line {number} has {len(fields)} columns, the header has {width}.", number)
        got, wanted = max(len(fields) - 9, 0), len(self.header.samples)
        raise RecordError(
            f"Line {number} has {many(got, 'genotype column')}, the header declares {many(wanted, 'sample')}.", number
        )


@dataclass(frozen=True)
class _CleanRecords:
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
    def of(cls, rows: list[tuple[bytes, ...]]) -> "_CleanRecords":
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


def _ascending(starts: list[int]) -> bool:
    return starts == sorted(starts)


def _repeats(info: bytes) -> bool:
    names = [item.partition(b"=")[0] for item in info.split(b";")]
    return len(set(names)) < len(names)
