"""Writing BGZF: gzip in independent blocks of 64 KB, so that the result can be indexed; compressed beside the caller's work."""

import struct
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from zlib_ng import zlib_ng

from app.annotation.source import BGZF_END

BLOCK = 0xFF00
BATCH = 16 * BLOCK
LEVEL = 6
_HEAD = struct.Struct("<4BI2BH2B2H")  # RFC 1952 with the BC subfield of the SAM specification


def compress(data: bytes) -> bytes:
    """The data as BGZF blocks."""
    return b"".join(_block(data[start : start + BLOCK]) for start in range(0, len(data), BLOCK))


def _block(data: bytes) -> bytes:
    for level in (LEVEL, 0):  # what cannot be compressed is stored
        deflate = zlib_ng.compressobj(level, zlib_ng.DEFLATED, -15)
        body = deflate.compress(data) + deflate.flush()
        if len(body) + 26 <= 1 << 16:
            break
    head = _HEAD.pack(31, 139, 8, 4, 0, 0, 255, 6, 66, 67, 2, len(body) + 25)
    return head + body + struct.pack("<II", zlib_ng.crc32(data), len(data))


class Writer:
    """A file that is compressed by one thread while it is written; at most a few megabytes wait."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("wb")
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="bgzf")
        self._waiting: deque[Future[bytes]] = deque()
        self._buffer: list[bytes] = []
        self._held = 0

    def write(self, data: bytes) -> None:
        self._buffer.append(data)
        self._held += len(data)
        if self._held >= BATCH:
            joined = b"".join(self._buffer)
            whole = len(joined) // BLOCK * BLOCK
            self._submit(joined[:whole])
            self._buffer, self._held = [joined[whole:]], len(joined) - whole

    def _submit(self, data: bytes) -> None:
        self._waiting.append(self._pool.submit(compress, data))
        while len(self._waiting) > 4:
            self._file.write(self._waiting.popleft().result())

    def close(self) -> None:
        self._submit(b"".join(self._buffer))
        while self._waiting:
            self._file.write(self._waiting.popleft().result())
        self._file.write(BGZF_END)
        self._pool.shutdown()
        self._file.close()

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self._pool.shutdown(cancel_futures=True)
            self._file.close()
