"""A genome and its gene models in the size of the human ones, made up from a seed, and what compiling and opening them costs.

    python scripts/studies/human_size.py make FOLDER [--seed 1] [--genes 60000] [--transcripts 250000] [--bases 3100000000]
    python scripts/studies/human_size.py measure FOLDER

`make` writes genome.fa and genes.gff3.gz in Ensembl's dialect; `measure` builds a bundle of them, and prints seconds of CPU,
bytes, the private memory of opening and asking its parts, and what a job of ten variants costs as the annotator starts it.
`job` does the last alone. Lengths are drawn so that exons, introns and coding sequences are about as long and as many as in
Ensembl's human annotation.
"""

import argparse
import gzip
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pysam

from app.engine.bundles import layout, sequence
from app.engine.bundles.build import add_genes
from app.engine.bundles.manifest import MANIFEST
from app.engine.bundles.sequence import Sequence
from app.engine.bundles.transcripts import Transcripts

LINE_BASES = 60
CHUNK_BASES = LINE_BASES << 16
RUNS = 10  # of a job, of which the least counts: a busy machine adds to it
BUNDLE = "human_size"
DESCRIBED = f"""id = "{BUNDLE}"
version = "1"
title = "A genome in the size of the human one"
assembly = "made up"
fasta = "genome.fa"
files = []
"""
CONTIGS = [str(number) for number in range(1, 23)] + ["X", "Y"]
LENGTHS = [248, 242, 198, 190, 181, 170, 159, 145, 138, 133, 135, 133, 114, 107, 102, 90, 83, 80, 58, 64, 46, 50, 156, 57]
"""Megabases of the human chromosomes, by which those made up are proportioned."""


