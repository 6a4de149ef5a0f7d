"""FILTER, INFO and FORMAT of records against the header's declarations, which are widened where values contradict them.

Values are never changed, only their declarations are made to tell the truth.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import accumulate

from app.engine.errors import RecordError
from app.engine.limits import Limits
from app.engine.reading.diagnostics import Diagnostics
from app.engine.reading.headers import KEPT_AS, NAMED, OWN, Field, Header, declared_later
from app.engine.reading.reserved import DESCRIPTION, RESERVED
from app.engine.reading.values import GENOTYPE, UNPRINTABLE, VALID, WIDER, counts, pattern, shown, text

CLEAN = (
    "head",
    "contig",
    "position",
    "ref",
    "alt",
    "info",
    "tail",
    "format",
    "samples",
)  # `head` ends with INFO unless it is "."
PLACING = (b"END", b"SVLEN")
Pattern = Callable[[bytes], object]
_SPELLED_BYTES = 1 << 17
"""Of names that the pattern of a clean record holds, for it is compiled anew when a tag is learned; records with others are
examined one by one."""

_DECLARABLE = re.compile(rb"(?!\[)[^\s,;=<>\"]+")
_TAG_NAME = re.compile(rb"[A-Za-z_][0-9A-Za-z_.]*|1000G")
_INDEX_DIGITS = 5
"""Of the index of an allele: more alleles than that no record has."""

_LENGTH = re.compile(rb"(?:[0-9]{1,8}+|\.)").fullmatch
_ALTERNATIVE = re.compile(rb"(?:^|\t)[^:\t]*1").search
_LOCAL_ALLELES = re.compile(rb"L(?:AA|AD|GT|PL|GP|GL|EC|AF)")


class TagSchema:
    """The declarations of one header, true of every record that was shown to it."""

    def __init__(self, header: Header, limits: Limits, notes: Diagnostics) -> None:
        self.header, self.limits, self.notes = header, limits, notes
        self.reshaped = 0  # how often a declaration changed so that records seen before would be written otherwise
        self.learned: dict[tuple[str, bytes], int] = {}  # what the header did not say, and the line that said it
        self._formats: dict[tuple[bytes, int], Pattern | None] = {}
        self._clean: Callable[[bytes], list[tuple[bytes, ...]]] | None = None

    def lines(self, block: bytes) -> list[tuple[bytes, ...]]:
        """A row a line: the fields CLEAN of clean records, else empty ones."""
        return (self._clean or self._compile())(block)

    def _compile(self) -> Callable[[bytes], list[tuple[bytes, ...]]]:
        """Build the pattern of a line from what the header declares."""
        kinds: dict[tuple[bytes, bytes], list[bytes]] = {}
        declarations = self.header.fields["INFO"]
        # where records end is always examined
        for name in _spelled(name for name in declarations if name not in PLACING):
            declared = declarations[name]
            number = declared.number if declared.number.isdigit() else b"."
            kinds.setdefault((declared.type, number), []).append(re.escape(name))
        items = []
        for (type_, number), names in kinds.items():
            value = rb"(?=[;\t\n])" if type_ == b"Flag" else b"=" + pattern(type_, number, rb";\t\n " + UNPRINTABLE)
            items.append(b"(?:%b)%b" % (b"|".join(names), value))
        item = b"(?:%b)" % b"|".join(items or [b"(?!)"])
        filters = b"|".join(re.escape(name) for name in _spelled((b"PASS", b".", *self.header.filters)))
        samples = rb"(\t([^\t\n]++)\t([^\n]++)\n)" if self.header.samples else rb"(\n)()()"
        line = (
            rb"(?:(([^\t\n]++)\t([1-9][0-9]{0,9}+)\t[^;\t\n \x01-\x1f\x7f]++\t([ACGTN]++)\t(?!\4\t)([ACGT]++(?:,[ACGT]++)*+)"
            rb"\t(?:[0-9]++(?:\.[0-9]++)?|\.)\t(?:%b)\t(?:((?:%b(?:;|(?=[\t\n])))++(?<!;))(?=[\t\n])|(?=\.[\t\n])))\.?+%b|[^\n]*+\n)"
        )
        self._clean = re.compile(line % (filters, item, samples)).findall
        return self._clean

    def format(self, form: bytes, alleles: int) -> Pattern | None:
        """What matches all samples of a clean record with this FORMAT; None if such records have to be examined."""
        if (form, alleles) not in self._formats:
            declared, keys = self.header.fields["FORMAT"], form.split(b":")
            odd = len(set(keys)) < len(keys) or b"GT" in keys[1:] or any(key not in declared for key in keys)
            odd = odd or alleles > 9 or any(key == b"LEN" or _LOCAL_ALLELES.fullmatch(key) for key in keys)
            self._formats[form, alleles] = None if odd else self._samples(keys, alleles)
            if form == b"GT" and not odd:
                self._formats[form, alleles] = _diploid(alleles, len(self.header.samples), self._samples(keys, alleles))
        return self._formats[form, alleles]

    def _samples(self, keys: list[bytes], alleles: int) -> Pattern:
        sample = b""
        for key in reversed(keys):
            declared = self.header.fields["FORMAT"][key]
            call = rb"[0-%d.](?:[/|][0-%d.])*+" % (alleles, alleles)
            value = call if key == b"GT" else pattern(declared.type, declared.number, rb":\t " + UNPRINTABLE)
            sample = value + (b"(?::%b)?+" % sample if sample else b"")
        return re.compile(rb"%b(?:\t%b){%d}" % (sample, sample, len(self.header.samples) - 1)).fullmatch

    def filters(self, fields: list[bytes], number: int) -> None:
        """Mends the FILTER of a record in place, and declares what it names; `number` is its line. Raises InputError."""
        if b" " in fields[6]:
            fields[6] = fields[6].strip().replace(b" ", b"_")
            self.notes.add("spaces", number, "FILTER")
        names = [name for name in fields[6].replace(b",", b";").split(b";") if name] if fields[6] != b"." else []
        if b"0" in names:
            names = [name if name != b"0" else b"PASS" for name in names]
            self.notes.add("filter_zero", number)
        for name in names:
            if name not in (b"PASS", b".") and name not in self.header.filters:
                self._declarable("FILTER", name, number)
                self.header.filters[name] = b'""'
                self._learn("FILTER", name, number)
        failed = [name for name in names if name not in (b"PASS", b".")]
        fields[6] = b";".join(dict.fromkeys(failed or names)) or b"."

    def info(self, fields: list[bytes], alleles: int, number: int) -> None:
        """Check every key and value against its declaration, and widen the declaration where they disagree."""
        if fields[7] == b".":
            return
        kept: dict[bytes, bytes] = {}
        for item in fields[7].split(b";"):
            name, equals, value = item.partition(b"=")
            if name != name.strip() or b" " in name or value != value.strip():
                raise RecordError(f"Line {number}: INFO contains spaces ({shown(fields[7])}).", number, "INFO")
            if not name or name == b".":
                self.notes.add("empty_info", number)
                continue
            if name.startswith(OWN) or name in self.header.replaced:
                self.notes.add("earlier_run", number)
                continue
            if name in KEPT_AS:
                self.notes.add("kept_as", number, f"{text(name)} → {text(KEPT_AS[name])}")
                name = KEPT_AS[name]
            if name in kept:
                self.notes.add("duplicate_info", number, text(name))
                continue
            if b" " in value:
                value = value.replace(b" ", b"_")
                self.notes.add("spaces", number, text(name))
            declared = self._declared("INFO", name, value if equals else None, alleles, number)
            kept[name] = name if declared.type == b"Flag" else name + b"=" + (value or b".")
        fields[7] = b";".join(kept.values()) or b"."

    def _declared(self, kind: str, name: bytes, value: bytes | None, alleles: int, number: int) -> Field:
        """The declaration that is true of this value, too; `None` is a value that is not there."""
        declared = self.header.fields[kind].get(name)
        if declared is None:
            self._declarable(kind, name, number)
            declared = _undeclared(kind, name, value)
        wanted = declared
        if wanted.type == b"Flag" and value is not None:
            wanted = replace(wanted, number=b".", type=b"String")
        while value and wanted.type in VALID and not VALID[wanted.type](value):
            wanted = replace(wanted, type=WIDER[wanted.type])
        if value and not counts(wanted.per or wanted.number, value, alleles):
            wanted = replace(wanted, number=b".") if wanted.number != b"." else wanted
            if wanted.per:
                self.notes.add("not_split", number, f"line {number}: {kind}/{text(name)}")
        known = self.header.fields[kind].get(name)
        if wanted is not known:
            self.reshaped += known is not None and not _alike(known, wanted)
            self.header.declare(kind, name, wanted)
            self._learn(kind, name, number)
        return wanted

    def later(self, line: bytes, number: int) -> None:
        """Takes in what the header of a second file declares, that was joined to this one."""
        for kind, fields in declared_later(line, number, self.limits).items():
            for name, field in fields.items():
                if name not in self.header.fields[kind]:
                    self.header.declare(kind, name, field)
                    self._learn(kind, name, number)

    def _learn(self, kind: str, name: bytes, number: int) -> None:
        self.learned[kind, name] = number
        self.header.check_tags(self.limits)
        self._clean = None
        self._formats.clear()

    def _declarable(self, kind: str, name: bytes, number: int) -> None:
        self.limits.name(NAMED[kind], name, number)
        if not _DECLARABLE.fullmatch(name):
            raise RecordError(f"Line {number}: {kind} has the tag {shown(name)}, which no header can declare.", number, kind)

    def genotypes(self, fields: list[bytes], alleles: int, number: int) -> None:
        """Checks the samples of a record against its FORMAT, and mends them in place. Raises InputError."""
        fields[8] = fields[8] or b"."
        keys = self._keys(fields, alleles, number)
        plain = self.format(fields[8], 1) if alleles < 2 else None
        calls = b"\t".join(fields[9:])
        if plain and plain(calls) and (alleles or not _ALTERNATIVE(calls)):
            return
        for column, sample in enumerate(fields[9:], 9):
            fields[column] = self._sample(sample, keys, alleles, number, text(self.header.samples[column - 9]))

    def _keys(self, fields: list[bytes], alleles: int, number: int) -> list[bytes]:
        """The keys of a record's FORMAT. Raises InputError."""
        keys = fields[8].split(b":") if fields[8] != b"." else []
        if not keys and any(sample not in (b".", b"") for sample in fields[9:]):
            raise RecordError(f"Line {number}: the samples have values, but FORMAT does not say which.", number, "FORMAT")
        if len(set(keys)) != len(keys) or any(not key or b" " in key for key in keys):
            raise RecordError(f"Line {number}: FORMAT is {shown(fields[8])}: empty or repeated keys.", number, "FORMAT")
        if b"GT" in keys[1:]:
            raise RecordError(f"Line {number}: GT must be the first key of FORMAT, found {shown(fields[8])}.", number, "FORMAT")
        for key in keys:
            self._declared("FORMAT", key, None, alleles, number)
            if _LOCAL_ALLELES.fullmatch(key):
                self.notes.add("local_alleles", number, text(key))
        return keys

    def _sample(self, sample: bytes, keys: list[bytes], alleles: int, number: int, name: str) -> bytes:
        """The values of one sample, mended. Raises InputError."""
        values = sample.split(b":")
        if len(values) > max(len(keys), 1):
            raise RecordError(f"Line {number}, sample {name}: {len(values)} values for {len(keys)} FORMAT keys.", number, name)
        if b" " in sample:
            raise RecordError(f"Line {number}, sample {name}: spaces in {shown(sample)}.", number, name)
        for key, value in zip(keys, values, strict=False):
            if key == b"GT":
                self._genotype(value or b".", alleles, number, name)
                values[0] = _inferred(value)
                continue
            self._declared("FORMAT", key, value or b".", alleles, number)
            if key == b"LEN" and value and not _LENGTH(value):
                raise RecordError(f"Line {number}, sample {name}: LEN is {shown(value)}, longer than any contig.", number, name)
        return b":".join(value or b"." for value in values)

    def _genotype(self, value: bytes, alleles: int, number: int, sample: str) -> None:
        if not re.fullmatch(GENOTYPE, value):
            raise RecordError(
                f"Line {number}, sample {sample}: the genotype is {shown(value)}, expected something like 0/1.", number, sample
            )
        if value[:1] in b"/|" and self.header.version < "4.4":
            self.header.version = "4.4"
            self._learn("VERSION", b"4.4", number)
        for index in re.findall(rb"[0-9]+", value):
            if len(index.lstrip(b"0")) <= _INDEX_DIGITS and int(index.lstrip(b"0") or 0) <= alleles:
                continue
            if not alleles and len(index) <= _INDEX_DIGITS:
                self.notes.add("no_such_allele", number, f"line {number}: {text(value)}")
            else:
                raise RecordError(
                    f"Line {number}, sample {sample}: the genotype {shown(value)} names an allele that is not there.",
                    number,
                    sample,
                )


