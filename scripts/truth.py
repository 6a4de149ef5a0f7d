"""Compares the engine's consequences with those of Ensembl VEP, field by field, and counts each difference under its reason.

    truth.py VEP.vcf[.gz] (--bundle ID | --fasta FASTA --gff3 GFF3) [--extra-ok] [--distance 5000] [--out FOLDER] [--show 5]

The alleles of VEP's VCF, one a record and each with an ID of its own, are annotated anew: with a bundle, or with one that is made
of a sequence and gene models. Answers are matched by ID and transcript. The exit status is 0 if at least 99.9 % of the values of
each field are equal or differ for one of the `REASONS`.
"""

import argparse
import gzip
import shutil
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pysam

from app.engine.bundles import build, manifest, sequence
from app.engine.bundles.manifest import Bundle
from app.engine.bundles.sources import opened
from app.engine.bundles.transcripts import Transcripts
from app.engine.consequence.csq_fields import NAMES
from app.engine.pipeline.annotate import annotate
from scripts.truth_reasons import REASONS, Pair

WANTED_SHARE = 0.999
SKIPPED = frozenset({"Existing_variation", "ALLELE_NUM", "SOURCE", "SYMBOL_SOURCE", "HGNC_ID", "CANONICAL", "Feature"})
"""Fields that VEP fills from its cache, or with the name of its file."""

Entries = dict[str, dict[str, str]]
"""Values by field, by transcript without its version."""

MANIFEST = """id = "truth"
version = "1"
title = "A sequence and its gene models"
assembly = "unnamed"
fasta = "genome.fa"
"""


def bundle_of(fasta: Path, gff3: Path, folder: Path) -> Bundle:
    """Returns a bundle of this sequence and these gene models, made in a new folder."""
    folder.mkdir()
    with opened(fasta) as text, (folder / "genome.fa").open("wb") as plain:
        shutil.copyfileobj(text, plain)
    pysam.faidx(str(folder / "genome.fa"))
    lengths = sequence.build(folder / "genome.fa", folder / sequence.FILE)
    compiled = build.add_genes(gff3, folder, {name: name for name in lengths})
    print(f"{compiled.transcripts} transcripts of {compiled.genes} genes; left out: {len(compiled.left_out)}")
    contigs = "".join(f'[[contigs]]\nname = "{name}"\nlength = {length}\n' for name, length in lengths.items())
    (folder / manifest.MANIFEST).write_text(MANIFEST + contigs + manifest.file_table(folder))
    return manifest.load(folder)


def lines(path: Path) -> Iterator[str]:
    """Gives the lines of a VCF, plain or compressed."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        for line in file:
            yield line.rstrip("\n")


def consequences(path: Path) -> Iterator[tuple[list[str], Entries]]:
    """Gives the columns of each record, and the entries of its CSQ, read by the Format in the header."""
    names: list[str] = []
    for line in lines(path):
        if line.startswith("##INFO=<ID=CSQ"):
            names = line.split("Format: ")[1].rstrip('">').split("|")
        if line.startswith("#"):
            continue
        columns = line.split("\t")
        text = next(item for item in columns[7].split(";") if item.startswith("CSQ="))[4:]
        entries = [dict(zip(names, map(unquote, one.split("|")), strict=False)) for one in text.split(",") if "|" in one]
        yield columns, {entry["Feature"].split(".")[0]: entry for entry in entries}


def annotated(vep: Path, bundle: Bundle, distance: int, folder: Path) -> Path:
    """Returns the result of the engine for the alleles of VEP's VCF, in the folder."""
    bare = folder / "alleles.vcf"
    with bare.open("w") as file:
        for line in lines(vep):
            if not line.startswith("#"):
                file.write("\t".join([*line.split("\t")[:7], "."]) + "\n")
            elif not line.startswith("##INFO"):
                file.write(line + "\n")
    return annotate(bare, folder, name=vep.name, bundle=bundle, distance=distance, jobs=1).vcf


def plain(field: str, value: str) -> str:
    """Returns a value as it is compared: names without their reference, terms in one order."""
    if field.startswith("HGVS"):
        return value.rpartition(":")[2]
    return "&".join(sorted(value.split("&"))) if field == "Consequence" else value


