"""The columns of a result where they lie in S3, behind its summary: read by range, one column at a time, and kept while asked."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from app.engine.formats.columns import CHUNK, HEAD, Chunk, Directory, decoded, directory, listed
from app.engine.report.rows import CODED

Array = npt.NDArray[Any]
Run = Callable[..., Awaitable[Any]]
Read = Callable[[int, int], Awaitable[bytes]]
"""Reads so many bytes from an offset of the columns on."""

FIRST_READ = 256 << 10
"""Bytes that are read at first: all of a small result's columns."""

KEPT_BYTES = 96 << 20
"""Bytes of values that all results together keep."""


@dataclass
class ValueCache:
    """Arrays that were read lately, of `most` bytes at most."""

    most: int = KEPT_BYTES
    held: int = 0
    _kept: OrderedDict[tuple[str, str], Array] = field(default_factory=OrderedDict)

    def get(self, key: tuple[str, str]) -> Array | None:
        """What is kept under a key, which thereby is kept longer."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, key: tuple[str, str], values: Array) -> None:
        """Keeps it, instead of what was not asked for the longest."""
        if key in self._kept or values.nbytes > self.most:
            return
        self._kept[key], self.held = values, self.held + values.nbytes
        while self.held > self.most:
            self.held -= self._kept.popitem(last=False)[1].nbytes


@dataclass
class StoredColumns:
    """The columns of one result."""

    key: str
    head: bytes
    directory: Directory
    read: Read
    cache: ValueCache
    _words: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    async def open(cls, key: str, read: Read, cache: ValueCache) -> StoredColumns:
        """The columns at this key. Raises Gone, BadColumns."""
        head = await read(0, FIRST_READ)
        found = directory(head)
        if found is None:
            head = await read(0, HEAD.size + HEAD.unpack_from(head)[1])
            found = directory(head)
        assert found
        return cls(key, head[: found.end], found, read, cache)

    @property
    def records(self) -> int:
        """How many records the result has."""
        return self.directory.records

    async def values(self, name: str, run: Run, chunks: Sequence[int] | None = None) -> Array:
        """A value a record, of these chunks or of all. `run` runs a function with its arguments where it may take its time."""
        if (kept := self.cache.get((self.key, name))) is not None:
            return kept if chunks is None else np.concatenate([kept[:0], *(kept[one] for one in self._slices(chunks))])
        spans = self.directory.spans[name]
        wanted = range(len(spans)) if chunks is None else chunks
        if not len(wanted):
            return np.zeros(0, self.directory.dtypes[name])
        # chunks of one column lie one behind the other: one read from the first to the last
        first, last = spans[wanted[0]][0], sum(spans[wanted[-1]])
        stored = await self._bytes(first, last - first)
        values: Array = await run(self._decoded, name, stored, first, wanted)
        if chunks is None:
            self.cache.put((self.key, name), values)
        return values

    def _slices(self, chunks: Sequence[int]) -> list[slice]:
        return [slice(one * CHUNK, (one + 1) * CHUNK) for one in chunks]

    def near(self, contig: int, begin: int, end: int) -> list[int] | None:
        """The chunks that may have records of a place, ascending; None if that is most of them."""
        found = [number for number, chunk in enumerate(self.directory.chunks) if _may_have(chunk, contig, begin, end)]
        return found if 2 * len(found) < len(self.directory.chunks) else None

    async def values_at(self, name: str, rows: Array, run: Run) -> Array:
        """The values of some records alone: only their chunks are read."""
        if (kept := self.cache.get((self.key, name))) is not None:
            taken: Array = await run(np.take, kept, rows)
            return taken
        found = np.zeros(len(rows), self.directory.dtypes[name])

        def fill(number: int, stored: bytes) -> None:
            inside = rows // CHUNK == number
            values = decoded(stored, self.directory.dtypes[name], self.directory.chunks[number].records)
            found[inside] = values[rows[inside] - number * CHUNK]

        for number in await run(lambda: np.unique(rows // CHUNK).tolist()):
            await run(fill, number, await self._bytes(*self.directory.spans[name][number]))
        return found

    def _decoded(self, name: str, stored: bytes, first: int, chunks: Sequence[int]) -> Array:
        parts = []
        for number in chunks:
            at, size = self.directory.spans[name][number]
            records = self.directory.chunks[number].records
            parts.append(decoded(stored[at - first : at - first + size], self.directory.dtypes[name], records))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    async def words(self, name: str) -> list[str]:
        """The words of a column's codes."""
        if name in CODED:
            return list(CODED[name])
        if name not in self._words:
            self._words[name] = listed(await self._bytes(*self.directory.words[name]))
        return self._words[name]

    async def _bytes(self, at: int, size: int) -> bytes:
        if at + size <= len(self.head):
            return self.head[at : at + size]
        return await self.read(at, size)


def _may_have(chunk: Chunk, contig: int, begin: int, end: int) -> bool:
    """May a chunk have records that overlap this place? Contigs are coded in the order in which they come."""
    if not chunk.contig_first <= contig <= chunk.contig_last:
        return False
    single = chunk.contig_first == chunk.contig_last
    return not single or (chunk.position_first <= end and max(chunk.position_last, chunk.position_first) >= begin)
