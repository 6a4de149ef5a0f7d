"""One variant of a result, read from its line, and the questions that can be asked of all of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from app.engine.consequence.csq_fields import NAMES, parsed
from app.engine.reading.alleles import kind
from app.engine.report.rows import IMPACTS, SIGNIFICANCES, number, significance
from app.engine.report.what_matters import RULES
from app.explorer.expression import Expression

WHOLE = 1 << 29
"""Behind the end of every contig that a tabix index can have."""

MOST_ALLELES = 10_000
"""Letters at the beginning of a record within which its alleles are looked for."""

_CONDITIONS = frozenset({"GAS_DISEASE", "DISEASE", "CLNDN", "CLNDISEASE"})
_NO_CONDITIONS = frozenset({"", ".", "not_provided", "not_specified"})
_KNOWN = re.compile(rb"[;\t](?:GAS_)?(?:DISEASE|CLN[A-Z]*)=")
_WITHIN = (  # a gene, by its symbol or identifier; who asks for it does not mean what is beside it
    rb"GAS_CSQ=(?!upstream|downstream)[^;\t]*;GAS_IMPACT=[^;\t]*;GAS_GENE=%b(?:[;\t]|$)"
    rb"|[=,][^|,;\t]*\|(?!upstream|downstream)[^|,;\t]*\|[^|,;\t]*\|(?:[^|,;\t]*\|)?%b\|"
)
_IDENTIFIED = rb"^[^\t]*\t[^\t]*\t[^\t]*\brs%d\b|[;\t]GAS_RSID=[^;\t]*\brs%d\b"
_BETWEEN = NAMES.index("HGNC_ID") - NAMES.index("DISTANCE") - 1
_NUMBERED = rb"\|\|(?:[^|,;\t]*\|){%d}%%b\|" % _BETWEEN
"""An entry of a gene by its number at HGNC, without a distance from it: the allele does not lie beside it."""

_FREQUENCY = re.compile(rb"[;\t]AF=([0-9][0-9.eE+-]*)")
_DECLARED = re.compile(r'^##(INFO|FORMAT)=<ID=([^,>]+),.*?Description="((?:[^"\\]|\\.)*)"', re.MULTILINE)
_CONTIG = re.compile(r"^##contig=<ID=([^,>]+)(?:[^>\n]*?,length=(\d+))?", re.MULTILINE)


@dataclass(frozen=True)
class TranscriptEffect:
    """One entry of CSQ: what the variant does in one transcript. Texts as in CSQ; HGVS names without their reference."""

    consequence: str  # terms, the most severe first, with ", " between them
    impact: str
    gene: str  # symbol, or identifier where it has none
    gene_id: str
    transcript: str
    biotype: str
    strand: str  # + or -
    exon: str  # number/total
    intron: str
    dna: str  # c. or n.
    protein: str  # p.
    amino_acids: str
    codons: str
    cdna_position: str  # position/total
    cds_position: str
    protein_position: str
    distance: str  # bases to the transcript; empty within it
    canonical: bool
    mane: str  # Select or Plus Clinical
    mane_transcript: str  # the matching one of the other collection; 1 where the models only have the tag
    incomplete: str  # cds_start_NF, cds_end_NF: ends of the coding sequence that are not known


@dataclass(frozen=True)
class Variant:
    """One allele of a result, and the virtual offset `at` which it stands."""

    at: int
    contig: str
    position: int
    identifier: str
    ref: str
    alt: str
    quality: str
    filters: str
    info: dict[str, str]
    calls: tuple[str, ...]  # FORMAT, and a column for each sample

    @property
    def place(self) -> str:
        return f"{self.at:x}"

    @property
    def type(self) -> str:
        return kind(self.ref.encode(), self.alt.encode())

    @property
    def consequence(self) -> str:
        return self.info.get("GAS_CSQ", "")

    @property
    def impact(self) -> str:
        return self.info.get("GAS_IMPACT", "")

    @property
    def gene(self) -> str:
        return self.info.get("GAS_GENE", "")

    @property
    def regions(self) -> list[str]:
        """Landmarks that it lies in, such as a hypervariable segment of the mitochondrion, to be read."""
        return [one.replace("_", " ") for one in self.info.get("GAS_REGION", "").split(",") if one]

    @property
    def transcript(self) -> str:
        """The transcript that stands for all of them."""
        return self.info.get("GAS_TRANSCRIPT", "")

    @property
    def hgvs_genomic(self) -> str:
        """Its name on the contig, with the accession where the reference has one: g. or m."""
        return self.info.get("GAS_HGVSG", "")

    @property
    def hgvs_coding(self) -> str:
        return self.info.get("GAS_HGVSC", "")

    @property
    def hgvs_protein(self) -> str:
        return self.info.get("GAS_HGVSP", "")

    @property
    def flags(self) -> list[str]:
        """The words of GAS_FLAG."""
        return [word for word in self.info.get("GAS_FLAG", "").split(",") if word]

    @property
    def old_record(self) -> str:
        """The record of the file that it was in, if that was split or moved: CHROM|POS|REF|ALT|number of the allele."""
        return self.info.get("GAS_OLD_REC", "")

    @property
    def known(self) -> str:
        """The diseases that it is known in, to be read."""
        values = (value for tag, value in self.info.items() if tag in _CONDITIONS)
        named = [one for value in values for one in re.split(r"[,|]", value) if one.lower() not in _NO_CONDITIONS]
        return ", ".join(one.replace("_", " ") for one in dict.fromkeys(named))

    @property
    def rsid(self) -> str:
        found = re.search(r"\brs\d+\b", f"{self.info.get('GAS_RSID', '')} {self.identifier}")
        return found[0] if found else ""

    @property
    def significance(self) -> str:
        """The word of SIGNIFICANCES: what is known of it in a disease."""
        return significance(self.info.get("GAS_CLNSIG", "").encode(), self.info.get("GAS_DISEASE", "").encode())

    @property
    def stars(self) -> int | None:
        """ClinVar's review, 0 to 4 stars; None where it has none."""
        stars = self.info.get("GAS_CLNSTARS", "")
        return int(stars) if stars.isdigit() else None

    @property
    def frequency(self) -> float | None:
        """In the group of people that has it most often, or in all; None if it is not known."""
        found = number((self.info.get("GAS_GNOMAD_GRPMAX_AF") or self.info.get("GAS_GNOMAD_AF") or "").encode())
        return None if found != found else found

    @property
    def matters(self) -> str:
        """Its class among those of what matters, by the same rules; empty if it is in none."""
        one = {name: np.array([value]) for name, value in self._ranked().items()}
        return next((rule.name for rule in RULES if rule.test(one)[0]), "")

    def _ranked(self) -> dict[str, float]:
        impact = IMPACTS.index(self.impact) if self.impact in IMPACTS else 0
        frequency = float("nan") if self.frequency is None else self.frequency
        significant = SIGNIFICANCES.index(self.significance)
        return {"impact": impact, "significance": significant, "stars": self.stars or 0, "frequency": frequency}

    @property
    def samples(self) -> int:
        return max(0, len(self.calls) - 1)

    def genotypes(self, names: list[str], most: int) -> list[tuple[str, dict[str, str]]]:
        """The first `most` samples by name, each with its values by the names that FORMAT gives them."""
        tags, *columns = self.calls[: most + 1] or ("",)
        named = tags.split(":")
        # a sample may leave out values at its end
        return [(name, dict(zip(named, values.split(":"), strict=False))) for name, values in zip(names, columns, strict=False)]

    @cached_property
    def transcripts(self) -> list[TranscriptEffect]:
        return [_transcript(entry) for entry in parsed(self.info.get("CSQ", "")) if entry["Feature"]]


