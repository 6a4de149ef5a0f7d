"""Reads a result where it lies in S3: pages and filtered streams over all of it, in constant memory, by ranges.

Where a page ends is a virtual offset, and that is the cursor of the next: no page costs more the further it is.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from app.aws.objects import Bucket, OutOfRange
from app.domain import limits
from app.domain.jobs import Job
from app.engine.formats import bgzf
from app.engine.formats.bgzf import BEHIND_ALL, BadBlock
from app.engine.formats.tabix import Places, StoredIndex, read
from app.engine.formats.vcf import extent
from app.explorer.gene_lookup import References
from app.explorer.memory_budget import MemoryBudget, Reservation
from app.explorer.query import resolve_filter
from app.explorer.record import Filter, Legend, Region, Variant, parse
from app.services.kept import Kept
from app.services.submissions import Refused

FIRST_PIECE, PIECE = 64 << 10, 1 << 19
"""Bytes of the first read of a page, and of the largest: each is twice the one before."""

BUDGET = limits.PAGE_BYTES.most
"""Compressed bytes that one page looks through before it says how far it came."""

INFLATED = limits.PAGE_INFLATED_BYTES.most
"""The same, inflated: a small file can be a thousand times as large as it looks."""

BATCH_BYTES = 1 << 18
"""Inflated bytes that a look takes at once; only a line that is longer is more."""

FOUND = limits.PAGE_FOUND_BYTES.most
"""Bytes of lines after which a page ends, however few they are."""

ALL_READS_BYTES = limits.ALL_READS_BYTES.most
"""Inflated bytes that all looks of this process may hold together."""

THREADS = 2

KEPT = {"index": 8, "legend": 8, "summary": 128, "along": 128}
"""How many of each are kept: what the page of a job shows is small, the largest index has four megabytes."""

BINS, COUNTED, FAR = 100, 1 << 20, 4_000_000
"""Parts of a contig in the picture of it; bytes of a result up to which its variants are counted for that, and length of a
contig from which on the index alone says where they are not."""

Lines = list[tuple[int, bytes]]


class Batch(NamedTuple):
    """Lines with their places, and the place from which on nothing was read yet: None where a span ends early."""

    lines: Lines
    following: int | None
    inflated: int  # bytes that were looked at for it


T = TypeVar("T")


class BadCursor(Refused):
    """A cursor that leads nowhere."""

    def __init__(self) -> None:
        super().__init__("This address leads to no place in the result. Please begin at its first page.")


@dataclass(frozen=True)
class VariantPage:
    """`next` is the cursor of what follows, or None at the end; `share` how much of what was asked for is behind it."""

    variants: list[Variant]
    next: int | None
    looked: int  # records that were looked at for this page
    share: float


@dataclass
class Explorer:
    """Results of one bucket."""

    results: Bucket
    references: References
    budget: int = BUDGET
    memory: MemoryBudget = field(default_factory=lambda: MemoryBudget(ALL_READS_BYTES))
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(THREADS, "explorer"))
    _kept: dict[str, Kept[Any]] = field(default_factory=lambda: {what: Kept(most) for what, most in KEPT.items()})

    async def index(self, job: Job) -> StoredIndex:
        """The result's index. Raises Gone."""
        return await self._once("index", job.index, lambda key: self._understood(key, read))

    async def summary(self, job: Job) -> dict[str, Any]:
        """What the engine counted in the result. Raises Gone."""
        return await self._once("summary", job.summary, lambda key: self._understood(key, json.loads))

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
            async for lines, _following, inflated in self._read(job, [(index.first, BEHIND_ALL)], None):
                if (looked := looked + inflated) > INFLATED:
                    return {}
                for name, first, _last in (extent(line) for _at, line in lines):
                    if found := counted.get(name.decode("utf-8", "replace")):
                        found[1][min(BINS - 1, (first - 1) * BINS // found[0])] += 1
            return counted

        return await self._once("along", job.result, made)

    async def _in_executor(self, work: Callable[..., T], *arguments: Any) -> T:
        """In one of few threads of the explorer's own, so that the rest of the portal gets its turn."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    async def _understood(self, key: str, understand: Callable[[bytes], T]) -> T:
        return await self._in_executor(understand, await self.results.read(key))

    async def _once(self, what: str, key: str | None, make: Callable[[str], Awaitable[T]]) -> T:
        """Something of a result, made once: a key is never used twice, so that what is kept stays true."""
        assert key
        found: T = await self._kept[what].once(key, lambda: make(key))
        return found

    async def _resolve_filter(self, job: Job, wanted: Filter, index: StoredIndex) -> Filter:
        asks = wanted.gene or wanted.region
        reference = await self.references.reference_of(await self.summary(job)) if asks and job.summary else None
        return await self._in_executor(resolve_filter, wanted, reference, index)

    async def page(self, job: Job, wanted: Filter, *, cursor: int | None, limit: int) -> VariantPage:
        """At most `limit` variants from the cursor on. Raises Gone, BadCursor, Unknown."""
        wanted = await self._resolve_filter(job, wanted, index := await self.index(job))
        spans = _spans(index, wanted.region)
        here, keep = _from(spans, cursor), wanted.test()
        found: Lines = []
        looked = inflated = letters = 0
        with self.memory.reserve() as reserved:
            async with aclosing(self._read(job, here, wanted.region)) as reading:
                async for lines, place, size in reading:
                    kept = await self._in_executor(_kept, lines, keep) if wanted.scans else lines
                    if len(found) + len(kept) > limit:
                        following = kept[limit - len(found)][0]
                        found += kept[: limit - len(found)]
                        looked += sum(at < following for at, _ in lines)
                        return VariantPage(_variants(found), following, looked, _share(spans, following, job.result_size))
                    found += kept
                    looked += len(lines)
                    inflated += size
                    letters += sum(len(line) for _, line in kept)
                    reserved.resize(letters, len(found))
                    far = place is not None and (place >> 16) - (here[0][0] >> 16) >= self.budget
                    if place is not None and (far or inflated >= INFLATED or letters >= FOUND):
                        return VariantPage(_variants(found), place, looked, _share(spans, place, job.result_size))
            return VariantPage(_variants(found), None, looked, 1.0)

    async def variant(self, job: Job, at: int) -> Variant:
        """The variant at a virtual offset. Raises Gone, BadCursor."""
        async with aclosing(self._read(job, [(at, BEHIND_ALL)], None)) as reading:
            async for lines, _, _ in reading:
                if lines:
                    return _variants(lines[:1])[0]
        raise BadCursor

    async def open(self, job: Job, wanted: Filter) -> tuple[bytes, AsyncIterator[list[bytes]]]:
        """The header, and every line that is wanted, in batches. Raises Gone, Unknown, before there is a first batch."""
        wanted = await self._resolve_filter(job, wanted, index := await self.index(job))
        keep = wanted.test()

        async def batches() -> AsyncIterator[list[bytes]]:
            async with aclosing(self._read(job, _spans(index, wanted.region), wanted.region)) as reading:
                async for lines, _, _ in reading:
                    yield [line for _, line in await self._in_executor(_kept, lines, keep)]

        return await self.header(job), batches()

    async def header(self, job: Job) -> bytes:
        """The lines above the first record."""
        first = (await self.index(job)).first
        texts: list[bytes] = []
        with self.memory.reserve() as reserved:
            async with aclosing(self._read(job, [(0, min(first, BEHIND_ALL))], None, header=True)) as reading:
                async for lines, _, _ in reading:
                    texts.append(b"".join(line + b"\n" for _, line in lines if line.startswith(b"#")))
                    reserved.resize(sum(map(len, texts)))
                    if lines and not lines[-1][1].startswith(b"#"):
                        break
        return b"".join(texts)

    async def _read(
        self, job: Job, spans: list[Places], region: Region | None, *, header: bool = False
    ) -> AsyncGenerator[Batch, None]:
        """The spans, batch by batch. Raises Gone, BadCursor, Busy."""
        with self.memory.reserve() as reserved:
            for start, stop in spans:
                async with aclosing(self._span(job, start, stop, reserved)) as reading:
                    async for lines, following, inflated in reading:
                        over = False
                        if region:
                            lines, over = await self._in_executor(_inside, lines, region, region.contig.encode())
                        records = lines if header else [line for line in lines if not line[1].startswith(b"#")]
                        yield Batch(records, None if over else following, inflated)
                        if over:
                            return

    async def _span(self, job: Job, start: int, stop: int, reserved: Reservation) -> AsyncGenerator[Batch, None]:
        """All lines that begin in a span."""
        offset, skip, piece, total = start >> 16, start & 0xFFFF, FIRST_PIECE, BEHIND_ALL
        held, rest = b"", Rest([], start)
        while offset << 16 < stop:
            try:
                texts, used = await self._in_executor(bgzf.inflated, held, offset, BATCH_BYTES)
                if not texts and offset + len(held) < total:
                    size = min(piece, (stop >> 16) - offset + (1 << 16))  # not beyond the span's last block
                    fresh, total = await self.results.range(job.result or "", offset + len(held), size)
                    held, piece = held + fresh, min(2 * piece, PIECE)
                    continue
            except (OutOfRange, BadBlock):
                raise BadCursor from None
            inflated = sum(len(text) for _, text in texts)
            reserved.resize(rest.bytes + inflated)
            lines, rest = await self._in_executor(_split, texts, skip, rest)
            reserved.resize(rest.bytes + inflated, len(lines))
            held, offset, skip = held[used:], offset + used, 0 if texts else skip
            last = not texts or offset >= total
            if last and rest.parts:
                lines.append((rest.at, b"".join(rest.parts)))
            lines = [line for line in lines if line[0] < stop]
            yield Batch(lines, None if last else rest.at if rest.parts else offset << 16, inflated)
            if last:
                return


class Rest(NamedTuple):
    """What is left over of a batch: the parts of a line whose end is not read yet, and its place."""

    parts: list[bytes]
    at: int

    @property
    def bytes(self) -> int:
        """Bytes of the parts."""
        return sum(map(len, self.parts))


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


def _split(texts: Lines, skip: int, rest: Rest) -> tuple[Lines, Rest]:
    """The whole lines of these blocks, each with its place, and what is left over."""
    lines: Lines = []
    parts, at = list(rest.parts), rest.at
    for offset, text in texts:
        place, text = skip, text[skip:]
        skip = 0
        *whole, left = text.split(b"\n")
        for line in whole:
            if parts:
                lines.append((at, b"".join([*parts, line])))
                parts = []
            else:
                lines.append((offset << 16 | place, line))
            place += len(line) + 1
        if left:
            at = at if parts else offset << 16 | place
            parts.append(left)
    return lines, Rest(parts, at)


def _inside(lines: Lines, region: Region, contig: bytes) -> tuple[Lines, bool]:
    """Those that overlap the region, and whether everything behind them is behind the region, too."""
    inside: Lines = []
    for at, line in lines:
        found, first, last = extent(line)
        if found != contig or first > region.end:
            # a span may begin with the end of the contig before
            if found == contig or inside:
                return inside, True
            continue
        if last >= region.begin:
            inside.append((at, line))
    return inside, False


def _kept(lines: Lines, keep: Callable[[bytes], bool]) -> Lines:
    return [line for line in lines if keep(line[1])]


def _variants(lines: Lines) -> list[Variant]:
    try:
        return [parse(at, line) for at, line in lines]
    except ValueError:
        raise BadCursor from None
