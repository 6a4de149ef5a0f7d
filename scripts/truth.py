"""Compares the engine's consequences with Ensembl VEP's, field by field, and counts each difference under its reason.

    truth.py FASTA GFF3 VCF VEP.vcf[.gz] [--out OURS.vcf] [--code MT=2] [--distance 5000] [--show 5]

The VCF has one ALT a record and an ID of its own for each; VEP's answers are matched by ID and transcript. The exit status is 0
if at least 99.9 % of the values of each field are equal or differ for one of the `REASONS`.
"""

import argparse
import gzip
import re
import sys
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from app.engine.consequence import csq, hgvs
from app.engine.consequence.allele import allele
from app.engine.consequence.caller import consequence
from app.engine.consequence.transcript import Transcript
from tests.support.ensembl_gff3 import transcripts

WANTED_SHARE = 0.999
SKIPPED = frozenset({"Existing_variation", "ALLELE_NUM", "SOURCE", "SYMBOL_SOURCE", "HGNC_ID", "CANONICAL", "FLAGS", "Feature"})
"""Fields that VEP fills from its cache, or with the name of its file."""

SEARCHED_BASES = 1000
"""How far VEP looks for the 3'-most place; so near to the end of a contig it looks at the wrong bases."""

NOT_HGVS = re.compile(
    r"Ter\d+[A-Z][a-z]{2}fs|_\?|delext|_Ter\d+delinsTer$"  # a frameshift of the stop, unknown ends, mixed types
    r"|^p\.(?:[A-Z][a-z]{2}){2,}\d"  # several amino acids before one number
    r"|^p\.[A-Z][a-z]{2}\d+delinsTer$"  # one amino acid by a stop, which is a substitution
    r"|^p\.(?!Met1\?)...\d+\?"  # a start that is not Met1
)
TER_NUMBER = re.compile(r"Ter(?:\d+|\?)$")


@dataclass(frozen=True)
class Pair:
    """A value of VEP and of the engine that differ, and where."""

    field: str
    vep: str
    ours: str
    transcript: Transcript
    position: int
    contig_bases: int
    terms: str


REASONS: tuple[tuple[str, Callable[[Pair], bool]], ...] = (
    ("VEP's string is no valid HGVS", lambda pair: pair.field == "HGVSp" and bool(NOT_HGVS.search(pair.vep))),
    (
        "VEP names the protein with the standard genetic code",
        lambda pair: pair.field == "HGVSp" and pair.transcript.code != 1,
    ),
    (
        "VEP counts the amino acids with the standard genetic code",
        lambda pair: (
            pair.field == "Protein_position" and pair.transcript.code != 1 and pair.vep.split("/")[0] == pair.ours.split("/")[0]
        ),
    ),
    (
        "VEP has no alternative start codons",
        lambda pair: pair.transcript.code != 1 and pair.field in ("Consequence", "IMPACT", "Amino_acids"),
    ),
    (
        "VEP reads on behind the stop of a reverse-strand transcript in other bases",
        lambda pair: (
            pair.field == "HGVSp"
            and pair.transcript.strand < 0
            and (TER_NUMBER.sub("", pair.vep) == TER_NUMBER.sub("", pair.ours) or "Ter" in pair.vep)
        ),
    ),
    (
        "VEP shifts wrongly near the end of a contig",
        lambda pair: pair.field in ("HGVSc", "HGVS_OFFSET") and pair.position + SEARCHED_BASES >= pair.contig_bases,
    ),
    (
        "named at its 3'-most place, though spelled outside",
        lambda pair: pair.field in ("HGVSc", "HGVSp", "HGVS_OFFSET") and not pair.vep,
    ),
    ("VEP writes an unknown amino acid as Ter", lambda pair: pair.field == "HGVSp" and pair.vep.startswith("p.Ter1=")),
)


def fasta(path: Path) -> dict[str, bytes]:
    """Returns the contigs of a FASTA, upper case."""
    lines: dict[str, list[bytes]] = {}
    name = ""
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        for line in file:
            if line.startswith(b">"):
                name = line[1:].split()[0].decode()
                lines[name] = []
            else:
                lines[name].append(line.strip().upper())
    return {name: b"".join(parts) for name, parts in lines.items()}


def annotated(
    vcf: Path, contigs: dict[str, bytes], models: list[Transcript], distance: int
) -> Iterator[tuple[list[str], list[tuple[Transcript | None, str]]]]:
    """Gives each record's columns and its entries of CSQ with their transcripts."""
    by_contig: dict[str, list[Transcript]] = defaultdict(list)
    for model in sorted(models, key=lambda model: model.start):
        by_contig[model.contig].append(model)
    reach = {name: max(model.end - model.start for model in these) for name, these in by_contig.items()}
    for line in vcf.read_text().splitlines():
        if line.startswith("#"):
            continue
        columns = line.split("\t")
        contig, bases = columns[0], contigs[columns[0]]
        one = allele(int(columns[1]), columns[3].encode(), columns[4].encode(), bases)
        name = f"{contig}:{hgvs.genomic(one, bases, 'm' if contig == 'MT' else 'g')}"
        these, entries = by_contig[contig], []
        first = bisect_left(these, one.change.start - distance - reach.get(contig, 0) - 1, key=lambda model: model.start)
        for model in these[first:]:
            if model.start > one.change.end + distance:
                break
            found = consequence(model, one, bases, distance)
            if found is not None:
                entries.append((model, csq.entry(found, one, 1, name)))
        yield columns, entries or [(None, csq.intergenic(one, 1, name))]


