"""Transcripts put together from the lines of a GFF3, and which of them cannot be right.

What counts is what counts for VEP with a GFF3 of one's own: children of a gene that have exons
(https://www.ensembl.org/info/docs/tools/vep/script/vep_cache.html#gff). Beyond VEP's list of types, every type that a file
gives a transcript counts, and so does a coding sequence that stands right under its gene, as in RefSeq's mitochondrion and
bacteria.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from app.engine.bundles.gff3 import (
    CODING,
    EXON,
    SELENOCYSTEINE,
    STOP,
    UNTRANSLATED,
    CodingAttributes,
    ContigModels,
    Feature,
)
from app.engine.bundles.splicing import Contradiction, Segment, Span, Spliced, amino_acids, coding_sequence, joined

_NOTHING = CodingAttributes(protein="", ccds="", code=0, selenocysteines=())


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A transcript that is not in the bundle, the line of the file that it begins on, and why."""

    line: int
    transcript: str
    reason: str


@dataclass(frozen=True, slots=True)
class Model:
    """A transcript: exons ascending on the contig; coding sequence and mature microRNAs by cDNA position."""

    feature: Feature
    gene: int  # index of its gene among those of the contig
    exons: list[Span]
    exon_cdna: list[int]  # cDNA position of the first transcribed base of each exon
    coding_start: int
    coding_end: int
    phase: int
    protein: str
    ccds: str
    code: int
    open_start: bool  # the file marks the coding sequence as incomplete there, beside what tags say
    open_end: bool
    selenocysteines: tuple[int, ...]  # amino acid positions
    micro_rna: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Assembled:
    """Genes and transcripts of a contig; the transcripts are sorted by start, end and identifier."""

    genes: list[Feature]
    models: list[Model]
    left_out: list[LeftOut]


def assemble(contig: ContigModels, length: int) -> Assembled:
    """Put together what a contig of `length` bases has."""
    return _Assembly(contig, length).result()


