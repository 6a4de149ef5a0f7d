"""A made-up genome: chromosome 1 with one gene (GENE1, 501 to 650) under the standard genetic code, and the mitochondrion."""

import random
from pathlib import Path

import pysam

from app.engine.bundles import build, manifest, sequence
from scripts import make_mito_bundle

dice = random.Random(7)
CODING = "ATG" + "GCT" * 48 + "TAA"
CHROMOSOME = "".join(dice.choices("ACGT", k=500)) + CODING + "".join(dice.choices("ACGT", k=1350))
GENE = "".join(
    f"1\te\t{kind}\t501\t650\t.\t+\t{phase}\t{attributes}\n"
    for kind, phase, attributes in (
        ("gene", ".", "ID=gene:ENSG1;Name=GENE1;biotype=protein_coding"),
        ("mRNA", ".", "ID=transcript:ENST1;Parent=gene:ENSG1;biotype=protein_coding"),
        ("exon", ".", "Parent=transcript:ENST1"),
        ("CDS", "0", "ID=CDS:ENSP1;Parent=transcript:ENST1"),
    )
)
MANIFEST = """
id = "nuclear"
version = "1"
title = "A made-up genome"
assembly = "GRCh99"
fasta = "genome.fa"
[[contigs]]
name = "1"
length = 2000
aliases = ["chr1"]
[[contigs]]
name = "MT"
length = 16569
aliases = ["chrM"]
"""


def bundle(folder: Path) -> manifest.Bundle:
    """Write the reference bundle of this genome into a new folder."""
    rcrs = manifest.find("rcrs")
    folder.mkdir()
    mitochondrion = "".join(rcrs.path(rcrs.fasta).read_text().splitlines()[1:])
    (folder / "genome.fa").write_text(f">1\n{CHROMOSOME}\n>MT\n{mitochondrion}\n")
    pysam.faidx(str(folder / "genome.fa"))
    sequence.build(folder / "genome.fa", folder / sequence.FILE)
    models = folder.parent / f"{folder.name}.gff3"
    models.write_text(make_mito_bundle.gff3() + GENE)
    build.add_genes(models, folder, {"1": "1", "chr1": "1", "MT": "MT", "chrM": "MT"})
    (folder / manifest.MANIFEST).write_text(MANIFEST + manifest.file_table(folder))
    return manifest.load(folder)
