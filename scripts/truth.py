"""Compares the engine's consequences with those of Ensembl VEP, field by field, and counts each difference under its reason.

    truth.py VEP.vcf[.gz] (--bundle ID | --fasta FASTA --gff3 GFF3) [--extra-ok] [--distance 5000] [--out FOLDER] [--show 5]

The alleles of VEP's VCF, one a record and each with an ID of its own, are annotated anew: with a bundle, or with one that is made
of a sequence and gene models. Answers are matched by ID and transcript. The exit status is 0 if at least 99.9 % of the values of
each field are equal or differ for one of the `REASONS`.
"""

import argparse
import gzip
import re
import shutil
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import pysam

from app.engine.bundles import build, manifest, sequence
from app.engine.bundles.manifest import Bundle
from app.engine.bundles.sources import opened
from app.engine.bundles.transcripts import Transcripts
from app.engine.consequence.csq_fields import NAMES
from app.engine.consequence.genetic_code import STANDARD
from app.engine.consequence.transcript import Transcript
from app.engine.pipeline.annotate import annotate

WANTED_SHARE = 0.999
SKIPPED = frozenset({"Existing_variation", "ALLELE_NUM", "SOURCE", "SYMBOL_SOURCE", "HGNC_ID", "CANONICAL", "Feature"})
"""Fields that VEP fills from its cache, or with the name of its file."""

SEARCHED_BASES = 1000
"""How far VEP looks for the 3'-most place; so near to the end of a contig it looks at the wrong bases."""

NOT_HGVS = re.compile(
    r"Ter\d+[A-Z][a-z]{2}fs|_\?|delext"  # a frameshift of the stop, unknown ends, mixed types
    r"|^p\.(?:[A-Z][a-z]{2}){2,}\d"  # several amino acids before one number
    r"|^p\.[A-Z][a-z]{2}\d+delinsTer$|insTer$"  # one amino acid by a stop, which is a substitution
    r"|^p\.(?!Met1\?)...\d+\?"  # a start that is not Met1
    r"|_Ter\d+del|^p\.Ter\d+delins|^p\.\w{3}0_"  # a lost stop without its extension, amino acid 0
    r"|^p\.(\w{3})\d+\1fs"  # a frameshift that begins with an amino acid that stays
)
TER_NUMBER = re.compile(r"Ter(?:\d+|\?)$")
FIRST_SHIFTED = re.compile(r"p\.\w{3}1\w{3}fsTer\?$")


@dataclass(frozen=True)
class Pair:
    """A value of VEP and of the engine that differ, and where."""

    field: str
    vep: str
    ours: str
    model: Transcript | None
    position: int
    contig_bases: int
    terms: frozenset[str]  # that only one of both has for this entry

    @property
    def code(self) -> int:
        """NCBI's number of the genetic code."""
        return self.model.code if self.model else STANDARD

    @property
    def strand(self) -> int:
        """1 or -1."""
        return self.model.strand if self.model else 1

    @property
    def incomplete(self) -> bool:
        """Whether bases of the coding sequence are missing at an end."""
        model = self.model
        if model is None:
            return False
        bases = model.coding_end - model.coding_start + 1 + model.phase
        return bool(model.phase or bases % 3 or model.incomplete_start or model.incomplete_end)

    @property
    def selenocysteine(self) -> bool:
        """Whether the protein has one."""
        return bool(self.model and self.model.selenocysteines)


REASONS: tuple[tuple[str, Callable[[Pair], bool]], ...] = (
    ("VEP's string is no valid HGVS", lambda pair: pair.field == "HGVSp" and bool(NOT_HGVS.search(pair.vep))),
    (
        "VEP names the protein with the standard genetic code",
        lambda pair: pair.field == "HGVSp" and pair.code != 1,
    ),
    (
        "VEP counts the amino acids with the standard genetic code",
        lambda pair: pair.field == "Protein_position" and pair.code != 1 and pair.vep.split("/")[0] == pair.ours.split("/")[0],
    ),
    (
        "VEP has no alternative start codons",
        lambda pair: pair.code != 1 and pair.field in ("Consequence", "IMPACT", "Amino_acids"),
    ),
    (
        "VEP names the change of a protein whose start is lost",
        lambda pair: pair.field == "HGVSp" and pair.ours == "p.Met1?",
    ),
    (
        "VEP names a lost stop without its extension",
        lambda pair: pair.field == "HGVSp" and "ext" in pair.ours and "ext" not in pair.vep,
    ),
    (
        "VEP takes the part of a codon at an incomplete end for a stop, or names what is beside it only",
        lambda pair: (
            pair.field == "HGVSp"
            and pair.incomplete
            and (pair.ours in ("", "p.?") or re.search("Xaa|fsTer.?$", pair.ours) is not None)
        ),
    ),
    (
        "VEP shows no base where only those are left that an incomplete start lacks",
        lambda pair: pair.field in ("Codons", "Amino_acids") and pair.incomplete and pair.vep.endswith("/-"),
    ),
    (
        "VEP finds no stop behind a frameshift of the first amino acid, or of one before a selenocysteine",
        lambda pair: (
            pair.field == "HGVSp"
            and (pair.selenocysteine or FIRST_SHIFTED.match(pair.vep) is not None)
            and "Ter" in pair.vep
            and "Ter" in pair.ours
        ),
    ),
    (
        "VEP reads on behind the stop of a reverse-strand transcript in other bases",
        lambda pair: (
            pair.strand < 0
            and (
                (pair.field == "HGVSp" and (TER_NUMBER.sub("", pair.vep) == TER_NUMBER.sub("", pair.ours) or "Ter" in pair.vep))
                or (pair.field == "Codons" and pair.vep.split("/")[0] == pair.ours.split("/")[0])
                or (pair.field in ("Consequence", "IMPACT") and pair.terms == {"stop_lost", "stop_retained_variant"})
            )
        ),
    ),
    (
        "VEP inserts amino acids at another place than the 3'-most",
        lambda pair: pair.field == "HGVSp" and pair.ours.endswith("dup") and re.search("ins|dup", pair.vep) is not None,
    ),
    (
        "VEP deletes amino acids at another place than the 3'-most",
        lambda pair: pair.field == "HGVSp" and pair.ours.endswith("del") and pair.vep.endswith("del"),
    ),
    (
        "VEP counts an intron before the last base of the coding sequence from the 3' UTR",
        lambda pair: pair.field == "HGVSc" and "*-" in pair.vep and "*-" not in pair.ours,
    ),
    (
        "VEP leaves the total out where no earlier variant had needed it",
        lambda pair: pair.field == "CDS_position" and pair.ours.split("/")[0] == (pair.vep or "-"),
    ),
    (
        "VEP shifts wrongly near the end of a contig",
        lambda pair: (
            pair.field in ("HGVSc", "HGVS_OFFSET") and min(pair.position, pair.contig_bases - pair.position) <= SEARCHED_BASES
        ),
    ),
    (
        "named at its 3'-most place, though spelled outside",
        lambda pair: pair.field in ("HGVSc", "HGVSp", "HGVS_OFFSET") and not pair.vep,
    ),
    ("VEP writes an unknown amino acid as Ter", lambda pair: pair.field == "HGVSp" and pair.vep.startswith("p.Ter1=")),
)


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
