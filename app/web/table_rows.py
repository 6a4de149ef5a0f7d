"""Rows of a table as text from lines of an annotated VCF, here or in a process of its own: `python -m app.web.table_rows`.

Such a process reads the table's `Form` as a line of JSON, then batches of lines, and answers each with a few hundred rows at a
time and nothing at last; everything but the form has its length in four bytes before it. It ends when its input does, so also
when the portal is killed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import BinaryIO

from app.engine.report import render

ROWS_AT_ONCE = 200

ROW_TEXTS = {"tsv": render.tsv_row, "csv": render.csv_row}


@dataclass(frozen=True)
class Form:
    """How a table is written: as `tsv` or `csv`, with columns for these INFO tags, and its provenance in each row."""

    name: str
    tags: tuple[str, ...]
    provenance: str

    def titles(self) -> bytes:
        """The first row."""
        return ROW_TEXTS[self.name](next(render.cells([], self.tags, self.provenance))).encode()

    def texts(self, lines: Sequence[bytes]) -> Iterator[bytes]:
        """The rows of these lines, ROWS_AT_ONCE in each text."""
        rows = render.cells((line.decode("utf-8", "replace") for line in lines), self.tags, self.provenance)
        next(rows)
        while some := "".join(map(ROW_TEXTS[self.name], islice(rows, ROWS_AT_ONCE))):
            yield some.encode()


def framed(text: bytes) -> bytes:
    """A text with its length before it."""
    return len(text).to_bytes(4, "big") + text


def serve(given: BinaryIO, answers: BinaryIO) -> None:
    """Writes the rows of every batch, until there is none any more."""
    form = Form(**json.loads(given.readline()))
    while length := given.read(4):
        for text in form.texts(given.read(int.from_bytes(length, "big")).split(b"\n")):
            answers.write(framed(text))
        answers.write(framed(b""))
        answers.flush()


def first_line(form: Form) -> bytes:
    """The form as `serve` reads it."""
    return json.dumps(asdict(form)).encode() + b"\n"


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
