"""One box for every question: what people write to name a variant, a place or a gene, and what is looked for then.

The portal and the API share this grammar. It is a table of notations; the first that fits is taken, and says how it was
understood. What fits none of them is looked for as text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Protocol

from app.engine.bundles.manifest import MITOCHONDRIAL
from app.engine.report.rows import IMPACTS, TERMS
from app.explorer import expression
from app.explorer.record import WHOLE, Filter, Region
from app.services.submissions import Refused

REACH = 1000
"""Bases before and behind the place that a name of an insertion or deletion has, within which its record may stand."""

EXAMPLES = ("m.3243A>G", "MT:3000-3500", "p.Arg340His", "rs199474657", "MT-ND4, MT-ND6", "missense", "impact=HIGH and depth>=20")
NUCLEAR_EXAMPLES = (
    "chr17:g.43045700del",
    "17:43,000,000-43,100,000",
    "p.Arg175His",
    "rs28934578",
    "BRCA1, TP53",
    "missense",
    "impact=HIGH and depth>=20",
)

_THREE_LETTERS = "AlaArgAsnAspCysGlnGluGlyHisIleLeuLysMetPheProSerThrTrpTyrValSecTerTer"
AMINO_ACIDS = {letter: _THREE_LETTERS[3 * at : 3 * at + 3] for at, letter in enumerate("ARNDCQEGHILKMFPSTWYVU*X")}
MITOCHONDRIAL_ALIASES = {
    **{f"{old}{number}": f"MT-CO{number}" for number in (1, 2, 3) for old in ("COX", "CO")},
    **{roman: f"MT-CO{number}" for number, roman in enumerate(("COI", "COII", "COIII"), 1)},
    **{name: "MT-CYB" for name in ("CYTB", "CYB", "COB")},
    **{"12S": "MT-RNR1", "16S": "MT-RNR2", "RNR1": "MT-RNR1", "RNR2": "MT-RNR2", "ATPASE6": "MT-ATP6", "ATPASE8": "MT-ATP8"},
}
"""Names that papers use, besides the symbol without its `MT-`."""


class Genes(Protocol):
    """What has to be known of genes: the symbol for a name or an id, and what is near a wrong one."""

    def symbol(self, name: str) -> str:
        """The symbol; empty if there is no such gene."""

    def near(self, name: str) -> list[str]:
        """Symbols that may be meant."""

    def symbols(self, names: Collection[str]) -> dict[str, str]:
        """The symbols of many names or ids at once, by the name in capitals; what there is not is left out."""


class NotUnderstood(Refused):
    """It looks like a name of something, and there is no such thing; the text says what may be meant."""


@dataclass(frozen=True)
class Understood:
    """What a question is taken for: in words, and as a filter."""

    words: str
    filter: Filter


_BASES = r"[ACGTNacgtn]"
_CHANGE = rf"(?:{_BASES}+>{_BASES}+|(?:del|dup|inv)(?:{_BASES}*)(?:ins{_BASES}+)?|ins{_BASES}+|=)"
_NUMBER = r"[0-9][0-9,]*"
_CONTIG = r"[A-Za-z0-9_.|]+"
_AMINO = r"(?:[A-Z][a-z]{2}|[A-Z]|\*)"
_END = rf"(?:{_AMINO}(?:fs(?:(?:Ter|\*)[0-9?]+)?|ext\S*)?|=|\?|fs\S*|del\S*|dup|ins\S*|%3D)?"
_PROTEIN = rf"\(?{_AMINO}{_NUMBER}(?:_{_AMINO}{_NUMBER})?{_END}\)?"
_SPACES = re.compile(r"\s+")


def understand(text: str, genes: Genes | None, contigs: Callable[[str], str]) -> Understood:
    """What the text asks for. `contigs` gives what the result calls a contig, empty if it has none of that name.

    Raises NotUnderstood, BadFilter.
    """
    text = _SPACES.sub(" ", text.replace("\u2011", "-").replace("→", ">")).strip()
    for pattern, meaning in _NOTATIONS:
        if found := pattern.fullmatch(text):
            meant = meaning(found, contigs)
            if meant:
                return meant
    return _words(text, genes, contigs)


def _int(text: str) -> int:
    return min(int(text.replace(",", "")), WHOLE)


def _region(contig: str, begin: int, end: int) -> Filter:
    return Filter(region=Region(contig, max(1, begin), max(1, begin, end)))


def _place(contig: str, contigs: Callable[[str], str]) -> str:
    """The contig of the result. Raises NotUnderstood."""
    if name := contigs(contig):
        return name
    raise NotUnderstood(f"There is no contig {contig[:80]} in this result.")


def _genomic(found: re.Match[str], contigs: Callable[[str], str]) -> Understood | None:
    contig, numbering, first, last, change = found.group("contig", "numbering", "first", "last", "change")
    begin, end = _int(first), _int(last or first)
    name = contigs(contig) if contig else ""
    if contig and not name:
        _place(contig, contigs)
    if not contig and numbering.lower() == "m":
        name = next(filter(None, map(contigs, sorted(MITOCHONDRIAL))), "")
        if not name:
            raise NotUnderstood("This result has no mitochondrial variants, which are what m. names.")
    where = f" on {name}" if name else ""
    if not change:
        return Understood(
            f"positions {begin:,} to {end:,}{where}" if last else f"position {begin:,}{where}", _region(name, begin, end)
        )
    spelled = _spelled(change)
    exact = f"{numbering.lower()}.{begin}" + (f"_{end}" if last else "") + spelled
    around = 0 if ">" in spelled else REACH
    wanted = replace(_region(name, begin - around, end + around), name=exact)
    return Understood(f"the variant {exact}{where}", wanted)


def _spelled(change: str) -> str:
    """The change as HGVS spells it: bases in capitals, and none behind del and dup."""
    change = re.sub(rf"{_BASES}+(?=>|$)", lambda bases: bases[0].upper(), change)
    change = re.sub(r"(?<=>)[acgtn]+|(?<=ins)[acgtn]+", lambda bases: bases[0].upper(), change)
    return re.sub(rf"(del|dup|inv){_BASES}+", r"\1", change)


def _shorthand(found: re.Match[str], contigs: Callable[[str], str]) -> Understood | None:
    ref, position, alt = found.group("ref", "position", "alt")
    name = next(filter(None, map(contigs, sorted(MITOCHONDRIAL))), "")
    if not name:
        return None
    exact = f"m.{_int(position)}{ref.upper()}>{alt.upper()}"
    return Understood(f"the variant {exact} on {name}", replace(_region(name, _int(position), _int(position)), name=exact))


def _alleles(found: re.Match[str], contigs: Callable[[str], str]) -> Understood | None:
    contig, position, ref, alt = found.groups()
    name = contigs(contig)
    if not name:
        return None
    begin, ref, alt = _int(position), ref.upper(), alt.upper()
    wanted = replace(_region(name, begin, begin + len(ref) - 1), alleles=(ref, alt))
    return Understood(f"{ref} to {alt} at {begin:,} of {name}", wanted)


def _spdi(found: re.Match[str], contigs: Callable[[str], str]) -> Understood | None:
    contig, position, deleted, inserted = found.groups()
    name, begin = _place(contig, contigs), _int(position) + 1
    size = int(deleted) if deleted.isdigit() else len(deleted)
    if not deleted.isdigit() and size and inserted:
        return Understood(
            f"{deleted} to {inserted} at {begin:,} of {name}",
            replace(_region(name, begin, begin + size - 1), alleles=(deleted.upper(), inserted.upper())),
        )
    return Understood(f"changes around {begin:,} of {name}", _region(name, begin - 1, begin + size))


def _located(found: re.Match[str], contigs: Callable[[str], str]) -> Understood | None:
    contig, begin, end = found.groups()
    name = _place(contig, contigs)
    first = _int(begin)
    last = _int(end) if end else first
    return Understood(f"{name}, {f'{first:,} to {last:,}' if end else f'position {first:,}'}", _region(name, first, last))


def _position(found: re.Match[str], contigs: Callable[[str], str]) -> Understood | None:
    begin = _int(found[1])
    end = _int(found[2]) if found[2] else begin
    words = f"positions {begin:,} to {end:,}" if found[2] else f"position {begin:,}"
    return Understood(f"{words} of any contig", _region("", begin, end))


def _rsid(found: re.Match[str], contigs: Callable[[str], str]) -> Understood | None:
    return Understood(f"the dbSNP identifier rs{int(found[1])}", Filter(rsid=min(int(found[1]), (1 << 32) - 1)))


def _hgnc(found: re.Match[str], contigs: Callable[[str], str]) -> Understood | None:
    return Understood(f"the gene HGNC:{found[1]}", Filter(hgnc=f"HGNC:{found[1]}"))


def _coding(found: re.Match[str], contigs: Callable[[str], str]) -> Understood | None:
    of, name, number = found["of"] or "", found["name"], re.search(r"-?[0-9]+", found["name"])
    name = name[:2].lower() + _spelled(name[2:])
    wanted = Filter(name=name, of=of, coding=int(number[0]) if number else None)
    return Understood(f"{name}{f' of {of}' if of else ' of any transcript'}", wanted)


def _protein(found: re.Match[str], contigs: Callable[[str], str]) -> Understood | None:
    of, change = found["of"] or "", found["change"].strip("()")
    change = re.sub(r"(?<![a-z])([A-Z*])(?=[0-9]|$|fs|ext|_)", lambda one: AMINO_ACIDS.get(one[1], one[1]), change)
    change = re.sub(r"(?<=[0-9])([A-Z*])(?![a-z])", lambda one: AMINO_ACIDS.get(one[1], one[1]), change)
    change = re.sub(r"(?<=fs)\*", "Ter", change).replace("=", "%3D")
    number = re.search(r"[0-9]+", change)
    wanted = Filter(name=f"p.{change}", of=of, residue=int(number[0]) if number else None)
    return Understood(f"the change of protein p.{change.replace('%3D', '=')}{f' in {of}' if of else ''}", wanted)


_NOTATIONS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], Callable[[str], str]], Understood | None]], ...] = tuple(
    (re.compile(pattern), meaning)
    for pattern, meaning in (
        (
            rf"(?:(?P<contig>{_CONTIG}) ?: ?)?(?P<numbering>[gmGM])\. ?"
            rf"(?P<first>{_NUMBER})(?:[_-](?P<last>{_NUMBER}))? ?(?P<change>{_CHANGE})?",
            _genomic,
        ),
        (rf"(N[CTW]_[0-9]+\.[0-9]+):([0-9]+):({_BASES}*|[0-9]+):({_BASES}*)", _spdi),
        (rf"(?P<ref>{_BASES})(?P<position>[0-9]{{1,5}})(?P<alt>{_BASES})", _shorthand),
        (rf"(?:MT|M|chrM)?:?(?P<position>[0-9]{{1,5}}) ?(?P<ref>{_BASES}) ?> ?(?P<alt>{_BASES})", _shorthand),
        (rf"({_CONTIG})[-: ]({_NUMBER})[-: ]({_BASES}+)[-:> /]({_BASES}+)", _alleles),
        (r"(?:[hH][gG][nN][cC] ?:? ?){1,2}([0-9]{1,7})", _hgnc),
        (rf"({_CONTIG}) ?: ?({_NUMBER})(?: ?(?:-|–|\.\.) ?({_NUMBER}))?", _located),
        (rf"({_NUMBER})(?: ?(?:-|–|\.\.) ?({_NUMBER}))?", _position),
        (r"[rR][sS] ?([0-9]{1,12})", _rsid),
        (rf"(?:(?P<of>[A-Za-z0-9_.-]+) ?: ?)?(?P<name>[cn]\.[-*]?[0-9][0-9_+*-]*{_CHANGE}?)", _coding),
        (rf"(?:(?P<of>[A-Za-z0-9_.-]+) ?[: ] ?)?p\.(?P<change>{_PROTEIN})", _protein),
        (rf"(?:(?P<of>[A-Za-z0-9_.-]+) ?[: ] ?)?(?P<change>{_AMINO}[0-9]{{1,5}}(?:[A-Z][a-z]{{2}}|[A-Z]|\*))", _protein),
    )
)
"""Notations, and what is made of them. Those that leave no doubt come first."""


def _words(text: str, genes: Genes | None, contigs: Callable[[str], str]) -> Understood:
    """What is no notation: a contig, genes, a class of consequences, a filter, or text."""
    if name := contigs(text):
        return Understood(f"all of {name}", Filter(region=Region(name)))
    term = text.lower().replace(" ", "_")
    term = term if term in TERMS else f"{term}_variant"
    if term in TERMS:
        return Understood(f"the consequence {term.replace('_', ' ')}", Filter(consequence=term))
    if text.upper() in IMPACTS[1:]:
        return Understood(f"the impact {text.upper()}", Filter(impact=text.upper()))
    if re.search(r"[=<>]", text) or text.lower() == "known":
        return Understood(f"the filter {text}", Filter(where=expression.parse(text)))
    names = [name for name in re.split(r"[,; \n]+", text) if name]
    if genes and names and len(names) <= expression.MOST_TERMS:
        symbols = [symbol(name, genes) for name in names]
        if all(symbols):
            found = tuple(dict.fromkeys(symbols))
            said = [one if one.upper() == name.upper() else f"{one} ({name})" for one, name in zip(symbols, names, strict=True)]
            return Understood(f"the gene{'s' if len(found) > 1 else ''} {', '.join(said)}", Filter(genes=found))
        if any(symbols) and len(names) > 1:
            wrong = ", ".join(name for name, one in zip(names, symbols, strict=True) if not one)
            raise NotUnderstood(f"Of these genes the reference does not know {wrong[:200]}.")
    return Understood(f"the text {text}", Filter(text=text))


def symbol(name: str, genes: Genes) -> str:
    """The symbol of a gene, by its symbol, its id, or a name that papers use; empty if there is none."""
    upper = name.upper()
    for one in (name, MITOCHONDRIAL_ALIASES.get(upper, ""), f"MT-{upper}"):
        if one and (found := genes.symbol(one)):
            return found
    return ""


def symbols(names: Collection[str], genes: Genes | None) -> dict[str, str]:
    """As `symbol`, for many names at once; those that are not known are left out."""
    if not genes:
        return {}
    asked = {name: (name, MITOCHONDRIAL_ALIASES.get(name.upper(), ""), f"MT-{name}") for name in names}
    known = genes.symbols({one.upper() for some in asked.values() for one in some if one})
    found = {name: next((known[one.upper()] for one in some if one.upper() in known), "") for name, some in asked.items()}
    return {name: symbol for name, symbol in found.items() if symbol}


REFSEQ = re.compile(r"[NX][MR]_", re.IGNORECASE)
BY_GENE = "The reference may name its transcripts as Ensembl does: ask by the gene, as in MT-ND4:c.1019G>A."
"""Of a transcript of RefSeq that nothing was found in."""


def hint(text: str, genes: Genes | None) -> str:
    """What may be meant by a text that nothing was found for; empty if nothing is near."""
    near = genes.near(text) if genes and re.fullmatch(r"[A-Za-z0-9.-]{2,20}", text) else []
    terms = [term.removesuffix("_variant").replace("_", " ") for term in TERMS if term]
    near = near or get_close_matches(text.lower(), terms, 2, 0.75)
    return f"Did you mean {' or '.join(near[:3])}?" if near else ""
