"""Reads results: pages, single variants and filtered streams, in constant memory.

Where a page ends is a virtual offset, and that is the cursor of the next: no page costs more the further it is.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from app.domain import limits
from app.domain.jobs import Job
from app.engine.formats.bgzf import BEHIND_ALL
from app.engine.formats.tabix import Places, StoredIndex, read
from app.engine.formats.vcf import extent
from app.explorer.columns import StoredColumns, ValueCache
from app.explorer.gene_lookup import References
from app.explorer.line_reader import Array, BadCursor, LineReader, Lines, among, joined, passing
from app.explorer.matching import matching
from app.explorer.query import panelled, resolve_filter, understood
from app.explorer.record import Filter, Legend, Region, Variant, parse
from app.explorer.search import BY_GENE, REFSEQ, hint
from app.services.kept import Kept
from app.services.submissions import Refused

BUDGET = limits.PAGE_BYTES.most
"""Compressed bytes that one page looks through before it says how far it came."""

INFLATED = limits.PAGE_INFLATED_BYTES.most
"""The same, inflated: a small file can be a thousand times as large as it looks."""

FOUND = limits.PAGE_FOUND_BYTES.most
"""Bytes of lines after which a page ends, however few they are."""

KEPT = {"index": 8, "legend": 8, "summary": 128, "along": 128, "columns": 64}
"""How many of each are kept: what the page of a job shows is small, the largest index has four megabytes."""

MOST_RECORDS = 10_000_000
"""Records up to which all of a result's columns are looked at for a question; a larger one is looked through by pages."""

FIRST_ROWS, MOST_ROWS, STEP_BYTES = 250, 16_000, 4 << 20
"""Records that are read at once where only their text tells: twice as many each time, as long as they have so many bytes."""

BINS, COUNTED, FAR = 100, 1 << 20, 4_000_000
"""Parts of a contig in the picture of it; bytes of a result up to which its variants are counted for that, and length of a
contig from which on the index alone says where they are not."""

T = TypeVar("T")


@dataclass(frozen=True)
class VariantPage:
    """`next` is the cursor of what follows, or None at the end; `share` how much of what was asked for is behind it."""

    variants: list[Variant]
    next: int | None
    looked: int  # records that were looked at for this page
    share: float
    total: int | None = None  # how many are wanted; None where that is not known
    first: int = 0  # how many of those come before this page
    understood: str = ""  # how the search was understood
    hint: str = ""  # what may be meant, where nothing was found


