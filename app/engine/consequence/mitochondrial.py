"""Consequences under the vertebrate mitochondrial code: the change is applied to the gene, and the gene translated.

bcftools csq knows no alternative start codons under this code, takes terminal codons that polyadenylation completes for introns,
and passes over the last base of an RNA gene that touches a protein gene. Genes of one exon are simple enough to do it right.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.engine.bundles.manifest import Bundle
from app.engine.errors import EngineError
from app.engine.formats.fasta import Sequences

CODE = 2
"""NCBI's number of the vertebrate mitochondrial code."""

STARTS = frozenset({b"ATT", b"ATC", b"ATA", b"ATG", b"GTG"})
_AMINO_ACIDS = b"FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNKKSS**VVVVAAAADDEEGGGG"
_CODONS = [bytes((a, b, c)) for a in b"TCAG" for b in b"TCAG" for c in b"TCAG"]
_TRANSLATED = {codon: _AMINO_ACIDS[i : i + 1] for i, codon in enumerate(_CODONS)}
_COMPLEMENT = bytes.maketrans(b"ACGTN", b"TGCAN")


def translate(bases: bytes, *, start: bool = False) -> bytes:
    """Amino acids of the whole codons; `start`: the first is a start codon, which is read as M."""
    protein = b"".join(_TRANSLATED.get(bases[i : i + 3], b"X") for i in range(0, len(bases) - 2, 3))
    return b"M" + protein[1:] if start and bases[:3] in STARTS else protein


@dataclass(frozen=True)
class Edit:
    """A change in the direction of transcription: `old` bases from index `at` of the gene on become `new`."""

    at: int
    old: bytes
    new: bytes

    @property
    def end(self) -> int:
        return self.at + len(self.old)

    @property
    def shifts(self) -> bool:
        return (len(self.new) - len(self.old)) % 3 != 0

    @property
    def word(self) -> bytes:
        """What csq calls it where the reading frame is kept and the protein is not."""
        longer = len(self.new) - len(self.old)
        return b"inframe_insertion" if longer > 0 else b"inframe_deletion" if longer else b"missense"

    def applied(self, bases: bytes) -> bytes:
        return bases[: self.at] + self.new + bases[self.end :]


@dataclass(frozen=True)
class Gene:
    """One gene of one exon: 1-based positions on the contig, both included. `coding`: it makes a protein."""

    name: str
    transcript: str
    biotype: str
    strand: str
    start: int
    end: int
    coding: bool

    def touched(self, first: int, ref: bytes) -> bool:
        """Whether a change of `ref` at `first` is in the gene; an insertion (no `ref`) before base `first`: within it."""
        if ref:
            return self.start < first + len(ref) and first <= self.end
        return self.start < first <= self.end

    def removed(self, first: int, ref: bytes) -> bool:
        """Whether nothing of the gene is left."""
        return first <= self.start and self.end < first + len(ref)

    def edit(self, first: int, ref: bytes, alt: bytes) -> Edit:
        if self.strand == "+":
            return Edit(first - self.start, ref, alt)
        return Edit(self.end - first - len(ref) + 1, _reverse(ref), _reverse(alt))


class ContigGenes:
    """The genes of one contig and its sequence."""

    def __init__(self, bases: bytes, genes: list[Gene]) -> None:
        self._bases, self._genes = bases, genes

    def consequences(self, position: int, ref: bytes, alt: bytes) -> bytes:
        """What csq would say, in its own form, of an allele that differs from `ref`; empty between the genes."""
        first, old, new = trimmed(position, ref, alt)
        entries = []
        for gene in self._genes:
            if not gene.touched(first, old):
                continue
            about = [gene.name.encode(), gene.transcript.encode(), gene.biotype.encode()]
            if gene.removed(first, old):
                words = [b"transcript_ablation"]
            elif gene.coding:
                words, protein = self._coding(gene, gene.edit(first, old, new))
                about += [gene.strand.encode(), protein, b"%d%b>%b" % (position, ref, alt)]
            else:
                words = [b"non_coding_exon"]
            entries.append(b"|".join([b"&".join(words), *about]))
        return b",".join(entries)

    def _coding(self, gene: Gene, edit: Edit) -> tuple[list[bytes], bytes]:
        """Csq's words for a change in a protein gene, and its form of the change of the protein."""
        before, bases, after = self._around(gene, margin=len(edit.old))
        whole = len(bases) // 3 * 3
        if edit.at >= whole or (edit.end > len(bases) > whole):
            return [b"incomplete_terminal_codon", b"coding_sequence"], b""
        if edit.at < 3 and Edit(edit.at + len(before), edit.old, edit.new).applied(before + bases).endswith(bases):
            return [b"start_retained"], b"1M"  # what stands before the gene takes the place of what went
        if edit.at < 0:
            return [b"start_lost"], b"1M>1X"
        if edit.end > len(bases):
            kept = edit.applied(bases + after).startswith(bases)
            stop = len(bases) // 3
            return ([b"stop_retained"], b"%d*" % stop) if kept else ([b"stop_lost"], b"")
        changed = edit.applied(bases)
        if edit.at < 3 and changed[:3] not in STARTS:
            return [b"start_lost"], b"1M>1%b" % translate(changed[:3])
        words, protein = (_shifted if edit.shifts else _in_frame)(edit, bases, changed)
        if edit.at >= 3:
            return words, protein
        return ([b"start_retained"], b"1M") if words == [b"synonymous"] else ([*words, b"start_retained"], protein)

    def _around(self, gene: Gene, margin: int) -> tuple[bytes, bytes, bytes]:
        """The gene's bases in the direction of transcription, and up to `margin` bases before and after them."""
        start, end = gene.start - 1, gene.end
        parts = self._bases[max(start - margin, 0) : start], self._bases[start:end], self._bases[end : end + margin]
        return parts if gene.strand == "+" else (_reverse(parts[2]), _reverse(parts[1]), _reverse(parts[0]))


