"""Variants as people paste them, one a line, become a VCF; each line that does not is named with the reason.

HGVS on the genome or in a transcript, alleles with hyphens, colons or blanks between them, SPDI, dbSNP identifiers that the
embedded references know, and lines of a VCF. Where the sequence is at hand, REF is checked against it. At hand are the embedded
references and, of those that are installed on this host, the one that the job is to be annotated with: all places of a file are
on one assembly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from pathlib import Path
from threading import Lock

import structlog

from app.engine.bundles import manifest
from app.engine.bundles.manifest import Bundle, Contig
from app.engine.bundles.mapped import identity
from app.engine.bundles.sequence import Sequence
from app.engine.bundles.transcripts import Transcripts
from app.engine.consequence.tracks import Alleles, tracks
from app.engine.errors import EngineError
from app.explorer.transcript_places import PLACE, ByName, Counted, NoPlace

log = structlog.get_logger()

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


def convert(text: str, installed: Bundle | None = None, *, chosen: bool = False) -> Pasted:
    """The variants of a text, one a line. Empty lines and lines that begin with # say nothing.

    `installed` is the reference at hand beside the embedded ones; where it was `chosen`, names are looked for in it before them.
    It blocks: the first question to a genome takes a second or two.
    """
    beside = _beside(installed) if installed else ()
    hand = Hand(beside + _embedded() if chosen else _embedded() + beside)
    records: list[Record] = []
    faults: list[Fault] = []
    for number, line in enumerate(text.splitlines()[:MOST_LINES], 1):
        if not (line := line.strip()) or line.startswith("#"):
            continue
        try:
            records.append(hand.checked(_record(hand, line)))
        except NotUnderstood as problem:
            faults.append(Fault(number, line[:200], str(problem)))
    order = {contig: at for at, contig in enumerate(dict.fromkeys(record[0] for record in records))}
    records.sort(key=lambda record: (order[record[0]], record[1]))
    rows = (f"{contig}\t{at}\t{name}\t{ref}\t{alt}\t.\t.\t.\n" for contig, at, name, ref, alt in records)
    return Pasted(hand.header() + "".join(rows), faults)


def _record(hand: Hand, line: str) -> Record:
    for pattern, made in _NOTATIONS:
        if found := pattern.fullmatch(line):
            return made(hand, found)
    fields = line.split()
    if len(fields) >= 5 and fields[1].isdigit():
        return fields[0], int(fields[1]), fields[2], fields[3].upper(), fields[4].upper()
    raise NotUnderstood(f"“{line[:60]}” is not understood: {EXPECTED}")


def _alleles(hand: Hand, found: re.Match[str]) -> Record:
    contig, position, ref, alt = found.groups()
    if not _CHROMOSOME.fullmatch(contig):
        raise NotUnderstood(f"{contig[:30]} is not the name of a contig.")
    return contig, int(position.replace(",", "")), ".", ref.upper(), alt.upper()


def _spdi(hand: Hand, found: re.Match[str]) -> Record:
    contig, position, deleted, inserted = found.groups()
    start, inserted = int(position) + 1, inserted.upper()
    removed = hand.bases(contig, start, start + int(deleted) - 1) if deleted.isdigit() else deleted.upper()
    if removed and inserted:
        return contig, start, ".", removed, inserted
    return _anchored(hand, contig, start, removed, inserted)


def _hgvs(hand: Hand, found: re.Match[str]) -> Record:
    contig, numbering, first, last, change = found.group("contig", "numbering", "first", "last", "change")
    contig = contig or ("MT" if numbering.lower() == "m" else "")
    if not contig:
        raise NotUnderstood("The contig is missing before g., as in chr17:g.43045700del.")
    begin = int(first.replace(",", ""))
    end = int(last.replace(",", "")) if last else begin
    if not begin <= end < begin + MOST_BASES:
        raise NotUnderstood(f"{first} to {last} is no range of at most {MOST_BASES:,} bases.")
    return _spelled(hand, contig, begin, end, change, str)


def _coding(hand: Hand, found: re.Match[str]) -> Record:
    of, numbering, first, last, change = found.group("of", "numbering", "first", "last", "change")
    if not of:
        raise NotUnderstood(f"The transcript is missing before {numbering.lower()}., as in MT-ND4:c.1019G>A.")
    try:
        counted = hand.transcript(of)
        begin, end = counted.span(numbering.lower(), first, last or first, substitution=">" in change)
    except NoPlace as problem:
        raise NotUnderstood(str(problem)) from None
    if not begin <= end < begin + MOST_BASES:
        raise NotUnderstood(f"{first} to {last} is no range of at most {MOST_BASES:,} bases.")
    return _spelled(hand, counted.contig, begin, end, change, counted.bases)


def _protein(hand: Hand, found: re.Match[str]) -> Record:
    raise NotUnderstood(
        "p. names a change of a protein, which several changes of the DNA make: please give the one that was found."
    )


def _spelled(hand: Hand, contig: str, begin: int, end: int, change: str, bases: Callable[[str], str]) -> Record:
    """The record of a change in words of HGVS; `bases` says how the contig has what it spells."""
    if substituted := re.fullmatch(r"([ACGTN]+)>([ACGTN]+)", change, re.IGNORECASE):
        return contig, begin, ".", bases(substituted[1].upper()), bases(substituted[2].upper())
    described = _DESCRIBED.fullmatch(change)
    assert described, "the notation has let it through"
    kind, given, added = described.groups("")
    return _changed(hand, kind.lower(), contig, begin, end, bases(given.upper()), bases(added.upper()))


def _changed(hand: Hand, kind: str, contig: str, begin: int, end: int, given: str, added: str) -> Record:
    if kind == "ins":
        if end != begin + 1 or not given:
            raise NotUnderstood("An insertion stands between two neighbouring bases and names what is inserted: m.309_310insC.")
        anchor = hand.bases(contig, begin, begin)
        return contig, begin, ".", anchor, anchor + given
    bases = hand.bases(contig, begin, end)
    if kind == "delins" or added:
        return contig, begin, ".", bases, added or given
    if given and given != bases:
        raise NotUnderstood(f"{given[:30]} is not what the reference has there: {bases[:30]}.")
    if kind == "inv":
        return contig, begin, ".", bases, bases[::-1].translate(str.maketrans("ACGT", "TGCA"))
    return _anchored(hand, contig, begin, *((bases, "") if kind == "del" else ("", bases)))


def _anchored(hand: Hand, contig: str, begin: int, removed: str, inserted: str) -> Record:
    """With the base before, as VCF has it; at the first base, the one behind."""
    if begin > 1:
        before = hand.bases(contig, begin - 1, begin - 1)
        return contig, begin - 1, ".", before + removed, before + inserted
    behind = hand.bases(contig, begin + len(removed), begin + len(removed))
    return contig, begin, ".", removed + behind, inserted + behind


def _rsid(hand: Hand, found: re.Match[str]) -> Record:
    if record := _known_rsids().get(found[0].lower()):
        return record
    raise NotUnderstood(f"The references here do not know {found[0]}; please give its position and alleles.")


_BASES, _CONTIG = "[ACGTNacgtn]", r"[A-Za-z0-9_.|]+"
_CHANGE = rf"(?:delins|del|dup|inv|ins){_BASES}*(?:ins{_BASES}+)?"
_NOTATIONS: tuple[tuple[re.Pattern[str], Callable[[Hand, re.Match[str]], Record]], ...] = tuple(
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


@dataclass(frozen=True)
class Opened:
    """A reference, its files mapped into memory."""

    bundle: Bundle
    sequence: Sequence
    names: ByName
    contigs: Mapping[str, Contig]  # by each of its names, in capitals


@dataclass
class Hand:
    """The references at hand, the first to be asked first, and which contigs of the installed one were named."""

    references: tuple[Opened, ...]
    _used: dict[str, Contig] = field(default_factory=dict)

    def checked(self, record: Record) -> Record:
        """The record, if its REF is what the reference has, as far as that is at hand. Raises NotUnderstood."""
        contig, position, _, ref, _ = record
        if found := self._contig(contig):
            has = "The reference" if _is_embedded(found[0].bundle) else found[0].bundle.assembly
            there = self.bases(contig, position, position + len(ref) - 1)
            if any(one != base and "N" not in (one, base) for one, base in zip(ref, there, strict=True)):
                raise NotUnderstood(f"{has} has {there[:30]} at {contig}:{position:,}, not {ref[:30]}.")
        return record

    def bases(self, contig: str, first: int, last: int) -> str:
        """Returns the bases there. Raises NotUnderstood where the contig is not at hand, or has no such place."""
        if not (found := self._contig(contig)):
            raise NotUnderstood(f"The sequence of {contig[:30]} is not at hand here: please write contig, position, REF and ALT.")
        reference, there = found
        if not 1 <= first <= last + 1 <= there.length + 1:
            raise NotUnderstood(f"{contig} has bases 1 to {there.length:,}.")
        return bytes(memoryview(reference.sequence.view(there.name))[first - 1 : last]).decode()  # type: ignore[arg-type]

    def transcript(self, name: str) -> Counted:
        """Returns the transcript of this name. Raises NoPlace where there is none, or another version of it."""
        for spelled in (name, f"MT-{name}"):
            for reference in self.references:
                if counted := reference.names.find(spelled):
                    return counted
        known = ", ".join(reference.bundle.assembly for reference in self.references)
        raise NoPlace(
            f"The references at hand here ({known}) do not know the transcript {name[:60]}: please name the variant on its "
            "contig, as in chr17:g.43045700del or 17-43045700-AG-A."
        )

    def header(self) -> str:
        """Returns the header of the VCF. What is on the installed reference says how long its contigs are: they tell assemblies
        apart."""
        lines = (f"##contig=<ID={contig.name},length={contig.length}>\n" for contig in self._used.values())
        first, _, rest = _HEADER.partition("\n")
        return f"{first}\n{''.join(lines)}{rest}"

    def _contig(self, name: str) -> tuple[Opened, Contig] | None:
        """The first reference that has a contig of this name; None for every other."""
        for reference in self.references:
            if found := reference.contigs.get(name.upper()):
                if not _is_embedded(reference.bundle):
                    self._used[name] = replace(found, name=name)
                return reference, found
        return None


def _is_embedded(bundle: Bundle) -> bool:
    return bundle.folder.parent == manifest.EMBEDDED


@cache
def _embedded() -> tuple[Opened, ...]:
    return tuple(map(_open, manifest.installed()))


def _beside(bundle: Bundle) -> tuple[Opened, ...]:
    """The reference; none if it cannot be read."""
    try:
        return (_opened(bundle),)
    except EngineError as error:
        # what needs none is understood all the same
        log.warning("reference not readable", bundle=bundle.id, version=bundle.version, error=repr(error))
        return ()


def _opened(bundle: Bundle) -> Opened:
    """What is installed, opened once for each of its versions."""
    with _opening:
        return _kept(bundle.folder, identity(bundle.path(bundle.transcripts)), identity(bundle.path(bundle.sequence)))


_opening = Lock()  # opening takes seconds: a request that comes meanwhile waits for the same


@lru_cache(maxsize=2)
def _kept(folder: Path, *_: tuple[int, ...]) -> Opened:
    return _open(manifest.load(folder))


def _open(bundle: Bundle) -> Opened:
    names = ByName(Transcripts.open(bundle.path(bundle.transcripts)))
    contigs = {alias.upper(): contig for alias, contig in bundle.names.items()}
    return Opened(bundle, Sequence.open(bundle.path(bundle.sequence)), names, contigs)


@cache
def _known_rsids() -> dict[str, Record]:
    """The identifiers of the embedded references' tracks."""
    found: dict[str, Record] = {}
    for bundle, sequence in ((one.bundle, one.sequence) for one in _embedded()):
        for track in tracks(bundle):
            for contig, position, ref, alt, tags in track.listed(sequence.get) if isinstance(track, Alleles) else ():
                if named := _RSID(tags):
                    name = named[1].decode()
                    found[name] = contig, position, name, ref.decode(), alt.decode()
    return found
