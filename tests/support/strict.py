"""The rules of VCF 4.2 to 4.5 for a file that others read, written from the specification; imports nothing of the engine."""

import re
from collections.abc import Iterator

SPACE = re.compile(r"[ \t-\r]")
QUOTED = r'"(?:[^"\\]|\\.)*"'
STRUCTURED = re.compile(rf"##(\w+)=<(\w+)=([^,<>]*)((?:,[A-Za-z_][\w.]*=(?:{QUOTED}|[^,\"<>]*))*)>")
ATTRIBUTE = re.compile(rf",([A-Za-z_][\w.]*)=({QUOTED}|[^,\"<>]*)")
FLOAT = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:[iI][nN][fF](?:inity)?|[nN][aA][nN])"
VALUES = {
    "Integer": re.compile(r"[-+]?\d+|\."),
    "Float": re.compile(rf"{FLOAT}|\."),
    "Character": re.compile(r"[^ \t-\r,;]"),
    "String": re.compile(r"[^ \t-\r,;]*"),
}
NUMBER = re.compile(r"\d+|[ARG.]|L[ARG]|[PM]")
SAMPLE_VALUES = VALUES | {"String": re.compile(r"[^ \t-\r,:]*"), "Character": re.compile(r"[^ \t-\r,:]")}
GENOTYPE = re.compile(r"[/|]?(?:\d+|\.)(?:[/|](?:\d+|\.))*")
REF = re.compile(r"[ACGTNRYSWKMBDHVU]+")  # the specification allows ACGTN; what callers write is passed on
BASES = "[ACGTNRYSWKMBDHVU]"
END = rf"(?:{BASES}*|\.)"
ALT = re.compile(
    rf"{BASES}+|\*|\.|<[^<> \t-\r,]+>|{END}[\[\]][^\[\] \t-\r,]+:\d+[\[\]]{END}|\.{BASES}+|{BASES}+\.",
    re.IGNORECASE,
)
COLUMNS = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]


def faults(data: bytes, odd_names: bool = True) -> Iterator[str]:
    """What a strict reader would say of this (uncompressed) VCF, one sentence each; nothing for a valid one.

    `odd_names`: tag names of the input that the specification does not allow are accepted if they are declared.
    """
    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError as error:
        yield f"not UTF-8: {error}"
        return
    if lines.pop() != "":
        yield "the last line does not end"
    if "\r" in data.decode():
        yield "carriage returns"
    if not lines or not re.fullmatch(r"##fileformat=VCFv4\.[0-5]", lines[0]):
        yield f"line 1 is {lines[:1]}"
        return
    last = next((number for number, line in enumerate(lines) if line.startswith("#CHROM")), None)
    if last is None:
        yield "no #CHROM line"
        return
    declared: dict[str, dict[str, dict[str, str]]] = {"INFO": {}, "FORMAT": {}, "FILTER": {}, "contig": {}, "ALT": {}}
    for line in lines[1:last]:
        yield from _meta(line, declared)
    names = lines[last].split("\t")
    samples = names[9:]
    if names[:8] != COLUMNS or names[8:9] not in ([], ["FORMAT"]) or names[8:] == ["FORMAT"]:
        yield f"columns {names}"
    if len(set(samples)) != len(samples) or any(not sample or sample != sample.strip() for sample in samples):
        yield f"samples {samples}"
    seen: dict[str, int] = {}
    current = ""
    for number, line in enumerate(lines[last + 1 :], last + 2):
        fields = line.split("\t")
        if len(fields) != len(names):
            yield f"line {number}: {len(fields)} columns"
            continue
        for fault in _record(fields, declared, odd_names):
            yield f"line {number}: {fault}"
        contig, position = fields[0], int(fields[1]) if fields[1].isdigit() else -1
        if contig != current and contig in seen:
            yield f"line {number}: {contig} is not in one block"
        if contig == current and position < seen[contig]:
            yield f"line {number}: not sorted"
        current, seen[contig] = contig, position


def _meta(line: str, declared: dict[str, dict[str, dict[str, str]]]) -> Iterator[str]:
    if not re.match(r"##[^ \t-\r=]+=.", line):
        yield f"header line {line[:60]!r}"
        return
    kind, _, value = line[2:].partition("=")
    if kind == "fileformat":
        yield "a second ##fileformat"
    if not value.startswith("<"):
        if kind in declared:
            yield f"{kind} without <>"
        return
    match = STRUCTURED.fullmatch(line)
    if not match:
        if kind in declared:
            yield f"cannot be parsed: {line[:80]!r}"
        return
    if kind not in declared:
        return
    given = ATTRIBUTE.findall(match[4])
    attributes = dict(given)
    if match[2] != "ID" or len(attributes) != len(given):
        yield f"attributes of {line[:60]!r}"
    if match[3] in declared[kind]:
        yield f"{kind} {match[3]} is declared twice"
    declared[kind][match[3]] = attributes
    if kind in ("INFO", "FORMAT", "FILTER", "ALT") and not re.fullmatch(QUOTED, attributes.get("Description", "")):
        yield f"{kind} {match[3]} has no description in quotes"
    if kind == "contig" and not re.fullmatch(r"[1-9]\d*", attributes.get("length", "1")):
        yield f"length of contig {match[3]}"
    if kind in ("INFO", "FORMAT"):
        number, type_ = attributes.get("Number", ""), attributes.get("Type", "")
        allowed = {*VALUES, "Flag"} if kind == "INFO" else {*VALUES}
        if not NUMBER.fullmatch(number) or type_ not in allowed or (number == "0") != (type_ == "Flag"):
            yield f"{kind} {match[3]} has Number={number}, Type={type_}"


