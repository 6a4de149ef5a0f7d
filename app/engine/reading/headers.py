"""The header of a VCF: read with tolerance, written strictly, every repair noted."""

import re
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field

from app.engine.errors import InputError
from app.engine.limits import DEFAULT, Limits
from app.engine.reading.diagnostics import Diagnostics
from app.engine.reading.reserved import PER_ALLELE
from app.engine.reading.values import CONTROLS, text

COLUMNS = (b"#CHROM", b"POS", b"ID", b"REF", b"ALT", b"QUAL", b"FILTER", b"INFO")
VERSIONS = ("4.0", "4.1", "4.2", "4.3", "4.4", "4.5")
TYPES = {b"Integer", b"Float", b"Flag", b"Character", b"String"}
NAMED = {"INFO": "an INFO tag", "FORMAT": "a FORMAT tag", "FILTER": "a FILTER", "contig": "a contig"}
OWN = b"GAS_"  # the prefix of the tags that this engine adds
KEPT_AS = {b"CSQ": b"CSQ_original", b"ANN": b"ANN_original"}
"""What annotations of consequences by other programs are called in a result, for one of its own has the name."""
_EARLIER = {b"CSQ": b"annotations from GAS", b"BCSQ": b"named as bcftools csq does"}
"""Of tags without the prefix, what their descriptions say if this engine has added them, in this release or an earlier one."""

_NUMBER = re.compile(rb"[0-9]+|[.ARG]|L[ARG]|[PM]")
_ATTRIBUTE = re.compile(rb'([A-Za-z_][\w.]*)=("(?:[^"\\]|\\.)*"|[^,>]*)')
_TOLERANT = re.compile(rb'([A-Za-z_][\w.]*)=("(?:[^"\\]|\\.)*"(?=[,>])|".*?"(?=,[A-Za-z_][\w.]*=|>?\s*$)|[^,>]*)')
"""The same of a line whose quotes do not fit: a value ends where the next attribute begins."""

_MENDED_BYTES = 1 << 16
"""Of a header line whose quotes are mended."""

_RUN_TOGETHER = re.compile(rb"(?:(?<=>)|^(?P<version>##fileformat=VCFv[0-9.]+))(?=##[A-Za-z]+=)")
_INNER_QUOTE = re.compile(rb'(?<!\\)"')
_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*"').fullmatch
_NAME_UNFIT = {
    **dict.fromkeys((b"INFO", b"FORMAT", b"FILTER"), re.compile(rb'^\[|[\s;=,<>"]')),
    b"contig": re.compile(rb'[\s,<>"]'),
}
"""The kinds of lines that declare what records use, and what no name of such a thing may have."""

_PER_ALLELE = (b"A", b"R", b"G")
_KEY = re.compile(rb"[^\s<>]+")
_PAIR = rb'[A-Za-z_][\w.]*=(?:"(?:[^"\\]|\\.)*"|\[[^\]]*\]|[^",<>\[\]]*)'
_STRUCTURED = re.compile(rb"<%b(?:,%b)*>" % (_PAIR, _PAIR))
_ALT = re.compile(rb'<ID=[^,<>"]+,(?:.*,)?Description="')
_VCF3 = re.compile(rb'##(INFO|FORMAT|FILTER)=([^,<>"]+),(?:(-?\d+|\.),(\w+),)?"?([^"]*)"?')


@dataclass(frozen=True)
class Field:
    """The declaration of one INFO or FORMAT tag."""

    number: bytes
    type: bytes
    description: bytes = b'""'
    per: bytes = b""  # A, R or G: how values belong to the alleles of a record in which their number fits

    def line(self, kind: str, name: bytes) -> bytes:
        """Returns the header line that declares this tag; `kind` is INFO or FORMAT."""
        return b"##%b=<ID=%b,Number=%b,Type=%b,Description=%b>" % (kind.encode(), name, self.number, self.type, self.description)


