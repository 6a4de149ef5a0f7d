"""Files to annotate, the same in every run, and what the engine makes of them here: what results are compared with."""

from __future__ import annotations

import gzip
import hashlib
import random
import subprocess
import sys
from pathlib import Path

from app.engine.bundles.manifest import EMBEDDED

HEAD = "##fileformat=VCFv4.2\n##contig=<ID=MT,length=16569>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


def vcf(records: int, seed: int = 1) -> bytes:
    """A mitochondrial VCF of single-base changes, sorted; the same bytes for the same arguments."""
    lines = (EMBEDDED / "rcrs" / "rcrs.fa").read_text().splitlines()
    bases, chance = "".join(line for line in lines if not line.startswith(">")), random.Random(seed)
    positions = sorted(chance.choice(range(1, len(bases) + 1)) for _ in range(records))
    rows = []
    for number, position in enumerate(positions):
        base = bases[position - 1]
        other = chance.choice([letter for letter in "ACGT" if letter != base])
        if base in "ACGT":
            rows.append(f"MT\t{position}\t.\t{base}\t{other}\t.\tPASS\tN={number}\n")
    return (HEAD + "".join(rows)).encode()


def digest(result: bytes) -> str:
    """SHA-256 of a result's records, whatever its header says of versions."""
    lines = gzip.decompress(result).splitlines(keepends=True)
    return hashlib.sha256(b"".join(line for line in lines if not line.startswith(b"#"))).hexdigest()


def prepare(folder: Path, sizes: list[int]) -> dict[str, str]:
    """Writes a sample of each size (records) and has this machine's engine annotate it; digest of the result by file name."""
    folder.mkdir(parents=True, exist_ok=True)
    expected = {}
    for records in sizes:
        source, out = folder / f"sample{records}.vcf", folder / f"reference{records}"
        source.write_bytes(vcf(records))
        gas = str(Path(sys.executable).with_name("gas"))
        subprocess.run([gas, "annotate", str(source), "-o", str(out)], check=True, capture_output=True)
        expected[source.name] = digest((out / f"sample{records}.annot.vcf.gz").read_bytes())
    return expected
