"""BGZF: gzip in independent blocks of 64 KB, written and read, so that a result can be indexed.

A place in a BGZF file is a *virtual offset*: the offset of its block in the file, shifted by 16 bits, plus the offset in the
block's text (SAM specification, section 4.1.1).
"""

import struct
import zlib

from zlib_ng import zlib_ng

BLOCK = 0xFF00
LEVEL = 6
END_BLOCK = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
"""The empty block that ends a file."""

BEHIND_ALL = 1 << 63
"""A virtual offset behind those of every file."""

_HEAD = struct.Struct("<4BI2BH2B2H")  # RFC 1952 with the BC subfield of the SAM specification


class BadBlock(ValueError):
    """What is at this place is not the start of a BGZF block."""


def compress(data: bytes) -> bytes:
    """The data as BGZF blocks."""
    return b"".join(blocks(data))


def blocks(data: bytes) -> list[bytes]:
    """The data as BGZF blocks of BLOCK bytes, the last one shorter."""
    return [_block(data[start : start + BLOCK]) for start in range(0, len(data), BLOCK)]


def _block(data: bytes) -> bytes:
    for level in (LEVEL, 0):  # what cannot be compressed is stored
        deflate = zlib_ng.compressobj(level, zlib_ng.DEFLATED, -15)
        body = deflate.compress(data) + deflate.flush()
        if len(body) + 26 <= 1 << 16:
            break
    head = _HEAD.pack(31, 139, 8, 4, 0, 0, 255, 6, 66, 67, 2, len(body) + 25)
    return head + body + struct.pack("<II", zlib_ng.crc32(data), len(data))


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