def lengths(bases: int) -> dict[str, int]:
    """Bases of each contig, of this many altogether."""
    return {name: bases * length // sum(LENGTHS) for name, length in zip(CONTIGS, LENGTHS, strict=True)}


def write_genome(path: Path, bases: int, seed: int) -> None:
    """A FASTA of random bases."""
    rng = np.random.default_rng(seed)
    letters = np.frombuffer(b"ACGT", np.uint8)
    with path.open("wb") as file:
        for name, length in lengths(bases).items():
            file.write(f">{name} made up\n".encode())
            for begin in range(0, length, CHUNK_BASES):
                count = min(CHUNK_BASES, length - begin)
                chunk = letters[rng.integers(0, 4, count, np.uint8)].tobytes()
                chunk_lines = (chunk[at : at + LINE_BASES] for at in range(0, count, LINE_BASES))
                file.write(b"\n".join(chunk_lines) + b"\n")


def gene_models(bases: int, genes: int, transcripts: int, seed: int) -> Iterator[str]:
    """Lines of a GFF3 in Ensembl's dialect."""
    rng = np.random.default_rng(seed + 1)
    yield "##gff-version 3\n"
    number = made = 0
    for contig, length in lengths(bases).items():
        here = max(genes * length // bases, 1)
        for start in np.sort(rng.integers(1, max(length - 120_000, 2), here)).tolist():
            number += 1
            wanted = max(round(transcripts * number / genes) - made, 1)
            made += wanted
            yield from _gene(rng, contig, start, number, made, wanted)


def _gene(rng: np.random.Generator, contig: str, start: int, number: int, made: int, wanted: int) -> Iterator[str]:
    strand, coding = "+-"[number % 2], number % 3 == 0
    exons = int(min(rng.geometric(1 / (11 if coding else 4)), 60))
    sizes = np.clip(rng.lognormal(4.9, 0.7, exons), 30, 4_000).astype(int)
    gaps = np.clip(rng.lognormal(7.2, 1.4, exons), 70, 110_000 // exons).astype(int)
    starts = start + np.concatenate([[0], np.cumsum(sizes + gaps)[:-1]])
    ends = starts + sizes - 1
    name, biotype = f"ENSG{number:011d}", "protein_coding" if coding else "lncRNA"
    symbol = f"Name=GENE{number};" if number % 4 else ""
    origin = f"description=gene {number} [Source:HGNC Symbol%3BAcc:HGNC:{number}];" if number % 4 else ""
    attributes = f"ID=gene:{name};{symbol}biotype={biotype};{origin}gene_id={name};logic_name=made_up;version=3"
    yield f"{contig}\tmade_up\t{'gene' if coding else 'ncRNA_gene'}\t{start}\t{ends[-1]}\t.\t{strand}\t.\t{attributes}\n"
    for index in range(wanted):
        kept = np.flatnonzero(rng.random(exons) < 0.8) if index else np.arange(exons)
        kept = kept if len(kept) else np.arange(1)
        yield from _transcript(contig, strand, starts[kept].tolist(), ends[kept].tolist(), coding, made - index, name, index == 0)


def _transcript(
    contig: str, strand: str, starts: list[int], ends: list[int], coding: bool, number: int, gene: str, first: bool
) -> Iterator[str]:
    name = f"ENST{number:011d}"
    biotype = "protein_coding" if coding else "lncRNA"
    tags = "basic,Ensembl_canonical,MANE_Select" if first and coding else "basic"
    attributes = f"ID=transcript:{name};Parent=gene:{gene};Name=T{number};biotype={biotype};tag={tags};transcript_id={name}"
    attributes += f";transcript_support_level={number % 5 + 1};version={number % 9 + 1}"
    kind = "mRNA" if coding else "lnc_RNA"
    yield f"{contig}\tmade_up\t{kind}\t{starts[0]}\t{ends[-1]}\t.\t{strand}\t.\t{attributes}\n"
    sizes = [end - start + 1 for start, end in zip(starts, ends, strict=True)]
    total = sum(sizes)
    begin, stop = total // 10, total // 10 + (total - total // 4) // 3 * 3
    done = 0
    for rank, at in enumerate(range(len(starts))[:: 1 if strand == "+" else -1], 1):
        start, end = starts[at], ends[at]
        exon = f"ENSE{number:08d}{rank:03d}"
        about = f"Parent=transcript:{name};Name={exon};constitutive=0;exon_id={exon};rank={rank}"
        yield f"{contig}\tmade_up\texon\t{start}\t{end}\t.\t{strand}\t.\t{about};version=1\n"
        low, high = max(begin - done, 0), min(stop - done, sizes[at])  # of the exon in the direction of transcription
        if coding and low < high:
            place = (start + low, start + high - 1) if strand == "+" else (end - high + 1, end - low)
            phase = -(done + low - begin) % 3
            about = f"ID=CDS:ENSP{number:011d};Parent=transcript:{name};protein_id=ENSP{number:011d};version=1"
            yield f"{contig}\tmade_up\tCDS\t{place[0]}\t{place[1]}\t.\t{strand}\t{phase}\t{about}\n"
        done += sizes[at]


def make(folder: Path, seed: int, genes: int, transcripts: int, bases: int) -> None:
    """Write genome.fa and genes.gff3.gz into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_genome(folder / "genome.fa", bases, seed)
    with gzip.open(folder / "genes.gff3.gz", "wt", compresslevel=1) as file:
        file.writelines(gene_models(bases, genes, transcripts, seed))


def private_bytes() -> int:
    """Memory of this process that no other can share: pages that it has written."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Private_Dirty:"))


def measure(folder: Path) -> None:
    """Build, open and annotate; prints what it costs."""
    for step in ("sequence", "compile", "open", "job"):
        command = [sys.executable, __file__, step, str(folder)]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": os.getcwd()})


def bundle(folder: Path) -> Path:
    """The folder of the bundle, with the FASTA in it."""
    made = folder / "bundles" / BUNDLE
    if not made.exists():
        made.mkdir(parents=True)
        os.link(folder / "genome.fa", made / "genome.fa")
        pysam.faidx(str(made / "genome.fa"))
        contigs = [line.split("\t")[:2] for line in (made / "genome.fa.fai").read_text().splitlines()]
        tables = "".join(f'[[contigs]]\nname = "{name}"\nlength = {length}\n' for name, length in contigs)
        (made / MANIFEST).write_text(f"{DESCRIBED}{tables}")
    return made


def _step(folder: Path, step: str) -> None:
    made, begun = bundle(folder), time.process_time()
    if step == "sequence":
        sequence.build(made / "genome.fa", made / sequence.FILE)
        size = (made / sequence.FILE).stat().st_size
        print(f"sequence: {time.process_time() - begun:.1f} s of CPU, {size / 1e6:.0f} MB, {_peak()}")
    elif step == "compile":
        compiled = add_genes(folder / "genes.gff3.gz", made, {})
        size = (made / layout.FILE).stat().st_size
        print(f"compile: {time.process_time() - begun:.1f} s of CPU, {size / 1e6:.0f} MB, {_peak()}")
        print(f"  {compiled.genes} genes, {compiled.transcripts} transcripts, {len(compiled.left_out)} left out")
    elif step == "open":
        _open(made)
    else:
        _job(folder)


def _peak() -> str:
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    return f"{peak_mib} MiB resident at most, {private_bytes() >> 20} MiB private now"


def ten_variants(made: Path) -> str:
    """A VCF of a substitution, a deletion or an insertion in a coding exon of each of ten chromosomes."""
    transcripts, bases = Transcripts.open(made / layout.FILE), Sequence.open(made / sequence.FILE)
    rows = []
    for number, contig in enumerate(CONTIGS[:10]):
        there = transcripts.rows(contig)
        row = next(row for row in there[len(there) // 2 :] if transcripts.coding_starts[row])
        position = (transcripts[row].exons[0][0] + transcripts[row].exons[0][1]) // 2
        ref = bases.get(contig, position, position + (number % 3 == 1)).decode()
        alt = ref[0] if len(ref) > 1 else "ACGT"["ACGT".index(ref) - 1] + ("GG" if number % 3 == 2 else "")
        rows.append(f"{contig}\t{position}\t.\t{ref}\t{alt}\t.\t.\t.\n")
    return "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n" + "".join(rows)


def _job(folder: Path) -> None:
    (folder / "ten.vcf").write_text(ten_variants(bundle(folder)))
    command = ["-m", "app.engine", str(folder / "ten.vcf"), str(folder / "out"), "--name=ten.vcf"]
    command += [f"--bundle={BUNDLE}", f"--among={BUNDLE}", f"--bundles={folder / 'bundles'}"]
    # compiled modules are kept, as those of an installed release are
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = {**kept, "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
    _child(command, environment)
    runs = [_child(command, environment) for _ in range(RUNS)]
    summary = json.loads((folder / "out" / "summary.json").read_text())
    print(f"job: {summary['records_out']} records, {summary['consequences']}")
    cpu, wall, private = zip(*runs, strict=True)
    print(f"job: {min(cpu):.2f} s of CPU, {min(wall):.2f} s (least of {RUNS} runs), {max(private) >> 20} MiB beyond mapped pages")


def _child(command: list[str], environment: dict[str, str]) -> tuple[float, float, int]:
    """Seconds of CPU, seconds, and the most bytes of its own of the engine as a child process."""
    begun, private = time.monotonic(), 0
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    child = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL, env=environment)
    while child.poll() is None:
        lines = Path(f"/proc/{child.pid}/status").read_text().splitlines()
        private = max([private, *(int(line.split()[1]) << 10 for line in lines if line.startswith("RssAnon:"))])
        time.sleep(0.002)
    wall = time.monotonic() - begun
    if child.returncode:
        raise SystemExit(f"the engine ended with status {child.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall, private


def _open(folder: Path) -> None:
    np.searchsorted(np.arange(3), 1)  # what numpy itself takes at its first use
    before, begun = private_bytes(), time.process_time()
    transcripts, bases = Transcripts.open(folder / layout.FILE), Sequence.open(folder / sequence.FILE)
    seconds = time.process_time() - begun
    print(f"open: {seconds * 1000:.1f} ms of CPU, {private_bytes() - before} bytes private")
    rng = np.random.default_rng(7)
    length = bases.lengths["1"]
    for title, positions in (
        ("spread over the contig", np.sort(rng.integers(1, length, 100_000))),
        ("in genes", np.sort(transcripts.starts[rng.integers(0, len(transcripts.rows("1")), 100_000)].astype(np.int64) + 500)),
    ):
        for distance in (0, 5_000):
            before, begun = private_bytes(), time.process_time()
            alleles, rows = transcripts.overlapping("1", positions, positions, distance)
            seconds = time.process_time() - begun
            each, pair = (seconds / count * 1e9 for count in (len(positions), max(len(rows), 1)))
            print(f"join, 100,000 alleles {title}, {distance} bases: {each:.0f} ns each, {len(rows)} pairs, {pair:.0f} ns a pair")
            del alleles, rows
    begun = time.process_time()
    bases.agrees("1", positions, np.full(len(positions), ord("A"), np.uint8))
    print(f"reference base: {(time.process_time() - begun) / len(positions) * 1e9:.0f} ns each")
    for title, chosen in (
        ("anywhere", rng.integers(0, len(transcripts), 10_000).tolist()),
        ("neighbours", list(range(100_000, 110_000))),
    ):
        begun = time.process_time()
        for row in chosen:
            transcripts[row]
        print(f"decode, {title}: {(time.process_time() - begun) / len(chosen) * 1e6:.1f} µs a transcript")
    begun = time.process_time()
    transcripts.genes.find("gene4001")
    print(f"gene by name: {(time.process_time() - begun) * 1e6:.0f} µs")
    print(f"private after all that: {private_bytes() - before} bytes more than before the join")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("step", choices=("make", "measure", "sequence", "compile", "open", "job"))
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--genes", type=int, default=60_000)
    arguments.add_argument("--transcripts", type=int, default=250_000)
    arguments.add_argument("--bases", type=int, default=3_100_000_000)
    asked = arguments.parse_args()
    if asked.step == "make":
        make(asked.folder, asked.seed, asked.genes, asked.transcripts, asked.bases)
    elif asked.step == "measure":
        measure(asked.folder)
    else:
        _step(asked.folder, asked.step)


if __name__ == "__main__":
    main()