@dataclass
class Header:
    """What the header declares, and its remaining lines in their order."""

    version: str = "4.2"
    contigs: dict[bytes, int | None] = field(default_factory=dict)
    fields: dict[str, dict[bytes, Field]] = field(default_factory=lambda: {"INFO": {}, "FORMAT": {}})
    filters: dict[bytes, bytes] = field(default_factory=dict)
    others: list[bytes] = field(default_factory=list)  # verbatim
    samples: list[bytes] = field(default_factory=list)
    columns: int = 8
    lines: int = 0
    known: set[bytes] = field(default_factory=set)  # the others again, and how those begin that declare a symbolic allele
    replaced: set[bytes] = field(default_factory=set)  # tags of INFO that an earlier run has added, without the prefix

    def copy(self) -> "Header":
        """Returns the same header, which can be changed by itself."""
        copied = {name: copy(value) for name, value in vars(self).items()}
        return Header(**copied | {"fields": {kind: dict(declared) for kind, declared in self.fields.items()}})

    def declare(self, kind: str, name: bytes, declared: Field) -> None:
        """Declares a tag, or declares it anew; `kind` is INFO or FORMAT."""
        self.fields[kind][name] = declared

    def check_tags(self, limits: Limits) -> None:
        """Raises InputError if there are too many names of INFO, FORMAT and FILTER."""
        if len(self.filters) + sum(map(len, self.fields.values())) > limits.tags:
            raise InputError(limits.said("tags"))

    def text(self, contigs: dict[bytes, int | None], *, added: tuple[bytes, ...] = ()) -> bytes:
        """The header of the result as bytes, with the `added` lines at its end."""
        out = [b"##fileformat=VCFv%b" % self.version.encode(), *self.others]
        out += [b"##FILTER=<ID=%b,Description=%b>" % item for item in self.filters.items()]
        for kind, declared in self.fields.items():
            out += [declaration.line(kind, name) for name, declaration in declared.items()]
        out += [b"##contig=<ID=%b%b>" % (name, b",length=%d" % length if length else b"") for name, length in contigs.items()]
        names = [*COLUMNS, *([b"FORMAT", *self.samples] if self.samples else [])]
        return b"\n".join([*out, *added, b"\t".join(names)]) + b"\n"


def read(lines: list[bytes], notes: Diagnostics, limits: Limits = DEFAULT) -> Header:
    """The header of these lines (without line ends, the last one the #CHROM line); InputError if it cannot be one."""
    header = Header(lines=len(lines))
    for number, line in enumerate(lines, 1):
        if CONTROLS.search(line.replace(b"\t", b"")):
            lines[number - 1] = CONTROLS.sub(b"_", line)
            notes.add("controls", number)
    for number, line in _each(lines[:-1], notes):
        if number == 1 and (match := re.fullmatch(rb"##(?:file)?format=VCFv(\d+\.\d+)\s*", line, re.IGNORECASE)):
            header.version = _version(match[1].decode(), notes)
        elif re.match(rb"##(fileformat=|format=VCF)", line, re.IGNORECASE):
            if number == 1:
                notes.add("no_fileformat", 1)
        elif line.startswith(b"##"):
            if number == 1:
                notes.add("no_fileformat", 1)
            _meta(header, line, number, notes, limits)
            header.check_tags(limits)
        elif line.strip():
            notes.add("header_line_dropped", number, text(line))
    if len(lines) == 1:
        notes.add("no_fileformat", 1)
    _columns(header, lines[-1], len(lines), notes, limits)
    return header


def _each(lines: list[bytes], notes: Diagnostics) -> Iterator[tuple[int, bytes]]:
    """The lines with their numbers; those that lost the end of line between them are separated."""
    for number, line in enumerate(lines, 1):
        begin = 0
        for joint in _RUN_TOGETHER.finditer(line) if line.count(b"##") > 1 else ():
            if _INNER_QUOTE.sub(b"", line[begin : joint.end()]) and len(_INNER_QUOTE.findall(line[begin : joint.end()])) % 2 == 0:
                yield number, line[begin : joint.end()]
                begin = joint.end()
                notes.add("run_together", number, text(line))
        yield number if not begin else max(number, 2), line[begin:]


