"""The text files that a bundle is made of, plain or compressed."""

import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from zlib_ng import gzip_ng

from app.engine.bundles.mapped import BundleError

_BUFFERED_BYTES = 1 << 20


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
