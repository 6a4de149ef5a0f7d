"""The lines of a result where it lies in S3: inflated by ranges, in the explorer's threads, in constant memory.

A line's place is its virtual offset: that of its block in the compressed file, and its own in the inflated block.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from app.aws.clients import ungrouped
from app.aws.objects import Bucket, OutOfRange
from app.domain import limits
from app.engine.formats import bgzf
from app.engine.formats.bgzf import BEHIND_ALL, BadBlock
from app.engine.formats.tabix import Places
from app.engine.formats.vcf import extent
from app.explorer.memory_budget import MemoryBudget, Reservation
from app.explorer.record import Region
from app.services.submissions import Refused

ALL_READS_BYTES = limits.ALL_READS_BYTES.most
"""Inflated bytes that all looks of this process may hold together."""

THREADS = 1
"""A second one would win nothing, for Python runs one at a time, and the loop would have to wait for two."""

FIRST_PIECE, PIECE = 64 << 10, 1 << 19
"""Bytes of the first read of a page, and of the largest: each is twice the one before."""

BATCH_BYTES = 1 << 18
"""Inflated bytes that a look takes at once; only a line that is longer is more."""

APART, READS_AT_ONCE = 1 << 16, 8
"""Compressed bytes between two records from which on they are read by themselves, and how many such reads run at once."""

Lines = list[tuple[int, bytes]]
Array = npt.NDArray[Any]


Keep = Callable[[bytes], bool]
"""Is a line wanted?"""

Sift = Callable[[Lines], Lines]
"""What is wanted of a batch; it runs in one of the explorer's threads."""


T = TypeVar("T")


class Batch(NamedTuple):
    """Lines with their places, and the place from which on nothing was read yet: None where a span ends early."""

    lines: Lines
    following: int | None
    inflated: int  # bytes that were looked at for it
    over: bool = False  # whether all that follows is behind the region


class BadCursor(Refused):
    """A cursor that leads nowhere."""

    def __init__(self) -> None:
        super().__init__("This address leads to no place in the result. Please begin at its first page.")