@dataclass(frozen=True)
class Legend:
    """What the header of a result says: samples, tags of INFO and FORMAT with their descriptions, contigs with lengths."""

    samples: list[str]
    info: dict[str, str]
    format: dict[str, str]
    contigs: dict[str, int]

    @classmethod
    def of(cls, header: bytes) -> Legend:
        text = header.decode("utf-8", "replace")
        tags: dict[str, dict[str, str]] = {"INFO": {}, "FORMAT": {}}
        for column, tag, words in _DECLARED.findall(text):
            tags[column][tag] = words.replace('\\"', '"')
        lengths = {name: int(length or 0) for name, length in _CONTIG.findall(text)}
        columns = text.rstrip("\n").rpartition("\n")[2].split("\t")
        return cls(columns[9:], tags["INFO"], tags["FORMAT"], lengths)


@dataclass(frozen=True)
class Region:
    """1-based, both ends in it."""

    contig: str
    begin: int = 1
    end: int = WHOLE


@dataclass(frozen=True)
class Filter:
    """What is looked for; everything that is given must be true."""

    region: Region | None = None
    gene: str = ""
    consequence: str = ""
    impact: str = ""
    known: bool = False
    frequency: float | None = None  # AF at most; an allele without one stays
    text: str = ""
    genes: tuple[str, ...] = ()  # any of these symbols
    panel: tuple[str, ...] = ()  # and any of these, by symbol or id
    alleles: tuple[str, str] | None = None  # REF and ALT
    rsid: int | None = None
    residue: int | None = None  # of the protein's change
    coding: int | None = None  # position in the transcript
    name: str = ""  # HGVS, without what is before the colon
    of: str = ""  # the transcript or gene that the name is in
    hgnc: str = ""  # the gene's number at HGNC, as HGNC:5
    where: Expression | None = None
    search: str = ""  # what was written into the one box, until it is understood

    @property
    def scans(self) -> bool:
        """Does answering need a look at every record, besides the region's?"""
        return bool(
            self.gene or self.consequence or self.impact or self.known or self.frequency is not None or self.rsid or self.reads
        )

    @property
    def reads(self) -> bool:
        """Does answering need the text of the records, besides their columns?"""
        return bool(self.text or self.name or self.alleles or self.of or self.hgnc)

    def reading(self) -> Filter:
        """What only the text of a record answers."""
        return Filter(text=self.text, name=self.name, alleles=self.alleles, of=self.of, hgnc=self.hgnc)

    def test(self) -> Callable[[bytes], bool]:
        """Is a line of the result one of them? Its region is left to the reader."""
        tests: list[Callable[[bytes], object]] = []
        for tag, value in (("GAS_IMPACT", self.impact), ("GAS_CSQ", self.consequence)):
            if value:
                tests.append(_has(f"{tag}={value}"))
        if self.known:
            tests.append(_KNOWN.search)
        if self.rsid is not None:
            identified, spelled = re.compile(_IDENTIFIED % ((self.rsid,) * 2)), b"rs%d" % self.rsid
            tests.append(lambda line: spelled in line and identified.search(line))
        if self.gene:
            entry = re.compile(_WITHIN % ((re.escape(self.gene.encode()),) * 2))
            needle = self.gene.encode()
            tests.append(lambda line: needle in line and entry.search(line))
        if self.alleles:
            between = b"\t%b\t%b\t" % tuple(one.encode() for one in self.alleles)
            tests.append(lambda line: between in line.upper()[:MOST_ALLELES])
        if self.name:
            name = re.compile(rb"[:=(]%b\)?(?=[;|,&\t]|$)" % re.escape(self.name.encode()).replace(rb"=", b"(?:=|%3D)"))
            first = self.name.encode()
            tests.append(lambda line: first in line and name.search(line))
        if self.of:
            of = re.compile(rb"[|=;:]%b(?:\.[0-9]+)?[|;:]" % re.escape(self.of.encode()), re.IGNORECASE)
            tests.append(of.search)
        if self.hgnc:
            numbered = re.compile(_NUMBERED % re.escape(self.hgnc.encode()))
            number = b"|%b|" % self.hgnc.encode()
            tests.append(lambda line: number in line and numbered.search(line))
        if self.text:
            wanted = self.text.lower().encode()
            # most lines have it nowhere, and are not taken apart
            tests.append(lambda line: wanted in line.lower() and wanted in b"\t".join(line.split(b"\t", 8)[:8]).lower())
        if (most := self.frequency) is not None:
            tests.append(lambda line: not (found := _FREQUENCY.search(line)) or _number(found[1]) <= most)
        return lambda line: all(test(line) for test in tests)


