"""A file of named arrays that is mapped into memory: opening it reads its index only, and processes share its pages.

Layout, all numbers little-endian: 32 bytes of head (magic, offset and length of the index, CRC-32 of the index), the arrays one
after another, each at a multiple of 64 bytes, and at the very end the index, which is JSON: kind and version of the file, facts
(small things beside the arrays), and for each array its type, offset, number of items and CRC-32.
"""

import json
import mmap
import os
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from app.engine.errors import EngineError

MAGIC = b"GASMAP1\n"
_HEAD = struct.Struct("<8sQQI4x")
_ALIGNED_BYTES = 64
_CHECKED_AT_ONCE_BYTES = 1 << 24


class BundleError(EngineError):
    """A part of a bundle, or a source of one, cannot be used; the message says why in a sentence, for the operator."""


class Writer:
    """Writes such a file, of arrays that may be longer than memory. The file is there only once `finish` has been called.

    Leaving the `with` block without `finish` removes what was written.
    """

    def __init__(self, path: Path, kind: str, version: int) -> None:
        self._path, self._part = path, path.with_name(f".{path.name}.part")
        self._index: dict[str, Any] = {"kind": kind, "version": version, "arrays": {}}
        self._file = self._part.open("wb")
        self._file.write(bytes(_HEAD.size))
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()
        self._part.unlink(missing_ok=True)

    def begin(self, name: str, dtype: str) -> None:
        """Begin an array of this type, such as `<i4`; `write` adds to it."""
        self._file.write(bytes(-self._file.tell() % _ALIGNED_BYTES))
        self._index["arrays"][name] = {"type": dtype, "offset": self._file.tell(), "items": 0, "crc32": 0}

    def write(self, items: bytes | NDArray[Any]) -> None:
        """Add items to the array begun last."""
        entry = next(reversed(self._index["arrays"].values()))
        text = items if isinstance(items, bytes) else np.ascontiguousarray(items, dtype=entry["type"]).tobytes()
        entry["items"] += len(text) // np.dtype(entry["type"]).itemsize
        entry["crc32"] = zlib.crc32(text, entry["crc32"])
        self._file.write(text)

    def array(self, name: str, dtype: str, items: Any) -> None:
        """Write a whole array."""
        self.begin(name, dtype)
        self.write(np.asarray(items, dtype=dtype))

    def finish(self, facts: Mapping[str, Any]) -> None:
        """Write the index, and put the file in its place."""
        index = json.dumps({**self._index, "facts": facts}, separators=(",", ":")).encode()
        offset = self._file.tell()
        self._file.write(index)
        self._file.seek(0)
        self._file.write(_HEAD.pack(MAGIC, offset, len(index), zlib.crc32(index)))
        self._file.flush()
        os.fsync(self._file.fileno())  # before it has its name; and pages not yet written would count as the reader's own memory
        self._file.close()
        os.replace(self._part, self._path)


def identity(path: Path) -> tuple[int, ...]:
    """What changes when another file is put in the place of this one, or it is written anew; nothing if there is no file."""
    try:
        stat = path.stat()
    except OSError:
        return ()
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns


class Mapped:
    """An open file of arrays. It costs no memory of the process's own: its pages belong to the page cache.

    Raises BundleError if the file is not of this kind and version, or was cut or damaged where that can be seen without reading
    it all; `verify` reads it all.
    """

    def __init__(self, path: Path, kind: str, version: int) -> None:
        self._name = path.name
        try:
            with path.open("rb") as file:
                self.size = size = os.fstat(file.fileno()).st_size  # in bytes
                head = file.read(_HEAD.size)
                if len(head) < _HEAD.size or not head.startswith(MAGIC):
                    raise BundleError(f"{path.name} is no {kind} file of a bundle: build the bundle again")
                _, offset, length, checksum = _HEAD.unpack(head)
                if offset + length != size:
                    wanted = offset + length
                    raise BundleError(
                        f"{path.name} has {size} bytes of {wanted}: it was cut off or damaged; build the bundle again"
                    )
                file.seek(offset)
                index = file.read(length)
                self._pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise BundleError(f"{path.name} cannot be read: {error.strerror}") from error
        if zlib.crc32(index) != checksum:
            raise BundleError(f"{path.name} is damaged: its index has another checksum; build the bundle again")
        described = json.loads(index)
        if (described["kind"], described["version"]) != (kind, version):
            found = f"{described['kind']} in version {described['version']}"
            raise BundleError(f"{path.name} has {found}, where {kind} in version {version} is wanted: build the bundle again")
        self.facts: dict[str, Any] = described["facts"]
        self._arrays: dict[str, dict[str, Any]] = described["arrays"]

    def array(self, name: str) -> NDArray[Any]:
        """The array of this name, read-only, on the mapped pages."""
        entry = self._arrays[name]
        return np.frombuffer(self._pages, dtype=entry["type"], count=entry["items"], offset=entry["offset"])

    def bytes_of(self, name: str) -> tuple[memoryview, int]:
        """The mapped pages, and where the array of this name begins in them, in bytes."""
        return memoryview(self._pages), self._arrays[name]["offset"]

    def release(self, offset: int, length: int) -> None:
        """Let go of pages that were read and are not needed again, so that they don't count as resident."""
        begin = offset // mmap.PAGESIZE * mmap.PAGESIZE
        self._pages.madvise(mmap.MADV_DONTNEED, begin, offset + length - begin)

    def verify(self) -> None:
        """Read all, and raise BundleError if an array is not what was written."""
        pages = memoryview(self._pages)
        for name, entry in self._arrays.items():
            end = entry["offset"] + entry["items"] * np.dtype(entry["type"]).itemsize
            checksum = 0
            for at in range(entry["offset"], end, _CHECKED_AT_ONCE_BYTES):
                checksum = zlib.crc32(pages[at : min(at + _CHECKED_AT_ONCE_BYTES, end)], checksum)
            if checksum != entry["crc32"]:
                raise BundleError(f"{self._name} is damaged: {name} has another checksum; build the bundle again")