@dataclass
class LineReader:
    """Lines of the results of one bucket. All that it reads at a time fits into `memory`."""

    results: Bucket
    memory: MemoryBudget = field(default_factory=lambda: MemoryBudget(ALL_READS_BYTES))
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(THREADS, "explorer"))

    async def in_executor(self, work: Callable[..., T], *arguments: Any) -> T:
        """In one of few threads of the explorer's own, so that the rest of the portal gets its turn."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    async def read(
        self, key: str, spans: list[Places], region: Region | None, sift: Sift | None = None, *, header: bool = False
    ) -> AsyncGenerator[Batch, None]:
        """What is wanted of the spans, batch by batch. Raises Gone, BadCursor, Busy."""

        def select(lines: Lines) -> tuple[Lines, bool]:
            inside, over = _inside(lines, region, region.contig.encode()) if region else (lines, False)
            records = inside if header else [line for line in inside if not line[1].startswith(b"#")]
            return sift(records) if sift else records, over

        with self.memory.reserve() as reserved:
            for start, stop in spans:
                async with aclosing(self._span(key, start, stop, reserved, select)) as reading:
                    async for batch in reading:
                        yield batch
                        if batch.over:
                            return

    async def _span(
        self, key: str, start: int, stop: int, reserved: Reservation, select: Callable[[Lines], tuple[Lines, bool]]
    ) -> AsyncGenerator[Batch, None]:
        """What `select` takes of all lines that begin in a span. The loop sees no line that it does not take."""
        offset, skip, piece, total = start >> 16, start & 0xFFFF, FIRST_PIECE, BEHIND_ALL
        held, rest = b"", Rest([], start)
        while offset << 16 < stop or (rest.parts and rest.at < stop):  # the last line may end in a block behind the span's
            try:
                made = await self.in_executor(_made, held, offset, skip, rest, stop, total, select)
                if not made:
                    size = min(piece, max(0, (stop >> 16) - offset) + (1 << 16))  # not beyond the span's last block
                    fresh, total = await self.results.range(key, offset + len(held), size)
                    held, piece = held + fresh, min(2 * piece, PIECE)
                    continue
            except (OutOfRange, BadBlock):
                raise BadCursor from None
            # two threads: what they make is counted when it is there, and is at most two batches more than may be held
            reserved.resize(made.rest.bytes + made.inflated, made.split)
            rest, held, offset, skip = made.rest, held[made.used :], offset + made.used, 0 if made.used else skip
            following = rest.at if rest.parts else offset << 16
            yield Batch(made.lines, None if made.last or made.over else following, made.inflated, made.over)
            if made.last:
                return

    async def lines_at(self, key: str, places: Array, keep: Keep | None = None) -> tuple[Lines, int]:
        """The lines at these virtual offsets that are to be kept, in this order, and how many letters were gone through."""
        order = np.sort(places)
        cuts = np.flatnonzero(np.diff(order >> np.uint64(16)) > APART) + 1
        groups = [_Group(group, keep) for group in np.split(order, cuts)] if len(order) else []
        found: dict[int, bytes] = {}
        reading = asyncio.Semaphore(READS_AT_ONCE)

        async def read(group: _Group, reserved: Reservation) -> None:
            span = (int(group.places[0]), int(group.places[-1]) + 1)
            async with reading, aclosing(self.read(key, [span], None, group.sift)) as batches:
                async for batch in batches:
                    found.update(batch.lines)
                    reserved.resize(sum(one.letters_kept for one in groups), len(found))

        with self.memory.reserve() as reserved, ungrouped():
            async with asyncio.TaskGroup() as reads:
                for group in groups:
                    reads.create_task(read(group, reserved))
        if sum(group.there for group in groups) < len(places):
            raise BadCursor
        lines = [(at, found[at]) for at in places.tolist() if at in found] if found else []
        return lines, sum(group.letters for group in groups)


class _Group:
    """Records that lie close together, at ascending places: what was found of them."""

    def __init__(self, places: Array, keep: Keep | None) -> None:
        self.places, self._keep = places, keep
        self.there = self.letters = self.letters_kept = 0

    def sift(self, lines: Lines) -> Lines:
        """Those of the lines that are of the group, and kept."""
        here = among(lines, self.places)
        wanted = passing(here, self._keep) if self._keep else here
        self.there += len(here)
        self.letters += _letters(here)
        self.letters_kept += _letters(wanted)
        return wanted


class _Made(NamedTuple):
    """What one turn in a thread made of compressed bytes."""

    lines: Lines
    rest: Rest
    used: int  # compressed bytes
    inflated: int  # bytes
    split: int  # lines, before any was left out
    last: bool  # whether the file has no more
    over: bool  # whether all that follows is behind the region


def _made(
    held: bytes, offset: int, skip: int, rest: Rest, stop: int, total: int, select: Callable[[Lines], tuple[Lines, bool]]
) -> _Made | None:
    """Inflates, splits and selects; None if `held`, which begins at `offset` of `total` bytes, is less than a block."""
    texts, used = bgzf.inflated(held, offset, BATCH_BYTES)
    if not texts and offset + len(held) < total:
        return None
    lines, rest = _split(texts, skip, rest)
    last = not texts or offset + used >= total
    if last and rest.parts:
        lines.append((rest.at, b"".join(rest.parts)))
    inflated, split = sum(len(text) for _, text in texts), len(lines)
    lines, over = select([line for line in lines if line[0] < stop])
    return _Made(lines, rest, used, inflated, split, last, over)


def joined(lines: Lines) -> Lines:
    """The lines of a header as one text; what is no line of it stands behind, as a second one."""
    number = next((number for number, line in enumerate(lines) if not line[1].startswith(b"#")), len(lines))
    text = b"".join(line + b"\n" for _, line in lines[:number])
    return [(lines[0][0], text), *lines[number : number + 1]] if lines else []


class Rest(NamedTuple):
    """What is left over of a batch: the parts of a line whose end is not read yet, and its place."""

    parts: list[bytes]
    at: int

    @property
    def bytes(self) -> int:
        """Bytes of the parts."""
        return sum(map(len, self.parts))


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


def among(lines: Lines, places: Array) -> Lines:
    """Those of these lines that are at one of the ascending places."""
    if not lines or not len(places):
        return []
    first, last = np.searchsorted(places, np.array([lines[0][0], lines[-1][0] + 1], "u8"))
    wanted = set(places[first:last].tolist())
    return [line for line in lines if line[0] in wanted]


def passing(lines: Lines, keep: Keep) -> Lines:
    """Those whose text is wanted."""
    return [line for line in lines if keep(line[1])]


def _letters(lines: Lines) -> int:
    return sum(len(line) for _, line in lines)
