"""The lines of an input, whatever wraps them and however they end."""

import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain

from app.engine.errors import InputError
from app.engine.reading.diagnostics import Diagnostics
from app.engine.reading.input_file import InputFile
from app.engine.reading.values import text

COMMAS = 50_000
"""In a block: so many alleles it can have at most, and one more a line."""


class Lines:
    """The text of a source in blocks of whole lines that end with a line feed, its line ends and encoding repaired."""

    def __init__(self, source: InputFile, notes: Diagnostics) -> None:
        self.source, self.notes = source, notes
        self.number = 0  # lines handed out
        self._rest = b""
        self._blocks = self._read()

    def header(self) -> list[bytes]:
        """The lines up to the one that names the columns."""
        lines: list[bytes] = []
        size = 0
        for block in self._blocks:
            found = block.split(b"\n")[:-1]
            for index, line in enumerate(found):
                self.number += 1
                size += len(line)
                if not line.startswith(b"#") and line.strip():
                    raise self._headless(line, lines)
                lines.append(line)
                if re.match(rb"#\s?CHROM\b", line, re.IGNORECASE):
                    self._rest = b"\n".join([*found[index + 1 :], b""])
                    return lines
                if size > self.source.limits.header_bytes:
                    raise InputError(self.source.limits.said("header_bytes"))
        raise InputError("The #CHROM column line is missing, so columns cannot be identified. Please export the file again.")

    def _headless(self, line: bytes, before: list[bytes]) -> InputError:
        number = self.number
        if any(earlier.startswith(b"##") for earlier in before):
            return InputError(
                f"The #CHROM column line is missing before line {number}, so columns cannot be identified. "
                "Please export the file again.",
                number,
            )
        return InputError(
            f"This file does not look like a VCF: line {number} is {text(line)!r}, expected a header that begins with #.", number
        )

    def body(self) -> Iterator[bytes]:
        """The blocks after the header."""
        for block in chain((self._rest,) if self._rest else (), self._blocks):
            yield from _portions(block)

    def numbered(self) -> Iterator[tuple[bytes, int]]:
        """The same, each with the number of lines before it."""
        header = self.number
        for block in self.body():
            yield block, self.number
            self.number += block.count(b"\n")
            self.source.records = self.number - header

    def _read(self) -> Iterator[bytes]:
        pending: list[bytes] = []
        held = 0
        first = True
        old_mac = False
        for chunk in self.source.chunks():
            if first and chunk:
                first = False
                if chunk.startswith(b"\xef\xbb\xbf"):
                    chunk = chunk[3:]
                    self._note("bom")
                old_mac = b"\n" not in chunk and b"\r" in chunk
            if old_mac:
                chunk = chunk.replace(b"\r", b"\n")
                self._note("crlf")
            cut = chunk.rfind(b"\n") + 1
            if not cut:
                pending.append(chunk)
                held += len(chunk)
                if held > self.source.limits.line_bytes:
                    raise InputError(self.source.limits.said("line_bytes"), self.number + 1)
                continue
            yield self._clean(b"".join([*pending, chunk[:cut]]))
            pending, held = [chunk[cut:]], len(chunk) - cut
        if rest := b"".join(pending):
            self._note("no_newline")
            yield self._clean(rest + b"\n")

    def _clean(self, block: bytes) -> bytes:
        if b"\0" in block:
            line = self.number + 1 + block[: block.index(b"\0")].count(b"\n")
            raise InputError(f"Line {line} contains NUL bytes: the file is damaged. Please export it and upload it again.", line)
        if b"\r" in block:
            self._note("crlf")
            block = re.sub(rb"\r+\n", b"\n", block)
        if not block.isascii():
            try:
                block.decode()
            except UnicodeDecodeError:
                self._note("encoding")
                block = b"\n".join(_utf8(line) for line in block.split(b"\n"))
        return block

    def _note(self, code: str) -> None:
        self.notes.add(code, self.number + 1)


def _portions(block: bytes) -> Iterator[bytes]:
    """The block, cut at ends of lines where it could have very many alleles."""
    middle = block.find(b"\n", len(block) // 2) + 1
    if block.count(b",") <= COMMAS or not 0 < middle < len(block):
        yield block
    else:
        yield from _portions(block[:middle])
        yield from _portions(block[middle:])


def _utf8(line: bytes) -> bytes:
    for encoding in ("utf-8", "windows-1252"):  # Latin-1 with letters where that has controls
        with suppress(UnicodeDecodeError):
            return line.decode(encoding).encode()
    return line.decode("latin-1").encode()
