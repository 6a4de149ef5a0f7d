"""What the columns of a result know of each record, read from the lines that are written.

Everything is taken from the final text, so that the columns say what the file says, however the line was made.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from app.engine.consequence import terms
from app.engine.reading.alleles import kind

Rows = dict[str, npt.NDArray[Any]]
"""A value a record, by the name of its column."""

Values = dict[str, Sequence[Any]]
"""The same before it is stored: words of the NAMED columns, and no places of records."""

TYPES = ("reference", "SNV", "MNV", "insertion", "deletion", "indel", "symbolic", "breakend", "spanning deletion")
TERMS = ("", *(name for name, _ in terms.TABLE))
IMPACTS = ("", *reversed(terms.IMPACTS))
SIGNIFICANCES = (
    *("", "benign", "likely benign", "uncertain", "conflicting", "other", "likely pathogenic", "pathogenic"),
    "confirmed",
)
"""What is known of an allele in a disease, from the least. `confirmed` is what the reference itself says, without ClinVar."""

GENOTYPES = ("", "reference", "heterozygous", "homozygous", "hemizygous")
"""The genotype of the first sample that carries the allele; `reference` where none does, empty where nothing says."""

CHANGES = ("", *(f"{ref}>{alt}" for ref in "ACGT" for alt in "ACGT" if ref != alt))
"""Changes of one base."""

CODED: dict[str, tuple[str, ...]] = {
    "type": TYPES,
    "consequence": TERMS,
    "impact": IMPACTS,
    "significance": SIGNIFICANCES,
    "genotype": GENOTYPES,
    "change": CHANGES,
}
"""The words of the columns that have one of a few."""

NAMED = ("contig", "gene", "genes", "filter")
"""Columns whose words the file makes; each result has a list of them."""

DTYPES: dict[str, str] = {
    "contig": "<u4",
    "position": "<i4",
    "end": "<i4",  # last base that the record reaches
    "place": "<u8",  # virtual offset
    "type": "u1",
    "consequence": "u1",
    "impact": "u1",
    "significance": "u1",
    "stars": "u1",
    "known": "u1",  # 1 where any tag says that it is known in a disease
    "change": "u1",
    "gene": "<u4",  # the one that stands for all
    "genes": "<u4",  # those that it lies in, with commas between them
    "filter": "<u4",
    "quality": "<f4",
    "af": "<f4",  # AF of INFO
    "frequency": "<f4",  # in the group of people that has it most often, or in all
    "rsid": "<u4",
    "residue": "<i4",  # first amino acid of the name of the protein's change
    "coding": "<i4",  # first position of the name in the transcript
    "genotype": "u1",
    "fraction": "<f4",  # of the reads of that sample that have the allele
    "depth": "<i4",  # reads of that sample, or of all
}
"""Every column and how a value of it is stored, little-endian; NaN, 0 or code 0 where nothing is said."""

NO_NUMBER = float("nan")
_NUMBER = re.compile(rb"[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?").match
_WHOLE = re.compile(rb"-?[0-9]{1,9}").search
# in lines of INFO, once a line; a literal beginning is found fast
_AF = re.compile(rb"AF=(?<![^;\n]AF=)([^,;\n]*)[^\n]*")
_DP = re.compile(rb"DP=(?<![^;\n]DP=)([0-9]{1,9})(?=;|\n|\Z)[^\n]*")
_PLAIN = r"(?:[0-9]++(?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?|\.|)"
_ALL_PLAIN = re.compile(rf"{_PLAIN}(?:\t{_PLAIN})*+".encode()).fullmatch
_RS = re.compile(rb"\brs([0-9]{1,9})\b").search
_CARRIED = re.compile(rb"\t((?:[0-9.]+[/|])*1(?:[/|][0-9.]+)*)(?=[:\t\n]|$)").search
_KNOWN = re.compile(rb"(?:^|;)(?:GAS_)?(?:DISEASE|CLN[A-Z]*)=").search
_BESIDE = (b"upstream_gene_variant", b"downstream_gene_variant")
_REMEMBERED, _SHORT = 20_000, 1000
_SHARES = (b"HF", b"AF", b"VAF")  # fields of a sample with the share of its reads, the first of which counts
_CLASSES = (  # of ClinVar, the first that fits
    (re.compile(rb"conflicting", re.I).search, "conflicting"),
    (re.compile(rb"(?<!likely_)pathogenic", re.I).search, "pathogenic"),
    (re.compile(rb"likely_pathogenic", re.I).search, "likely pathogenic"),
    (re.compile(rb"uncertain", re.I).search, "uncertain"),
    (re.compile(rb"likely_benign", re.I).fullmatch, "likely benign"),
    (re.compile(rb"benign", re.I).search, "benign"),
)


class _Remembered(dict[Any, Any]):
    """Answers of a function, kept until they are too many."""

    def __init__(self, answer: Callable[[Any], Any]) -> None:
        super().__init__()
        self._answer = answer

    def __missing__(self, asked: Any) -> Any:
        if len(self) > _REMEMBERED:
            self.clear()
        found = self._answer(asked)
        if not isinstance(asked, bytes) or len(asked) < _SHORT:
            self[asked] = found
        return found


class _Codes(dict[bytes, int]):
    """A code for each word, the next one for a new word."""

    def __missing__(self, word: bytes) -> int:
        self[word] = len(self)
        return self[word]


_TERM_CODES, _IMPACT_CODES, _TYPE_CODES, _CHANGE_CODES = (
    {word.encode(): code for code, word in enumerate(words)} for words in (TERMS, IMPACTS, TYPES, CHANGES)
)
_CONSEQUENCE = re.compile(  # in the order in which the engine writes them
    rb"(;?GAS_CSQ=[^;]*(?:;GAS_IMPACT=[^;]*)?(?:;GAS_GENE=[^;]*)?(?:;GAS_TRANSCRIPT=[^;]*)?"
    rb"(?:;GAS_OTHER_GENES=[^;]*)?)(?:;GAS_HGVSC=([^;]*))?(?:;GAS_HGVSP=([^;]*))?"
).match
_GENE = re.compile(
    rb";?GAS_CSQ=([^;]*)(?:;GAS_IMPACT=([^;]*))?(?:;GAS_GENE=([^;]*))?(?:;GAS_TRANSCRIPT=[^;]*)?(?:;GAS_OTHER_GENES=([^;]*))?"
).fullmatch


def _consequence(tags: bytes) -> tuple[int, int, bytes, bytes, int, int]:
    """Codes of consequence and impact, the gene, those it lies in, numbers of the names in transcript and protein."""
    found = _CONSEQUENCE(tags)
    if not found:
        return _NO_CONSEQUENCE
    head, coding, protein = found.groups(b"")
    term, impact, gene, genes = _GENES[head]
    return term, impact, gene, genes, _first(coding) if coding else 0, _first(protein) if protein else 0


def _genes(tags: bytes) -> tuple[int, int, bytes, bytes]:
    """The first four of them, which many alleles have in common."""
    found = _GENE(tags)
    term, impact, gene, others = found.groups(b"") if found else (b"",) * 4
    within = b"" if term in _BESIDE else gene
    genes = b"%b,%b" % (within, others) if within and others else within or others
    return _TERM_CODES.get(term, 0), _IMPACT_CODES.get(impact, 0), gene, genes


_NO_CONSEQUENCE = (0, 0, b"", b"", 0, 0)


def _tracked(tags: bytes) -> tuple[int, int, float, int, bool]:
    """What the tracks say: significance, stars, frequency, number of the dbSNP identifier, whether it is known in a disease."""
    get = dict(item.partition(b"=")[::2] for item in tags.split(b";")).get
    found = _RS(get(b"GAS_RSID", b""))
    stars = get(b"GAS_CLNSTARS", b"")
    return (
        SIGNIFICANCES.index(significance(get(b"GAS_CLNSIG", b""), get(b"GAS_DISEASE", b""))),
        int(stars) if len(stars) == 1 and stars.isdigit() else 0,
        number(get(b"GAS_GNOMAD_GRPMAX_AF") or get(b"GAS_GNOMAD_AF") or b""),
        int(found[1]) if found else 0,
        _KNOWN(tags) is not None,
    )


def _counted(text: bytes) -> tuple[float, int]:
    """Share of the alternative allele, and sum, of an AD of two."""
    counts = [int(part) for part in text.split(b",") if part.isdigit() and len(part) < 10]
    total = sum(counts)
    return counts[1] / total if len(counts) == 2 and total else NO_NUMBER, total


def _whole(text: bytes) -> int:
    found = _WHOLE(text)
    return max(0, int(found[0])) if found else 0


_GENES = _Remembered(_genes)
TRACKED = _Remembered(_tracked)
"""What tags of tracks say: significance, stars, frequency, number of the dbSNP identifier, whether it is known in a disease."""

TRACKED_TAGS = ("GAS_CLNSIG", "GAS_DISEASE", "GAS_CLNSTARS", "GAS_GNOMAD_GRPMAX_AF", "GAS_GNOMAD_AF")
"""The tags that they say it by, besides that of the identifier, and all that are `known_tag`."""

_KINDS = _Remembered(
    lambda alleles: (
        _TYPE_CODES[kind(*alleles).encode()] if kind(*alleles) in TYPES else 0,
        _CHANGE_CODES.get(b">".join(alleles), 0),
    )
)
_NUMBERS = _Remembered(lambda text: number(text))
_WHOLES, _COUNTED = _Remembered(_whole), _Remembered(_counted)
_ZYGOSITIES = _Remembered(lambda call: GENOTYPES.index(zygosity(call)))
_FORMATS = _Remembered(lambda form: {name: at for at, name in enumerate(form.split(b":"))})


def _first(name: bytes) -> int:
    found = _WHOLE(name, name.find(b".") + 1) if name else None
    return int(found[0]) if found else 0


def number(text: bytes) -> float:
    """The number that the text is, or begins with; NaN if it is none."""
    found = _NUMBER(text)
    return float(found[0]) if found else NO_NUMBER


def significance(clnsig: bytes, disease: bytes) -> str:
    """The word of SIGNIFICANCES for what ClinVar says; where it says nothing, a disease means a confirmed variant."""
    if not clnsig:
        return "confirmed" if disease else ""
    return next((word for fits, word in _CLASSES if fits(clnsig)), "other")


def zygosity(call: bytes) -> str:
    """The word of GENOTYPES for a GT of one allele."""
    alleles = call.replace(b"|", b"/").split(b"/")
    carried = alleles.count(b"1")
    if not carried:
        return "reference" if b"0" in alleles else ""
    return "hemizygous" if len(alleles) == 1 else "homozygous" if carried == len(alleles) else "heterozygous"


def carrier(calls: bytes) -> bytes:
    """The column of the first sample that carries the allele, of the text behind FORMAT; the first of all where none does."""
    if b"\t" not in calls:
        return calls
    found = _CARRIED(b"\t" + calls)
    begin = found.start() if found else 0
    return calls[begin:].split(b"\t", 1)[0]


def reads(form: bytes, sample: bytes) -> tuple[float, int]:
    """Share of the reads that have the allele (of HF, AF, VAF or AD), and how many reads there are (DP, or those of AD)."""
    fractions, depths = reads_of(form, [sample])
    return fractions[0], depths[0]


def reads_of(form: bytes, samples: Sequence[bytes]) -> tuple[list[float], list[int]]:
    """The same of many samples of one FORMAT."""
    at = _FORMATS[form]
    values = [sample.split(b":") for sample in samples]

    def column(name: bytes) -> list[bytes]:
        place = at.get(name)
        return [] if place is None else [one[place] if place < len(one) else b"" for one in values]

    given = column(next((name for name in _SHARES if name in at), b""))
    fractions = [_NUMBERS[text] for text in given] or [NO_NUMBER] * len(samples)
    depths = [_WHOLES[text] for text in column(b"DP")] or [0] * len(samples)
    if b"AD" in at:
        counted = [_COUNTED[text] for text in column(b"AD")]
        fractions = [one if one == one else two for one, (two, _) in zip(fractions, counted, strict=True)]
        depths = [one or two for one, (_, two) in zip(depths, counted, strict=True)]
    return fractions, depths


@dataclass(frozen=True)
class Records:
    """What records say themselves, a column each. `infos`: INFO as the file has it; `calls`: FORMAT and the samples."""

    identifiers: Sequence[bytes]
    refs: Sequence[bytes]
    alts: Sequence[bytes]
    qualities: Sequence[bytes]
    filters: Sequence[bytes]
    infos: Sequence[bytes]
    calls: Sequence[bytes]


def rows(
    name: bytes, starts: Sequence[int], ends: Sequence[int], lines: Iterable[bytes], names: dict[str, dict[bytes, int]]
) -> Rows:
    """The columns of these lines, but for their places.

    `name` is their contig, `starts` (from 0) and `ends` what they cover; `names` has the words of NAMED with their codes,
    and learns those that are new.
    """
    return coded([(name, len(starts))] if starts else [], starts, ends, values_of_lines(lines), names)


def coded(
    contigs: Sequence[tuple[bytes, int]],
    starts: Sequence[int],
    ends: Sequence[int],
    values: Mapping[str, Sequence[Any]],
    names: dict[str, dict[bytes, int]],
) -> Rows:
    """The same of values that are at hand. `contigs`: the name of each, in their order, and how many of the lines are on it."""
    codes = np.array([names["contig"][name] for name, _ in contigs], "<u4")
    made: Rows = {"contig": np.repeat(codes, [count for _, count in contigs])}
    made["position"] = np.asarray(starts, "<i8").astype("<i4") + 1
    made["end"] = np.asarray(ends, "<i8").astype("<i4")
    with np.errstate(over="ignore"):  # what is too large for four bytes is infinite
        for column, found in values.items():
            if column in NAMED:
                found = list(map(names[column].__getitem__, found))
            made[column] = np.asarray(found, DTYPES[column])
    return {column: made[column] for column in DTYPES if column != "place"}


def values_of_lines(lines: Iterable[bytes]) -> Values:
    """What lines of a result say, read from their text, which is what defines the columns."""
    fields = [line.rstrip(b"\n").split(b"\t", 8) for line in lines]
    parts = [_parts(one[7]) for one in fields]
    identifiers, refs, alts, qualities, filters = ([one[at] for one in fields] for at in (2, 3, 4, 5, 6))
    calls = [one[8] if len(one) > 8 else b"" for one in fields]
    said = turned([_consequence(text) for _, text, _ in parts], 6)
    tracked = turned([TRACKED[text] for _, _, text in parts], 5)
    infos = [own for own, _, _ in parts]
    return values_of(Records(identifiers, refs, alts, qualities, filters, infos, calls), said, tracked)


def values_of(records: Records, said: Sequence[Sequence[Any]], tracked: Sequence[Sequence[Any]]) -> Values:
    """The values of all columns.

    `said`: columns of what `_consequence` says of the alleles; `tracked`: of what the tracks say (`TRACKED`).
    """
    consequence, impact, gene, genes, coding, residue = said
    significances, stars, frequency, rsid, known = tracked
    if b"rs" in b"\t".join(records.identifiers):
        named = [None if text == b"." else _RS(text) for text in records.identifiers]
        rsid = [one or (int(found[1]) if found else 0) for one, found in zip(rsid, named, strict=True)]
    together = b"".join([one for own in records.infos for one in (own, b"\n")])
    if b"DISEASE=" in together or b"CLN" in together:
        known = [one or _KNOWN(own) is not None for one, own in zip(known, records.infos, strict=True)]
    types, changes = turned([_KINDS[pair] for pair in zip(records.refs, records.alts, strict=True)], 2)
    depths = _own(_DP, b"DP=", together)
    genotypes, fractions, sample_depths = _called(records.calls)
    depth = [int(text or 0) for text in depths] if depths else [0] * len(types)
    return {
        **{"consequence": consequence, "impact": impact, "coding": coding, "residue": residue},
        **{"significance": significances, "stars": stars, "frequency": frequency, "rsid": rsid, "known": known},
        **{"type": types, "change": changes, "quality": _numbers(records.qualities)},
        **{"gene": gene, "genes": genes, "filter": records.filters},
        "af": _numbers(_own(_AF, b"AF=", together) or [b""] * len(types)),
        "depth": [one or two for one, two in zip(sample_depths, depth, strict=True)] if sample_depths else depth,
        "genotype": genotypes,
        "fraction": fractions,
    }


def turned(table: list[tuple[Any, ...]], columns: int) -> list[list[Any]]:
    """The columns of a table; far quicker than zip, which would open an iterator a row."""
    return [[row[at] for row in table] for at in range(columns)]


def _parts(info: bytes) -> tuple[bytes, bytes, bytes]:
    """Of INFO: what the file said, the consequence, and what the tracks say."""
    at = info.find(b"GAS_CSQ=")
    if at < 0 or (at and info[at - 1 : at] != b";"):
        return info.rstrip(b"\n"), b"", b""
    entries = info.find(b";CSQ=", at)
    if entries < 0:
        return info[:at], info[at:].rstrip(b"\n"), b""
    behind = info.find(b";", entries + 1)
    return info[:at], info[at:entries], info[behind + 1 :].rstrip(b"\n") if behind >= 0 else b""


def _own(pattern: re.Pattern[bytes], tag: bytes, together: bytes) -> list[bytes]:
    """A value of each INFO of the file, each with a line feed behind it; empty where it has none; nothing if none has one."""
    if tag not in together:
        return []
    found = pattern.findall(together)  # no more than one a line
    if len(found) == together.count(b"\n"):
        return found
    return [one[1] if (one := pattern.search(line)) else b"" for line in together.split(b"\n")[:-1]]


def _numbers(texts: Sequence[bytes]) -> list[float]:
    """`number` of each."""
    if _ALL_PLAIN(b"\t".join(texts)):
        return [float(text) if text and text != b"." else NO_NUMBER for text in texts]
    return [_NUMBERS[text] for text in texts]


def _called(calls: Sequence[bytes]) -> tuple[Sequence[int], Sequence[float], Sequence[int]]:
    """What the first carrier's column says: genotype, share of the reads, and depth, of which there may be none."""
    split = [call.partition(b"\t") for call in calls] if any(calls) else []
    if not (split and all([tab for _, tab, _ in split])):
        return [0] * len(calls), [NO_NUMBER] * len(calls), []
    forms = [form for form, _, _ in split]
    samples = [carrier(samples) for _, _, samples in split]
    genotypes = [
        _ZYGOSITIES[sample.partition(b":")[0]] if form.startswith(b"GT") else 0
        for form, sample in zip(forms, samples, strict=True)
    ]
    if len(set(forms)) == 1:
        return genotypes, *reads_of(forms[0], samples)
    both = [reads(form, sample) for form, sample in zip(forms, samples, strict=True)]
    return genotypes, [share for share, _ in both], [depth for _, depth in both]


def known_tag(tag: str) -> bool:
    """Whether a tag says that an allele is known in a disease."""
    return _KNOWN(f"{tag}=".encode()) is not None


def fresh_names() -> dict[str, dict[bytes, int]]:
    """No words yet; code 0 of genes and filters is the empty one."""
    return {name: _Codes() if name == "contig" else _Codes({b"": 0}) for name in NAMED}
