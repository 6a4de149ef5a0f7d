"""The columns of a result where they lie in S3, behind its summary: read by range, one column at a time, and kept while asked."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from app.engine.formats.columns import HEAD, Directory, decoded, directory, listed
from app.engine.report.rows import CODED

Array = npt.NDArray[Any]
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

    async def values(self, name: str, run: Callable[..., Awaitable[Any]]) -> Array:
        """A value a record. `run` runs a function with its arguments where it may take its time."""
        if (kept := self.cache.get((self.key, name))) is not None:
            return kept
        spans = self.directory.spans[name]
        if not spans:
            return np.zeros(0, self.directory.dtypes[name])
        first, last = spans[0][0], sum(spans[-1])
        stored = await self._bytes(first, last - first)
        values: Array = await run(self._decoded, name, stored, first)
        self.cache.put((self.key, name), values)
        return values

    def _decoded(self, name: str, stored: bytes, first: int) -> Array:
        places = zip(self.directory.spans[name], self.directory.chunks, strict=True)
        parts = [
            decoded(stored[at - first : at - first + size], self.directory.dtypes[name], chunk.records)
            for (at, size), chunk in places
        ]
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