def _record(fields: list[str], declared: dict[str, dict[str, dict[str, str]]], odd_names: bool) -> Iterator[str]:
    contig, position, identifier, ref, alt, quality, filters, info = fields[:8]
    if any(not field or SPACE.search(field) for field in fields[:8]):
        yield f"empty columns or spaces in {fields[:8]}"
    if contig not in declared["contig"]:
        yield f"contig {contig!r} is not declared"
    length = int(declared["contig"].get(contig, {}).get("length", 0))
    if not position.isdigit() or (length and not int(position) <= length + 1):
        yield f"POS {position}"
    identifiers = identifier.split(";")
    if "" in identifiers or len(set(identifiers)) != len(identifiers):
        yield f"ID {identifier}"
    alts = alt.split(",")
    if not REF.fullmatch(ref) or any(not ALT.fullmatch(one) for one in alts) or len(set(alts)) != len(alts):
        yield f"alleles {ref[:50]} {alt[:50]}"
    if quality != "." and not re.fullmatch(FLOAT, quality):
        yield f"QUAL {quality}"
    names = filters.split(";")
    if len(set(names)) != len(names) or (len(names) > 1 and {"PASS", ".", "0"} & set(names)):
        yield f"FILTER {filters}"
    if undeclared := {name for name in names if name not in ("PASS", ".") and name not in declared["FILTER"]}:
        yield f"FILTER {undeclared} not declared"
    yield from _info(info, declared["INFO"], len(alts) if alts != ["."] else 0, odd_names)
    if len(fields) > 8:
        yield from _samples(fields[8], fields[9:], declared["FORMAT"], len(alts) if alts != ["."] else 0)


def _info(info: str, declared: dict[str, dict[str, str]], alts: int, odd_names: bool) -> Iterator[str]:
    if info == ".":
        return
    seen = set()
    for item in info.split(";"):
        name, equals, value = item.partition("=")
        if name in seen:
            yield f"INFO {name} twice"
        seen.add(name)
        if not odd_names and not re.fullmatch(r"[A-Za-z_][0-9A-Za-z_.]*|1000G", name):
            yield f"INFO has the name {name!r}"
        if name not in declared:
            yield f"INFO {name!r} is not declared"
        elif (declared[name]["Type"] == "Flag") == bool(equals):
            yield f"INFO {item[:60]!r}, a {declared[name]['Type']}"
        elif equals:
            for fault in _value(value, declared[name], alts, VALUES):
                yield f"INFO {name} {fault}"


def _value(value: str, declared: dict[str, str], alts: int, shapes: dict[str, re.Pattern[str]]) -> Iterator[str]:
    parts = value.split(",")
    if any(not shapes[declared["Type"]].fullmatch(part) for part in parts):
        yield f"has {value[:60]!r}, not {declared['Type']}"
    number = declared["Number"]
    wanted = int(number) if number.isdigit() else {"A": alts, "R": alts + 1}.get(number, len(parts)) if alts > 1 else len(parts)
    if value != "." and len(parts) != wanted:
        yield f"has {len(parts)} values, not {wanted} (Number={declared['Number']})"


def _samples(form: str, samples: list[str], declared: dict[str, dict[str, str]], alts: int) -> Iterator[str]:
    keys = form.split(":") if form != "." else []
    if len(set(keys)) != len(keys) or "GT" in keys[1:]:
        yield f"FORMAT {form}"
    for key in keys:
        if key not in declared:
            yield f"FORMAT {key!r} is not declared"
            return
    for sample in samples:
        values = sample.split(":")
        if not sample or SPACE.search(sample) or len(values) > max(len(keys), 1) or "" in values:
            yield f"sample {sample[:60]!r} for {form}"
            continue
        for key, value in zip(keys, values, strict=False):
            if key == "GT":
                if not GENOTYPE.fullmatch(value) or any(int(index) > alts > 0 for index in re.findall(r"\d+", value)):
                    yield f"genotype {value[:60]!r} with {alts} alternative alleles"
            else:
                for fault in _value(value, declared[key], alts, SAMPLE_VALUES):
                    yield f"FORMAT {key} {fault}"
