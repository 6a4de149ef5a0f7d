"""Gene models compiled into the file of transcripts."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.engine.bundles import gff3, layout
from app.engine.bundles.gene_models import Assembled, LeftOut, Model, assemble
from app.engine.bundles.gff3 import Feature
from app.engine.bundles.layout import BIN_SHIFT, TAGS, Flags
from app.engine.bundles.mapped import BundleError, Writer
from app.engine.bundles.sequence import Sequence
from app.engine.consequence.columns import odd

_CODES = frozenset({*range(1, 7), *range(9, 17), *range(21, 34)})  # NCBI's, without those that it has withdrawn
_APPRIS = re.compile(r"appris_(principal|alternative)(?:_(\d))?")
_COMPLEMENT = bytes.maketrans(b"ACGTUNRYSWKMBDHV", b"TGCAANYRSWMKVHDB")
_ARRAYS = {"<i4": "i", "<u4": "I", "<i8": "q", "|u1": "B", "|i1": "b", "<u2": "H"}
_LISTED = 3  # of what is wrong with a file, how much a message names


@dataclass(frozen=True)
class Compiled:
    """What became of a file of gene models; the manifest of the bundle lists what was left out."""

    genes: int
    transcripts: int
    left_out: tuple[LeftOut, ...]
    elsewhere: Mapping[str, int]  # lines on contigs that the sequence does not have, by contig


def compile_models(
    models: Path,
    sequence: Sequence,
    target: Path,
    *,
    codes: Mapping[str, int] | None = None,
    names: Mapping[str, str] | None = None,
) -> Compiled:
    """Compile a GFF3, plain or compressed, of Ensembl, GENCODE or RefSeq into the file of transcripts at `target`.

    `codes` is the genetic code (NCBI's number) by contig of the sequence; elsewhere the file's own (`transl_table`) or the
    standard code counts. `names` has other names of contigs that the file may use, and the sequence's for each.

    A transcript that contradicts itself or the sequence is left out and listed. Raises BundleError, which names the line and
    what it lacks, if the file cannot be used.
    """
    codes, known = codes or {}, {name: name for name in sequence.lengths}
    known = {other: name for other, name in (names or {}).items() if name in known} | known
    for contig, code in codes.items():
        if code not in _CODES:
            raise BundleError(f"NCBI has no genetic code {code}, which {contig} is said to have")
    read = gff3.read(models, known)
    if not read.contigs:
        there = ", ".join(list(read.elsewhere)[:_LISTED])
        contigs = f": its contigs are called {there}" if there else ""
        raise BundleError(f"{models.name} has no genes on any contig of the sequence{contigs}")
    left_out: list[LeftOut] = []
    bare: list[LeftOut] = []
    with Writer(target, layout.KIND, layout.VERSION) as out:
        compiler = _Compiler(out, sequence, codes)
        for name, length in sequence.lengths.items():
            found = read.contigs.pop(name, None)
            assembled = assemble(found, length) if found else Assembled([], [], [])
            left_out += assembled.left_out
            bare += [LeftOut(one.line, one.identifier, "no transcript has it as its Parent") for one in assembled.genes[:_LISTED]]
            compiler.add(name, assembled)
        if not compiler.rows:
            reasons = "".join(f"; line {one.line}, {one.transcript}: {one.reason}" for one in (left_out or bare)[:_LISTED])
            wanted = "genes, transcripts and exons with ID and Parent, in GFF3 of Ensembl, GENCODE or RefSeq"
            raise BundleError(f"{models.name} has no transcript that can be used. Wanted are {wanted}{reasons}")
        compiler.finish()
    return Compiled(compiler.genes, compiler.rows, tuple(left_out), read.elsewhere)


class _Texts:
    """Texts, each once, in the order in which they were added."""

    def __init__(self) -> None:
        self.index = {"": 0}

    def __call__(self, text: str) -> int:
        return self.index.setdefault(text, len(self.index))


class _Compiler:
    def __init__(self, out: Writer, sequence: Sequence, codes: Mapping[str, int]) -> None:
        self.rows = self.genes = 0
        self._out, self._sequence, self._codes = out, sequence, codes
        self._text = _Texts()
        layouts = {**layout.TRANSCRIPTS, **layout.PARTS, **layout.OFFSETS, **layout.GENES}
        self._columns: dict[str, array[int]] = {name: array(_ARRAYS[dtype]) for name, dtype in layouts.items()}
        self._contigs: list[tuple[str, int, int, int, int]] = []
        self._bins: dict[str, list[NDArray[Any]]] = {"bin_firsts": [], "bin_offsets": [], "bin_rows": []}
        self._bin_count = self._bin_row_count = 0
        self._spliced = 0
        out.begin("spliced", "|u1")

    def add(self, contig: str, assembled: Assembled) -> None:
        """Add the next contig of the sequence."""
        first = self.rows
        self._bin(contig, first, assembled.models)
        bases = memoryview(self._sequence.view(contig))  # type: ignore[arg-type]
        for model in assembled.models:
            spliced = b"".join(bases[start - 1 : end] for start, end in model.exons)
            if model.feature.strand < 0:
                spliced = spliced.translate(_COMPLEMENT)[::-1]
            self._out.write(spliced)
            self._transcript(contig, model, assembled.genes[model.gene], spliced)
        self._sequence.release(contig)
        for gene in assembled.genes:
            self._gene(gene)

    def _bin(self, contig: str, first: int, models: list[Model]) -> None:
        """Index the places of a contig's transcripts; `Transcripts.overlapping` explains how it is used."""
        starts = np.array([model.feature.start for model in models], np.int64)
        ends = np.array([model.feature.end for model in models], np.int64)
        bins = (int(ends.max()) >> BIN_SHIFT) + 1 if models else 0
        self._contigs.append((contig, first, len(models), self._bin_count, bins))
        self._bin_count += bins + 2
        counts = (ends >> BIN_SHIFT) - (starts >> BIN_SHIFT)
        rows = np.repeat(np.arange(len(models)), counts)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        held = (starts >> BIN_SHIFT)[rows] + 1 + within
        order = np.argsort(held, kind="stable")
        firsts = np.searchsorted(starts, np.arange(bins + 2) << BIN_SHIFT)
        firsts[bins:] = len(models)
        self._bins["bin_firsts"].append(firsts + first)
        self._bins["bin_offsets"].append(np.searchsorted(held[order], np.arange(bins + 2)) + self._bin_row_count)
        self._bins["bin_rows"].append(rows[order] + first)
        self._bin_row_count += len(rows)

    def _append(self, values: Mapping[str, int]) -> None:
        for name, value in values.items():
            self._columns[name].append(value)

    def _transcript(self, contig: str, model: Model, gene: Feature, spliced: bytes) -> None:
        feature, row, text = model.feature, self.rows, self._text
        code = self._codes.get(contig) or (model.code if model.code in _CODES else 1)
        selenocysteines = model.selenocysteines or _read_through(model, spliced)
        self._append(
            {
                "starts": feature.start,
                "ends": feature.end,
                "strands": feature.strand,
                "codes": code,
                "flags": _flags(model, selenocysteines),
                "phases": model.phase,
                "levels": feature.level,
                "coding_starts": model.coding_start,
                "coding_ends": model.coding_end,
                "genes": self.genes + model.gene,
                "identifiers": text(feature.identifier),
                "symbols": text(feature.symbol or gene.symbol),
                "symbol_sources": text("HGNC" if feature.hgnc else gene.symbol_source),
                "hgncs": text(feature.hgnc or gene.hgnc),
                "biotypes": text(feature.biotype),
                "proteins": text(model.protein),
                "sources": text(feature.source),
                "mane_selects": text(_mane(feature, "MANE_Select")),
                "mane_plus_clinicals": text(_mane(feature, "MANE_Plus_Clinical")),
                "appris": text(_appris(feature.tags)),
                "ccds": text(model.ccds),
                "exon_offsets": len(self._columns["exon_starts"]),
                "spliced_offsets": self._spliced,
            }
        )
        self._columns["exon_starts"].extend(start for start, _ in model.exons)
        self._columns["exon_ends"].extend(end for _, end in model.exons)
        self._columns["exon_cdna"].extend(model.exon_cdna)
        self._columns["exon_keys"].extend(row << 32 | start for start, _ in model.exons)
        for position in selenocysteines:
            self._append({"selenocysteine_rows": row, "selenocysteine_positions": position})
        for start, end in model.micro_rna:
            self._append({"micro_rna_rows": row, "micro_rna_starts": start, "micro_rna_ends": end})
        self._spliced += len(spliced)
        self.rows += 1

    def _gene(self, gene: Feature) -> None:
        self._append(
            {
                "gene_contigs": len(self._contigs) - 1,
                "gene_starts": gene.start,
                "gene_ends": gene.end,
                "gene_strands": gene.strand,
                "gene_identifiers": self._text(gene.identifier),
                "gene_names": self._text(gene.symbol),
                "gene_biotypes": self._text(gene.biotype),
            }
        )
        self.genes += 1

    def finish(self) -> None:
        """Write what was collected, and end the file."""
        columns = self._columns
        columns["exon_offsets"].append(len(columns["exon_starts"]))
        columns["spliced_offsets"].append(self._spliced)
        offsets, starts, ends = (np.asarray(columns[f"exon_{name}"], np.int64) for name in ("offsets", "starts", "ends"))
        irregular = np.flatnonzero(odd(offsets, starts, ends)).tolist()
        for row in {*irregular, *columns["selenocysteine_rows"], *columns["micro_rna_rows"]}:
            columns["flags"][row] |= int(Flags.IRREGULAR)
        for name, dtype in {**layout.TRANSCRIPTS, **layout.PARTS, **layout.OFFSETS, **layout.GENES}.items():
            self._out.array(name, dtype, np.asarray(columns[name]))
        for name, parts in self._bins.items():
            self._out.array(name, "<u4", np.concatenate(parts))
        texts = list(self._text.index)
        for name in ("gene_names", "gene_identifiers"):
            keys = [texts[index].upper().encode() for index in columns[name]]
            self._out.array(f"{name}_sorted", "<u4", sorted(range(len(keys)), key=keys.__getitem__))
        encoded = [text.encode() for text in texts]
        self._out.array("text_offsets", "<u4", np.cumsum([0, *map(len, encoded)]))
        self._out.begin("texts", "|u1")
        self._out.write(b"".join(encoded))
        self._out.finish({"contigs": self._contigs, "transcripts": self.rows, "genes": self.genes})


def _flags(model: Model, selenocysteines: Iterable[int]) -> int:
    flags = Flags(0)
    for tag in model.feature.tags:
        flags |= TAGS.get(tag, 0)
    if "MANE_Select" in model.feature.tags and model.feature.counterpart:
        flags |= Flags.CANONICAL  # RefSeq has no tag of its own for what is RefSeq Select and MANE Select at once
    if model.coding_start:
        flags |= Flags.CODING
        flags |= Flags.INCOMPLETE_START if model.open_start else 0
        flags |= Flags.INCOMPLETE_END if model.open_end else 0
    return int(flags | (Flags.SELENOCYSTEINE if selenocysteines else 0))


def _read_through(model: Model, spliced: bytes) -> tuple[int, ...]:
    """Amino acid positions of TGA before the last codon, where a tag says that it is selenocysteine, and no line says where."""
    if "seleno" not in model.feature.tags or not model.coding_start:
        return ()
    coding = b"N" * model.phase + spliced[model.coding_start - 1 : model.coding_end]
    return tuple(at // 3 + 1 for at in range(0, len(coding) - 5, 3) if coding[at : at + 3] == b"TGA")


def _mane(feature: Feature, tag: str) -> str:
    return (feature.counterpart or "1") if tag in feature.tags else ""


def _appris(tags: Iterable[str]) -> str:
    """APPRIS as VEP writes it: P1 to P5, A1 and A2."""
    found = filter(None, map(_APPRIS.fullmatch, tags))
    return min(
        (f"{'P' if one[1] == 'principal' else 'A'}{one[2] or 1}" for one in found),
        key=lambda text: (text < "P", text),
        default="",
    )
