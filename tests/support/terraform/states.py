"""Keeps the states of Terraform, over HTTP: what an apply did is written at its end.

Terraform's own files are written whole, and to the disk, after each thing that an apply makes: half of its CPU, and most of its
time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from tests.support.loopback import serving


@contextmanager
def served(below: Path) -> Iterator[str]:
    """Serves states on loopback: the path of an address is that of a file below this folder. Yields what addresses begin with."""

    class States(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            file = self.file()
            self.answer(file.read_bytes() if file and file.exists() else None)

        def do_POST(self) -> None:
            file, state = self.file(), self.rfile.read(int(self.headers["Content-Length"]))
            if file:
                file.write_bytes(state)
            self.answer(b"" if file else None)

        def file(self) -> Path | None:
            file = Path(self.path).resolve()
            return file if file.suffix == ".tfstate" and file.is_relative_to(below.resolve()) else None

        def answer(self, body: bytes | None) -> None:
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            pass

    with serving(States) as address:
        yield address