class Comparison:
    """Differences counted by field. `bundle`: what the engine's answers were made with."""

    def __init__(self, bundle: Bundle) -> None:
        transcripts = Transcripts.open(bundle.path(bundle.transcripts))
        rows = map(transcripts.__getitem__, range(len(transcripts)))
        self._models = {one.identifier.split(".")[0]: one for one in rows}
        self._lengths = {contig.name: contig.length for contig in bundle.contigs}
        self.records = self.entries = self.missing = self.extra = 0
        self.equal: Counter[str] = Counter()
        self.explained: dict[str, Counter[str]] = defaultdict(Counter)
        self.others: dict[str, list[str]] = defaultdict(list)

    def add(self, columns: list[str], vep: Entries, ours: Entries) -> None:
        """Compare the entries of one record; `columns` are those of VEP's VCF."""
        self.records += 1
        self.entries += len(vep)
        self.missing += len(vep.keys() - ours.keys())
        self.extra += len(ours.keys() - vep.keys() - {""})
        for feature in vep.keys() & ours.keys():
            terms = frozenset(vep[feature]["Consequence"].split("&")) ^ frozenset(ours[feature]["Consequence"].split("&"))
            for field in [field for field in NAMES if field in vep[feature] and field not in SKIPPED]:
                self._value(field, columns, feature, plain(field, vep[feature][field]), plain(field, ours[feature][field]), terms)

    def _value(self, field: str, columns: list[str], feature: str, vep: str, ours: str, terms: frozenset[str]) -> None:
        if vep == ours:
            self.equal[field] += 1
            return
        pair = Pair(field, vep, ours, self._models.get(feature), int(columns[1]), self._lengths[columns[0]], terms)
        if reason := next((name for name, holds in REASONS if holds(pair)), None):
            self.explained[field][reason] += 1
            return
        where = f"{columns[2]} {columns[0]}:{columns[1]} {columns[3]}>{columns[4]} {feature}"
        self.others[field].append(f"{where}: VEP {vep or '-'} | here {ours or '-'}")

    def shares(self, *, extra_ok: bool = False) -> dict[str, tuple[float, float]]:
        """Returns by field the share that is equal, and that which is equal or explained.

        `extra_ok`: VEP's run had fewer transcripts, so that entries that it has not are not wrong.
        """
        found = {}
        for field, equal in self.equal.items():
            explained = self.explained[field].total()
            total = equal + explained + len(self.others[field]) + self.missing + (0 if extra_ok else self.extra)
            found[field] = equal / total, (equal + explained) / total
        return found

    def show(self, examples: int, *, extra_ok: bool) -> None:
        """Print the shares, the reasons, and some of the differences that have none."""
        print(f"{self.records} records, {self.entries} entries of VEP; missing: {self.missing}; that VEP has not: {self.extra}")
        print(f"{'field':<20}{'equal':>8}{'explained':>11}{'other':>8}  equal / equal or explained")
        for field, (equal, right) in self.shares(extra_ok=extra_ok).items():
            counts = f"{self.equal[field]:>8}{self.explained[field].total():>11}{len(self.others[field]):>8}"
            print(f"{field:<20}{counts}  {100 * equal:.3f} % / {100 * right:.3f} %")
            for reason, count in self.explained[field].most_common():
                print(f"{'':<24}{count:>6} {reason}")
            for said in self.others[field][:examples]:
                print(f"{'':<24}{said}")


def compared(vep: Path, bundle: Bundle, distance: int, folder: Path) -> Comparison:
    """Returns how the engine's answers for the alleles of VEP's VCF differ from VEP's. `folder`: where the result goes."""
    ours = {columns[2]: entries for columns, entries in consequences(annotated(vep, bundle, distance, folder))}
    found = Comparison(bundle)
    for columns, entries in consequences(vep):
        found.add(columns, entries, ours[columns[2]])
    return found


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("vep", type=Path)
    asked.add_argument("--bundle", help="one that is installed or embedded")
    asked.add_argument("--bundles", type=Path, action="append", default=[], help="a folder of installed bundles")
    asked.add_argument("--fasta", type=Path)
    asked.add_argument("--gff3", type=Path)
    asked.add_argument("--out", type=Path, help="a folder to keep the result in")
    asked.add_argument("--distance", type=int, default=5000)
    asked.add_argument("--show", type=int, default=5)
    asked.add_argument("--extra-ok", action="store_true", help="VEP's run had fewer transcripts")
    args = asked.parse_args()
    if not args.bundle and not (args.fasta and args.gff3):
        asked.error("give either --bundle, or --fasta and --gff3")
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        bundle = manifest.find(args.bundle, *args.bundles) if args.bundle else bundle_of(args.fasta, args.gff3, work / "truth")
        out = args.out or work
        out.mkdir(parents=True, exist_ok=True)
        found = compared(args.vep, bundle, args.distance, out)
    found.show(args.show, extra_ok=args.extra_ok)
    return int(min(right for _, right in found.shares(extra_ok=args.extra_ok).values()) < WANTED_SHARE)


if __name__ == "__main__":
    sys.exit(main())
