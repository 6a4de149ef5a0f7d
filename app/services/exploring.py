"""Reads a result where it lies in S3: pages and filtered streams over all of it, in constant memory, by ranges.

Where a page ends is a virtual offset, and that is the cursor of the next: no page costs more the further it is.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from functools import cache

from app.annotation.errors import EngineError
from app.annotation.reference import Bundle, find
from app.aws.objects import Bucket, OutOfRange
from app.domain.jobs import Job
from app.services.submissions import Refused
from app.services.tabix import END, BadBlock, Index, Span, blocks, read
from app.services.variants import WHOLE, Filter, Region, Variant, extent, parse

FIRST_PIECE, PIECE = 64 << 10, 1 << 19
"""Bytes of the first read of a page, and of the largest: each is twice the one before."""

BUDGET = 8 << 20
"""Compressed bytes that one page looks through before it says how far it came."""

KEPT = 8
"""Indexes that are kept; the largest has four megabytes."""

Lines = list[tuple[int, bytes]]


class BadCursor(Refused):
    """A cursor that leads nowhere."""

    def __init__(self) -> None:
        super().__init__("This address leads to no place in the result. Please begin at its first page.")


@dataclass(frozen=True)
class Page:
    """`next` is the cursor of what follows, or None at the end; `share` how much of what was asked for is behind it."""

    variants: list[Variant]
    next: int | None
    looked: int  # records that were looked at for this page
    share: float


@dataclass
class Explorer:
    """Results of one bucket."""

    results: Bucket
    budget: int = BUDGET
    _indexes: OrderedDict[str, Index] = field(default_factory=OrderedDict)

    async def index(self, job: Job) -> Index:
        """The result's index. Its key is never used twice, so that what is kept stays true. Raises Gone."""
        assert job.index
        if job.index not in self._indexes:
            self._indexes[job.index] = await asyncio.to_thread(read, await self.results.read(job.index))
            while len(self._indexes) > KEPT:
                self._indexes.popitem(last=False)
        self._indexes.move_to_end(job.index)
        return self._indexes[job.index]

    async def page(self, job: Job, wanted: Filter, *, cursor: int | None, limit: int) -> Page:
        """At most `limit` variants from the cursor on. Raises Gone, BadCursor, Refused."""
        wanted = narrowed(wanted, job.bundle, index := await self.index(job))
        spans = _spans(index, wanted.region)
        here, keep = _from(spans, cursor), wanted.test()
        found: Lines = []
        looked = 0
        reading = self._read(job, here, wanted.region)
        async for lines, place in reading:
            kept = await asyncio.to_thread(_kept, lines, keep) if wanted.scans else lines
            if len(found) + len(kept) > limit:
                following = kept[limit - len(found)][0]
                found += kept[: limit - len(found)]
                looked += sum(at < following for at, _ in lines)
                await reading.aclose()
                return Page(_variants(found), following, looked, _share(spans, following, job.result_size))
            found += kept
            looked += len(lines)
            if place is not None and (place >> 16) - (here[0][0] >> 16) >= self.budget:
                await reading.aclose()
                return Page(_variants(found), place, looked, _share(spans, place, job.result_size))
        return Page(_variants(found), None, looked, 1.0)

    async def variant(self, job: Job, at: int) -> Variant:
        """The variant at a virtual offset. Raises Gone, BadCursor."""
        reading = self._read(job, [(at, END)], None)
        async for lines, _ in reading:
            if lines:
                await reading.aclose()
                return _variants(lines[:1])[0]
        raise BadCursor

    async def open(self, job: Job, wanted: Filter) -> tuple[bytes, AsyncIterator[list[bytes]]]:
        """The header, and every line that is wanted, in batches. Raises Gone, Refused, before there is a first batch."""
        wanted = narrowed(wanted, job.bundle, index := await self.index(job))
        keep = wanted.test()

        async def batches() -> AsyncIterator[list[bytes]]:
            async for lines, _ in self._read(job, _spans(index, wanted.region), wanted.region):
                yield [line for _, line in await asyncio.to_thread(_kept, lines, keep)]

        return await self.header(job), batches()

    async def header(self, job: Job) -> bytes:
        """The lines above the first record."""
        first = (await self.index(job)).first
        text = b""
        async for lines, _ in self._read(job, [(0, min(first, END))], None, header=True):
            text += b"".join(line + b"\n" for _, line in lines if line.startswith(b"#"))
            if lines and not lines[-1][1].startswith(b"#"):
                break
        return text

    async def _read(
        self, job: Job, spans: list[Span], region: Region | None, *, header: bool = False
    ) -> AsyncGenerator[tuple[Lines, int | None], None]:
        """Batches of lines with their places, and the place from which on nothing was read yet; None where a span ends early."""
        piece, looked_for = FIRST_PIECE, region.contig.encode() if region else b""
        for start, stop in spans:
            offset, skip = start >> 16, start & 0xFFFF
            held, carry, carry_at = b"", b"", start
            while offset << 16 < stop:
                try:
                    size = min(piece, (stop >> 16) - offset + (1 << 16))  # not beyond the span's last block
                    fresh, total = await self.results.range(job.result or "", offset + len(held), size)
                    texts, used = await asyncio.to_thread(blocks, held + fresh, offset)
                except (OutOfRange, BadBlock):
                    raise BadCursor from None
                lines, carry, carry_at = await asyncio.to_thread(_split, texts, skip, carry, carry_at)
                held, offset, piece = (held + fresh)[used:], offset + used, min(2 * piece, PIECE)
                skip = 0 if texts else skip
                last = offset + len(held) >= total
                if last and carry:
                    lines.append((carry_at, carry))
                lines = [line for line in lines if line[0] < stop]
                over = False
                if region:
                    lines, over = await asyncio.to_thread(_inside, lines, region, looked_for)
                records = lines if header else [line for line in lines if not line[1].startswith(b"#")]
                yield records, None if last or over else carry_at if carry else offset << 16
                if over:
                    return
                if last:
                    break


