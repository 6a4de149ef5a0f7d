"""How fast the engine is against the floor: `bench_engine.py [--records N…] [--samples N…] [--turns N] [--json]`.

Generates a deterministic VCF on a synthetic genome of five contigs with genes and two tracks, then measures in turns the floor
(bcftools view to bgzip at the engine's compression level, alone) and the engine with all its outputs: variants/s, CPU seconds,
peak memory of every process and of all together, and the median of the ratios.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import pysam

from app.engine.bundles import build, manifest, sequence
from app.engine.bundles.region_writer import write_regions
from app.engine.bundles.track_writer import AlleleTrack, ValueColumn
from app.engine.formats import bgzf

CONTIGS = 5
LENGTH = 12_000_000
BASES = "ACGT"


@dataclass(frozen=True)
class Run:
    seconds: float
    cpu: float
    peak: int  # bytes, of all processes together
    processes: list[tuple[str, int]]  # what each is, and its own peak


def genome(folder: Path, dice: random.Random) -> dict[str, str]:
    """Write sequence, genes, tracks and manifest of a synthetic bundle; the sequences."""
    sequences = {f"{number}": "".join(dice.choices(BASES, k=LENGTH)) for number in range(1, CONTIGS + 1)}
    with (folder / "genome.fa").open("w") as fasta:
        for name, bases in sequences.items():
            fasta.write(f">{name}\n" + "".join(bases[start : start + 60] + "\n" for start in range(0, LENGTH, 60)))
    pysam.faidx(str(folder / "genome.fa"))
    sequence.build(folder / "genome.fa", folder / sequence.FILE)
    models = folder.parent / "genes.gff3"
    genes = "".join(gene(name, start) for name in sequences for start in range(1000, LENGTH - 20_000, 40_000))
    models.write_text("##gff-version 3\n" + genes)
    build.add_genes(models, folder, {name: name for name in sequences})
    lengths = dict.fromkeys(sequences, LENGTH)
    with AlleleTrack(folder / "known.track", [ValueColumn("numbers", "rs")], lengths) as track:
        track.write(
            (name, at, bases[at - 1].encode(), b"A" if bases[at - 1] != "A" else b"C", [b"rs%d" % at])
            for name, bases in sequences.items()
            for at in range(500, LENGTH, 50)
        )
    bands = range(0, LENGTH, 1_000_000)
    rows = [(name, start, start + 1_000_000, [b"p%d" % (start // 1_000_000)]) for name in sequences for start in bands]
    write_regions(folder / "bands.track", rows, lengths)
    contigs = "".join(f'[[contigs]]\nname = "{name}"\nlength = {LENGTH}\naliases = ["chr{name}"]\n' for name in sequences)
    (folder / "manifest.toml").write_text(MANIFEST.format(contigs=contigs) + manifest.file_table(folder))
    return sequences


MANIFEST = """id = "bench"
version = "1"
title = "Synthetic genome"
assembly = "synthetic"
fasta = "genome.fa"
{contigs}
[[tracks]]
id = "known"
title = "Known variants"
file = "known.track"
kind = "allele"
columns = [{{ tag = "GAS_RSID", number = "1", type = "String", description = "Identifier" }}]
[[tracks]]
id = "bands"
title = "Bands"
file = "bands.track"
kind = "region"
columns = [{{ tag = "GAS_BAND", number = ".", type = "String", description = "Band" }}]
"""


def gene(contig: str, start: int) -> str:
    """A gene of two coding exons in 3,000 bases."""
    strand, name = "+-"[start // 40_000 % 2], f"{contig}_{start}"
    rows = [("gene", 0, 2999, f"ID=gene:G{name};Name=GENE{name};biotype=protein_coding")]
    rows += [("mRNA", 0, 2999, f"ID=transcript:T{name};Parent=gene:G{name};biotype=protein_coding")]
    for first, last in ((0, 899), (2100, 2999)):
        rows += [("exon", first, last, f"Parent=transcript:T{name}"), ("CDS", first, last, f"Parent=transcript:T{name}")]
    return "".join(
        f"{contig}\tGAS\t{kind}\t{start + first}\t{start + last}\t.\t{strand}\t{'0' if kind == 'CDS' else '.'}\t{attributes}\n"
        for kind, first, last, attributes in rows
    )


def variants(path: Path, sequences: dict[str, str], records: int, samples: int, dice: random.Random) -> None:
    """Write the VCF: nine in ten SNVs, some insertions, deletions and sites with two alternative alleles."""
    names = "".join(f"\tS{number}" for number in range(samples))
    with path.open("w") as vcf:
        vcf.write("##fileformat=VCFv4.2\n" + "".join(f"##contig=<ID={name},length={LENGTH}>\n" for name in sequences) + META)
        vcf.write("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO" + ("\tFORMAT" + names if samples else "") + "\n")
        for name, bases in sequences.items():
            for position in sorted(dice.sample(range(100, LENGTH - 100), records // CONTIGS)):
                ref = bases[position - 1]
                others = BASES.replace(ref, "")
                match dice.randrange(100):
                    case 0 | 1:
                        alts = dice.sample(others, 2)
                    case 2 | 3 | 4:
                        alts = [ref + "".join(dice.choices(BASES, k=dice.randint(1, 4)))]
                    case 5 | 6 | 7:
                        ref = bases[position - 1 : position + dice.randint(1, 4)]
                        alts = [ref[0]]
                    case _:
                        alts = [dice.choice(others)]
                counts = ",".join(str(dice.randint(1, 99)) for _ in alts)
                shares = ",".join(f"{dice.random():.4f}" for _ in alts)
                calls = "".join(f"\t{dice.choice(GENOTYPES)}:{dice.randint(5, 60)}:{dice.randint(0, 99)}" for _ in range(samples))
                info = f"AC={counts};AN=200;AF={shares};DP={dice.randint(10, 9999)}"
                tail = f"\tGT:DP:GQ{calls}" if samples else ""
                vcf.write(f"{name}\t{position}\t.\t{ref}\t{','.join(alts)}\t{dice.randint(20, 999)}\tPASS\t{info}{tail}\n")


GENOTYPES = ("0/0", "0/0", "0/1", "1/1", "./.")
META = """##INFO=<ID=AC,Number=A,Type=Integer,Description="Allele count">
##INFO=<ID=AN,Number=1,Type=Integer,Description="Alleles">
##INFO=<ID=AF,Number=A,Type=Float,Description="Allele frequency">
##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Quality">
"""


def measure(command: list[str]) -> Run:
    """Run a command and watch the memory of it and of everything that it starts."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    together, each = 0, dict[int, tuple[str, int]]()
    done = threading.Event()

    def watch() -> None:
        nonlocal together
        while not done.wait(0.05):
            sizes = {pid: resident(pid) for pid in (child.pid, *descendants(child.pid))}
            together = max(together, sum(sizes.values()))
            for pid, size in sizes.items():
                name, largest = each.get(pid, ("", 0))
                each[pid] = what(pid) or name, max(size, largest)

    watcher = threading.Thread(target=watch)
    watcher.start()
    status = child.wait()
    seconds = time.perf_counter() - started
    done.set()
    watcher.join()
    if status:
        raise SystemExit(f"{command} ended with {status}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(seconds, cpu, together, sorted(each.values(), reverse=True))


def descendants(pid: int) -> list[int]:
    try:
        children = [int(child) for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [found for child in children for found in (child, *descendants(child))]


def resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return 0


def what(pid: int) -> str:
    """What a process is, by its command: a worker, bcftools, or the engine itself."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    if "app.engine.formats.bcftools" in words:
        return words[words.index("app.engine.formats.bcftools") + 2]
    return "worker" if "app.engine.pipeline.pool" in words else "engine" if "app.engine" in words else ""


def compare(work: Path, source: Path, records: int, samples: int, options: argparse.Namespace) -> dict[str, Any]:
    """Measure the floor and the engine in turns; the medians."""
    child = [sys.executable, "-m", "app.engine.formats.bcftools", str(os.getpid())]
    floor = [*child, "view", "-Oz", "-l", str(bgzf.LEVEL), "-o", str(work / "floor.vcf.gz"), str(source)]
    engine = [sys.executable, "-m", "app.engine", str(source), str(work / "out"), "--name", "bench"]
    engine += ["--bundle", "bench", "--bundles", str(work / "bundles")]
    turns = [(measure(floor), measure(engine)) for _ in range(options.turns)]
    assert json.loads((work / "out" / "summary.json").read_text())["records_in"] == records
    found: dict[str, Any] = {"records": records, "samples": samples}
    for name, runs in (("floor", [turn[0] for turn in turns]), ("engine", [turn[1] for turn in turns])):
        found[name] = {
            "seconds": round(median(run.seconds for run in runs), 2),
            "records_per_second": round(records / median(run.seconds for run in runs)),
            "cpu_seconds": round(median(run.cpu for run in runs), 2),
            "peak_mib": round(max(run.peak for run in runs) / 2**20),
            "processes": [(kind or name, round(size / 2**20)) for kind, size in runs[0].processes],
        }
    found["percent_of_floor"] = round(100 * median(one.seconds / other.seconds for one, other in turns))
    return found


def show(found: dict[str, Any]) -> None:
    print(f"\n{found['records']:,} records, {found['samples']} samples")
    print(f"{'':8}{'seconds':>9}{'records/s':>12}{'CPU s':>8}{'peak MiB':>10}  of which")
    for name in ("floor", "engine"):
        run = found[name]
        each = ", ".join(f"{kind} {size}" for kind, size in run["processes"])
        line = f"{name:8}{run['seconds']:9.2f}{run['records_per_second']:12,}{run['cpu_seconds']:8.2f}{run['peak_mib']:10}"
        print(f"{line}  {each}")
    print(f"the engine reaches {found['percent_of_floor']}% of the floor")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--samples", type=int, nargs="+", default=[0, 10])
    parser.add_argument("--turns", type=int, default=3, help="how often each is measured, in turns")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    options = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        bundle = work / "bundles" / "bench"
        bundle.mkdir(parents=True)
        sequences = genome(bundle, random.Random(20))
        for samples in options.samples:
            for records in options.records:
                variants(work / "in.vcf", sequences, records, samples, random.Random(21))
                results.append(compare(work, work / "in.vcf", records, samples, options))
                if not options.json:
                    show(results[-1])
    facts = {"cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1), "level": bgzf.LEVEL}
    if options.json:
        print(json.dumps({**facts, "results": results}, indent=1))
    else:
        print(f"\n{facts['cores']} cores, compression level {facts['level']}, load at the end {facts['load']}")


if __name__ == "__main__":
    main()
