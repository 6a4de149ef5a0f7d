"""Static files, read once and compressed, under addresses that change with their content, so that browsers keep them for ever.

They are compressed as the portal starts, in six milliseconds: a step of the build would leave copies that can be stale, of
Bootstrap's package too, and a checkout without them.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import bootstrap_wrapper
from aiohttp import web

STATIC = Path(__file__).parent / "static"
BOOTSTRAP = bootstrap_wrapper.get_bootstrap_css_dir() / "bootstrap.min.css"
PREFIX = "/static/"


@dataclass(frozen=True)
class Asset:
    """A static file as it is sent, plain and compressed."""

    body: bytes
    compressed: bytes
    media_type: str
    digest: str


@dataclass(frozen=True)
class Assets:
    """All static files, by name."""

    files: dict[str, Asset]

    @classmethod
    @cache
    def read(cls) -> Assets:
        """Reads and compresses all of them, once a process."""
        return cls(dict(_read(path) for path in _paths()))

    def url(self, name: str) -> str:
        """Returns the address of a file, which changes with its content."""
        return f"{PREFIX}{self.files[name].digest}/{name}"


def response(asset: Asset, *, compressed: bool) -> web.Response:
    """Answers with a file that browsers keep for ever."""
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    if compressed:
        headers["Content-Encoding"] = "gzip"
    return web.Response(body=asset.compressed if compressed else asset.body, content_type=asset.media_type, headers=headers)


def _paths() -> Iterator[Path]:
    yield BOOTSTRAP
    yield from (path for path in STATIC.iterdir() if path.is_file())


def _read(path: Path) -> tuple[str, Asset]:
    # its source map stays in the package
    body = path.read_bytes().replace(b"/*# sourceMappingURL=bootstrap.min.css.map */", b"")
    media_type = mimetypes.guess_type(path.name)[0] or "text/plain"
    return path.name, Asset(body, gzip.compress(body), media_type, hashlib.sha256(body).hexdigest()[:16])
