"""BGZF: gzip in independent blocks of 64 KB, written and read, so that a result can be indexed.

A place in a BGZF file is a *virtual offset*: the offset of its block in the file, shifted by 16 bits, plus the offset in the
block's text (SAM specification, section 4.1.1).
"""

import struct
import zlib

from isal import isal_zlib
from zlib_ng import zlib_ng

BLOCK = 0xFF00
LEVEL = 6
"""Of compression, unless it is chosen: what is stored for months costs more than the time that a lower one saves."""

LEVELS = range(1, 10)
_QUICK = 2
"""Up to this level isal compresses, several times as fast as zlib-ng and nearly as small; above it zlib-ng does better."""

END_BLOCK = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
"""The empty block that ends a file."""

BEHIND_ALL = 1 << 63
"""A virtual offset behind those of every file."""

_TAIL = struct.Struct("<II")
_HEAD = struct.Struct("<4BI2BH2B2H")  # RFC 1952 with the BC subfield of the SAM specification


class BadBlock(ValueError):
    """What is at this place is not the start of a BGZF block."""


def compress(data: bytes, level: int = LEVEL) -> bytes:
    """The data as BGZF blocks."""
    return b"".join(blocks(data, level))


def blocks(data: bytes, level: int = LEVEL) -> list[bytes]:
    """The data as BGZF blocks of BLOCK bytes, the last one shorter."""
    return [_block(data[start : start + BLOCK], level) for start in range(0, len(data), BLOCK)]


def _block(data: bytes, level: int) -> bytes:
    body = isal_zlib.compress(data, level, -15) if level <= _QUICK else _deflated(data, level)
    if len(body) + 26 > 1 << 16:
        body = _deflated(data, 0)  # what cannot be compressed is stored
    head = _HEAD.pack(31, 139, 8, 4, 0, 0, 255, 6, 66, 67, 2, len(body) + 25)
    return b"%b%b%b" % (head, body, _TAIL.pack(isal_zlib.crc32(data), len(data)))


def _deflated(data: bytes, level: int) -> bytes:
    deflate = zlib_ng.compressobj(level, zlib_ng.DEFLATED, -15)
    return deflate.compress(data) + deflate.flush()


def inflated(compressed: bytes, offset: int, most: int = BEHIND_ALL) -> tuple[list[tuple[int, bytes]], int]:
    """The whole blocks at the start of `compressed`, each with its offset in the file, and how many bytes they took.

    `offset` is where in the file `compressed` starts. What follows once they have `most` bytes, inflated, is left where it is.
    Raises BadBlock.
    """
    found: list[tuple[int, bytes]] = []
    place = size_inflated = 0
    while len(compressed) - place >= 18 and size_inflated < most:
        if compressed[place : place + 4] != b"\x1f\x8b\x08\x04" or compressed[place + 12 : place + 14] != b"BC":
            raise BadBlock(offset + place)
        size = int.from_bytes(compressed[place + 16 : place + 18], "little") + 1
        if place + size > len(compressed):
            break
        try:
            found.append((offset + place, zlib.decompress(compressed[place + 18 : place + size - 8], wbits=-15)))
        except zlib.error as error:
            raise BadBlock(offset + place) from error
        size_inflated += len(found[-1][1])
        place += size
    return found, place
