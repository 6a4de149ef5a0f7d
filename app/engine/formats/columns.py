"""The columns of a result: a file with a value a record in each, that questions are answered from without reading the text.

Layout: MAGIC, the length of the directory (4 bytes), the directory (JSON, deflated), then for each column all of its chunks,
one behind the other. A chunk has CHUNK records or fewer. Whole numbers are stored as differences to the one before, and
numbers of several bytes by the byte (all first ones, all second ones, …), which deflates to a fraction. Lists of words are
stored like a column of one chunk, with a line feed behind each.
"""

import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
from zlib_ng import zlib_ng

COLUMNS = "annot.columns"
"""The name of the file beside a result."""

MAGIC = b"GASC\1"
CHUNK = 1 << 16
"""Records a chunk."""

HEAD = struct.Struct("<5sI")
LEVEL = 4
_COPIED = 1 << 20

Array = npt.NDArray[Any]


class BadColumns(ValueError):
    """This is no file of columns."""


class Chunk(NamedTuple):
    """Records, the codes of the contigs that they begin and end with, and the positions that they cover."""

    records: int
    contig_first: int
    contig_last: int
    position_first: int
    position_last: int


@dataclass(frozen=True)
class Directory:
    """What a file of columns has and where; offsets count from the beginning of the file."""

    records: int
    chunks: tuple[Chunk, ...]
    dtypes: Mapping[str, str]
    spans: Mapping[str, tuple[tuple[int, int], ...]]  # of each column, the offset and the bytes of each chunk
    words: Mapping[str, tuple[int, int]]  # of each list of words, offset and bytes
    end: int  # bytes of the file


def encoded(values: Array) -> bytes:
    """A chunk of a column, as it is stored."""
    if values.dtype.kind in "iu" and values.dtype.itemsize > 1:
        unsigned = values.view(f"<u{values.dtype.itemsize}")
        values = np.diff(unsigned, prepend=np.zeros(1, unsigned.dtype))
    planes = np.ascontiguousarray(values.view("u1").reshape(len(values), values.dtype.itemsize).T)
    return zlib_ng.compress(planes.tobytes(), LEVEL)


def decoded(stored: bytes, dtype: str, records: int) -> Array:
    """The values of a stored chunk. Raises BadColumns."""
    kind = np.dtype(dtype)
    try:
        planes = np.frombuffer(zlib_ng.decompress(stored), "u1").reshape(kind.itemsize, records)
    except (zlib_ng.error, ValueError) as error:  # type: ignore[misc]  # its stub says no class
        raise BadColumns(str(error)) from error
    if kind.itemsize == 1:
        return planes[0].view(kind)
    # a plane at a time into its place: six times as fast as to turn all of them round at once
    woven = np.empty((records, kind.itemsize), "u1")
    for place, plane in enumerate(planes):
        woven[:, place] = plane
    values = woven.reshape(-1).view(kind)
    if kind.kind not in "iu":
        return values
    unsigned = values.view(f"<u{kind.itemsize}")
    return np.cumsum(unsigned, dtype=unsigned.dtype).view(kind)


def directory(head: bytes) -> Directory | None:
    """The directory at the beginning of a file; None if `head` does not have all of it. Raises BadColumns."""
    if len(head) < HEAD.size:
        return None
    magic, size = HEAD.unpack_from(head)
    if magic != MAGIC:
        raise BadColumns("it does not begin as columns do")
    if len(head) < HEAD.size + size:
        return None
    try:
        said = json.loads(zlib.decompress(head[HEAD.size : HEAD.size + size]))
    except (zlib.error, ValueError) as error:
        raise BadColumns(str(error)) from error
    at, spans, words = HEAD.size + size, {}, {}
    for name, sizes in said["sizes"].items():
        places = []
        for one in sizes:
            places.append((at, one))
            at += one
        spans[name] = tuple(places)
    for name, one in said["words"].items():
        words[name] = (at, one)
        at += one
    return Directory(said["records"], tuple(Chunk(*one) for one in said["chunks"]), said["dtypes"], spans, words, at)


