"""What the columns of a result know of each record, read from the lines that are written.

Everything is taken from the final text, so that the columns say what the file says, however the line was made.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from app.engine.consequence import terms
from app.engine.reading.alleles import kind

Rows = dict[str, npt.NDArray[Any]]
"""A value a record, by the name of its column."""

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
_AF = re.compile(rb"AF=(?<![^;]AF=)([^,;]*)").search  # a literal beginning is found fast
_DP = re.compile(rb"DP=(?<![^;]DP=)([0-9]{1,9})(?:;|$)").search
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
    rb"(;?GAS_CSQ=[^;]*(?:;GAS_IMPACT=[^;]*)?(?:;GAS_GENE=[^;]*)?(?:;GAS_OTHER_GENES=[^;]*)?)"
    rb"(?:;GAS_TRANSCRIPT=[^;]*)?(?:;GAS_HGVSC=([^;]*))?(?:;GAS_HGVSP=([^;]*))?"
).match
_GENE = re.compile(rb";?GAS_CSQ=([^;]*)(?:;GAS_IMPACT=([^;]*))?(?:;GAS_GENE=([^;]*))?(?:;GAS_OTHER_GENES=([^;]*))?").fullmatch


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


_GENES, _TRACKED = _Remembered(_genes), _Remembered(_tracked)
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


def rows(
    name: bytes, starts: Sequence[int], ends: Sequence[int], lines: Iterable[bytes], names: dict[str, dict[bytes, int]]
) -> Rows:
    """The columns of these lines, but for their places.

    `name` is their contig, `starts` (from 0) and `ends` what they cover; `names` has the words of NAMED with their codes,
    and learns those that are new.
    """
    fields = [line.split(b"\t", 9) for line in lines]
    if not fields:
        return {column: np.zeros(0, dtype) for column, dtype in DTYPES.items() if column != "place"}
    identifiers, qualities, filters = ([one[at] for one in fields] for at in (2, 5, 6))
    parts = [_parts(one[7]) for one in fields]
    owns = [one for one, _, _ in parts]
    consequence, impact, gene, genes, coding, residue = _turned([_consequence(text) for _, text, _ in parts], 6)
    significances, stars, frequency, rsid, known = _turned([_TRACKED[text] for _, _, text in parts], 5)
    if b"rs" in b"\t".join(identifiers):
        named = [_RS(text) for text in identifiers]
        rsid = [one or (int(found[1]) if found else 0) for one, found in zip(rsid, named, strict=True)]
    together = b"\t".join(owns)
    if b"DISEASE=" in together or b"CLN" in together:
        known = [one or _KNOWN(own) is not None for one, own in zip(known, owns, strict=True)]
    types, changes = _turned([_KINDS[one[3], one[4]] for one in fields], 2)
    values: dict[str, Any] = {
        **{"consequence": consequence, "impact": impact, "coding": coding, "residue": residue},
        **{"significance": significances, "stars": stars, "frequency": frequency, "rsid": rsid, "known": known},
        **{"type": types, "change": changes, "quality": _numbers(qualities)},
        "gene": [names["gene"][word] for word in gene],
        "genes": [names["genes"][word] for word in genes],
        "filter": [names["filter"][word] for word in filters],
        "af": _numbers(_own(_AF, b"AF=", owns, together)),
        "depth": [int(text or 0) for text in _own(_DP, b"DP=", owns, together)],
        **_called(fields),
    }
    depth = values.pop("sample_depth", None)
    if depth is not None:
        values["depth"] = [one or two for one, two in zip(depth, values["depth"], strict=True)]
    with np.errstate(over="ignore"):  # what is too large for four bytes is infinite
        made = {column: np.array(found, DTYPES[column]) for column, found in values.items()}
    return made | {
        "contig": np.full(len(fields), names["contig"][name], "<u4"),
        "position": np.asarray(starts, "<i8").astype("<i4") + 1,
        "end": np.asarray(ends, "<i8").astype("<i4"),
    }


def _turned(table: list[tuple[Any, ...]], columns: int) -> list[list[Any]]:
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


def _own(pattern: Callable[[bytes], Any], tag: bytes, owns: Sequence[bytes], together: bytes) -> list[bytes]:
    """A value of INFO as the file has it; empty where it has none."""
    if tag not in together:
        return [b""] * len(owns)
    return [found[1] if (found := pattern(own)) else b"" for own in owns]


def _numbers(texts: Sequence[bytes]) -> list[float]:
    """`number` of each."""
    if _ALL_PLAIN(b"\t".join(texts)):
        return [float(text) if text and text != b"." else NO_NUMBER for text in texts]
    return [_NUMBERS[text] for text in texts]


def _called(fields: list[list[bytes]]) -> dict[str, list[Any]]:
    """What the first carrier's column says."""
    none: dict[str, list[Any]] = {"genotype": [0] * len(fields), "fraction": [NO_NUMBER] * len(fields)}
    if any(len(one) < 10 for one in fields):
        return none
    samples = [carrier(one[9].rstrip(b"\n")) for one in fields]
    if any(one[8].startswith(b"GT") for one in fields):
        none["genotype"] = [
            _ZYGOSITIES[sample.partition(b":")[0]] if one[8].startswith(b"GT") else 0
            for one, sample in zip(fields, samples, strict=True)
        ]
    forms = {one[8] for one in fields}
    if len(forms) == 1:
        none["fraction"], none["sample_depth"] = reads_of(forms.pop(), samples)
    else:
        both = [reads(one[8], sample) for one, sample in zip(fields, samples, strict=True)]
        none["fraction"], none["sample_depth"] = (list(column) for column in zip(*both, strict=True))
    return none


def fresh_names() -> dict[str, dict[bytes, int]]:
    """No words yet; code 0 of genes and filters is the empty one."""
    return {name: _Codes() if name == "contig" else _Codes({b"": 0}) for name in NAMED}
