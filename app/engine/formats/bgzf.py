"""Writing BGZF: gzip in independent blocks of 64 KB, so that the result can be indexed."""

import struct

from zlib_ng import zlib_ng

BLOCK = 0xFF00
LEVEL = 6
_HEAD = struct.Struct("<4BI2BH2B2H")  # RFC 1952 with the BC subfield of the SAM specification


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
