"""Variants as people paste them, one a line, become a VCF; each line that does not is named with the reason.

HGVS on the genome or in a transcript of the embedded references, alleles with hyphens, colons or blanks between them, SPDI,
dbSNP identifiers that the embedded references know, and lines of a VCF. Where the sequence is at hand, REF is checked against
it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from app.engine.bundles import manifest
from app.engine.bundles.manifest import Bundle
from app.engine.bundles.sequence import Sequence
from app.engine.bundles.transcripts import Transcripts
from app.engine.consequence.tracks import Alleles, tracks
from app.explorer import transcript_places
from app.explorer.transcript_places import PLACE, Counted, NoPlace

MOST_LINES = 10_000
MOST_BASES = 1000
"""Bases of an allele that a name may stand for."""

EXPECTED = "write one variant a line, as in m.3243A>G, MT 3243 A G or rs199474657."
_HEADER = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
_CHROMOSOME = re.compile(r"(?:chr)?(?:[0-9]{1,2}|X|Y|MT?)|N[CTWG]_[0-9.]+|[A-Za-z][\w.|]*", re.IGNORECASE)

_DESCRIBED = re.compile(r"(delins|del|dup|ins|inv)([ACGTN]*)(?:ins([ACGTN]+))?", re.IGNORECASE)

_RSID = re.compile(rb";GAS_RSID=(rs[0-9]+)").match

Record = tuple[str, int, str, str, str]
"""Contig, position, identifier, REF and ALT."""


@dataclass(frozen=True)
class Fault:
    """A line, from 1, that is not understood, and why."""

    line: int
    text: str
    reason: str


@dataclass(frozen=True)
class Pasted:
    """The VCF of what was understood, sorted; and what was not."""

    vcf: str
    faults: list[Fault]


class NotUnderstood(ValueError):
    """A line is no variant; the text says why."""


def convert(text: str) -> Pasted:
    """The variants of a text, one a line. Empty lines and lines that begin with # say nothing."""
    records: list[Record] = []
    faults: list[Fault] = []
    for number, line in enumerate(text.splitlines()[:MOST_LINES], 1):
        if not (line := line.strip()) or line.startswith("#"):
            continue
        try:
            records.append(_checked(_record(line)))
        except NotUnderstood as problem:
            faults.append(Fault(number, line[:200], str(problem)))
    order = {contig: at for at, contig in enumerate(dict.fromkeys(record[0] for record in records))}
    records.sort(key=lambda record: (order[record[0]], record[1]))
    rows = (f"{contig}\t{at}\t{name}\t{ref}\t{alt}\t.\t.\t.\n" for contig, at, name, ref, alt in records)
    return Pasted(_HEADER + "".join(rows), faults)


def _record(line: str) -> Record:
    for pattern, made in _NOTATIONS:
        if found := pattern.fullmatch(line):
            return made(found)
    fields = line.split()
    if len(fields) >= 5 and fields[1].isdigit():
        return fields[0], int(fields[1]), fields[2], fields[3].upper(), fields[4].upper()
    raise NotUnderstood(f"“{line[:60]}” is not understood: {EXPECTED}")


def _alleles(found: re.Match[str]) -> Record:
    contig, position, ref, alt = found.groups()
    if not _CHROMOSOME.fullmatch(contig):
        raise NotUnderstood(f"{contig[:30]} is not the name of a contig.")
    return contig, int(position.replace(",", "")), ".", ref.upper(), alt.upper()


def _spdi(found: re.Match[str]) -> Record:
    contig, position, deleted, inserted = found.groups()
    start, inserted = int(position) + 1, inserted.upper()
    removed = _bases(contig, start, start + int(deleted) - 1) if deleted.isdigit() else deleted.upper()
    if removed and inserted:
        return contig, start, ".", removed, inserted
    return _anchored(contig, start, removed, inserted)


def _hgvs(found: re.Match[str]) -> Record:
    contig, numbering, first, last, change = found.group("contig", "numbering", "first", "last", "change")
    contig = contig or ("MT" if numbering.lower() == "m" else "")
    if not contig:
        raise NotUnderstood("The contig is missing before g., as in chr17:g.43045700del.")
    begin = int(first.replace(",", ""))
    end = int(last.replace(",", "")) if last else begin
    if not begin <= end < begin + MOST_BASES:
        raise NotUnderstood(f"{first} to {last} is no range of at most {MOST_BASES:,} bases.")
    return _spelled(contig, begin, end, change, str)


def _coding(found: re.Match[str]) -> Record:
    of, numbering, first, last, change = found.group("of", "numbering", "first", "last", "change")
    if not of:
        raise NotUnderstood(f"The transcript is missing before {numbering.lower()}., as in MT-ND4:c.1019G>A.")
    known = _transcripts()
    counted = known.get(of.upper()) or known.get(of.upper().partition(".")[0]) or known.get(f"MT-{of.upper()}")
    if not counted:
        raise NotUnderstood(f"The references here do not know the transcript {of[:60]}: please name the variant on its contig.")
    try:
        begin, end = counted.span(numbering.lower(), first, last or first)
    except NoPlace as problem:
        raise NotUnderstood(str(problem)) from None
    if not begin <= end < begin + MOST_BASES:
        raise NotUnderstood(f"{first} to {last} is no range of at most {MOST_BASES:,} bases.")
    return _spelled(counted.contig, begin, end, change, counted.bases)


def _protein(found: re.Match[str]) -> Record:
    raise NotUnderstood(
        "p. names a change of a protein, which several changes of the DNA make: please give the one that was found."
    )


