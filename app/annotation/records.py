"""One record at a time: a pattern made from the header passes what is clean, everything else is examined, repaired or refused.

Values of INFO and FORMAT are never changed, only their declarations are made to tell the truth.
"""

import re
from collections.abc import Callable, Iterable

from app.annotation import assemblies
from app.annotation.alleles import MASK, expand_old, mask, problem
from app.annotation.errors import InputError
from app.annotation.headers import OWN, Field, Header
from app.annotation.limits import Limits
from app.annotation.notes import Notes
from app.annotation.reference import Bundle, Contig
from app.annotation.sequences import Sequences

_INTEGER = rb"(?:[-+]?+[0-9]{1,9}+|\.)"
_FLOAT = rb"(?:[-+]?+(?:[0-9]++(?:\.[0-9]*+)?+|\.[0-9]++)(?:[eE][-+]?+[0-9]++)?+|\.|[nN]a[nN]|-?[iI]nf)"
INTEGERS = _INTEGER + b"(?:," + _INTEGER + b")*+"
FLOATS = _FLOAT + b"(?:," + _FLOAT + b")*+"
GENOTYPE = rb"[/|]?(?:[0-9]++|\.)(?:[/|](?:[0-9]++|\.))*+"
PATTERNS = {b"Integer": INTEGERS, b"Float": FLOATS}
VALID = {type_: re.compile(pattern).fullmatch for type_, pattern in PATTERNS.items()}
INDEXABLE = 1 << 29  # a tabix index reaches no further
_QUALITY = re.compile(rb"\.|" + FLOATS).fullmatch
_POSITION = re.compile(rb"[0-9]{1,10}").fullmatch
_END = re.compile(rb"(?:^|;)END=([0-9]{1,18})(?:;|$)").search
_BASES = re.compile(rb"[ACGT]+").fullmatch
_OLD_ALLELES = re.compile(rb"(?=.*[ID])[ID0-9ACGTNacgtn,]+").fullmatch
WIDER = {b"Integer": b"Float", b"Float": b"String"}
DECLARABLE = re.compile(rb"[^\s,;=<>\"]+")
TAG_NAME = re.compile(rb"[A-Za-z_][0-9A-Za-z_.]*|1000G")
LOCAL_ALLELES = re.compile(rb"L(?:AA|AD|GT|PL|GP|GL|EC|AF)")


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
        self.names: dict[bytes, str] = dict(names or {})
        self.count = self.splits = 0
        self.sorted, self.changed = True, False
        self._preferred = {contig: name for name, contig in self.names.items()}
        self._contig, self._place, self._start = b"", "", -1
        self._left: set[bytes] = set()
        self._clean: Callable[[bytes], list[tuple[bytes, ...]]] | None = None
        self._formats: dict[bytes, Callable[[bytes], re.Match[bytes] | None]] = {}
        self._mismatches, self._first_mismatch = 0, ""
        self._width = header.columns
        if len(header.samples) > limits.samples:
            raise InputError(f"The file has {len(header.samples):,} samples, more than the {limits.samples:,} that are accepted.")

    def block(self, block: bytes, before: int) -> bytes:
        """The block repaired; the very same object if nothing needed repair. `before` lines came before it."""
        lines = block.split(b"\n")
        lines.pop()
        changed = False
        tabs = len(self.header.samples) - 1
        holds = self.sequences.holds
        place, last, clean = self._contig, self._start, 0
        # a declaration that changes on the way only ever gets wider: what was clean before it stays clean
        for index, (contig, position, ref, form, values) in enumerate((self._clean or self._compile())(block)):
            if contig == place and contig:
                start = int(position) - 1
                if (
                    start >= last
                    and holds(self._place, start, ref)
                    and (not form or (values.count(b"\t") == tabs and form in self._formats and self._formats[form](values)))
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
        self.changed = True
        return b"".join(line + b"\n" for line in lines if line)

    def finish(self) -> None:
        """Refuse a file whose REF alleles disagree with the reference too often to be of this assembly."""
        if not self.sorted:
            self.notes.add("unsorted")
        share = self._mismatches / (self.count or 1)
        if share > 0.5 or (share > self.limits.mismatches and self._mismatches >= 10):
            guess = assemblies.looks_like(self.header)
            raise InputError(
                f"{self._mismatches:,} of {self.count:,} records have a REF that disagrees with {self.bundle.assembly} "
                f"(first: {self._first_mismatch}). The file looks like {guess or 'another assembly'}. It was not annotated."
            )

    def _compile(self) -> Callable[[bytes], list[tuple[bytes, ...]]]:
        """Build the pattern of lines that captures of clean records with one alternative allele, as the header declares them,
        contig, position, REF, FORMAT and samples; of all other lines nothing."""
        kinds: dict[bytes, list[bytes]] = {}
        for name, declared in self.header.fields["INFO"].items():
            if name == b"END":
                continue  # where records end is always examined
            kinds.setdefault(declared.type, []).append(re.escape(name))
        items = []
        for type_, names in kinds.items():
            value = rb"(?=[;\t\n])" if type_ == b"Flag" else b"=" + PATTERNS.get(type_, rb"[^;\t\n ]++")
            items.append(b"(?:%b)%b" % (b"|".join(names), value))
        item = b"(?:%b)" % b"|".join(items or [b"(?!)"])
        filters = b"|".join(re.escape(name) for name in (b"PASS", b".", *self.header.filters))
        samples = rb"\t([^\t\n]++)\t([^ \n]++)" if self.header.samples else rb"()()"
        pattern = (
            rb"(?:([^\t\n]++)\t([1-9][0-9]{0,9}+)\t[^\t\n ]++\t([ACGTN]++)\t[ACGT]++\t(?:[0-9]++(?:\.[0-9]++)?|\.)"
            rb"\t(?:%b)\t(?:%b(?:;%b)*+|\.)%b|[^\n]*+)\n"
        )
        self._clean = re.compile(pattern % (filters, item, item, samples)).findall
        return self._clean

    def _examine(self, line: bytes, number: int) -> bytes:
        """The record repaired, empty if the line held none; InputError if it cannot be one."""
        if not line.strip() or line.startswith(b"#"):
            return self._no_record(line, number)
        fields = self._columns(line, number)
        if len(fields[3]) > 1 << 20 or fields[4].count(b",") >= self.limits.alleles:
            raise InputError(
                f"Line {number}: more than {self.limits.alleles:,} ALT alleles or a REF beyond a million bases.", number
            )
        for index, name in ((2, "ID"), (5, "QUAL"), (6, "FILTER"), (7, "INFO")):
            if not fields[index].strip():
                fields[index] = b"."
                self.notes.add("id_repaired", number, name)
        contig = self._known_contig(fields, number)
        alleles = self._alleles(fields, contig, number)
        if not _QUALITY(fields[5]):
            raise InputError(f"Line {number}: QUAL is {_shown(fields[5])}, expected a number or a dot.", number)
        self._filters(fields, number)
        self._info(fields, alleles, number)
        if len(fields) > 8:
            self._genotypes(fields, alleles, number)
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
        self.changed = True
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
            raise InputError(f"Line {number} has {_many(len(fields), 'column')}, at least 8 expected.{hint}", number)
        if len(fields) == 8 and self._width > 8:
            self.notes.add("missing_format", number)
            return [*fields, b"GT", *[b"."] * len(self.header.samples)]
        if min(len(fields), self._width) < 10:
            raise InputError(f"Line {number} has {len(fields)} columns, the header has {self._width}.", number)
        got, wanted = max(len(fields) - 9, 0), len(self.header.samples)
        raise InputError(
            f"Line {number} has {_many(got, 'genotype column')}, the header declares {_many(wanted, 'sample')}.",
            number,
        )

    def _known_contig(self, fields: list[bytes], number: int) -> Contig:
        """The contig of the record; checks that the position is on it."""
        name = fields[0].strip()
        if not name:
            raise InputError(f"Line {number}: the CHROM column is empty.", number)
        contig = self.bundle.names.get(name.decode("utf-8", "replace"))
        if contig is None:
            raise assemblies.unknown_contig(name, self.header, self.bundle, number)
        preferred = self._preferred.setdefault(contig.name, name)
        if preferred != name:
            self.notes.add("contig_renamed", number, f"{_text(name)} → {_text(preferred)}")
        elif name not in self.names:
            self.names[name] = contig.name
            if name.decode() != contig.name:
                self.notes.add("contig_alias", number, f"{name.decode()} → {contig.name}")
            if self.header.contigs.get(name) is None:
                self.notes.add("contigs_added", None, name.decode())
        fields[0] = preferred
        if not _POSITION(fields[1]):
            raise InputError(f"Line {number}: POS is {_shown(fields[1])}, expected a whole number.", number)
        fields[1] = b"%d" % int(fields[1])
        if not 1 <= int(fields[1]) <= contig.length:
            where = "beyond the end" if int(fields[1]) else "before the beginning"
            raise InputError(
                f"Line {number}: {_text(name)}:{int(fields[1])} lies {where} of {contig.name} ({contig.length} bases). "
                "Was the file called against another assembly?",
                number,
            )
        return contig

    def _alleles(self, fields: list[bytes], contig: Contig, number: int) -> int:
        """Repair and mask REF and ALT; how many alternative alleles there are."""
        if _OLD_ALLELES(fields[4]):
            expand_old(fields, lambda start, end: self.sequences.get(contig.name, start, end))
            self.notes.add("allele_notation", number)
        ref, alts = fields[3], fields[4].split(b",")
        if fault := problem(ref, alts):
            raise InputError(f"Line {number}: {fault}", number)
        if not (ref.isupper() and all(alt.isupper() or not alt.isalpha() for alt in alts)):
            self.notes.add("lower_case", number)
            ref, alts = ref.upper(), [alt.upper() if alt.isalpha() else alt for alt in alts]
        start = int(fields[1]) - 1
        if start + len(ref) > contig.length:
            raise InputError(
                f"Line {number}: REF reaches beyond the end of {contig.name} ({contig.length} bases). "
                "Was the file called against another assembly?",
                number,
            )
        bases = self.sequences.get(contig.name, start, start + len(ref))
        if strange := bases != ref:
            if re.fullmatch(rb"[ACGTN]+", ref):
                self._mismatches += 1
                seen = (
                    f"{fields[0].decode()}:{start + 1} has {_text(ref[:20])} in the file and {_text(bases[:20])} in the reference"
                )
                self._first_mismatch = self._first_mismatch or f"line {number}, {seen}"
                self.notes.add("ref_mismatch", number, f"line {number}: {seen}")
            else:
                self.notes.add("ambiguous", number, f"line {number}: REF {_text(ref[:20])}")
        fields[3] = ref
        end = _END(fields[7])
        if end and int(end[1]) > contig.length:
            where = f"line {number}: END={int(end[1])} lies beyond the end of {contig.name} ({contig.length} bases)"
            if int(end[1]) >= INDEXABLE:
                raise InputError(f"{where[0].upper()}{where[1:]}. Was the file called against another assembly?", number)
            self.notes.add("end_beyond", number, where)
        sized = self._has_length(fields[7], start + 1, contig.length)
        fields[4] = b",".join(self._mask(alt, strange or (alt.startswith(b"<DEL") and not sized), number) for alt in alts)
        return 0 if alts == [b"."] else len(alts)

    def _mask(self, alt: bytes, strange: bool, number: int) -> bytes:
        if alt == b".":
            self.notes.add("reference_block", number)
            return alt
        if alt.startswith(MASK):
            raise InputError(f"Line {number}: the symbolic allele {_shown(alt)} is reserved.", number)
        if _BASES(alt):
            return mask(alt) if strange else alt
        code = (
            "spanning_deletion"
            if alt == b"*"
            else "reference_block"
            if alt in (b"<*>", b"<NON_REF>", b"<X>")
            else "symbolic"
            if alt.startswith(b"<") and alt.endswith(b">")
            else "ambiguous"
            if alt.isalpha()
            else "breakend"
        )
        self.notes.add(code, number, f"line {number}: {_text(alt[:40])}")
        return alt if code in ("spanning_deletion", "reference_block", "symbolic") and not strange else mask(alt)

    def _has_length(self, info: bytes, position: int, length: int) -> bool:
        """Whether a structural variant says how long it is.

        bcftools norm moves deletions of no length to position 1, csq crashes on those that end far beyond the contig.
        """
        declared = self.header.fields["INFO"]
        end, size = (re.search(rb"(?:^|;)%b=-?([0-9]{1,9})(?:[,;]|$)" % name, info) for name in (b"END", b"SVLEN"))
        if end:
            return position < int(end[1]) <= length and declared[b"END"].type == b"Integer" if b"END" in declared else False
        return bool(
            size and 0 < int(size[1]) <= length - position and b"SVLEN" in declared and declared[b"SVLEN"].type == b"Integer"
        )

    def _filters(self, fields: list[bytes], number: int) -> None:
        if fields[6] == b"0":
            fields[6] = b"PASS"
            self.notes.add("filter_zero", number)
        names = [name for name in fields[6].replace(b",", b";").split(b";") if name] if fields[6] != b"." else []
        for name in names:
            if b" " in name:
                raise InputError(f"Line {number}: FILTER contains spaces ({_shown(fields[6])}).", number)
            if name != b"PASS" and name not in self.header.filters:
                self._declarable("FILTER", name, number)
                self.header.filters[name] = b'""'
                self._clean = None
                self.notes.add("undeclared", number, f"FILTER/{_text(name)}")
        fields[6] = b";".join(dict.fromkeys(names)) or b"."

    def _info(self, fields: list[bytes], alleles: int, number: int) -> None:
        """Check every key and value against its declaration, and widen the declaration where they disagree."""
        if fields[7] == b".":
            return
        kept: dict[bytes, bytes] = {}
        for item in fields[7].split(b";"):
            name, equals, value = item.partition(b"=")
            if name != name.strip() or b" " in name or value != value.strip():
                raise InputError(f"Line {number}: INFO contains spaces ({_shown(fields[7])}).", number)
            if not name or name == b".":
                self.notes.add("empty_info", number)
                continue
            if name.startswith(OWN) or name == b"BCSQ":
                self.notes.add("earlier_run", number)
                continue
            if name in kept:
                self.notes.add("duplicate_info", number, _text(name))
                continue
            if b" " in value:
                value = value.replace(b" ", b"_")
                self.notes.add("spaces", number, _text(name))
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
            self.notes.add("undeclared", number, f"{kind}/{_text(name)}")
            if not TAG_NAME.fullmatch(name):
                self.notes.add("tag_name", number, f"{kind}/{_text(name)}")
        told = declared
        if told.type == b"Flag" and value is not None:
            told = Field(b".", b"String", told.description)
        while value and told.type in VALID and not VALID[told.type](value):
            told = Field(told.number, WIDER[told.type], told.description)
        if told.type != declared.type:
            self.notes.add("retyped", number, f"{kind}/{_text(name)}: {_text(declared.type)} → {_text(told.type)}")
        if value and not _counts(told.number, value, alleles):
            self.notes.add("wrong_count", number, f"{kind}/{_text(name)}")
            told = Field(b".", told.type, told.description)
        if told is not declared or name not in self.header.fields[kind]:
            self.header.declare(kind, name, told)
            self._clean = None
            self._formats.clear()
            self.changed = True
        return told

    def _declarable(self, kind: str, name: bytes, number: int) -> None:
        if not DECLARABLE.fullmatch(name):
            raise InputError(f"Line {number}: {kind} has the tag {_shown(name)}, which no header can declare.", number)

    def _genotypes(self, fields: list[bytes], alleles: int, number: int) -> None:
        """Check the samples of a record against its FORMAT."""
        keys = fields[8].split(b":") if fields[8] not in (b".", b"") else []
        if len(set(keys)) != len(keys) or any(not key or b" " in key for key in keys):
            raise InputError(f"Line {number}: FORMAT is {_shown(fields[8])}: empty or repeated keys.", number)
        if b"GT" in keys[1:]:
            raise InputError(f"Line {number}: GT must be the first key of FORMAT, found {_shown(fields[8])}.", number)
        for key in keys:
            self._declared("FORMAT", key, None, alleles, number)
            if LOCAL_ALLELES.fullmatch(key):
                self.notes.add("local_alleles", number, _text(key))
        plain = self._formats.get(fields[8]) or self._format(fields[8], keys)
        if alleles < 2 and plain(b"\t".join(fields[9:])):
            return
        for column, sample in enumerate(fields[9:], 9):
            values = sample.split(b":")
            name = _text(self.header.samples[column - 9])
            if len(values) > max(len(keys), 1):
                raise InputError(f"Line {number}, sample {name}: {len(values)} values for {len(keys)} FORMAT keys.", number)
            if b" " in sample:
                raise InputError(f"Line {number}, sample {name}: spaces in {_shown(sample)}.", number)
            for key, value in zip(keys, values, strict=False):
                if key == b"GT":
                    self._genotype(value or b".", alleles, number, name)
                else:
                    self._declared("FORMAT", key, value or b".", alleles, number)
            if b"" in values:
                fields[column] = b":".join(value or b"." for value in values)

    def _genotype(self, value: bytes, alleles: int, number: int, sample: str) -> None:
        if not re.fullmatch(GENOTYPE, value):
            raise InputError(
                f"Line {number}, sample {sample}: the genotype is {_shown(value)}, expected something like 0/1.", number
            )
        if value[:1] in b"/|" and self.header.version < "4.4":
            self.header.version = "4.4"
            self.notes.add("version_raised", number)
        for index in re.findall(rb"[0-9]+", value):
            if int(index) > alleles:
                raise InputError(
                    f"Line {number}, sample {sample}: the genotype {_shown(value)} names an allele that is not there.", number
                )

    def _format(self, form: bytes, keys: Iterable[bytes]) -> Callable[[bytes], re.Match[bytes] | None]:
        """Remember and return the pattern of all samples of a clean record with this FORMAT."""
        pattern = b""
        for key in reversed(list(keys)):
            declared = self.header.fields["FORMAT"][key]
            value = rb"[01.](?:[/|][01.])*+" if key == b"GT" else PATTERNS.get(declared.type, rb"[^:\t ]++")
            pattern = value + (b"(?::%b)?+" % pattern if pattern else b"")
        pattern = pattern or rb"\."
        self._formats[form] = re.compile(b"%b(?:\t%b)*+" % (pattern, pattern)).fullmatch
        return self._formats[form]


def _counts(number: bytes, value: bytes, alleles: int) -> bool:
    """Whether a value has as many parts as its declared Number (A, R or G) asks for."""
    if value == b"." or alleles < 2:
        return True
    parts = value.count(b",") + 1
    if number == b"G":
        return parts in (alleles + 1, (alleles + 1) * (alleles + 2) // 2)
    return {b"A": alleles, b"R": alleles + 1}.get(number, parts) == parts


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count != 1 else ''}"


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _shown(value: bytes) -> str:
    text = _text(value)
    return f'"{text if len(text) <= 60 else text[:57] + "…"}"'