def _shifted(edit: Edit, bases: bytes, changed: bytes) -> tuple[list[bytes], bytes]:
    """A frameshift, named by the first amino acid that it changes."""
    old, new = translate(bases, start=True), translate(changed, start=True)
    first = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)) - 1)
    a, b = old[first : first + 1], new[first : first + 1]
    if a == b:
        kept = a == b"*" and edit.end > len(bases) - 3
        return ([b"stop_retained"], b"%d*" % (first + 1)) if kept else ([b"frameshift"], b"")
    words = [b"frameshift", *([b"stop_lost"] if a == b"*" else []), *([b"stop_gained"] if b == b"*" else [])]
    return words, b"%d%b>%d%b" % (first + 1, a, first + 1, b)


def _in_frame(edit: Edit, bases: bytes, changed: bytes) -> tuple[list[bytes], bytes]:
    """Everything that keeps the frame, named by the codons that it touches."""
    # bases that come or go between two codons are named together with the codon before them
    resized = len(edit.old) != len(edit.new)
    first, last = max(edit.at - resized, 0) // 3, -(-edit.end // 3)
    grown = (len(edit.new) - len(edit.old)) // 3
    old = translate(bases, start=True)[first:last]
    new, stop, _ = translate(changed, start=True)[first : last + grown].partition(b"*")
    new += stop
    if old == new:
        kept = b"stop_retained" if old.endswith(b"*") and edit.end > 3 * (first + len(old) - 1) else b"synonymous"
        return [kept], b"%d%b" % (first + 1, old)
    stops = old.endswith(b"*"), bool(stop)
    gained = stop and (not stops[0] or len(new) < len(old) + grown)
    words = [b"stop_gained"] if gained else [b"stop_lost"] if stops == (True, False) else []
    if not words or resized:
        words.append(edit.word)
    return words, b"%d%b>%d%b" % (first + 1, old, first + 1, new)


def trimmed(position: int, ref: bytes, alt: bytes) -> tuple[int, bytes, bytes]:
    """Position and alleles without what both have in common at their ends; an insertion stands before the position."""
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while ref and alt and ref[0] == alt[0]:
        position, ref, alt = position + 1, ref[1:], alt[1:]
    return position, ref, alt


def contigs(bundle: Bundle) -> Mapping[bytes, ContigGenes]:
    """By name, the contigs of the bundle whose genes stand under this code. EngineError for a gene of several exons."""
    found: dict[bytes, ContigGenes] = {}
    sequences = Sequences(bundle.path(bundle.fasta))
    lengths = sequences.lengths()
    try:
        for file in bundle.genes:
            if file.genetic_code == CODE:
                for contig, genes in _read(bundle.path(file.file)).items():
                    bases = sequences.get(contig, 0, lengths[contig])
                    found[contig.encode()] = ContigGenes(bases, sorted(genes, key=lambda gene: gene.start))
    finally:
        sequences.close()
    return found


def _read(gff3: Path) -> dict[str, list[Gene]]:
    """By contig, the genes of a GFF3 in Ensembl's dialect."""
    names: dict[str, str] = {}
    transcripts: dict[str, dict[str, str]] = {}
    spans: dict[str, dict[str, tuple[str, int, int, str]]] = {"exon": {}, "CDS": {}}
    for line in gff3.read_text().splitlines():
        fields = line.split("\t")
        if len(fields) < 9:
            continue
        contig, _, kind, start, end, _, strand, _, column = fields
        attributes = dict(item.split("=", 1) for item in column.split(";") if "=" in item)
        identifier, parent = attributes.get("ID", ""), attributes.get("Parent", "")
        if kind in spans:
            if parent in spans[kind]:
                raise EngineError(f"{gff3.name}: {parent} has several exons, which genetic code {CODE} is not annotated with")
            spans[kind][parent] = contig, int(start), int(end), strand
        elif identifier.startswith("gene:"):
            names[identifier] = attributes.get("Name", identifier.removeprefix("gene:"))
        elif identifier.startswith("transcript:"):
            transcripts[identifier] = attributes
    found: dict[str, list[Gene]] = {}
    for identifier, (contig, first, last, strand) in {**spans["exon"], **spans["CDS"]}.items():
        about = transcripts[identifier]
        coding = identifier in spans["CDS"]
        name, transcript = names.get(about["Parent"], ""), identifier.removeprefix("transcript:")
        gene = Gene(name, transcript, about.get("biotype", "protein_coding"), strand, first, last, coding)
        found.setdefault(contig, []).append(gene)
    return found


def _reverse(bases: bytes) -> bytes:
    return bases.translate(_COMPLEMENT)[::-1]
