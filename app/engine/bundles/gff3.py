"""Gene models as a GFF3 of Ensembl, GENCODE or RefSeq has them, each in its dialect, brought to the same few facts.

Lines may stand in any order. Genes and transcripts become small records, and what they consist of (exons, coding sequence)
columns of numbers, so that a human genome's models are read in some hundred megabytes. The format is described at
https://github.com/The-Sequence-Ontology/Specifications/blob/master/gff3.md.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from urllib.parse import unquote, unquote_to_bytes

from app.engine.bundles.mapped import BundleError
from app.engine.bundles.sources import opened

EXON, CODING, STOP, UNTRANSLATED, SELENOCYSTEINE = range(5)
"""What a segment of a transcript is."""

NO_PHASE = 3
"""In place of a phase that the file leaves open."""

_SEGMENTS = {
    b"exon": EXON,
    b"CDS": CODING,
    b"stop_codon": STOP,
    b"five_prime_UTR": UNTRANSLATED,
    b"three_prime_UTR": UNTRANSLATED,
    b"UTR": UNTRANSLATED,
    b"stop_codon_redefined_as_selenocysteine": SELENOCYSTEINE,
}
_OTHERS = frozenset(  # lines that say nothing of genes, of which some files have many
    b"region chromosome supercontig scaffold contig biological_region match match_part cDNA_match start_codon intron enhancer "
    b"silencer promoter transcriptional_cis_regulatory_region protein_binding_site DNaseI_hypersensitive_site sequence_feature "
    b"repeat_region mobile_genetic_element origin_of_replication polyA_site D_loop".split()
)
_GENES = frozenset({b"processed_transcript", b"RNA"})  # types that Ensembl has given to genes, beside those that are called so
_MICRO_RNA = frozenset({"microRNA"})  # put on a gene whose description says so
_STRANDS = {b"+": 1, b"-": -1}
_PHASES = {b"0": 0, b"1": 1, b"2": 2, b".": NO_PHASE}
_PARENTS = re.compile(rb"(?:^|;)\s*Parent=\s*([^;\s][^;]*)").search
_ENSEMBL = re.compile(r"(ENS[A-Z]*\d{11})\.\d+")
_SELENOCYSTEINE = re.compile(r"pos:([^)]*\d)\)*,aa:Sec")
_PREFIXES = ("gene:", "transcript:", "gene-", "rna-", "id-")


@dataclass(slots=True)
class Feature:
    """A gene or a transcript: one line of the file. Texts are those of the file, without prefixes of its dialect."""

    line: int
    type: str
    start: int
    end: int
    strand: int  # 1, -1, or 0 where the file leaves it open
    source: str
    parent: str  # as the file spells it; "" without
    own: str  # its ID
    is_gene: bool
    identifier: str  # with version; of a gene, without
    gene: str  # identifier of the gene, without version
    symbol: str
    biotype: str  # "" where the line does not say it in so many words
    fallback: str = ""  # the biotype where nothing else gives it
    symbol_source: str = ""
    hgnc: str = ""
    tags: frozenset[str] = frozenset()
    level: int = 0
    ccds: str = ""
    counterpart: str = ""  # the matching identifier of the other collection
    protein: str = ""
    repeated: bool = False  # a second line has the same ID


@dataclass(slots=True)
class CodingAttributes:
    """What the lines of a coding sequence say of all of it."""

    protein: str
    ccds: str
    code: int  # 0 where the file says nothing
    selenocysteines: tuple[int, ...]  # position of the first transcribed base of each
    open_start: bool = False  # on the contig, whatever the strand
    open_end: bool = False


@dataclass(slots=True)
class ContigModels:
    """The models on one contig. Segments are columns; `owners` are indices of `names`."""

    names: dict[bytes, int] = field(default_factory=dict)  # every ID that a line has or refers to
    features: dict[int, Feature] = field(default_factory=dict)
    codings: dict[int, CodingAttributes] = field(default_factory=dict)
    owners: array[int] = field(default_factory=lambda: array("i"))
    starts: array[int] = field(default_factory=lambda: array("i"))
    ends: array[int] = field(default_factory=lambda: array("i"))
    kinds: array[int] = field(default_factory=lambda: array("b"))
    strands: array[int] = field(default_factory=lambda: array("b"))
    phases: array[int] = field(default_factory=lambda: array("b"))
    lines: array[int] = field(default_factory=lambda: array("i"))

    def index(self, name: bytes) -> int:
        """Returns the number of a name; a new name gets the next."""
        return self.names.setdefault(name, len(self.names))


@dataclass(slots=True)
class GeneModelFile:
    """All of a file. `elsewhere`: how many lines stand on contigs that the sequence does not have, by contig."""

    contigs: dict[str, ContigModels]
    elsewhere: dict[str, int]


def read(path: Path, contigs: Mapping[str, str]) -> GeneModelFile:
    """Read gene models; `contigs` says how the sequence calls each contig of the file.

    Raises BundleError, which names the line and what it lacks, for a line that is no GFF3, or a part of a gene without place,
    phase or parent.
    """
    reader = _Reader(path.name, contigs)
    with opened(path) as text:
        reader.read(text)
    return GeneModelFile(reader.contigs, reader.elsewhere)


class _Reader:
    def __init__(self, file: str, names: Mapping[str, str]) -> None:
        self._file, self._names = file, {name.encode(): called for name, called in names.items()}
        self.contigs: dict[str, ContigModels] = {}
        self.elsewhere: dict[str, int] = {}
        self._texts: dict[str, str] = {}
        self._number = 0

    def read(self, lines: Iterable[bytes]) -> None:
        seqid, contig = b"", ContigModels()
        for number, line in enumerate(lines, 1):
            if line.startswith(b"#"):
                if line.startswith(b"##FASTA"):
                    return
                continue
            self._number = number
            fields = line.rstrip(b"\r\n").split(b"\t")
            if len(fields) != 9:
                if not line.strip():
                    continue
                self._refuse(f"has {len(fields)} columns, where GFF3 has 9, with tabs between them")
            kind = fields[2]
            if kind in _OTHERS:
                continue
            if fields[0] != seqid:
                if fields[0] not in self._names:
                    name = fields[0].decode("utf-8", "replace")
                    self.elsewhere[name] = self.elsewhere.get(name, 0) + 1
                    continue
                seqid = fields[0]
                contig = self.contigs.setdefault(self._names[seqid], ContigModels())
            segment = _SEGMENTS.get(kind)
            if segment is None:
                self._feature(contig, fields)
            else:
                self._segment(contig, fields, segment)

    def _refuse(self, lacks: str) -> NoReturn:
        raise BundleError(f"{self._file}, line {self._number} {lacks}")

    def _place(self, fields: list[bytes]) -> tuple[int, int]:
        try:
            start, end = int(fields[3]), int(fields[4])
        except ValueError:
            self._refuse("has no whole numbers as start and end")
        if not 1 <= start <= end < 1 << 31:
            self._refuse(f"has no place on a contig: it starts at {start} and ends at {end}")
        return start, end

    def _segment(self, contig: ContigModels, fields: list[bytes], kind: int) -> None:
        start, end = self._place(fields)
        column = fields[8]
        parents = _parents(column)
        if not parents:
            self._refuse(self._without_parent(fields))
        strand = _STRANDS.get(fields[6], 0)
        phase = NO_PHASE
        if kind == CODING:
            if fields[7] not in _PHASES:
                self._refuse(f"has no phase: a CDS has 0, 1 or 2, not {fields[7].decode('utf-8', 'replace')}")
            phase = _PHASES[fields[7]]
        for parent in parents:
            owner = contig.index(parent)
            contig.owners.append(owner)
            contig.starts.append(start)
            contig.ends.append(end)
            contig.kinds.append(kind)
            contig.strands.append(strand)
            contig.phases.append(phase)
            contig.lines.append(self._number)
            if kind == CODING:
                if owner not in contig.codings:
                    contig.codings[owner] = self._coding(_attributes(column), strand)
                if b"_range=" in column:
                    contig.codings[owner].open_start |= b"start_range=" in column
                    contig.codings[owner].open_end |= b"end_range=" in column

    def _without_parent(self, fields: list[bytes]) -> str:
        kind = fields[2].decode()
        if b'gene_id "' in fields[8]:
            return f"has no attributes of GFF3 (ID=…;Parent=…): it is GTF, where GFF3 is wanted ({kind} without a Parent)"
        return f"has no Parent: it has to name the transcript of this {kind}"

    def _coding(self, given: dict[str, str], strand: int) -> CodingAttributes:
        protein = _versioned(given.get("protein_id", ""), given.get("protein_version") or given.get("version", ""))
        sites = []
        for place in _SELENOCYSTEINE.findall(given.get("transl_except", "")):
            bases = [int(number) for number in re.findall(r"\d+", place)]
            sites.append(min(bases) if strand > 0 else max(bases))
        code = given.get("transl_table", "")
        ccds = given.get("ccdsid", "") or _reference(given, "CCDS")
        return CodingAttributes(protein, ccds, int(code) if code.isdigit() else 0, tuple(sites))

    def _feature(self, contig: ContigModels, fields: list[bytes]) -> None:
        kind = fields[2].decode("utf-8", "replace")
        gene_like, transcript_like = "gene" in kind or fields[2] in _GENES, "RNA" in kind or "transcript" in kind
        column = fields[8]
        if not (gene_like or transcript_like or b"Parent=" in column):
            return
        start, end = self._place(fields)
        given = _attributes(column)
        own = given.get("ID", "")
        if not own:
            if transcript_like and "Parent" in given:
                self._refuse(f"has no ID: no exon can belong to this {kind}")
            return
        parent = b"".join(_parents(column)[:1]).decode("utf-8", "replace")
        make = self._transcript if parent or not (gene_like or own.startswith("gene:")) else self._gene
        feature = make(given, kind, own, parent)
        feature.line, feature.start, feature.end, feature.strand = self._number, start, end, _STRANDS.get(fields[6], 0)
        feature.source = self._same(fields[1].decode("utf-8", "replace"))
        index = contig.index(own.encode())
        if index in contig.features:
            contig.features[index].repeated = True
        else:
            contig.features[index] = feature

    def _gene(self, given: dict[str, str], kind: str, own: str, parent: str) -> Feature:
        name = given.get("name") or given.get("Name") or given.get("gene_name") or given.get("gene", "")
        # https://www.genenames.org: Ensembl says where a symbol is from in brackets at the end of the description
        _, _, origin = given.get("description", "").rpartition("[Source:")
        source, _, accession = origin.rstrip("]").partition(";Acc:")
        hgnc = given.get("hgnc_id", "") or _reference(given, "HGNC") or (accession if accession.startswith("HGNC:") else "")
        source = "HGNC" if hgnc else source.removesuffix(" Symbol") or ("EntrezGene" if _reference(given, "GeneID") else "")
        return Feature(
            line=0,
            type=self._same(kind),
            start=0,
            end=0,
            strand=0,
            source="",
            parent="",
            own=_bare(own),
            is_gene=True,
            identifier=_stable(_gene_of(given) or _bare(own)),
            gene=_stable(_gene_of(given) or _bare(own)),
            symbol=name,
            biotype=self._same(given.get("biotype") or given.get("gene_biotype") or given.get("gene_type", "")),
            symbol_source=self._same(source),
            hgnc=hgnc,
            tags=_MICRO_RNA if given.get("description", "").startswith("microRNA") else frozenset(),
        )

    def _transcript(self, given: dict[str, str], kind: str, own: str, parent: str) -> Feature:
        tags = frozenset(self._same(tag.strip().replace(" ", "_")) for tag in given.get("tag", "").split(",") if tag.strip())
        level = given.get("transcript_support_level") or given.get("tsl", "")
        return Feature(
            line=0,
            type=self._same(kind),
            start=0,
            end=0,
            strand=0,
            source="",
            parent=parent,
            own=_bare(own),
            is_gene=False,
            identifier=_versioned(given.get("transcript_id") or _bare(own), given.get("version", "")),
            gene=_stable(_gene_of(given)),
            symbol=self._same(given.get("gene_name") or given.get("gene", "")),
            biotype=self._same(_biotype(given, kind)),
            fallback=self._same(given.get("gbkey") or kind),
            hgnc=given.get("hgnc_id", "") or _reference(given, "HGNC"),
            tags=tags,
            level=int(level[0]) if level[:1].isdigit() else 0,
            ccds=given.get("ccdsid", "") or _reference(given, "CCDS"),
            counterpart=_reference(given, "Ensembl") if any(tag.startswith("MANE_") for tag in tags) else "",
            protein=given.get("protein_id", ""),
        )

    def _same(self, text: str) -> str:
        """One object for all texts that are equal: most repeat a hundred thousand times."""
        return self._texts.setdefault(text, text)


def _parents(column: bytes) -> list[bytes]:
    found = _PARENTS(column)
    parents = found[1].strip().split(b",") if found else []
    return parents if b"%" not in column else [unquote_to_bytes(parent) for parent in parents]


def _attributes(column: bytes) -> dict[str, str]:
    """The attributes of a line; the first of a name counts. What is written as %2C is decoded."""
    given: dict[str, str] = {}
    for item in column.decode("utf-8", "replace").split(";"):
        name, equals, value = item.strip().partition("=")
        if equals:
            given.setdefault(name, unquote(value) if "%" in value else value)
    return given


def _biotype(given: dict[str, str], kind: str) -> str:
    """The biotype as VEP finds it, an attribute or guessed from the type of the line; "" where that does not tell it."""
    if named := given.get("biotype") or given.get("transcript_type") or given.get("transcript_biotype"):
        return named
    if kind == "mRNA":
        return "protein_coding"
    if kind == "ncRNA" and "ncrna_class" in given:
        return given["ncrna_class"]
    if segment := re.fullmatch(r"(?i)([a-z]+)_gene_segment", kind):
        return f"IG_{segment[1].upper()}_gene"
    return ""


def _gene_of(given: dict[str, str]) -> str:
    return given.get("gene_id") or _reference(given, "GeneID") or given.get("geneID", "")


def _reference(given: dict[str, str], database: str) -> str:
    """The identifier in another database, such as HGNC:5 of `Dbxref=GeneID:1,HGNC:HGNC:5`."""
    for pair in (given.get("Dbxref") or given.get("dbxref", "")).split(","):
        name, _, identifier = pair.partition(":")
        if name == database:
            return identifier if database != "HGNC" or identifier.startswith("HGNC:") else f"HGNC:{identifier}"
    return ""


def _bare(own: str) -> str:
    """An ID without the prefix of its dialect."""
    prefix = next((prefix for prefix in _PREFIXES if own.startswith(prefix)), "")
    return own[len(prefix) :]


def _versioned(identifier: str, version: str) -> str:
    return f"{identifier}.{version}" if identifier and version and "." not in identifier else identifier


def _stable(gene: str) -> str:
    """An identifier of Ensembl without its version; what stands behind it, such as _PAR_Y, stays."""
    return _ENSEMBL.sub(r"\1", gene)