def _undeclared(kind: str, name: bytes, value: bytes | None) -> Field:
    """How a tag is declared that the header does not have: as the specification reserves it, or with anything in it."""
    number, type_ = RESERVED[kind].get(name, (b"", b""))
    if number and (kind == "FORMAT" or (type_ == b"Flag") == (value is None)):
        return Field(number, type_, DESCRIPTION, number if number in (b"A", b"R", b"G") else b"")
    return Field(b"0", b"Flag") if value is None and kind == "INFO" else Field(b".", b"String")


def _spelled(names: Iterable[bytes]) -> list[bytes]:
    """The first of these names, as many as a pattern may hold."""
    names = list(names)
    return names[: bisect_right(list(accumulate(map(len, names))), _SPELLED_BYTES)]


def _inferred(genotype: bytes) -> bytes:
    """Without a leading separator that says what follows anyway: readers of VCF before 4.4 know none."""
    rest = genotype[1:]
    redundant = (genotype[:1] == b"/" and b"/" in rest) or (genotype[:1] == b"|" and b"/" not in rest)
    return rest if redundant else genotype


def _diploid(alleles: int, samples: int, otherwise: Pattern) -> Pattern:
    """What matches genotypes alone; where all of them are diploid, at the speed of memory."""
    indices, width, tabs = b"0123456789"[: alleles + 1] + b".", 4 * samples - 1, b"\t" * (samples - 1)

    def calls(values: bytes) -> object:
        plain = len(values) == width and values[3::4] == tabs and not values[1::4].translate(None, b"/|")
        return (plain and not (values[::4] + values[2::4]).translate(None, indices)) or otherwise(values)

    return calls


