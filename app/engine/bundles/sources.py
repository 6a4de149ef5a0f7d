"""The text files that a bundle is made of, plain or compressed."""

import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from zlib_ng import gzip_ng, zlib_ng

from app.engine.bundles.mapped import BundleError

_BUFFERED_BYTES = 1 << 20
_BLOCK_BYTES = 1 << 22
_PIECE_BYTES = 1 << 16
_BGZF_HEAD_BYTES = 18


def _decompressed(path: Path) -> IO[bytes]:
    """Buffered once more: its own lines would be found in Python, one by one."""
    return io.BufferedReader(gzip_ng.open(path, "rb"), _BUFFERED_BYTES)


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The text of a file that may be gzip or BGZF. Raises BundleError, also while it is read, if it is cut off or damaged."""
    try:
        with path.open("rb") as file:
            compressed = file.read(2) == b"\x1f\x8b"
        with _decompressed(path) if compressed else path.open("rb") as text:
            yield text
    except EOFError as error:
        raise BundleError(f"{path.name} is cut off: its compressed data end too early") from error
    except (zlib.error, gzip_ng.BadGzipFile) as error:
        raise BundleError(f"{path.name} is damaged: {error}") from error
    except OSError as error:
        raise BundleError(f"{path.name} cannot be read: {error.strerror or error}") from error


def text_blocks(path: Path, offset: int = 0) -> Iterator[bytes]:
    """Whole lines of a file that may be compressed, some megabytes at a time; of BGZF, from a virtual offset on.

    Raises BundleError if it is cut off or damaged.
    """
    texts: list[bytes] = []  # joined once: what is long is not copied for nothing
    size = 0
    for text in filter(None, _texts(path, offset)):
        size += len(text)
        if size < _BLOCK_BYTES or not (end := text.rfind(b"\n") + 1):
            texts.append(text)
            continue
        texts.append(text[:end])
        yield b"".join(texts)
        texts, size = [text[end:]], len(text) - end
    if any(texts):
        yield b"".join([*texts, b"\n"]) if not texts[-1].endswith(b"\n") else b"".join(texts)


def _texts(path: Path, offset: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        head = file.read(_BGZF_HEAD_BYTES)
        if head[:4] == b"\x1f\x8b\x08\x04" and head[12:14] == b"BC":
            file.seek(offset >> 16)
            yield from _bgzf(path.name, file, offset & 0xFFFF)
            return
    with opened(path) as text:
        while piece := text.read(min(_PIECE_BYTES, _BLOCK_BYTES)):
            yield piece


def _bgzf(name: str, file: IO[bytes], skipped: int) -> Iterator[bytes]:
    """The text of BGZF blocks, each against its checksum."""
    compressed = b""
    while more := file.read(_BUFFERED_BYTES):
        compressed += more
        place = 0
        while len(compressed) - place >= _BGZF_HEAD_BYTES:
            end = place + int.from_bytes(compressed[place + 16 : place + 18], "little") + 1
            if compressed[place : place + 4] != b"\x1f\x8b\x08\x04":
                raise BundleError(f"{name} is damaged: a block of its compressed data does not begin as one")
            if end > len(compressed):
                break
            text = zlib_ng.decompress(compressed[place + _BGZF_HEAD_BYTES : end - 8], -15)
            if zlib_ng.crc32(text) != int.from_bytes(compressed[end - 8 : end - 4], "little"):
                raise BundleError(f"{name} is damaged: a block of it has another checksum")
            yield text[skipped:] if skipped else text
            skipped, place = 0, end
        compressed = compressed[place:]
    if compressed:
        raise BundleError(f"{name} is cut off: its compressed data end too early")
