"""A ZIP archive that is sent while it is made: of members that are compressed already, in constant memory."""

from __future__ import annotations

import io
import time
from collections.abc import AsyncIterator
from zipfile import ZIP_STORED, ZipFile, ZipInfo

Member = tuple[str, AsyncIterator[bytes]]
"""Its name in the archive, and its bytes."""


class _Sink(io.RawIOBase):
    """Takes what the archive writes, until it is sent. It can't be sought in, so sizes and sums stand behind each member."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: object) -> int:
        self.pieces.append(bytes(piece))  # type: ignore[call-overload]
        return len(self.pieces[-1])

    def take(self) -> bytes:
        taken, self.pieces = b"".join(self.pieces), []
        return taken


async def zipped(members: AsyncIterator[Member]) -> AsyncIterator[bytes]:
    """The archive in pieces, each hardly larger than those of its members. A name that was there before gets a number."""
    sink, names = _Sink(), set[str]()
    with ZipFile(sink, "w", ZIP_STORED) as archive:
        async for name, chunks in members:
            info = ZipInfo(_another(name, names), time.gmtime()[:6])
            info.external_attr = 0o644 << 16
            with archive.open(info, "w", force_zip64=True) as member:
                async for chunk in chunks:
                    member.write(chunk)
                    yield sink.take()
            yield sink.take()
    yield sink.take()


def _another(name: str, names: set[str]) -> str:
    stem, dot, rest = name.partition(".")
    number, free = 1, name
    while free.lower() in names:
        number += 1
        free = f"{stem} ({number}){dot}{rest}"
    names.add(free.lower())
    return free
