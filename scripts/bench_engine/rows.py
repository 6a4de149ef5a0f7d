"""The rows of large files: what each is measured on, and its bars."""

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.engine.bundles import manifest
from scripts import make_mito_bundle
from scripts.bench_engine import data
from scripts.bench_engine.measuring import deflating_seconds, measure

MEMORY = {"MiB of its own": 250.0}


@dataclass(frozen=True)
class Row:
    """Something to measure. `share`: of the records that are asked for; `bars`: the most that each number may be."""

    title: str
    mitochondrial: bool = False
    samples: int = 0
    panel: bool = False
    share: float = 1.0
    bars: Mapping[str, float] = field(default_factory=dict)


ROWS = {
    "mitochondrion": Row("Mitochondrion, distance 0", mitochondrial=True, bars={"× floor": 1.5, **MEMORY}),
    "nuclear": Row("Nuclear-like genome with a track", bars={"× pipeline": 0.7, **MEMORY}),
    "ten": Row("Ten samples, nuclear-like genome with a track", samples=10, bars={"× floor": 1.5, **MEMORY}),
    "panel": Row("2,504 samples, nuclear-like genome with a track", samples=2504, panel=True, share=0.01, bars=MEMORY),
}


@dataclass(frozen=True)
class Found:
    """CPU seconds of the engine, the floor and the pipeline; `seconds` by the clock of the engine."""

    records: int
    engine: float
    floor: float
    pipeline: float
    seconds: float
    own_bytes: int


def measured(row: Row, folder: Path, records: int) -> Found:
    """Measures one row once. The data are made in `folder` unless they are there."""
    bundle = manifest.find("rcrs") if row.mitochondrial else data.nuclear(folder)
    count = round(records * row.share)
    source = folder / f"{bundle.id}.{count}.{row.samples}.vcf"
    if not source.is_file():
        rows = data.mitochondrial_rows(bundle, count) if row.mitochondrial else data.nuclear_rows(bundle, count)
        data.write_vcf(source, bundle, rows, row.samples, plain=row.panel)
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    distance = " --distance 0" if row.mitochondrial else ""
    gas = f"{Path(sys.executable).with_name('gas')} annotate"
    engine = measure(f"{gas} {source} --out {out} --formats vcf --bundle {bundle.id} --bundles {folder / 'bundles'}{distance}")
    summary = json.loads((out / f"{source.stem}.summary.json").read_text())
    assert summary["records_in"] == count, summary["records_in"]
    floor = measure(f"bcftools view --no-version -Ov {source} > /dev/null").cpu_seconds
    floor += deflating_seconds(out / f"{source.stem}.annot.vcf.gz")
    pipeline = measure(_pipeline(folder, bundle, source)).cpu_seconds
    return Found(count, engine.cpu_seconds, floor, pipeline, engine.seconds, engine.own_bytes)


def _pipeline(folder: Path, bundle: manifest.Bundle, source: Path) -> str:
    """The command that does with bcftools what it can of the same.

    Without `norm` on the mitochondrion, for it takes hours there: it compares the records of one position with each other.
    """
    genome, models = bundle.path(bundle.fasta), folder / f"{bundle.id}.gff3"
    known, declared, nuclear = folder / "known.tab.gz", folder / "known.hdr", bundle.id == data.BUNDLE
    if not models.is_file():
        sources = folder / "sources"
        models.write_text((sources / "genes.gff3").read_text() if nuclear else make_mito_bundle.gff3())
    if nuclear and not known.is_file():
        declared.write_text('##INFO=<ID=KAF,Number=1,Type=Float,Description="Allele frequency">\n')
        table = rf"bcftools query -f '%CHROM\t%POS\t%REF\t%ALT\t%ID\t%INFO/AF\n' {folder / 'sources' / 'known.vcf'}"
        measure(f"{table} | bgzip -c > {known} && tabix -s 1 -b 2 -e 2 {known}")
    steps = [f"bcftools norm -Ou -m -any -f {genome} {source}" if nuclear else f"bcftools view -Ou {source}"]
    steps += [f"bcftools csq -Ou -p a -f {genome} -g {models}"]
    # from a table: from a VCF, bcftools annotates no stream
    columns = f"bcftools annotate -Ov -a {known} -h {declared} -c CHROM,POS,REF,ALT,ID,INFO/KAF"
    steps += [columns] if nuclear else ["bcftools view -Ov"]
    return " | ".join([*steps, f"bgzip -c -l 6 > {folder / 'pipeline.vcf.gz'}"])