def _spelled(contig: str, begin: int, end: int, change: str, bases: Callable[[str], str]) -> Record:
    """The record of a change in words of HGVS; `bases` says how the contig has what it spells."""
    if substituted := re.fullmatch(r"([ACGTN]+)>([ACGTN]+)", change, re.IGNORECASE):
        return contig, begin, ".", bases(substituted[1].upper()), bases(substituted[2].upper())
    described = _DESCRIBED.fullmatch(change)
    assert described, "the notation has let it through"
    kind, given, added = described.groups("")
    return _changed(kind.lower(), contig, begin, end, bases(given.upper()), bases(added.upper()))


def _changed(kind: str, contig: str, begin: int, end: int, given: str, added: str) -> Record:
    if kind == "ins":
        if end != begin + 1 or not given:
            raise NotUnderstood("An insertion stands between two neighbouring bases and names what is inserted: m.309_310insC.")
        anchor = _bases(contig, begin, begin)
        return contig, begin, ".", anchor, anchor + given
    bases = _bases(contig, begin, end)
    if kind == "delins" or added:
        return contig, begin, ".", bases, added or given
    if given and given != bases:
        raise NotUnderstood(f"{given[:30]} is not what the reference has there: {bases[:30]}.")
    if kind == "inv":
        return contig, begin, ".", bases, bases[::-1].translate(str.maketrans("ACGT", "TGCA"))
    return _anchored(contig, begin, bases, "") if kind == "del" else _anchored(contig, begin, "", bases)


def _anchored(contig: str, begin: int, removed: str, inserted: str) -> Record:
    """With the base before, as VCF has it; at the first base, the one behind."""
    if begin > 1:
        before = _bases(contig, begin - 1, begin - 1)
        return contig, begin - 1, ".", before + removed, before + inserted
    behind = _bases(contig, begin + len(removed), begin + len(removed))
    return contig, begin, ".", removed + behind, inserted + behind


def _rsid(found: re.Match[str]) -> Record:
    if record := _known_rsids().get(found[0].lower()):
        return record
    raise NotUnderstood(f"The references here do not know {found[0]}; please give its position and alleles.")


_BASES, _CONTIG = "[ACGTNacgtn]", r"[A-Za-z0-9_.|]+"
_CHANGE = rf"(?:delins|del|dup|inv|ins){_BASES}*(?:ins{_BASES}+)?"
_NOTATIONS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Record]], ...] = tuple(
    (re.compile(pattern), made)
    for pattern, made in (
        (r"[rR][sS][0-9]{1,12}", _rsid),
        (
            rf"(?:(?P<contig>{_CONTIG}):)?(?P<numbering>[mgMG])\.(?P<first>[0-9,]+)(?:_(?P<last>[0-9,]+))?"
            rf"(?P<change>{_BASES}+>{_BASES}+|{_CHANGE})",
            _hgvs,
        ),
        (
            rf"(?:(?P<of>[A-Za-z0-9_.-]+) ?: ?)?(?P<numbering>[cnCN])\.(?P<first>{PLACE})(?:_(?P<last>{PLACE}))?"
            rf"(?P<change>{_BASES}>{_BASES}|{_CHANGE})",
            _coding,
        ),
        (r"(?:[A-Za-z0-9_.-]+ ?:? ?)?p\.\(?[A-Z*].*", _protein),
        (rf"(N[CTWG]_[0-9.]+):([0-9]+):({_BASES}*|[0-9]+):({_BASES}*)", _spdi),
        (rf"({_CONTIG})[-:\s]+([0-9,]+)[-:\s]*({_BASES}+)[-:>/\s]+({_BASES}+)", _alleles),
    )
)


def _checked(record: Record) -> Record:
    """The record, if its REF is what the reference has, as far as that is at hand. Raises NotUnderstood."""
    contig, position, _, ref, _ = record
    if _contig(contig):
        there = _bases(contig, position, position + len(ref) - 1)
        if any(one != base and "N" not in (one, base) for one, base in zip(ref, there, strict=True)):
            raise NotUnderstood(f"The reference has {there[:30]} at {contig}:{position:,}, not {ref[:30]}.")
    return record


def _bases(contig: str, first: int, last: int) -> str:
    found = _contig(contig)
    if not found:
        raise NotUnderstood(f"The sequence of {contig[:30]} is not at hand here: please write contig, position, REF and ALT.")
    name, sequence, length = found
    if not 1 <= first <= last + 1 <= length + 1:
        raise NotUnderstood(f"{contig} has bases 1 to {length:,}.")
    return bytes(memoryview(sequence.view(name))[first - 1 : last]).decode()  # type: ignore[arg-type]


def _contig(name: str) -> tuple[str, Sequence, int] | None:
    """The contig of an embedded reference, with its sequence and length; None for every other."""
    for bundle, sequence in _references():
        known = {alias.upper(): contig for alias, contig in bundle.names.items()}
        if found := known.get(name.upper()):
            return found.name, sequence, found.length
    return None


@cache
def _references() -> tuple[tuple[Bundle, Sequence], ...]:
    return tuple((bundle, Sequence.open(bundle.path(bundle.sequence))) for bundle in manifest.installed())


@cache
def _transcripts() -> Mapping[str, Counted]:
    return transcript_places.by_name(Transcripts.open(bundle.path(bundle.transcripts)) for bundle, _ in _references())


@cache
def _known_rsids() -> dict[str, Record]:
    """The identifiers of the embedded references' tracks."""
    found: dict[str, Record] = {}
    for bundle, sequence in _references():
        for track in tracks(bundle):
            for contig, position, ref, alt, tags in track.listed(sequence.get) if isinstance(track, Alleles) else ():
                if named := _RSID(tags):
                    name = named[1].decode()
                    found[name] = contig, position, name, ref.decode(), alt.decode()
    return found