def _version(version: str, notes: Diagnostics) -> str:
    if version in VERSIONS:
        return version
    if version.startswith("3."):
        notes.add("old_version", 1, f"VCF {version} read as 4.2")
        return "4.2"
    if version.startswith("4."):
        notes.add("unknown_version", 1, f"VCF {version[:20]}")
        return VERSIONS[-1]
    raise InputError(f"Line 1: VCF version {version[:20]} is not supported. Please convert the file to VCF 4.x.", 1)


def declared_later(line: bytes, number: int, limits: Limits) -> dict[str, dict[bytes, Field]]:
    """What a header line among the records declares, by kind and name: of files that were joined, or nothing."""
    scratch = Header()
    if line.startswith((b"##INFO=", b"##FORMAT=")):
        _meta(scratch, line, number, Diagnostics(silent=True), limits)
    return scratch.fields


def _meta(header: Header, line: bytes, number: int, notes: Diagnostics, limits: Limits) -> None:
    """Sorts one ## line into the header."""
    kind, _, value = line[2:].partition(b"=")
    if kind not in _NAME_UNFIT:
        _other(header, kind, value, line, number, notes)
        return
    attributes = _attributes(value, line, number, notes)
    name = attributes.get(b"ID", b"").strip(b'"')
    if not name or _NAME_UNFIT[kind].search(name):
        notes.add("header_line_dropped", number, text(line))
        return
    limits.name(NAMED[kind.decode()], name, number)
    if kind == b"contig":
        length = attributes.get(b"length", b"").strip(b'"')
        header.contigs.setdefault(name, int(length) if length.isdigit() and len(length) < 16 else None)
    elif kind == b"FILTER":
        header.filters.setdefault(name, _quoted(attributes.get(b"Description", b"")))
    elif kind == b"INFO" and (name.startswith(OWN) or _EARLIER.get(name, b"\n") in attributes.get(b"Description", b"")):
        header.replaced.add(name)
    else:
        name = KEPT_AS.get(name, name) if kind == b"INFO" else name
        if name in header.fields[kind.decode()]:
            notes.add("declared_twice", number, f"{kind.decode()}/{text(name)}")
        else:
            header.declare(kind.decode(), name, _declaration(kind, name, attributes, number, notes))


def _other(header: Header, kind: bytes, value: bytes, line: bytes, number: int, notes: Diagnostics) -> None:
    """Keeps a line that declares none of what records use, unless it is no such line, or there already."""
    wrong = not value or not _KEY.fullmatch(kind) or (value.startswith(b"<") and not _STRUCTURED.fullmatch(value.rstrip()))
    if wrong or (kind == b"ALT" and not _ALT.match(value)):
        notes.add("header_line_dropped", number, text(line))
    elif kind == b"ALT" and line.partition(b",")[0] in header.known:
        notes.add("declared_twice", number, text(line))
    elif (kept := line.rstrip()) not in header.known:
        header.others.append(kept)
        header.known |= {kept, line.partition(b",")[0]} if kind == b"ALT" else {kept}


def _attributes(value: bytes, line: bytes, number: int, notes: Diagnostics) -> dict[bytes, bytes]:
    """What a line declares, by attribute; also where it is written as in VCF 3."""
    if value.startswith(b"<"):
        plain = dict(_ATTRIBUTE.findall(value[1:]))
        if len(value) > _MENDED_BYTES or _STRUCTURED.fullmatch(value.rstrip()):
            return plain
        mended = {name: _mended(given) for name, given in reversed(_TOLERANT.findall(value[1:]))}
        notes.add("declaration_repaired", number, text(line))
        return mended
    if not (old := _VCF3.match(line)):
        return {}
    notes.add("old_version", number)
    count = old[3] or b"."
    return {
        b"ID": old[2],
        b"Number": b"." if count.startswith(b"-") else count,
        b"Type": old[4] or b"String",
        b"Description": b'"%b"' % old[5],
    }


