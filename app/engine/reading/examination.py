"""One record that is not clean: examined, repaired, split by its alleles, each of which goes to its leftmost place."""

import re
from collections.abc import Iterator

from app.engine.bundles.manifest import Contig
from app.engine.consequence.structural import spans
from app.engine.errors import InputError, RecordError
from app.engine.formats.fasta import Sequences
from app.engine.formats.vcf import reach
from app.engine.limits import Limits
from app.engine.reading.allele_batch import AlleleBatch, Key, Row
from app.engine.reading.contigs import is_circular
from app.engine.reading.diagnostics import Diagnostics
from app.engine.reading.headers import Header
from app.engine.reading.normalize import Splitter, leftmost, movable
from app.engine.reading.old_record import noted, old_record, settled
from app.engine.reading.schema import TagSchema
from app.engine.reading.sites import PLAIN, SILENT, STRUCTURAL, SiteChecks
from app.engine.reading.values import CONTROLS, FLOAT, many, shown, text

_QUALITY = re.compile(rb"\.|" + FLOAT).fullmatch
Examined = tuple[str, bytes, int, list[Row]]
"""Contig as the reference and as the file calls it, start, and the alleles of a record."""


class RecordExaminer:
    """Examines records one at a time, and counts those it takes and the alleles it splits off."""

    def __init__(
        self,
        header: Header,
        sequences: Sequences,
        limits: Limits,
        notes: Diagnostics,
        sites: SiteChecks,
        declarations: TagSchema,
        *,
        move: bool,
    ) -> None:
        self.header, self.sequences, self.limits, self.notes = header, sequences, limits, notes
        self.sites, self.declarations = sites, declarations
        self.count = self.splits = 0
        self._move, self._splitter = move, Splitter(header)

    def examine(self, line: bytes, number: int) -> Examined | None:
        """The alleles of a record, repaired, None if the line held none; InputError if it cannot be one."""
        if not line.strip() or line.startswith(b"#"):
            self._no_record(line, number)
            return None
        if CONTROLS.search(line):
            line = CONTROLS.sub(b"_", line)
            self.notes.add("controls", number)
        fields = self._columns(line, number)
        asked, old = (None, b"") if self._move else settled(fields)
        if len(fields[3]) > self.limits.ref_bases:
            raise RecordError(self.limits.said("ref_bases", line=number), number, "REF")
        if fields[4].count(b",") >= self.limits.alleles:
            raise RecordError(self.limits.said("alleles", line=number), number, "ALT")
        size = len(line) - len(fields[4])
        if (fields[4].count(b",") + 1) * size > self.limits.split_bytes:
            said = self.limits.said("split_bytes", line=number, got=fields[4].count(b",") + 1, each=size)
            raise RecordError(said, number, "ALT")
        for index, name in ((2, "ID"), (5, "QUAL"), (6, "FILTER"), (7, "INFO")):
            if not fields[index].strip():
                fields[index] = b"."
                self.notes.add("id_repaired", number, name)
        identifiers = b";".join(dict.fromkeys(filter(None, fields[2].strip().replace(b" ", b"_").split(b";")))) or b"."
        if identifiers != fields[2]:
            fields[2] = identifiers
            self.notes.add("id_repaired", number, "ID")
        contig = self.sites.contig(fields, number)
        verdicts = self.sites.alleles(fields, contig, number)
        alleles = 0 if fields[4] == b"." else len(verdicts)
        if not _QUALITY(fields[5]):
            raise RecordError(f"Line {number}: QUAL is {shown(fields[5])}, expected a number or a dot.", number, "QUAL")
        self.declarations.filters(fields, number)
        self.declarations.info(fields, alleles, number)
        self.header.check_tags(self.limits)
        if len(fields) > 8:
            self.declarations.genotypes(fields, alleles, number)
        self.count += 1
        self.splits += max(alleles - 1, 0)
        return contig.name, fields[0], int(fields[1]) - 1, list(self._rows(contig, fields, verdicts, asked, old))

    def altered(self, columns: AlleleBatch, index: int) -> Examined | None:
        """A clean record whose alleles have to be split or moved; None if its values are not one for each of them."""
        start, ref, alt = columns.starts[index], columns.refs[index], columns.alts[index]
        fields = columns.heads[index].split(b"\t")
        alts = alt.split(b",")
        tail = columns.tails[index]
        parts = [(fields[7], tail)]
        if len(alts) * (len(columns.heads[index]) + len(tail)) > self.limits.split_bytes:
            return None
        if ref in alts or len(set(alts)) < len(alts) or len(alts) > self.limits.alleles:
            return None
        if len(ref) > self.limits.ref_bases:
            return None
        if len(alts) > 1:
            _, form, *samples = tail[:-1].split(b"\t") if self.header.samples else (b"", b"")
            try:
                split = self._splitter.split(fields[7], form, samples, ref, alts, strict=True)
            except ValueError:
                return None
            parts = [(info, b"\t".join((b"", form, *calls)) + b"\n" if samples else tail) for info, calls in split]
            self.splits += len(alts) - 1
        rows = [
            self._row(columns.place, [*fields[:7], info], start, ref, one, calls, old_record(fields, number))
            for number, (one, (info, calls)) in enumerate(zip(alts, parts, strict=True), 1)
        ]
        return columns.place, columns.name, start, rows

    def _row(
        self,
        place: str,
        fields: list[bytes],
        start: int,
        ref: bytes,
        alt: bytes,
        tail: bytes,
        old: bytes,
        asked: Key | None = None,
    ) -> Row:
        """One allele at its leftmost place. `old`: the record that it was in, for its INFO if it is another one now."""
        key = known = (b"%d" % (start + 1), ref, alt)
        if self._move and movable(ref, alt):
            start, ref, alt = leftmost(lambda begin, end: self.sequences.get(place, begin, end), start, ref, alt)
            known = (b"%d" % (start + 1), ref, alt)
        altered = not self._move or known != key or b"," in fields[4]
        info = noted(fields[7], old) if altered else fields[7]
        head = b"\t".join((fields[0], known[0], fields[2], ref, alt, *fields[5:7], info))
        return head, start, ref, alt, reach(start, ref, alt, fields[7]), asked or key, known, tail

    def _rows(self, contig: Contig, fields: list[bytes], verdicts: list[str], asked: Key | None, old: bytes) -> Iterator[Row]:
        """The alleles of a repaired record. `asked`, `old`: its key and what it was before, if it is of a settled file."""
        start, ref, alts = int(fields[1]) - 1, fields[3], fields[4].split(b",")
        info, form, samples = fields[7], b"".join(fields[8:9]), fields[9:]
        parts = [(info, samples)] if len(alts) == 1 else self._splitter.split(info, form, samples, ref, alts)
        for number, (alt, verdict, (values, calls)) in enumerate(zip(alts, verdicts, parts, strict=True), 1):
            tail = b"\t".join((b"", form, *calls)) + b"\n" if samples else b"\n"
            if verdict not in (PLAIN, SILENT, STRUCTURAL):
                values = b"GAS_FLAG=%b" % verdict.encode() if values == b"." else b"%b;GAS_FLAG=%b" % (values, verdict.encode())
            was = old if not self._move else old_record(fields, number)
            site = [*fields[:7], b"" if values == b"." else values]
            if verdict == PLAIN:
                yield self._row(contig.name, site, start, ref, alt, tail, was, asked)
                continue
            if len(alts) > 1 or old:
                site[7] = noted(site[7], was)
            head = b"\t".join((*site[:4], alt, *site[5:]))
            end = max(min(reach(start, ref, alt, values, tail), contig.length), start + 1)
            key = self._extent(contig, start, ref, alt, values) if verdict == STRUCTURAL else None
            yield head, start, ref, alt, end, key, None, tail

    @staticmethod
    def _extent(contig: Contig, start: int, ref: bytes, alt: bytes, info: bytes) -> Key:
        """The key of a structural variant: where it stands, and where it begins and ends."""
        places = spans(start + 1, alt, info, contig.length, circular=is_circular(contig))
        return b"%d" % (start + 1), ref, alt, *(b"%d" % place for span in places for place in span)

    def _no_record(self, line: bytes, number: int) -> None:
        if not line.strip():
            self.notes.add("blank_lines", number)
        elif line.startswith(b"#CHROM") and line.split(b"\t")[9:] != self.header.samples:
            raise InputError(
                f"Line {number}: a second header with other columns; it looks as if files were joined with cat. "
                "Please merge them with bcftools and upload the result.",
                number,
            )
        else:
            self.declarations.later(line, number)
            self.notes.add("comment_lines", number, text(line))

    def _columns(self, line: bytes, number: int) -> list[bytes]:
        fields = line.split(b"\t")
        width = self.header.columns
        while len(fields) > width and not fields[-1].strip():
            fields.pop()
            self.notes.add("trailing_tab", number)
        if len(fields) == width == 9:
            self.notes.add("format_dropped", number)
            return fields[:8]
        if len(fields) == width or (len(fields) == 8 and width == 9):
            return fields
        if len(fields) < 8:
            hint = " They seem to be separated by spaces instead of tabs." if len(line.split()) >= 8 else ""
            raise RecordError(f"Line {number} has {many(len(fields), 'column')}, at least 8 expected.{hint}", number)
        if len(fields) == 8 and width > 8:
            self.notes.add("missing_format", number)
            return [*fields, b"GT", *[b"."] * len(self.header.samples)]
        if min(len(fields), width) < 10:
            raise RecordError(f"Line {number} has {len(fields)} columns, the header has {width}.", number)
        got, wanted = max(len(fields) - 9, 0), len(self.header.samples)
        raise RecordError(
            f"Line {number} has {many(got, 'genotype column')}, the header declares {many(wanted, 'sample')}.", number
        )