def _alike(old: Field, new: Field) -> bool:
    """Whether records are written the same under both declarations."""
    return (old.type == b"Flag") == (new.type == b"Flag") and old.per == new.per


@dataclass(frozen=True)
class HeaderUpdate:
    """Something that a record taught about the header."""

    kind: str
    name: bytes
    field: Field | None
    line: int


def header_updates(declarations: TagSchema) -> list[HeaderUpdate]:
    """What the records shown since the last call have taught."""
    fields = declarations.header.fields
    found = [
        HeaderUpdate(kind, name, fields.get(kind, {}).get(name), line) for (kind, name), line in declarations.learned.items()
    ]
    declarations.learned.clear()
    return found


def apply_updates(header: Header, updates: list[HeaderUpdate], notes: Diagnostics) -> bool:
    """Widen the header so that it is true of more records, too; whether the earlier ones would be written otherwise now."""
    reshaped = False
    for update in updates:
        kind, name, wanted, line = update.kind, update.name, update.field, update.line
        if kind == "VERSION":
            if header.version < "4.4":
                header.version = "4.4"
                notes.add("version_raised", line)
        elif kind == "FILTER":
            if name not in header.filters:
                header.filters[name] = b'""'
                notes.add("undeclared", line, f"FILTER/{text(name)}")
        elif wanted and name not in header.fields[kind]:
            header.declare(kind, name, wanted)
            notes.add("undeclared", line, f"{kind}/{text(name)}")
            if not _TAG_NAME.fullmatch(name):
                notes.add("tag_name", line, f"{kind}/{text(name)}")
        elif wanted:
            old = header.fields[kind][name]
            number = old.number if old.number == wanted.number else b"."
            new = replace(old, number=number, type=_wider(old.type, wanted.type))
            if new.type != old.type:
                notes.add("retyped", line, f"{kind}/{text(name)}: {text(old.type)} → {text(new.type)}")
            elif new.number != old.number:
                notes.add("wrong_count", line, f"{kind}/{text(name)}")
            reshaped = reshaped or not _alike(old, wanted)
            header.declare(kind, name, new)
    return reshaped


def _wider(one: bytes, other: bytes) -> bytes:
    """The type of both."""
    return one if one == other else b"Float" if {one, other} == {b"Integer", b"Float"} else b"String"