def _mended(value: bytes) -> bytes:
    """A value in quotes, with those inside of it escaped."""
    if len(value) > 1 and value[:1] == value[-1:] == b'"':
        return b'"%b"' % _INNER_QUOTE.sub(b'\\\\"', value[1:-1])
    return value


def _declaration(kind: bytes, name: bytes, attributes: dict[bytes, bytes], number: int, notes: Diagnostics) -> Field:
    count, type_ = attributes.get(b"Number", b"").strip(b'"'), attributes.get(b"Type", b"").strip(b'" ')
    fixed = (
        type_.capitalize()
        if type_.capitalize() in TYPES
        else {b"Int": b"Integer", b"Bool": b"Flag"}.get(type_.capitalize(), b"String")
    )
    if kind == b"FORMAT" and fixed == b"Flag":
        fixed = b"String"
    fixed_count = count if _NUMBER.fullmatch(count) else b"."
    if fixed == b"Flag":
        fixed_count = b"0"
    elif fixed_count == b"0":
        fixed_count = b"."
    if name == b"GT" and kind == b"FORMAT":
        fixed, fixed_count = b"String", b"1"
    if (fixed, fixed_count) != (type_, count) or not _QUOTED(attributes.get(b"Description", b"")):
        notes.add("declaration_repaired", number, f"{kind.decode()}/{text(name)}")
    per = fixed_count if fixed_count in _PER_ALLELE else b""
    if fixed_count == b"." and fixed != b"Flag" and (per := PER_ALLELE[kind.decode()].get(name, b"")):
        notes.add("read_as_reserved", number, f"{kind.decode()}/{text(name)}: {per.decode()}")
    return Field(per or fixed_count, fixed, _quoted(attributes.get(b"Description", b"")), per)


def _quoted(text: bytes) -> bytes:
    if _QUOTED(text):
        return text
    return b'"%b"' % text.strip(b'"').replace(b"\\", b"/").replace(b'"', b"'")


def _columns(header: Header, line: bytes, number: int, notes: Diagnostics, limits: Limits) -> None:
    """Read the #CHROM line: its columns and the names of the samples."""
    names = line.split(b"\t")
    for separator, called in ((None, "spaces"), (b",", "commas"), (b";", "semicolons")):
        if len(names) < 8 and len(line.split(separator)) >= 8:
            raise InputError(
                f"Line {number}: the columns are separated by {called} instead of tabs. Please export the file again with tabs.",
                number,
            )
    while len(names) > 8 and not names[-1].strip():
        names.pop()
        notes.add("trailing_tab", number)
    for index, (got, wanted) in enumerate(zip(names, COLUMNS, strict=False), 1):
        if got.strip(b"# ").upper() != wanted.lstrip(b"#"):
            raise InputError(
                f"Line {number}: column {index} is called {text(got)!r}, expected {wanted.decode()!r}. Is this a VCF?", number
            )
    if len(names) < 8:
        raise InputError(f"Line {number}: the column line has {len(names)} columns, at least 8 expected (#CHROM … INFO).", number)
    header.columns = len(names)
    if len(names) == 9:
        notes.add("no_samples", number)
    header.samples = [name.decode().strip().encode() for name in names[9:]]  # blanks of all alphabets
    if len(names) > 8 and names[8].strip() != b"FORMAT":
        raise InputError(f"Line {number}: column 9 is called {text(names[8])!r}, expected 'FORMAT'.", number)
    seen: dict[bytes, int] = {}
    for column, name in enumerate(header.samples, 10):
        if not name:
            raise InputError(f"Line {number}: the sample in column {column} has no name.", number)
        limits.name(f"the sample in column {column}", name, number)
        if name in seen:
            raise InputError(
                f"Line {number}: the sample name {text(name)!r} is used twice (columns {seen[name]} and {column}). "
                "Please rename one.",
                number,
            )
        seen[name] = column