class _Assembly:
    def __init__(self, contig: ContigModels, length: int) -> None:
        self._contig, self._length = contig, length
        self._left_out: list[LeftOut] = []
        self._genes: list[Feature] = []
        self._gene_index: dict[str, int] = {}
        owners = np.frombuffer(contig.owners, np.int32) if contig.owners else np.zeros(0, np.int32)
        columns = (contig.kinds, contig.starts, contig.ends, contig.strands, contig.phases, contig.lines)
        order = np.lexsort((np.asarray(contig.starts), owners)) if len(owners) else np.zeros(0, np.int64)
        self._columns = [np.asarray(column)[order] for column in columns]
        self._bounds = np.searchsorted(owners[order], np.arange(len(contig.names) + 1))

    def result(self) -> Assembled:
        genes = (feature for feature in self._contig.features.values() if feature.is_gene)
        for one in sorted(genes, key=lambda gene: (gene.start, gene.end, gene.identifier)):
            self._gene_index.setdefault(one.own, len(self._genes))
            self._genes.append(one)
        models = []
        for index, feature, gene in self._transcripts():
            try:
                models.append(self._model(index, feature, gene))
            except Contradiction as error:
                self._leave(feature, str(error))
        models.sort(key=lambda model: (model.feature.start, model.feature.end, model.feature.identifier))
        return Assembled(self._genes, models, sorted(self._left_out, key=lambda one: one.line))

    def _leave(self, feature: Feature, reason: str) -> None:
        self._left_out.append(LeftOut(feature.line, feature.identifier, reason))

    def _transcripts(self) -> Iterator[tuple[int, Feature, int]]:
        """Index of its name, line and gene of all that is a transcript; what should be one is left out, with a reason."""
        self._mature = self._mature_by_parent()
        features = self._contig.features
        with_children = {above.own for above in map(self._above, features.values()) if above is not None and above.is_gene}
        children = [(index, feature) for index, feature in features.items() if not feature.is_gene]
        for index, feature in children:
            if not feature.parent and self._has(index):
                yield index, feature, self._made_gene(feature)
        for index, feature in children:
            if not feature.parent:
                continue
            above = self._above(feature)
            if above is not None and above.is_gene:
                yield index, feature, self._gene_index[above.own]
            elif self._has(index) and (reason := _orphaned(feature, above)):
                self._leave(feature, reason)
        yield from self._without_transcript(with_children)
        self._leave_unnamed()

    def _above(self, feature: Feature) -> Feature | None:
        """What a line names as its Parent."""
        if feature.is_gene or not feature.parent:
            return None
        return self._contig.features.get(self._contig.names.get(feature.parent.encode(), -1))

    def _mature_by_parent(self) -> dict[int, list[int]]:
        """The mature microRNAs by the transcript that they are cut from."""
        found: dict[int, list[int]] = {}
        for index, feature in self._contig.features.items():
            above = self._above(feature)
            if above is not None and not above.is_gene and feature.type == "miRNA":
                found.setdefault(self._contig.names[feature.parent.encode()], []).append(index)
        return found

    def _leave_unnamed(self) -> None:
        """Leave out what only its parts name."""
        for name, index in self._contig.names.items():
            if index not in self._contig.features and self._has(index):
                line = int(self._columns[5][self._bounds[index]])
                self._left_out.append(LeftOut(line, name.decode("utf-8", "replace"), "no line has this ID, only parts name it"))

    def _without_transcript(self, with_children: set[str]) -> Iterator[tuple[int, Feature, int]]:
        """Genes with a coding sequence right under them, each as its own transcript."""
        for index, feature in self._contig.features.items():
            if feature.is_gene and feature.own not in with_children and CODING in self._kinds(index):
                name, biotype = feature.own, feature.biotype or "protein_coding"
                yield index, replace(feature, identifier=name, biotype=biotype), self._gene_index[feature.own]

    def _made_gene(self, transcript: Feature) -> int:
        """The gene of a transcript that stands by itself: the one that it names, or one of its own."""
        name = transcript.gene or transcript.own
        if name not in self._gene_index:
            self._gene_index[name] = len(self._genes)
            self._genes.append(replace(transcript, is_gene=True, identifier=name, own=name, biotype=transcript.biotype))
        gene = self._genes[self._gene_index[name]]
        gene.start, gene.end = min(gene.start, transcript.start), max(gene.end, transcript.end)
        return self._gene_index[name]

    def _has(self, index: int) -> bool:
        return bool(self._bounds[index + 1] > self._bounds[index])

    def _kinds(self, index: int) -> list[int]:
        kinds: list[int] = self._columns[0][self._bounds[index] : self._bounds[index + 1]].tolist()
        return kinds

    def _segments(self, index: int) -> dict[int, list[Segment]]:
        """By kind, what belongs to a transcript, in ascending order; a line that stands twice counts once."""
        rows = slice(self._bounds[index], self._bounds[index + 1])
        found: dict[int, list[Segment]] = {}
        seen = set()
        for kind, start, end, strand, phase, line in zip(*(column[rows].tolist() for column in self._columns), strict=True):
            if (kind, start, end) not in seen:
                seen.add((kind, start, end))
                found.setdefault(kind, []).append(Segment(start, end, strand, phase, line))
        return found

    def _model(self, index: int, feature: Feature, gene: int) -> Model:
        """The transcript of a line. Raises Contradiction."""
        segments = self._segments(index)
        _check(feature, segments)
        exons = self._exons(feature, segments)
        if EXON not in segments:
            feature = replace(feature, start=exons[0][0], end=exons[-1][1])
        spliced = Spliced(exons, feature.strand)
        coding_start, coding_end, phase = coding_sequence(spliced, segments)
        about = self._contig.codings.get(index) or _NOTHING
        open_ends = (about.open_start, about.open_end)[:: feature.strand]
        sites = [segment.start if feature.strand > 0 else segment.end for segment in segments.get(SELENOCYSTEINE, ())]
        mature = [place for one in self._mature.get(index, ()) for place in self._mature_places(one, spliced)]
        return Model(
            feature=self._with_biotype(feature, gene),
            gene=gene,
            exons=exons,
            exon_cdna=spliced.cdna,
            coding_start=coding_start,
            coding_end=coding_end,
            phase=phase,
            protein=about.protein or (feature.protein if coding_start else ""),
            ccds=feature.ccds or about.ccds,
            code=about.code,
            open_start=open_ends[0],
            open_end=open_ends[1],
            selenocysteines=amino_acids(spliced, [*sites, *about.selenocysteines], coding_start, coding_end, phase),
            micro_rna=tuple(sorted(mature)),
        )

    def _with_biotype(self, feature: Feature, gene: int) -> Feature:
        """A transcript with a biotype: its own, or what its gene or the type of its line tells."""
        if feature.biotype:
            return feature
        return replace(feature, biotype="miRNA" if "microRNA" in self._genes[gene].tags else feature.fallback)

    def _exons(self, feature: Feature, segments: dict[int, list[Segment]]) -> list[Span]:
        exons = [(segment.start, segment.end) for segment in segments.get(EXON, ())]
        if not exons:
            if CODING not in segments:
                raise Contradiction("it has no exon")
            exons = joined(one for kind in (CODING, STOP, UNTRANSLATED) for one in segments.get(kind, ()))
        elif (exons[0][0], max(end for _, end in exons)) != (feature.start, feature.end):
            raise Contradiction(
                f"its exons go from {exons[0][0]} to {exons[-1][1]}, and it from {feature.start} to {feature.end}"
            )
        for (_, end), (start, _) in pairwise(exons):
            if start <= end:
                raise Contradiction(f"two of its exons overlap at {start}")
        if exons[-1][1] > self._length:
            raise Contradiction(f"it ends at {exons[-1][1]}, and the contig has {self._length} bases")
        return exons

    def _mature_places(self, index: int, spliced: Spliced) -> Iterator[Span]:
        """cDNA places of a mature microRNA within the transcript that it is cut from."""
        feature = self._contig.features[index]
        spans = [(one.start, one.end) for one in self._segments(index).get(EXON, ())] or [(feature.start, feature.end)]
        for span in spans:
            if (place := spliced.place(*span)) is not None:
                yield place


def _orphaned(feature: Feature, above: Feature | None) -> str:
    """Why what has parts, and no gene above it, is no transcript; empty for a part of a transcript."""
    if above is None:
        return f"no line has its gene, {feature.parent}"
    return f"its parent, {feature.parent}, is no gene" if feature.type != "miRNA" else ""


def _check(feature: Feature, segments: dict[int, list[Segment]]) -> None:
    """Raises Contradiction if a transcript has no name of its own, or no strand that all its parts are on."""
    if feature.repeated:
        raise Contradiction("another line has the same ID")
    if not feature.strand:
        raise Contradiction("it has no strand")
    for segment in (one for kind in segments.values() for one in kind):
        if segment.strand != feature.strand:
            raise Contradiction(f"line {segment.line} is not on its strand")