def narrowed(wanted: Filter, bundle_id: str, index: Index) -> Filter:
    """The question with the names that this result uses, and with the gene's region where the bundle knows it. Raises Refused."""
    bundle = _bundle(bundle_id)
    region = wanted.region
    if region and not (name := _name(region.contig, bundle, index)):
        raise Refused(f"There is no contig {region.contig[:50]} in this result. It has {', '.join(list(index.contigs)[:30])}.")
    if region:
        region = replace(region, contig=name)
    if wanted.gene and bundle and (place := gene_places(bundle_id).get(wanted.gene.upper())):
        gene, named, begin, end = place
        wanted = replace(wanted, gene=gene)
        if (name := _name(named, bundle, index)) and (region is None or region.contig == name):
            begin, end = max(begin, region.begin if region else 1), min(end, region.end if region else WHOLE)
            # an empty region has nothing in it; its test finds nothing either
            region = Region(name, begin, max(begin, end))
    return replace(wanted, region=region)


@cache
def gene_places(bundle_id: str) -> dict[str, tuple[str, str, int, int]]:
    """By upper-case name: each gene of an embedded bundle, its contig, first and last position."""
    bundle, places = _bundle(bundle_id), dict[str, tuple[str, str, int, int]]()
    for genes in bundle.genes if bundle else ():
        for line in bundle.path(genes.file).read_text().splitlines() if bundle else ():
            fields = line.split("\t")
            if len(fields) == 9 and "ID=gene:" in fields[8]:
                attributes = dict(item.partition("=")[::2] for item in fields[8].split(";"))
                name = attributes.get("Name", attributes["ID"].removeprefix("gene:"))
                places[name.upper()] = name, fields[0], int(fields[3]), int(fields[4])
    return places


@cache
def _bundle(bundle_id: str) -> Bundle | None:
    try:
        return find(bundle_id)
    except EngineError:
        return None


def _name(contig: str, bundle: Bundle | None, index: Index) -> str:
    """What this result calls a contig; empty if it has none of it."""
    if contig in index.contigs:
        return contig
    meant = bundle.names.get(contig) if bundle else None
    return next((name for name in index.contigs if bundle and meant and bundle.names.get(name) == meant), "")


def _spans(index: Index, region: Region | None) -> list[Span]:
    return index.spans(region.contig, region.begin, region.end) if region else [(index.first, END)]


def _from(spans: list[Span], cursor: int | None) -> list[Span]:
    """What of the spans is still to be read; never empty if they are not, so that reading has a start."""
    if cursor is None:
        return spans
    return [(max(start, cursor), stop) for start, stop in spans if stop > cursor]


def _share(spans: list[Span], place: int, size: int) -> float:
    """How much of the spans, in compressed bytes, is before a place; `size` is the whole file's."""
    closed = [(start, min(stop, max(start, size << 16))) for start, stop in spans]
    whole = sum(stop - start for start, stop in closed)
    return sum(max(0, min(stop, place) - start) for start, stop in closed) / (whole or 1)


def _split(texts: Lines, skip: int, carry: bytes, carry_at: int) -> tuple[Lines, bytes, int]:
    """The whole lines of these blocks, each with its place; what is left over of the last, and its place."""
    lines: Lines = []
    for offset, text in texts:
        place, text = skip, text[skip:]
        skip = 0
        *whole, rest = text.split(b"\n")
        for line in whole:
            if carry:
                lines.append((carry_at, carry + line))
                carry = b""
            else:
                lines.append((offset << 16 | place, line))
            place += len(line) + 1
        if rest:
            carry, carry_at = carry + rest, carry_at if carry else offset << 16 | place
    return lines, carry, carry_at


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
