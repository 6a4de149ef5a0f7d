"""The records of a file by the block: what is clean passes in columns, all else is examined, repaired, split or refused."""

import re
from itertools import groupby

import numpy as np

from app.engine.bundles.manifest import Bundle, Contig
from app.engine.bundles.sequence import Sequence
from app.engine.errors import InputError, LineFault, RecordError
from app.engine.formats.fasta import Sequences
from app.engine.limits import Limits
from app.engine.reading.allele_batch import COLUMNS, AlleleBatch
from app.engine.reading.clean_records import Block, CleanRecords
from app.engine.reading.diagnostics import Diagnostics
from app.engine.reading.examination import Examined, RecordExaminer
from app.engine.reading.headers import Header
from app.engine.reading.normalize import movable
from app.engine.reading.rejections import IN_A_BLOCK, NAMED, Rejections
from app.engine.reading.schema import CLEAN, TagSchema
from app.engine.reading.sites import SiteChecks

_VALUES = b"0123456789.,+-e"  # without these, the INFO of clean records are few, for their names are what is left
_MOST_KNOWN = 10_000
HELD_BASES = 4 << 20  # bases that are held at once
SPARSE = 1 << 10  # bases a record beyond which each is looked up by itself
EMPTY = (b"",) * len(CLEAN)
NEVER = re.compile(rb"(?!)").fullmatch
_EXAMINED, _ALTERED = 0, 1  # how many of the clean records are taken by such a stop
_Stop = tuple[int, int, int]  # the clean record before or at which it is, its kind, its line in the block


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
        self.examiner = RecordExaminer(header, sequences, limits, notes, self.sites, self.declarations, move=move)
        self._bases = Sequence.open(bundle.path(bundle.sequence))
        self._move = move
        self._batches: list[AlleleBatch] = []
        self._places: set[str] = set()  # contigs of these batches
        self._unique: set[bytes] = set()
        if len(header.samples) > limits.samples:
            raise InputError(limits.said("samples", got=len(header.samples)))
        self.header.check_tags(self.limits)
        self.begin()

    def begin(self) -> None:
        """Count from zero, as for a block that nothing came before."""
        self.examiner.count = self.examiner.splits = 0
        self.rejected: list[LineFault] = []
        self.sorted = True
        self.sites.begin()

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

    def _part(self, found: list[tuple[bytes, ...]], lines: Block, base: int) -> None:
        """Take in lines whose clean records are all on one contig; the first is number `base` of the block."""
        clean = [row for row in found if row[0]]
        dirty = [index for index, row in enumerate(found) if not row[0]] if len(clean) < len(found) else []
        if not clean:
            for index in dirty:
                self._add(self._judged(*lines.at(base + index)))
            return
        records = CleanRecords.of(clean)
        contig = self.sites.contigs.find(records.name)
        odd = self._odd(records, contig)
        places = [index for index, row in enumerate(found) if row[0]]
        if odd or contig is None:
            for index in odd:
                found[places[index]] = EMPTY
            self._part(found, lines, base)
            return
        self.sites.contig([records.name, records.positions[0]], lines.first + base)
        self.examiner.count += len(clean)
        numbers = [base + place for place in places]
        others = [(index - skipped, _EXAMINED, base + index) for skipped, index in enumerate(dirty)]
        self._weave(records.batch(contig.name), others, numbers, lines)

    def _odd(self, records: CleanRecords, contig: Contig | None) -> set[int]:
        """Which of these records, clean as they look, have to be examined."""
        if contig is None or self.sites.preferred(contig, records.name) != records.name:
            return set(range(len(records.heads)))
        return (
            self._mismatching(contig.name, records.starts, records.ends, records.refs)
            | self._repeating(records.infos)
            | self._calling(records.forms, records.samples, records.alts)
        )

    def _weave(self, columns: AlleleBatch, others: list[_Stop], numbers: list[int], lines: Block) -> None:
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
            altered = self.examiner.altered(columns, index) if kind == _ALTERED else None
            if kind == _ALTERED and altered is None:
                self.examiner.count -= 1  # examining counts it again
            self._add(altered or self._judged(*lines.at(line)))
        self._extend(columns, taken, len(numbers))

    def _mismatching(self, place: str, starts: list[int], ends: list[int], refs: tuple[bytes, ...]) -> set[int]:
        """Which of these records have a REF that the reference has not."""
        low, high = min(starts), max(ends)
        if high - low > min(HELD_BASES, SPARSE * len(starts)):
            return {i for i in self._unsure(place, starts, refs) if not self.sequences.holds(place, starts[i], refs[i])}
        bases = self.sequences.get(place, low, high)
        there = [bases[start - low : end - low] for start, end in zip(starts, ends, strict=True)]
        return set() if there == list(refs) else {i for i, (seen, ref) in enumerate(zip(there, refs, strict=True)) if seen != ref}

    def _unsure(self, place: str, starts: list[int], refs: tuple[bytes, ...]) -> list[int]:
        """Which of these REFs are not one base that the reference has there, found for all at once."""
        firsts = np.frombuffer(b"".join([ref[:1] for ref in refs]), np.uint8)
        single = np.array(list(map(len, refs))) == 1
        there = self._bases.gather(place, np.array(starts, np.int64) + 1)
        unsure: list[int] = np.flatnonzero(~single | (there != firsts)).tolist()
        return unsure

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

    def _add(self, examined: Examined | None) -> None:
        """Take over the alleles of one record."""
        if examined:
            place, name, start, rows = examined
            run = self._batch(place, name, start)
            run.last = start
            for row in rows:
                run.bare = run.bare or row[0].endswith(b"\t")
                for column, value in zip(COLUMNS, row, strict=True):
                    getattr(run, column).append(value)

    def _judged(self, line: bytes, number: int) -> Examined | None:
        """The alleles of a record; None if the line held none, or is no record, which is noted."""
        counted = self.sites.evidence()
        try:
            return self.examiner.examine(line, number)
        except RecordError as fault:
            self.sites.restore(counted)
            self.rejected.append(LineFault(number, fault.column, fault.reason, line))
            if len(self.rejected) > IN_A_BLOCK:
                raise Rejections(count=len(self.rejected), first=self.rejected[:NAMED]).refusal(self.examiner.count) from None
            return None


def _ascending(starts: list[int]) -> bool:
    return starts == sorted(starts)


def _repeats(info: bytes) -> bool:
    names = [item.partition(b"=")[0] for item in info.split(b";")]
    return len(set(names)) < len(names)