@dataclass
class Explorer:
    """Results of one bucket."""

    reader: LineReader
    references: References
    budget: int = BUDGET
    values: ValueCache = field(default_factory=ValueCache)
    _kept: dict[str, Kept[Any]] = field(default_factory=lambda: {what: Kept(most) for what, most in KEPT.items()})

    async def index(self, job: Job) -> StoredIndex:
        """The result's index. Raises Gone."""
        return await self._once("index", job.index, lambda key: self._understood(key, read))

    async def summary(self, job: Job) -> dict[str, Any]:
        """What the engine counted in the result. Raises Gone."""

        async def made(key: str) -> dict[str, Any]:
            if not job.summary_size:
                return await self._understood(key, json.loads)
            text, _ = await self.reader.results.range(key, 0, job.summary_size)
            return await self.reader.in_executor(json.loads, text)

        return await self._once("summary", job.summary, made)

    async def columns(self, job: Job) -> StoredColumns | None:
        """The result's columns; None if it has none, or too many records for questions about all of them. Raises Gone."""
        if not job.summary_size or job.records > MOST_RECORDS:
            return None

        async def made(key: str) -> StoredColumns:
            async def read(at: int, size: int) -> bytes:
                return (await self.reader.results.range(key, job.summary_size + at, size))[0]

            return await StoredColumns.open(key, read, self.values)

        found: StoredColumns = await self._once("columns", job.summary, made)
        return found

    async def legend(self, job: Job) -> Legend:
        """What the header says of the result: its samples, tags and contigs. Raises Gone."""

        async def made(_: str) -> Legend:
            return Legend.of(await self.header(job))

        return await self._once("legend", job.result, made)

    async def density(self, job: Job) -> dict[str, tuple[int, list[float]]]:
        """Length of each contig, and how dense the variants are in BINS equal parts of it; without those if not indexed.

        Raises Gone.
        """

        async def made(_: str) -> dict[str, tuple[int, list[float]]]:
            index, lengths = await self.index(job), (await self.legend(job)).contigs
            if job.result_size > COUNTED:
                far = {name: lengths[name] for name in index.contigs if lengths.get(name, 0) > FAR}
                return {name: (length, index.along(name, length, BINS)) for name, length in far.items()}
            counted = {name: (lengths[name], [0.0] * BINS) for name in index.contigs if lengths.get(name)}
            looked = 0

            def count(lines: Lines) -> Lines:
                for name, first, _last in (extent(line) for _at, line in lines):
                    if found := counted.get(name.decode("utf-8", "replace")):
                        found[1][min(BINS - 1, (first - 1) * BINS // found[0])] += 1
                return []

            async for batch in self.reader.read(job.result or "", [(index.first, BEHIND_ALL)], None, count):
                if (looked := looked + batch.inflated) > INFLATED:
                    return {}
            return counted

        return await self._once("along", job.result, made)

    async def _understood(self, key: str, understand: Callable[[bytes], T]) -> T:
        return await self.reader.in_executor(understand, await self.reader.results.read(key))

    async def _once(self, what: str, key: str | None, make: Callable[[str], Awaitable[T]]) -> T:
        """Something of a result, made once: a key is never used twice, so that what is kept stays true."""
        assert key
        found: T = await self._kept[what].once(key, lambda: make(key))
        return found

    async def _resolve_filter(self, job: Job, wanted: Filter, index: StoredIndex) -> tuple[Filter, str]:
        asks = wanted.gene or wanted.region or wanted.search or wanted.panel
        reference = await self.references.reference_of(await self.summary(job)) if asks and job.summary else None
        wanted, words = await self.reader.in_executor(understood, wanted, reference, index)
        wanted, of_panel = await self.reader.in_executor(panelled, wanted, reference)
        resolved = await self.reader.in_executor(resolve_filter, wanted, reference, index)
        return resolved, ", in ".join(filter(None, [words, of_panel]))

    async def page(self, job: Job, wanted: Filter, *, cursor: int | None, limit: int, sort: str = "position") -> VariantPage:
        """At most `limit` variants from the cursor on. Raises Gone, BadCursor, Unknown, NotUnderstood, BadFilter."""
        wanted, words = await self._resolve_filter(job, wanted, index := await self.index(job))
        if columns := await self.columns(job):
            found = await self._sorted_page(job, columns, wanted, cursor or 0, limit, sort)
            hint = await self._hint(job, wanted) if not found.variants and found.next is None else ""
            return replace(found, understood=words, hint=hint)
        _check_scanned(wanted, sort)
        return replace(await self._scanned_page(job, wanted, index, cursor, limit), understood=words)

    async def _hint(self, job: Job, wanted: Filter) -> str:
        if REFSEQ.match(wanted.of):
            return BY_GENE
        reference = await self.references.reference_of(await self.summary(job))
        return await self.reader.in_executor(hint, wanted.text, reference.genes if reference else None) if wanted.text else ""

    async def _sorted_page(
        self, job: Job, columns: StoredColumns, wanted: Filter, first: int, limit: int, sort: str
    ) -> VariantPage:
        """A page by the columns; a cursor is how many come before it."""
        most = None if wanted.reads else first + limit
        rows, total = await self._rows(columns, wanted, sort, most)
        if first > total:
            raise BadCursor
        if not wanted.reads:
            shown = rows[first : first + limit]
            places = await columns.values_at("place", shown, self.reader.in_executor)
            lines, _ = await self.reader.lines_at(job.result or "", places)
            following = first + len(shown)
            more = following if following < total else None
            return VariantPage(await self._variants(lines), more, len(shown), following / (total or 1), total, first)
        places = await columns.values_at("place", rows, self.reader.in_executor)
        return await self._read_page(job, places, wanted, first, limit)

    async def _rows(self, columns: StoredColumns, wanted: Filter, sort: str, most: int | None = None) -> tuple[Array, int]:
        """The numbers of the records that may be wanted, at most so many, and how many there are."""
        rows, total = await matching(columns, wanted, sort, self.reader.in_executor, most)
        if not total and (wanted.coding or wanted.residue):
            # the name may be in another transcript than the one that stands for all, which only the records know
            rows, total = await matching(columns, replace(wanted, coding=None, residue=None), sort, self.reader.in_executor, most)
        return rows, total

    async def _read_page(self, job: Job, places: Array, wanted: Filter, first: int, limit: int) -> VariantPage:
        """A page of those records at these places whose text is wanted."""
        keep, at, inflated, step = wanted.reading().test(), first, 0, FIRST_ROWS
        found: Lines = []
        while at < len(places) and len(found) < limit and inflated < INFLATED:
            kept, letters = await self.reader.lines_at(job.result or "", here := places[at : at + step], keep)
            if len(found) + len(kept) > limit:
                kept = kept[: limit - len(found)]
                here = here[: int(np.flatnonzero(here == np.uint64(kept[-1][0]))[0]) + 1]
            found, at = found + kept, at + len(here)
            inflated += letters
            step = min(2 * step, MOST_ROWS, max(FIRST_ROWS, STEP_BYTES * step // (letters or 1)))
        more = at if at < len(places) else None
        total = len(found) if more is None and not first else None
        return VariantPage(await self._variants(found), more, at - first, at / (len(places) or 1), total, 0)

    async def row(self, job: Job, number: int) -> int:
        """The virtual offset of a record by its number, from 0. Raises Gone, BadCursor."""
        columns = await self.columns(job)
        if columns is None or not 0 <= number < columns.records:
            raise BadCursor
        return int((await columns.values_at("place", np.array([number]), self.reader.in_executor))[0])

    async def beside(self, job: Job, at: int) -> tuple[int | None, int | None]:
        """The places of the records before and behind the one at a virtual offset."""
        columns = await self.columns(job)
        if columns is None:
            return None, None
        places = await columns.values("place", self.reader.in_executor)
        number = int(np.searchsorted(places, np.uint64(at)))
        before = int(places[number - 1]) if number else None
        return before, int(places[number + 1]) if number + 1 < len(places) else None

    async def _scanned_page(self, job: Job, wanted: Filter, index: StoredIndex, cursor: int | None, limit: int) -> VariantPage:
        """A page of a result without columns; a cursor is a virtual offset."""
        spans = _spans(index, wanted.region)
        here, keep = _from(spans, cursor), wanted.test()
        found: Lines = []
        looked = inflated = letters = 0
        with self.reader.memory.reserve() as reserved:
            async with aclosing(self.reader.read(job.result or "", here, wanted.region)) as reading:
                async for lines, place, size, _ in reading:
                    kept = await self.reader.in_executor(passing, lines, keep) if wanted.scans else lines
                    if len(found) + len(kept) > limit:
                        following = kept[limit - len(found)][0]
                        found += kept[: limit - len(found)]
                        looked += sum(at < following for at, _ in lines)
                        return VariantPage(
                            await self._variants(found), following, looked, _share(spans, following, job.result_size)
                        )
                    found += kept
                    looked += len(lines)
                    inflated += size
                    letters += sum(len(line) for _, line in kept)
                    reserved.resize(letters, len(found))
                    far = place is not None and (place >> 16) - (here[0][0] >> 16) >= self.budget
                    if place is not None and (far or inflated >= INFLATED or letters >= FOUND):
                        return VariantPage(await self._variants(found), place, looked, _share(spans, place, job.result_size))
            return VariantPage(await self._variants(found), None, looked, 1.0)

    async def variant(self, job: Job, at: int) -> Variant:
        """The variant at a virtual offset. Raises Gone, BadCursor."""
        async with aclosing(self.reader.read(job.result or "", [(at, BEHIND_ALL)], None)) as reading:
            async for lines, *_ in reading:
                if lines:
                    return (await self._variants(lines[:1]))[0]
        raise BadCursor

    async def open(self, job: Job, wanted: Filter) -> tuple[bytes, AsyncIterator[list[bytes]]]:
        """The header, and every line that is wanted, in batches. Raises Gone, Unknown, before there is a first batch."""
        wanted, _ = await self._resolve_filter(job, wanted, index := await self.index(job))
        columns = await self.columns(job)
        places: Array | None = None
        if columns:
            rows, _ = await self._rows(columns, wanted, "position")
            places = await columns.values_at("place", rows, self.reader.in_executor)
        else:
            _check_scanned(wanted, "position")
        keep = (wanted.reading() if columns else wanted).test()
        region = wanted.region if wanted.region and wanted.region.contig else None

        def sift(lines: Lines) -> Lines:
            return passing(lines if places is None else among(lines, places), keep)

        async def batches() -> AsyncIterator[list[bytes]]:
            async with aclosing(self.reader.read(job.result or "", _spans(index, region), region, sift)) as reading:
                async for lines, *_ in reading:
                    yield [line for _, line in lines]

        return await self.header(job), batches()

    async def _variants(self, lines: Lines) -> list[Variant]:
        try:
            return await self.reader.in_executor(lambda: [parse(at, line) for at, line in lines])
        except ValueError:
            raise BadCursor from None

    async def header(self, job: Job) -> bytes:
        """The lines above the first record."""
        first = (await self.index(job)).first
        texts: list[bytes] = []
        with self.reader.memory.reserve() as reserved:
            whole = self.reader.read(job.result or "", [(0, min(first, BEHIND_ALL))], None, joined, header=True)
            async with aclosing(whole) as reading:
                async for lines, *_ in reading:
                    texts += [text for _, text in lines[:1]]
                    reserved.resize(sum(map(len, texts)))
                    if len(lines) > 1:  # a record follows
                        break
        return b"".join(texts)


def _check_scanned(wanted: Filter, sort: str) -> None:
    """Raises Refused if a result without columns cannot answer this."""
    if sort != "position" or wanted.where or wanted.genes or wanted.panel or (wanted.region and not wanted.region.contig):
        raise Refused("This result has no columns, so it can only be looked through in its order, by the simple filters.")


def _spans(index: StoredIndex, region: Region | None) -> list[Places]:
    return index.spans(region.contig, region.begin, region.end) if region else [(index.first, BEHIND_ALL)]


def _from(spans: list[Places], cursor: int | None) -> list[Places]:
    """What of the spans is still to be read; never empty if they are not, so that reading has a start."""
    if cursor is None:
        return spans
    return [(max(start, cursor), stop) for start, stop in spans if stop > cursor]


def _share(spans: list[Places], place: int, size: int) -> float:
    """How much of the spans, in compressed bytes, is before a place; `size` is the whole file's."""
    closed = [(start, min(stop, max(start, size << 16))) for start, stop in spans]
    whole = sum(stop - start for start, stop in closed)
    return sum(max(0, min(stop, place) - start) for start, stop in closed) / (whole or 1)
