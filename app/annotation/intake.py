"""The intake: reads any input twice, first to judge it whole (`survey`), then to feed it, repaired, into the stream (`feed`).

Nothing reaches bcftools that has not been checked here, and no record is dropped.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app.annotation import assemblies, headers
from app.annotation.errors import InputError
from app.annotation.headers import Header
from app.annotation.notes import Notes
from app.annotation.records import Records
from app.annotation.reference import Bundle
from app.annotation.sequences import Sequences
from app.annotation.source import Source

Progress = Callable[[str, int, float], None]


@dataclass
class Survey:
    """The verdict on an acceptable input: all that a second reading and the report need."""

    source: Source
    header: Header
    notes: Notes
    records: int
    splits: int
    names: dict[bytes, str]  # contig as the file calls it: as the bundle does, in the order of the file
    sorted: bool
    changed: bool

    def contigs(self, bundle: Bundle) -> dict[bytes, int]:
        """Names and lengths for the header; all of the bundle's if there is no record, for csq crashes without any."""
        lengths = {contig.name: contig.length for contig in bundle.contigs}
        names = self.names or {name.encode(): name for name in lengths}
        return {name: lengths[contig] for name, contig in names.items()}

    @property
    def renamed(self) -> bool:
        return any(name.decode("utf-8", "replace") != contig for name, contig in self.names.items())


class Lines:
    """The text of a source in blocks of whole lines that end with a line feed, its line ends and encoding repaired."""

    def __init__(self, source: Source, notes: Notes) -> None:
        self.source, self.notes = source, notes
        self.number = 0  # lines handed out
        self.changed = False
        self._rest = b""
        self._blocks = self._read()

    def header(self) -> list[bytes]:
        """The lines up to the one that names the columns."""
        lines: list[bytes] = []
        size = 0
        for block in self._blocks:
            found = block.splitlines() if b"\r" in block else block.split(b"\n")[:-1]
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
                    raise InputError(f"The header is larger than {self.source.limits.header_bytes >> 20} MiB. Please shorten it.")
        raise InputError("The #CHROM column line is missing, so columns cannot be identified. Please export the file again.")

    def _headless(self, line: bytes, before: list[bytes]) -> InputError:
        number = self.number
        if any(earlier.startswith(b"##") for earlier in before):
            return InputError(
                f"The #CHROM column line is missing before line {number}, so columns cannot be identified. "
                "Please export the file again.",
                number,
            )
        shown = line.decode("utf-8", "replace")[:60]
        return InputError(
            f"This file does not look like a VCF: line {number} is {shown!r}, expected a header that begins with #.", number
        )

    def body(self) -> Iterator[bytes]:
        """The blocks after the header."""
        if self._rest:
            yield self._rest
        yield from self._blocks

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
                    raise InputError(
                        f"A line is longer than {self.source.limits.line_bytes >> 20} MiB. Is this a VCF?", self.number + 1
                    )
                continue
            yield self._clean(b"".join([*pending, chunk[:cut]]))
            pending, held = [chunk[cut:]], len(chunk) - cut
        if rest := b"".join(pending):
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
        self.changed = True
        self.notes.add(code, self.number + 1)


def _utf8(line: bytes) -> bytes:
    try:
        line.decode()
        return line
    except UnicodeDecodeError:
        return line.decode("latin-1").encode()


def survey(source: Source, bundle: Bundle, progress: Progress) -> Survey:
    """Read everything once; InputError with a sentence for the owner if it cannot be annotated."""
    notes = Notes()
    lines = Lines(source, notes)
    header = headers.read(lines.header(), notes)
    assemblies.check_lengths(header, bundle)
    sequences = Sequences(bundle.path(bundle.fasta))
    try:
        records = Records(header, bundle, sequences, source.limits, notes)
        for block in lines.body():
            records.block(block, lines.number)
            lines.number += block.count(b"\n")
            source.records = records.count
            progress("reading", records.count, 100 * source.position / source.size)
        records.finish()
    finally:
        sequences.close()
    return Survey(
        source, header, notes, records.count, records.splits, records.names, records.sorted, records.changed or lines.changed
    )


def feed(found: Survey, bundle: Bundle, write: Callable[[bytes], object]) -> None:
    """Read the surveyed input again and write it as the VCF that bcftools is given."""
    write(found.header.text(found.contigs(bundle), inner=True))
    lines = Lines(found.source, Notes(silent=True))
    lines.header()
    if not found.changed:
        for block in lines.body():
            write(block)
        return
    sequences = Sequences(bundle.path(bundle.fasta))
    try:
        records = Records(found.header, bundle, sequences, found.source.limits, lines.notes, names=found.names)
        for block in lines.body():
            write(records.block(block, lines.number))
            lines.number += block.count(b"\n")
    finally:
        sequences.close()