def judged(path: Path) -> Iterator[tuple[str, dict[str, dict[str, str]]]]:
    """Gives VEP's answer of each record: its ID, and by transcript (without version) the values by field."""
    names: list[str] = []
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        for line in file:
            if line.startswith("##INFO=<ID=CSQ"):
                names = line.split("Format: ")[1].rstrip('">\n').split("|")
            if line.startswith("#"):
                continue
            columns = line.rstrip("\n").split("\t")
            text = next(item for item in columns[7].split(";") if item.startswith("CSQ="))[4:]
            entries = [
                dict(zip(names, map(unquote, entry.split("|")), strict=False)) for entry in text.split(",") if "|" in entry
            ]
            yield columns[2], {entry["Feature"].split(".")[0]: entry for entry in entries}


def plain(field: str, value: str) -> str:
    """Returns a value as it is compared: names without their reference, terms in one order."""
    if field.startswith("HGVS"):
        return value.rpartition(":")[2]
    return "&".join(sorted(value.split("&"))) if field == "Consequence" else value


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("fasta", "gff3", "vcf", "vep"):
        asked.add_argument(name, type=Path)
    asked.add_argument("--out", type=Path)
    asked.add_argument("--code", action="append", default=["MT=2"], help="genetic code of a contig")
    asked.add_argument("--distance", type=int, default=5000)
    asked.add_argument("--show", type=int, default=5)
    asked.add_argument("--extra-ok", action="store_true", help="VEP's run had fewer transcripts")
    args = asked.parse_args()
    contigs = fasta(args.fasta)
    codes = {name: int(number) for name, _, number in (item.partition("=") for item in args.code)}
    models = transcripts(args.gff3, contigs, codes)
    return compare(args, contigs, models)


def compare(args: argparse.Namespace, contigs: dict[str, bytes], models: list[Transcript]) -> int:
    fields = csq.FIELDS.split("|")
    equal: Counter[str] = Counter()
    explained: dict[str, Counter[str]] = defaultdict(Counter)
    unexplained: dict[str, list[str]] = defaultdict(list)
    lines, entries, missing, extra = [], 0, 0, 0
    answers = dict(judged(args.vep))
    for columns, found in annotated(args.vcf, contigs, models, args.distance):
        lines.append("\t".join([*columns[:7], "CSQ=" + ",".join(text for _, text in found)]))
        expected = answers[columns[2]]
        got = {values["Feature"].split(".")[0]: (model, values) for model, values in _parsed(fields, found)}
        entries += len(expected)
        missing += len(expected.keys() - got.keys())
        extra += len(got.keys() - expected.keys() - {""})
        for feature in expected.keys() & got.keys():
            model, values = got[feature]
            for field in [field for field in fields if field in expected[feature] and field not in SKIPPED]:
                vep, ours = plain(field, expected[feature][field]), plain(field, values[field])
                if vep == ours:
                    equal[field] += 1
                    continue
                where = f"{columns[2]} {columns[0]}:{columns[1]} {columns[3]}>{columns[4]} {feature}"
                said = f"{where}: VEP {vep or '-'} | {ours or '-'}"
                pair = model and Pair(field, vep, ours, model, int(columns[1]), len(contigs[columns[0]]), values["Consequence"])
                reason = next((name for name, holds in REASONS if pair and holds(pair)), None)
                if reason:
                    explained[field][reason] += 1
                else:
                    unexplained[field].append(said)
    if args.out:
        head = f'##INFO=<ID=CSQ,Number=.,Type=String,Description="Consequence annotations from GAS. Format: {csq.FIELDS}">'
        args.out.write_text(
            "\n".join(["##fileformat=VCFv4.2", head, "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO", *lines, ""])
        )
    print(f"{len(lines)} records, {entries} entries of VEP; missing: {missing}; that VEP has not: {extra}")
    print(f"{'field':<20}{'equal':>8}{'explained':>11}{'other':>8}  equal / equal or explained")
    lowest = 1.0
    for field in equal:
        reasons, other = explained[field].total(), len(unexplained[field])
        total = equal[field] + reasons + other + missing + (0 if args.extra_ok else extra)
        lowest = min(lowest, (equal[field] + reasons) / total)
        shares = f"{100 * equal[field] / total:.3f} % / {100 * (equal[field] + reasons) / total:.3f} %"
        print(f"{field:<20}{equal[field]:>8}{reasons:>11}{other:>8}  {shares}")
        for reason, count in explained[field].most_common():
            print(f"{'':<24}{count:>6} {reason}")
        for said in unexplained[field][: args.show]:
            print(f"{'':<24}{said}")
    return int(lowest < WANTED_SHARE)


def _parsed(fields: list[str], found: list[tuple[Transcript | None, str]]) -> Iterator[tuple[Transcript | None, dict[str, str]]]:
    for model, text in found:
        yield model, dict(zip(fields, map(unquote, text.split("|")), strict=True))


if __name__ == "__main__":
    sys.exit(main())