def listed(stored: bytes) -> list[str]:
    """The words of a stored list."""
    return zlib.decompress(stored).decode("utf-8", "replace").split("\n")[:-1]


class ColumnsWriter:
    """Writes columns as they come, in constant memory; `finish` puts them together."""

    def __init__(self, work: Path, dtypes: Mapping[str, str], words: Sequence[str]) -> None:
        self._work, self._file = work, work.open("w+b")
        self._dtypes = dict(dtypes)
        self._words: dict[str, dict[bytes, int]] = {name: {} for name in words}
        self._waiting: list[Mapping[str, Array]] = []
        self._rows = 0
        self._chunks: list[Chunk] = []
        self._places: dict[str, list[tuple[int, int]]] = {name: [] for name in dtypes}

    def add(self, rows: Mapping[str, Array], names: Mapping[str, Mapping[bytes, int]]) -> None:
        """Take the next records; `names` says what their codes mean, by words."""
        rows = dict(rows)
        for column, codes in names.items():
            own = self._words[column]
            known = np.array([own.setdefault(word, len(own)) for word in codes], self._dtypes[column])
            rows[column] = known[rows[column]]
        self._waiting.append(rows)
        self._rows += len(rows["position"])
        while self._rows >= CHUNK:
            self._flush(CHUNK)

    def _flush(self, most: int) -> None:
        whole = {name: np.concatenate([rows[name] for rows in self._waiting]) for name in self._dtypes}
        chunk = {name: values[:most] for name, values in whole.items()}
        left = {name: values[most:] for name, values in whole.items()}
        self._rows = len(left["position"])
        self._waiting = [left] if self._rows else []
        for name, dtype in self._dtypes.items():
            stored = encoded(np.ascontiguousarray(chunk[name], dtype))
            self._places[name].append((self._file.tell(), len(stored)))
            self._file.write(stored)
        contigs, first, last = chunk["contig"], chunk["position"], chunk["end"]
        self._chunks.append(Chunk(len(first), *map(int, (contigs[0], contigs[-1], first.min(), last.max()))))

    def finish(self, path: Path, shift: int) -> int:
        """Write the file, with `shift` bytes added to each place in the result; its size in bytes."""
        if self._rows:
            self._flush(CHUNK)
        if shift:
            self._shift(shift)
        words = {name: zlib_ng.compress(b"".join(word + b"\n" for word in known), LEVEL) for name, known in self._words.items()}
        said = {
            "records": sum(chunk.records for chunk in self._chunks),
            "chunks": self._chunks,
            "dtypes": self._dtypes,
            "sizes": {name: [size for _, size in places] for name, places in self._places.items()},
            "words": {name: len(stored) for name, stored in words.items()},
        }
        text = zlib_ng.compress(json.dumps(said, separators=(",", ":")).encode(), LEVEL)
        with path.open("wb") as file:
            file.write(HEAD.pack(MAGIC, len(text)) + text)
            for places in self._places.values():
                for at, size in places:
                    self._copy(file, at, size)
            file.writelines(words.values())
            size = file.tell()
        self.close()
        self._work.unlink()
        return size

    def _shift(self, shift: int) -> None:
        """Virtual offsets count from the beginning of the result, in front of whose records the header comes."""
        places = self._places["place"]
        for number, (at, size) in enumerate(places):
            self._file.seek(at)
            values = decoded(self._file.read(size), self._dtypes["place"], self._chunks[number].records)
            stored = encoded(values + np.uint64(shift << 16))
            self._file.seek(0, 2)
            places[number] = (self._file.tell(), len(stored))
            self._file.write(stored)

    def _copy(self, target: BinaryIO, at: int, size: int) -> None:
        self._file.seek(at)
        while size > 0:
            piece = self._file.read(min(size, _COPIED))
            target.write(piece)
            size -= len(piece)

    def close(self) -> None:
        """Lets go of the file that is worked in."""
        self._file.close()
