"""Makes a small genome, gene models and alleles that have what real stretches of a genome rarely have all at once.

    python -m scripts.genome FOLDER [--seed 16]

Writes `genome.fa`, `genes.gff3` (in Ensembl's dialect) and `alleles.vcf` (one allele a record, each with an ID of its own); one
seed gives the same bytes always. Genes lie on both strands: of many exons with introns in their UTRs, exons of one base, introns
of one base, start and stop codons that are split, incomplete ends in every phase, nonsense-mediated decay, selenocysteine, genes
within and over others, genes that touch the ends of a contig, non-coding ones, microRNA, and a contig under genetic code 2.
tests/truth/README.md says how Ensembl VEP was asked about it.
"""

import argparse
from pathlib import Path

from scripts.genome import alleles, genes

LINE_BASES = 60
SEED = 16  # of the genome that is kept in tests/truth


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("folder", type=Path)
    asked.add_argument("--seed", type=int, default=SEED)
    args = asked.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    genome = genes.genome(args.seed)
    (args.folder / "genome.fa").write_text(genome.fasta(LINE_BASES))
    (args.folder / "genes.gff3").write_text(genome.gff3())
    (args.folder / "alleles.vcf").write_text(alleles.vcf(genome, args.seed))


if __name__ == "__main__":
    main()
