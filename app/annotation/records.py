"""The records of one file, in order: what is clean passes by the block, everything else is examined, repaired or refused."""

import re

from app.annotation import assemblies
from app.annotation.declarations import Declarations
from app.annotation.errors import InputError
from app.annotation.headers import Header
from app.annotation.limits import Limits
from app.annotation.notes import Notes
from app.annotation.reference import Bundle
from app.annotation.sequences import Sequences
from app.annotation.sites import Sites
from app.annotation.values import CONTROLS, FLOATS, many, shown

_QUALITY = re.compile(rb"\.|" + FLOATS).fullmatch


class Records:
    """Judges the records of one file in order; `block` gives them back as bcftools shall see them."""

    def __init__(
        self,
        header: Header,
        bundle: Bundle,
        sequences: Sequences,
        limits: Limits,
        notes: Notes,
        names: dict[bytes, str] | None = None,
    ) -> None:
        self.header, self.bundle, self.sequences, self.limits, self.notes = header, bundle, sequences, limits, notes
        self.sites = Sites(header, bundle, sequences, notes, names or {})
        self.declarations = Declarations(header, notes)
        self.count = self.splits = 0
        self.sorted, self._changed = True, False
        self._contig, self._place, self._start = b"", "", -1
        self._left: set[bytes] = set()
        self._width = header.columns
        if len(header.samples) > limits.samples:
            raise InputError(f"The file has {len(header.samples):,} samples, more than the {limits.samples:,} that are accepted.")

    @property
    def names(self) -> dict[bytes, str]:
        return self.sites.names

    @property
    def changed(self) -> bool:
        """Whether the file has to be read again through these eyes: a record or a declaration was repaired."""
        return self._changed or self.declarations.changed

    def block(self, block: bytes, before: int) -> bytes:
        """The block repaired; the very same object if nothing needed repair. `before` lines came before it."""
        lines = block.split(b"\n")
        lines.pop()
        changed = False
        tabs = len(self.header.samples) - 1
        holds, formats = self.sequences.holds, self.declarations.formats
        place, last, clean = self._contig, self._start, 0
        # a declaration that changes on the way only ever gets wider: what was clean before it stays clean
        for index, (contig, position, ref, form, values) in enumerate(self.declarations.lines(block)):
            if contig == place and contig:
                start = int(position) - 1
                if (
                    start >= last
                    and holds(self._place, start, ref)
                    and (not form or (values.count(b"\t") == tabs and form in formats and formats[form](values)))
                ):
                    last = start
                    clean += 1
                    continue
            self._start = last
            line = lines[index]
            repaired = self._examine(line, before + index + 1)
            place, last = self._contig, self._start
            if repaired != line or not repaired:
                lines[index] = repaired
                changed = True
        self._start = last
        self.count += clean
        if self.count > self.limits.records:
            raise InputError(f"The file has more than {self.limits.records:,} records. Please split it.")
        if not changed:
            return block
        self._changed = True
        return b"".join(line + b"\n" for line in lines if line)

    def finish(self) -> None:
        """Refuse a file whose REF alleles disagree with the reference too often to be of this assembly."""
        if not self.sorted:
            self.notes.add("unsorted")
        share = self.sites.mismatches / (self.count or 1)
        if share > 0.5 or (share > self.limits.mismatches and self.sites.mismatches >= 10):
            guess = assemblies.looks_like(self.header)
            raise InputError(
                f"{self.sites.mismatches:,} of {self.count:,} records have a REF that disagrees with {self.bundle.assembly} "
                f"(first: {self.sites.first_mismatch}). The file looks like {guess or 'another assembly'}. It was not annotated."
            )

    def _examine(self, line: bytes, number: int) -> bytes:
        """The record repaired, empty if the line held none; InputError if it cannot be one."""
        if not line.strip() or line.startswith(b"#"):
            return self._no_record(line, number)
        if CONTROLS.search(line):
            line = CONTROLS.sub(b"_", line)
            self.notes.add("controls", number)
        fields = self._columns(line, number)
        if len(fields[3]) > 1 << 20 or fields[4].count(b",") >= self.limits.alleles:
            raise InputError(
                f"Line {number}: more than {self.limits.alleles:,} ALT alleles or a REF beyond a million bases.", number
            )
        for index, name in ((2, "ID"), (5, "QUAL"), (6, "FILTER"), (7, "INFO")):
            if not fields[index].strip():
                fields[index] = b"."
                self.notes.add("id_repaired", number, name)
        if b";" in fields[2] and (identifiers := dict.fromkeys(filter(None, fields[2].split(b";")))):
            unique = b";".join(identifiers)
            if unique != fields[2]:
                fields[2] = unique
                self.notes.add("id_repaired", number, "ID")
        contig = self.sites.contig(fields, number)
        alleles = self.sites.alleles(fields, contig, number)
        if not _QUALITY(fields[5]):
            raise InputError(f"Line {number}: QUAL is {shown(fields[5])}, expected a number or a dot.", number)
        self.declarations.filters(fields, number)
        self.declarations.info(fields, alleles, number)
        if len(fields) > 8:
            self.declarations.genotypes(fields, alleles, number)
        start = int(fields[1]) - 1
        if fields[0] != self._contig:
            if fields[0] in self._left:
                self.sorted = False
            self._left.add(fields[0])
            self._contig, self._place, self._start = fields[0], contig.name, -1
        if start < self._start:
            self.sorted = False
        self._start = start
        self.count += 1
        self.splits += max(alleles - 1, 0)
        return b"\t".join(fields)

    def _no_record(self, line: bytes, number: int) -> bytes:
        if not line.strip():
            self.notes.add("blank_lines", number)
        elif line.startswith(b"#CHROM") and line.split(b"\t")[9:] != self.header.samples:
            raise InputError(
                f"Line {number}: a second header with other columns; it looks as if files were joined with cat. "
                "Please merge them with bcftools and upload the result.",
                number,
            )
        else:
            self.notes.add("comment_lines", number, line.decode("utf-8", "replace")[:60])
        self._changed = True
        return b""

    def _columns(self, line: bytes, number: int) -> list[bytes]:
        fields = line.split(b"\t")
        while len(fields) > self._width and not fields[-1].strip():
            fields.pop()
            self.notes.add("trailing_tab", number)
        if len(fields) == self._width == 9:
            self.notes.add("format_dropped", number)
            return fields[:8]
        if len(fields) == self._width or (len(fields) == 8 and self._width == 9):
            return fields
        if len(fields) < 8:
            hint = " They seem to be separated by spaces instead of tabs." if len(line.split()) >= 8 else ""
            raise InputError(f"Line {number} has {many(len(fields), 'column')}, at least 8 expected.{hint}", number)
        if len(fields) == 8 and self._width > 8:
            self.notes.add("missing_format", number)
            return [*fields, b"GT", *[b"."] * len(self.header.samples)]
        if min(len(fields), self._width) < 10:
            raise InputError(f"Line {number} has {len(fields)} columns, the header has {self._width}.", number)
        got, wanted = max(len(fields) - 9, 0), len(self.header.samples)
        raise InputError(
            f"Line {number} has {many(got, 'genotype column')}, the header declares {many(wanted, 'sample')}.",
            number,
        )
