"""Small VCFs on the mitochondrial reference, and the engine run on them."""

import gzip
import json
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pysam
import pytest

from app.annotation import reference
from app.annotation.engine import annotate

HEADER = (
    "##fileformat=VCFv4.2\n"
    "##contig=<ID=MT,length=16569>\n"
    '##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
)

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
NUCLEAR = """
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
[[genes]]
file = "genes.gff3"
genetic_code = 1
[[genes]]
file = "genes.mt.gff3"
genetic_code = 2
"""


def vcf(*records: str, header: str = HEADER) -> str:
    """A VCF of records written with blanks between the columns."""
    return header + "".join(record.replace(" ", "\t") + "\n" for record in records)


@dataclass
class Annotated:
    header: list[str]
    records: list[list[str]]
    summary: dict[str, Any]
    folder: Path

    def info(self, index: int) -> dict[str, str]:
        return dict(item.partition("=")[::2] for item in self.records[index][7].split(";"))

    def notes(self) -> dict[str, int]:
        return {note["code"]: note["count"] for note in self.summary["notes"]}


@pytest.fixture(scope="session")
def rcrs() -> reference.Bundle:
    return reference.find("rcrs")


@pytest.fixture(scope="session")
def nuclear(tmp_path_factory: pytest.TempPathFactory, rcrs: reference.Bundle) -> reference.Bundle:
    """A made-up genome: chromosome 1 with one gene (GENE1, 501 to 650) under the standard code, and the mitochondrion."""
    folder = tmp_path_factory.mktemp("bundles") / "nuclear"
    folder.mkdir()
    mitochondrion = "".join(rcrs.path(rcrs.fasta).read_text().splitlines()[1:])
    (folder / "genome.fa").write_text(f">1\n{CHROMOSOME}\n>MT\n{mitochondrion}\n")
    pysam.faidx(str(folder / "genome.fa"))
    (folder / "genes.gff3").write_text("##gff-version 3\n" + GENE)
    (folder / "genes.mt.gff3").write_text(rcrs.path("genes.gff3").read_text())
    (folder / reference.MANIFEST).write_text(NUCLEAR + reference.file_table(folder))
    return reference.load(folder)


@pytest.fixture
def run(tmp_path: Path, rcrs: reference.Bundle) -> Callable[..., Annotated]:
    """Annotate a text or bytes; gives back what was written."""

    def run(content: str | bytes, name: str = "input.vcf") -> Annotated:
        path = tmp_path / "input"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        result = annotate(path, tmp_path / "out", name=name, bundle=rcrs)
        lines = gzip.decompress(result.vcf.read_bytes()).decode().splitlines()
        header = [line for line in lines if line.startswith("#")]
        records = [line.split("\t") for line in lines if not line.startswith("#")]
        return Annotated(header, records, json.loads((result.folder / "summary.json").read_text()), result.folder)

    return run


@pytest.fixture
def child(tmp_path: Path) -> Callable[..., tuple[int, list[dict[str, Any]], str]]:
    """Run the engine as the daemon does; exit code, events, standard error."""

    def child(*arguments: str | Path) -> tuple[int, list[dict[str, Any]], str]:
        done = subprocess.run(
            [sys.executable, "-m", "app.annotation", *map(str, arguments)], capture_output=True, text=True, timeout=60
        )
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr

    return child
