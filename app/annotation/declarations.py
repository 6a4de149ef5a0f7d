"""FILTER, INFO and FORMAT of records against the header's declarations, which are widened where values contradict them.

Values are never changed, only their declarations are made to tell the truth.
"""

import re
from collections.abc import Callable, Iterable

from app.annotation.errors import InputError
from app.annotation.headers import OWN, Field, Header
from app.annotation.notes import Notes
from app.annotation.values import GENOTYPE, UNPRINTABLE, VALID, WIDER, counts, pattern, shown, text

SAMPLED = 50  # lines of a block that are looked at closely in any case
_DECLARABLE = re.compile(rb"(?!\[)[^\s,;=<>\"]+")
_TAG_NAME = re.compile(rb"[A-Za-z_][0-9A-Za-z_.]*|1000G")
_PLAIN = {b"GT": rb"[01.](?:[/|][01.])*+", b"LEN": rb"(?:[0-9]{1,8}+|\.)"}
_LENGTH = re.compile(_PLAIN[b"LEN"]).fullmatch
_ALTERNATIVE = re.compile(rb"(?:^|\t)[^:\t]*1").search
_LOCAL_ALLELES = re.compile(rb"L(?:AA|AD|GT|PL|GP|GL|EC|AF)")


def _repeats(block: bytes) -> bool:
    """Whether one of the first lines of the block names an INFO tag twice: a tool that does so does it often."""
    for line in block.split(b"\n", SAMPLED)[:SAMPLED]:
        items = b"".join(line.split(b"\t", 8)[7:8]).split(b";")
        if len({item.partition(b"=")[0] for item in items}) < len(items):
            return True
    return False


