"""Whether the compiled transcripts near each variant are those that VEP names, and are described as VEP describes them.

    python scripts/studies/near_transcripts.py GENES.gff3 GENOME.fa VEP.vcf.gz [--code CONTIG=CODE]

Compares the set of transcripts within 5,000 bases of each allele, and of each transcript gene, symbol, biotype, strand, version,
and the totals of exons, introns, cDNA and coding sequence. Exit status 1 if one is missing or differs.
"""

import argparse
import collections
import gzip
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from app.engine.bundles import sequence
from app.engine.bundles.compiling import compile_models
from app.engine.bundles.sequence import Sequence
from app.engine.bundles.transcripts import Transcripts
from app.engine.consequence.transcript import Transcript

DISTANCE = 5_000


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("models", type=Path)
    arguments.add_argument("fasta", type=Path)
    arguments.add_argument("vep", type=Path)
    arguments.add_argument("--code", action="append", default=[], metavar="CONTIG=CODE")
    asked = arguments.parse_args()
    codes = {contig: int(code) for contig, _, code in (item.partition("=") for item in asked.code)}
    with tempfile.TemporaryDirectory() as folder:
        begun = time.process_time()
        sequence.build(asked.fasta, Path(folder, sequence.FILE))
        compiled = compile_models(
            asked.models, Sequence.open(Path(folder, sequence.FILE)), Path(folder, "transcripts.bin"), codes=codes
        )
        seconds = time.process_time() - begun
        print(f"{compiled.transcripts} transcripts of {compiled.genes} genes compiled in {seconds:.2f} s of CPU")
        for one in compiled.left_out:
            print(f"  left out: line {one.line}, {one.transcript}: {one.reason}")
        sys.exit(compare(Transcripts.open(Path(folder, "transcripts.bin")), asked.vep))


def compare(transcripts: Transcripts, vep: Path) -> bool:
    """Print what is missing, extra or otherwise; whether anything is."""
    blocks: dict[str, list[tuple[int, int, dict[str, dict[str, str]]]]] = collections.defaultdict(list)
    names: list[str] = []
    with gzip.open(vep, "rt") as lines:
        for line in lines:
            if "Format: " in line:
                names = line.split("Format: ")[1].rstrip('">\n').split("|")
            if not line.startswith("#"):
                contig, position, _, ref, alt, _, _, info = line.rstrip("\n").split("\t")[:8]
                trimmed = len(ref) != len(alt) and ref[0] == alt[0]  # what VEP does
                entries = (dict(zip(names, entry.split("|"), strict=True)) for entry in info.partition("CSQ=")[2].split(","))
                expected = {entry["Feature"].partition(".")[0]: entry for entry in entries if entry.get("Feature")}
                blocks[contig].append((int(position) + trimmed, int(position) + len(ref) - 1, expected))
    missing, extra, differs = collections.Counter[str](), collections.Counter[str](), collections.Counter[str]()
    pairs = 0
    for contig, block in blocks.items():
        starts, ends = np.array([start for start, _, _ in block]), np.array([end for _, end, _ in block])
        found: list[dict[str, Transcript]] = [{} for _ in block]
        for allele, row in zip(*transcripts.overlapping(contig, starts, ends, DISTANCE), strict=True):
            found[allele][transcripts[row].identifier.partition(".")[0]] = transcripts[row]
        for (_, _, expected), got in zip(block, found, strict=True):
            pairs += len(expected)
            missing.update(expected.keys() - got.keys())
            extra.update(f"{name} ({got[name].biotype})" for name in got.keys() - expected.keys())
            for name in expected.keys() & got.keys():
                differs.update(f"{field} of {name}" for field in differences(expected[name], got[name]))
    print(f"{sum(map(len, blocks.values()))} alleles, {pairs} pairs of VEP: {missing.total()} missing, {extra.total()} extra")
    for title, counted in (("missing", missing), ("extra", extra), ("differs", differs)):
        for name, count in counted.most_common():
            print(f"  {title}: {name}, {count} times")
    return bool(missing or differs)


def differences(entry: dict[str, str], transcript: Transcript) -> list[str]:
    """Fields of VEP's entry that the transcript contradicts."""
    exons, coding = len(transcript.exons), transcript.coding_end - transcript.coding_start + 1 + transcript.phase
    wanted = {
        "Gene": transcript.gene,
        "SYMBOL": transcript.symbol,
        "BIOTYPE": transcript.biotype,
        "STRAND": str(transcript.strand),
        "HGVSc": transcript.identifier,
        "HGVSp": transcript.protein,
        "EXON": str(exons),
        "INTRON": str(exons - 1),
        "cDNA_position": str(len(transcript.bases)),
        "CDS_position": str(coding),
    }
    found = {
        field: entry[field].split(":")[0] if field.startswith("HGVS") else entry[field].rpartition("/")[2] for field in wanted
    }
    found["HGVSp"] = found["HGVSp"].partition(".")[0]
    wanted["HGVSp"] = wanted["HGVSp"].partition(".")[0]
    return [f"{field} {found[field]} against {wanted[field]}" for field in wanted if found[field] not in ("", wanted[field])]


if __name__ == "__main__":
    main()
