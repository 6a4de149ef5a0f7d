"""First and last codons of the coding transcripts whose genetic code or incomplete ends bcftools csq does not know."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.annotation.reference import Bundle
from app.annotation.sequences import Sequences

# Start codons by NCBI's number of the genetic code; 2 is the vertebrate mitochondrial code.
START_CODONS: Mapping[int, frozenset[bytes]] = {
    2: frozenset({b"ATT", b"ATC", b"ATA", b"ATG", b"GTG"}),
}
_COMPLEMENT = bytes.maketrans(b"ACGTN", b"TGCAN")


@dataclass(frozen=True)
class Coding:
    """Where a transcript starts and ends, 1-based positions in the direction of transcription."""

    transcript: str
    gene: str
    strand: str
    biotype: str
    first: tuple[int, int, int]
    codon: bytes
    incomplete: frozenset[int]  # the bases of a terminal codon that polyadenylation completes
    starts: frozenset[bytes]

    def mutated(self, position: int, ref: bytes, alt: bytes) -> bytes | None:
        """The start codon after a substitution; None if it is not touched."""
        codon = list(self.codon.decode())
        touched = False
        for offset in range(len(ref)):
            if position + offset in self.first and ref[offset] != alt[offset]:
                base = alt[offset : offset + 1]
                codon[self.first.index(position + offset)] = (
                    base if self.strand == "+" else base.translate(_COMPLEMENT)
                ).decode()
                touched = True
        return "".join(codon).encode() if touched else None


def special(bundle: Bundle) -> dict[str, dict[bytes, Coding]]:
    """By contig and by transcript or gene: the transcripts under genetic codes other than the standard one."""
    found: dict[str, dict[bytes, Coding]] = {}
    sequences = Sequences(bundle.path(bundle.fasta))
    try:
        for genes in bundle.genes:
            if genes.genetic_code in START_CODONS:
                for contig, coding in _read(bundle.path(genes.file), START_CODONS[genes.genetic_code], sequences):
                    by_name = found.setdefault(contig, {})
                    by_name[coding.transcript.encode()] = by_name[coding.gene.encode()] = coding
    finally:
        sequences.close()
    return found


def _read(gff3: Path, starts: frozenset[bytes], sequences: Sequences) -> list[tuple[str, Coding]]:
    genes: dict[str, str] = {}
    parents: dict[str, tuple[str, str]] = {}
    exons: dict[str, list[tuple[str, int, int, str]]] = {}
    for line in gff3.read_text().splitlines():
        fields = line.split("\t")
        if len(fields) < 9:
            continue
        contig, _, kind, start, end, _, strand, _, column = fields
        attributes = dict(item.split("=", 1) for item in column.split(";") if "=" in item)
        identifier = attributes.get("ID", "")
        if kind == "CDS":
            exons.setdefault(attributes["Parent"], []).append((contig, int(start), int(end), strand))
        elif identifier.startswith("gene:"):
            genes[identifier] = attributes.get("Name", identifier.removeprefix("gene:"))
        elif identifier.startswith("transcript:"):
            parents[identifier] = attributes.get("Parent", ""), attributes.get("biotype", "protein_coding")
    found = []
    for transcript, parts in exons.items():
        contig, strand = parts[0][0], parts[0][3]
        bases = [position for _, start, end, _ in sorted(parts, key=lambda part: part[1]) for position in range(start, end + 1)]
        if strand == "-":
            bases.reverse()
        first = bases[0], bases[1], bases[2]
        codon = b"".join(sequences.get(contig, position - 1, position) for position in first)
        gene, biotype = parents[transcript]
        last = frozenset(bases[len(bases) // 3 * 3 :])
        codon = codon if strand == "+" else codon.translate(_COMPLEMENT)
        name = transcript.removeprefix("transcript:")
        found.append((contig, Coding(name, genes.get(gene, ""), strand, biotype, first, codon, last, starts)))
    return found