class Declarations:
    """The declarations of one header, true of every record that was shown to it."""

    def __init__(self, header: Header, notes: Notes) -> None:
        self.header, self.notes = header, notes
        self.changed = False
        self.formats: dict[bytes, Callable[[bytes], re.Match[bytes] | None]] = {}  # samples of clean records, by FORMAT
        self._clean: Callable[[bytes], list[tuple[bytes, ...]]] | None = None

    def lines(self, block: bytes) -> list[tuple[bytes, ...]]:
        """A row a line: contig, position, REF, FORMAT and samples of clean records with one alternative allele, else empty."""
        if not self.header.doubtful and _repeats(block):
            self.header.doubtful, self._clean = True, None
        return (self._clean or self._compile())(block)

    def _compile(self) -> Callable[[bytes], list[tuple[bytes, ...]]]:
        """Build the pattern of a line from what the header declares."""
        kinds: dict[tuple[bytes, bytes], list[bytes]] = {}
        for name, declared in self.header.fields["INFO"].items():
            if name == b"END":
                continue  # where records end is always examined
            number = declared.number if declared.number.isdigit() else b"."
            kinds.setdefault((declared.type, number), []).append(re.escape(name))
        items = []
        for (type_, number), names in kinds.items():
            value = rb"(?=[;\t\n])" if type_ == b"Flag" else b"=" + pattern(type_, number, rb";\t\n " + UNPRINTABLE)
            items.append(b"(?:%b)%b" % (b"|".join(names), value))
        item = b"(?:%b)" % b"|".join(items or [b"(?!)"])
        filters = b"|".join(re.escape(name) for name in (b"PASS", b".", *self.header.filters))
        samples = rb"\t([^\t\n]++)\t([^ \n]++)" if self.header.samples else rb"()()"
        line = (
            rb"(?:([^\t\n]++)\t([1-9][0-9]{0,9}+)\t[^;\t\n \x01-\x1f\x7f]++\t([ACGTN]++)\t(?!\3\t)[ACGT]++"
            rb"\t(?:[0-9]++(?:\.[0-9]++)?|\.)\t(?:%b)\t(?:%b(?:;%b)*+|\.)%b|[^\n]*+)\n"
        )
        if self.header.doubtful:
            line = rb"(?:(?!)%b|[^\n]*+)\n" % line
        self._clean = re.compile(line % (filters, item, item, samples)).findall
        return self._clean

    def filters(self, fields: list[bytes], number: int) -> None:
        if fields[6] == b"0":
            fields[6] = b"PASS"
            self.notes.add("filter_zero", number)
        names = [name for name in fields[6].replace(b",", b";").split(b";") if name] if fields[6] != b"." else []
        for name in names:
            if b" " in name:
                raise InputError(f"Line {number}: FILTER contains spaces ({shown(fields[6])}).", number)
            if name not in (b"PASS", b".") and name not in self.header.filters:
                self._declarable("FILTER", name, number)
                self.header.filters[name] = b'""'
                self._clean = None
                self.notes.add("undeclared", number, f"FILTER/{text(name)}")
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
                raise InputError(f"Line {number}: INFO contains spaces ({shown(fields[7])}).", number)
            if not name or name == b".":
                self.notes.add("empty_info", number)
                continue
            if name.startswith(OWN) or name == b"BCSQ":
                self.notes.add("earlier_run", number)
                continue
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
            declared = (
                Field(b"0", b"Flag") if value is None and kind == "INFO" else Field(b"1" if name == b"GT" else b".", b"String")
            )
            self.notes.add("undeclared", number, f"{kind}/{text(name)}")
            if not _TAG_NAME.fullmatch(name):
                self.notes.add("tag_name", number, f"{kind}/{text(name)}")
        told = declared
        if told.type == b"Flag" and value is not None:
            told = Field(b".", b"String", told.description)
        while value and told.type in VALID and not VALID[told.type](value):
            told = Field(told.number, WIDER[told.type], told.description)
        if told.type != declared.type:
            self.notes.add("retyped", number, f"{kind}/{text(name)}: {text(declared.type)} → {text(told.type)}")
        if value and not counts(told.number, value, alleles):
            self.notes.add("wrong_count", number, f"{kind}/{text(name)}")
            told = Field(b".", told.type, told.description)
        if told is not declared or name not in self.header.fields[kind]:
            self.header.declare(kind, name, told)
            self._clean = None
            self.formats.clear()
            self.changed = True
        return told

    def _declarable(self, kind: str, name: bytes, number: int) -> None:
        if not _DECLARABLE.fullmatch(name):
            raise InputError(f"Line {number}: {kind} has the tag {shown(name)}, which no header can declare.", number)

    def genotypes(self, fields: list[bytes], alleles: int, number: int) -> None:
        """Check the samples of a record against its FORMAT."""
        fields[8] = fields[8] or b"."
        keys = fields[8].split(b":") if fields[8] != b"." else []
        if not keys and any(sample not in (b".", b"") for sample in fields[9:]):
            raise InputError(f"Line {number}: the samples have values, but FORMAT does not say which.", number)
        if len(set(keys)) != len(keys) or any(not key or b" " in key for key in keys):
            raise InputError(f"Line {number}: FORMAT is {shown(fields[8])}: empty or repeated keys.", number)
        if b"GT" in keys[1:]:
            raise InputError(f"Line {number}: GT must be the first key of FORMAT, found {shown(fields[8])}.", number)
        for key in keys:
            self._declared("FORMAT", key, None, alleles, number)
            if _LOCAL_ALLELES.fullmatch(key):
                self.notes.add("local_alleles", number, text(key))
        plain = self.formats.get(fields[8]) or self._format(fields[8], keys)
        calls = b"\t".join(fields[9:])
        if alleles < 2 and plain(calls) and (alleles or not _ALTERNATIVE(calls)):
            return
        for column, sample in enumerate(fields[9:], 9):
            values = sample.split(b":")
            name = text(self.header.samples[column - 9])
            if len(values) > max(len(keys), 1):
                raise InputError(f"Line {number}, sample {name}: {len(values)} values for {len(keys)} FORMAT keys.", number)
            if b" " in sample:
                raise InputError(f"Line {number}, sample {name}: spaces in {shown(sample)}.", number)
            for key, value in zip(keys, values, strict=False):
                if key == b"GT":
                    self._genotype(value or b".", alleles, number, name)
                else:
                    self._declared("FORMAT", key, value or b".", alleles, number)
                    if key == b"LEN" and value and not _LENGTH(value):
                        raise InputError(f"Line {number}, sample {name}: LEN is {shown(value)}, longer than any contig.", number)
            if b"" in values:
                fields[column] = b":".join(value or b"." for value in values)

    def _genotype(self, value: bytes, alleles: int, number: int, sample: str) -> None:
        if not re.fullmatch(GENOTYPE, value):
            raise InputError(
                f"Line {number}, sample {sample}: the genotype is {shown(value)}, expected something like 0/1.", number
            )
        if value[:1] in b"/|" and self.header.version < "4.4":
            self.header.version = "4.4"
            self.notes.add("version_raised", number)
        for index in re.findall(rb"[0-9]+", value):
            if int(index) > alleles:
                raise InputError(
                    f"Line {number}, sample {sample}: the genotype {shown(value)} names an allele that is not there.", number
                )

    def _format(self, form: bytes, keys: Iterable[bytes]) -> Callable[[bytes], re.Match[bytes] | None]:
        """Remember and return the pattern of all samples of a clean record with this FORMAT."""
        sample = b""
        for key in reversed(list(keys)):
            declared = self.header.fields["FORMAT"][key]
            value = _PLAIN.get(key) or pattern(declared.type, declared.number, rb":\t " + UNPRINTABLE)
            sample = value + (b"(?::%b)?+" % sample if sample else b"")
        sample = sample or rb"\."
        self.formats[form] = re.compile(b"%b(?:\t%b)*+" % (sample, sample)).fullmatch
        return self.formats[form]