def parse(at: int, line: bytes) -> Variant:
    """The variant on a line of a result. Raises ValueError if it is none."""
    contig, position, identifier, ref, alt, quality, filters, info, *calls = line.decode("utf-8", "replace").split("\t")
    values = dict(item.partition("=")[::2] for item in info.split(";") if item != ".")
    return Variant(at, contig, int(position), identifier, ref, alt, quality, filters, values, tuple(calls))


def _has(item: str) -> Callable[[bytes], object]:
    needle = item.encode()
    whole = re.compile(rb"[;\t]%b(?:[;\t]|$)" % re.escape(needle))
    # the plain look is ten times quicker than the pattern, and mostly enough
    return lambda line: needle in line and whole.search(line)


_MANE = {"MANE_SELECT": "Select", "MANE_PLUS_CLINICAL": "Plus Clinical"}


def _transcript(entry: dict[str, str]) -> TranscriptEffect:
    return TranscriptEffect(
        consequence=entry["Consequence"].replace("&", ", "),
        impact=entry["IMPACT"],
        gene=entry["SYMBOL"] or entry["Gene"],
        gene_id=entry["Gene"],
        transcript=entry["Feature"],
        biotype=entry["BIOTYPE"],
        strand={"1": "+", "-1": "-"}.get(entry["STRAND"], ""),
        exon=entry["EXON"],
        intron=entry["INTRON"],
        dna=entry["HGVSc"].rpartition(":")[2],
        protein=entry["HGVSp"].rpartition(":")[2],
        amino_acids=entry["Amino_acids"],
        codons=entry["Codons"],
        cdna_position=entry["cDNA_position"],
        cds_position=entry["CDS_position"],
        protein_position=entry["Protein_position"],
        distance=entry["DISTANCE"],
        canonical=entry["CANONICAL"] == "YES",
        mane=", ".join(words for name, words in _MANE.items() if entry[name]),
        mane_transcript=", ".join(entry[name] for name in _MANE if entry[name]),
        incomplete=entry["FLAGS"].replace("&", ", "),
    )


def _number(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
