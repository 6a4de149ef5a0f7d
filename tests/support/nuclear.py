"""A small reference of human shape, made from seeds, and a family's file on it: nuclear genes with variants that are known.

The sequence and its genes are those of `tests/truth/generated` with the true mitochondrion beside them, or those of the folder
that GAS_TEST_GENOME names (genome.fa.gz and genes.gff3.gz, or without .gz). ClinVar, dbSNP and gnomAD are made up: rows of the
true shape, which go through the project's own recipe of GRCh38.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pysam

from app.engine.bundles import build, layout, manifest, recipes, sequence
from app.engine.bundles.manifest import Bundle
from app.engine.bundles.transcripts import Transcripts
from app.engine.consequence.transcript import Transcript
from app.engine.formats import bgzf
from app.engine.reading.input_file import BGZF_END
from scripts import make_mito_bundle
from tests.support.recipes import recipe, table
from tests.support.site import Site

GENERATED = Path(__file__).parents[1] / "truth" / "generated"
SEED = 23
BACKGROUND = 160
"""Variants of the family besides those that are planted."""

CODONS = ["".join(codon) for codon in product("TCAG", repeat=3)]
CODE = dict(zip(CODONS, "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", strict=True))
THREE_LETTERS = re.findall("...", "AlaArgAsnAspCysGlnGluGlyHisIleLeuLysMetPheProSerThrTrpTyrValTer")
SPELLED = dict(zip("ARNDCQEGHILKMFPSTWYV*", THREE_LETTERS, strict=True))
COMPLEMENT = str.maketrans("ACGT", "TGCA")

HEADER = """##fileformat=VCFv4.2
##reference=GRCh38
##FILTER=<ID=LowQual,Description="Low quality">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Reads with each allele">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tproband\tmother\tfather
"""


@dataclass(frozen=True)
class Variant:
    """A variant of the family, and what is known of it: `significance` and `review` as ClinVar writes them."""

    contig: str
    position: int
    ref: str
    alt: str
    gene: str = ""
    transcript: str = ""
    coding: str = ""
    protein: str = ""
    significance: str = ""
    review: str = ""
    condition: str = ""
    rsid: int = 0
    frequency: float = 0.0
    group_frequency: float = 0.0
    genotypes: tuple[str, ...] = ("0/1", "0/1", "0/0")
    heteroplasmy: float = 0.0

    @property
    def key(self) -> tuple[str, int, str, str]:
        return self.contig, self.position, self.ref, self.alt


@dataclass(frozen=True)
class Nuclear:
    """The reference, the file of a family, and its variants that are to be found by name."""

    bundle: Bundle
    vcf: str
    missense: Variant
    stop: Variant
    frameshift: Variant
    conflicting: Variant
    benign: Variant
    unreviewed: Variant

    def accession(self, contig: str) -> str:
        """The name of a contig at RefSeq, as SPDI has it."""
        return next(alias for alias in self.bundle.names[contig].aliases if alias.startswith("NC_"))


def made(folder: Path) -> Nuclear:
    """Builds the reference in a new folder and returns it with the family's file."""
    source = Path(os.environ.get("GAS_TEST_GENOME", GENERATED))
    bases, models = dict(_sequence(_text(source, "genome.fa"))), _text(source, "genes.gff3")
    bases["MT"] = "".join(rcrs.path(rcrs.fasta).read_text().split("\n")[1:]) if (rcrs := manifest.find("rcrs")) else ""
    models = "".join(line for line in models.splitlines(keepends=True) if not line.startswith("MT\t"))
    models += "".join(make_mito_bundle.gff3().splitlines(keepends=True)[1:])
    fasta = "".join(f">{name}\n{text}\n" for name, text in bases.items())
    folder.mkdir(parents=True)
    chosen = _chosen(fasta, models, folder / "looked-at")
    for one in chosen:
        models = re.sub(rf"(ID=transcript:{one.identifier.partition('.')[0]};.*)", _as_mane, models)
    planted = _planted(chosen, bases)
    everybody = [*planted.values(), *_mitochondrial(bases["MT"]), *_background(bases, chosen)]
    family = sorted(
        {one.key: one for one in reversed(everybody)}.values(), key=lambda one: (list(bases).index(one.contig), one.position)
    )
    bundle = _built(folder, fasta, models, family, chosen)
    return Nuclear(bundle, HEADER + "".join(_rows(family)), **planted)


def _text(folder: Path, name: str) -> str:
    packed = folder / f"{name}.gz"
    return gzip.decompress(packed.read_bytes()).decode() if packed.is_file() else (folder / name).read_text()


def _sequence(fasta: str) -> Iterator[tuple[str, str]]:
    for record in fasta.split(">")[1:]:
        name, _, text = record.partition("\n")
        if name.split()[0] != "MT":
            yield name.split()[0], text.replace("\n", "").upper()


def _chosen(fasta: str, models: str, folder: Path) -> list[Transcript]:
    """The longest whole coding transcript of each gene in the order of the genome: of genes that overlap no other, if they are
    enough, or else first of those that no other coding gene is near."""
    folder.mkdir()
    (folder / "genome.fa").write_text(fasta)
    (folder / "genes.gff3").write_text(models)
    pysam.faidx(str(folder / "genome.fa"))
    lengths = sequence.build(folder / "genome.fa", folder / sequence.FILE)
    build.add_genes(folder / "genes.gff3", folder, {name: name for name in lengths})
    opened = Transcripts.open(folder / layout.FILE)
    everyone = [opened[row] for row in range(len(opened))]
    longest: dict[str, Transcript] = {}
    for one in everyone:
        if _is_whole(one) and one.coding_end - one.coding_start > _coding_bases(longest.get(one.gene)):
            longest[one.gene] = one
    alone = [one for one in longest.values() if not any(_overlap(one, other) for other in everyone)]
    near = {one.gene for one in longest.values() if any(_overlap(one, other, 5000) for other in longest.values())}
    pool = alone if len(alone) >= 4 else list(longest.values())
    found = sorted(pool, key=lambda one: (one.gene in near, list(lengths).index(one.contig), one.start))
    assert len(found) >= 4, "there are too few genes to plant variants in"
    return found


def _coding_bases(transcript: Transcript | None) -> int:
    return transcript.coding_end - transcript.coding_start if transcript else 0


def _is_whole(one: Transcript) -> bool:
    coding = one.bases[one.coding_start - 1 : one.coding_end].decode() if one.coding_start else ""
    usual = one.biotype == "protein_coding" and one.contig != "MT" and not (one.selenocysteines or one.incomplete_start)
    return usual and len(coding) >= 120 and len(coding) % 3 == 0 and coding.startswith("ATG") and CODE.get(coding[-3:]) == "*"


def _overlap(one: Transcript, other: Transcript, near: int = 0) -> bool:
    beside = one.start > other.end + near or other.start > one.end + near
    return one.contig == other.contig and one.gene != other.gene and not beside


def _as_mane(line: re.Match[str]) -> str:
    text = re.sub(r";?tag=[^;\n]*", "", line[1])
    return f"{text};tag=basic,Ensembl_canonical,MANE_Select"


def _place(transcript: Transcript, cdna: int) -> int:
    """The position on the contig of a base of the transcript, from 1."""
    for start, end in transcript.exons:
        if cdna <= end - start + 1:
            return start + cdna - 1 if transcript.strand > 0 else end - cdna + 1
        cdna -= end - start + 1
    raise ValueError("the transcript ends before")


def _substitutions(transcript: Transcript, becomes: str) -> Iterator[Variant]:
    """Single-base changes of codons from the seventh on: of an amino acid into another one, or into a stop ("*")."""
    coding = transcript.bases[transcript.coding_start - 1 : transcript.coding_end].decode()
    for codon in range(6, len(coding) // 3 - 2):
        before = coding[3 * codon : 3 * codon + 3]
        for at, base in product(range(3), "ACGT"):
            after = before[:at] + base + before[at + 1 :]
            changed = CODE[after] != CODE[before] and (CODE[after] == "*") is (becomes == "*")
            if base == before[at] or not changed:
                continue
            number = 3 * codon + at + 1
            ref, alt = (
                (before[at], base) if transcript.strand > 0 else (before[at].translate(COMPLEMENT), base.translate(COMPLEMENT))
            )
            yield Variant(
                transcript.contig,
                _place(transcript, transcript.coding_start + number - 1),
                ref,
                alt,
                gene=transcript.symbol,
                transcript=transcript.identifier,
                coding=f"c.{number}{before[at]}>{base}",
                protein=f"p.{SPELLED[CODE[before]]}{codon + 1}{SPELLED[CODE[after]]}",
            )
            break


def _deletion(transcript: Transcript, bases: str) -> Variant:
    """Of one base within an exon and a codon, that is unlike its neighbours, so that it can be written in one way only."""
    for number in range(25, transcript.coding_end - transcript.coding_start - 20):
        at = _place(transcript, transcript.coding_start + number - 1)
        around = bases[at - 2 : at + 1]
        inside = all(abs(_place(transcript, transcript.coding_start + number - 1 + step) - at) == 1 for step in (-1, 1))
        if inside and len(set(around)) == 3:
            return Variant(
                transcript.contig, at - 1, around[:2], around[0], transcript.symbol, transcript.identifier, f"c.{number}del"
            )
    raise AssertionError(f"{transcript.identifier} has no base to delete")


EXPERTS, ONE_STAR, NO_STAR = "reviewed_by_expert_panel", "criteria_provided,_single_submitter", "no_assertion_criteria_provided"
CONFLICTING = "criteria_provided,_conflicting_classifications"


def _planted(chosen: list[Transcript], bases: dict[str, str]) -> dict[str, Variant]:
    first, second, third, fourth = chosen[:4]
    known = {
        "missense": ("Pathogenic", EXPERTS, "Made-up_cardiomyopathy_1", 990001, 1.2e-5, 4e-5),
        "stop": ("", "", "", 0, 0.0, 0.0),
        "frameshift": ("Likely_pathogenic", ONE_STAR, "Made-up_ataxia", 990003, 0.0, 0.0),
        "conflicting": ("Conflicting_classifications_of_pathogenicity", CONFLICTING, "not_provided", 990004, 3e-4, 8e-4),
        "benign": ("Benign", "criteria_provided,_multiple_submitters,_no_conflicts", "not_specified", 990005, 0.21, 0.34),
        "unreviewed": ("Pathogenic", NO_STAR, "Made-up_deafness", 990006, 2e-5, 6e-5),
    }
    fourths = _substitutions(fourth, "")
    places = {
        "missense": next(_substitutions(first, "")),
        "stop": next(one for other in chosen[1:] for one in _substitutions(other, "*")),
        "frameshift": _deletion(third, bases[third.contig]),
        "conflicting": next(fourths),
        "benign": next(fourths),
        "unreviewed": list(_substitutions(second, ""))[4],
    }
    genotypes = {"stop": ("0/1", "0/0", "0/0"), "benign": ("1/1", "0/1", "1/1")}
    return {
        name: Variant(
            *places[name].key,
            *(places[name].gene, places[name].transcript, places[name].coding, places[name].protein),
            *facts,
            genotypes=genotypes.get(name, ("0/1", "0/1", "0/0")),
        )
        for name, facts in known.items()
    }


def _mitochondrial(bases: str) -> list[Variant]:
    known = ("Pathogenic", "criteria_provided,_multiple_submitters,_no_conflicts", "MELAS_syndrome", 199474657)
    usual = [("A", 73, "G"), ("A", 263, "G"), (bases[6252], 6253, "C"), ("A", 8860, "G")]
    found = [Variant("MT", at, ref, alt, genotypes=("1/1",) * 3) for ref, at, alt in usual]
    return [*found, Variant("MT", 3243, "A", "G", "MT-TL1", "", "", "", *known, heteroplasmy=0.32)]


def _background(bases: dict[str, str], chosen: list[Transcript]) -> Iterator[Variant]:
    """Variants in and around genes, most of them known to be common or to do nothing."""
    dice = random.Random(SEED)
    for number in range(BACKGROUND):
        gene = dice.choice(chosen)
        at = dice.randrange(max(1, gene.start - 300), min(gene.end + 300, len(bases[gene.contig])))
        ref = bases[gene.contig][at - 1]
        if ref not in "ACGT" or dice.random() < 0.05:
            continue
        alt = dice.choice([base for base in "ACGT" if base != ref]) if number % 9 else ref + dice.choice(("AT", "G"))
        frequency = round(math.exp(dice.uniform(math.log(1e-4), math.log(0.6))), 6) if dice.random() < 0.85 else 0.0
        benign = ("Benign", ONE_STAR, "not_specified") if frequency > 0.05 else ("", "", "")
        calls = tuple(dice.choice(("0/1", "1/1", "0/0") if who else ("0/1", "0/1", "1/1")) for who in range(3))
        rsid = 1_000_000 + number if dice.random() < 0.9 else 0
        yield Variant(
            gene.contig, at, ref, alt, "", "", "", "", *benign, rsid, frequency, min(1.0, frequency * 2), genotypes=calls
        )


def _built(folder: Path, fasta: str, models: str, family: list[Variant], chosen: list[Transcript]) -> Bundle:
    aliases = recipes.read(recipes.named("grch38"))["aliases"]
    constraint = "".join(f"{one.symbol}\ttrue\t{0.5 + n % 5 / 10}\t{0.2 + n % 7 / 10:.2f}\n" for n, one in enumerate(chosen))
    texts = {
        "Homo_sapiens.GRCh38.dna.primary_assembly.fa.gz": fasta,
        "Homo_sapiens.GRCh38.116.gff3.gz": models,
        "clinvar.vcf.gz": CLINVAR + "".join(_clinvar(number, one) for number, one in enumerate(family) if one.significance),
        "GCF_000001405.40.gz": DBSNP + "".join(_dbsnp(one, aliases[one.contig][0]) for one in family if one.rsid),
        "cytoBand.txt.gz": table(
            "|".join(f"chr{name} 0 248956422 p11.1 gneg" for name in dict.fromkeys(one.contig for one in chosen))
        ),
    }
    files = {name: gzip.compress(text.encode(), 1, mtime=0) for name, text in texts.items()}
    files |= {f"{name}.md5": f"{hashlib.md5(body).hexdigest()}  {name}\n".encode() for name, body in files.items()}
    frequencies = GNOMAD + "".join(_gnomad(one) for one in family if one.frequency)
    files["gnomad.joint.v4.1.sites.chr1.vcf.bgz"] = bgzf.compress(frequencies.encode()) + BGZF_END
    files["gnomad.v4.1.constraint_metrics.tsv"] = f"gene\tmane_select\tlof.pLI\tlof.oe_ci.upper\n{constraint}".encode()
    with Site(files) as site:
        path = recipe("GRCh38", site, folder)
        return build.build(path, folder / "grch38", folder / "cache", chosen=("dbsnp", "gnomad", "constraint"), processes=1)


CLINVAR = (
    '##fileformat=VCFv4.1\n##fileDate=2026-11-22\n##INFO=<ID=CLNDN,Number=.,Type=String,Description="Disease names">\n'
    '##INFO=<ID=CLNSIG,Number=.,Type=String,Description="Significance">\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n'
)
DBSNP = (
    '##fileformat=VCFv4.2\n##dbSNP_BUILD_ID=157\n##INFO=<ID=RS,Number=1,Type=Integer,Description="dbSNP ID">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
)
GNOMAD = (
    '##fileformat=VCFv4.2\n##INFO=<ID=AF_joint,Number=A,Type=Float,Description="Frequency">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
)


def _clinvar(number: int, one: Variant) -> str:
    conflict = ";CLNSIGCONF=Pathogenic(2)|Uncertain_significance(1)" if one.significance.startswith("Conflicting") else ""
    facts = f"ALLELEID={number + 9};CLNDN={one.condition};CLNREVSTAT={one.review};CLNSIG={one.significance}{conflict}"
    return f"{one.contig}\t{one.position}\t{70_000 + number}\t{one.ref}\t{one.alt}\t.\t.\t{facts}\n"


def _dbsnp(one: Variant, accession: str) -> str:
    return f"{accession}\t{one.position}\trs{one.rsid}\t{one.ref}\t{one.alt}\t.\t.\tRS={one.rsid};dbSNPBuildID=157;SSR=0;VC=SNV\n"


def _gnomad(one: Variant) -> str:
    count = 1_600_000
    facts = (
        f"AC_joint={round(one.frequency * count)};AF_joint={one.frequency:.5e};AN_joint={count};grpmax_joint=nfe;"
        f"AF_grpmax_joint={one.group_frequency:.5e};nhomalt_joint={round(one.frequency**2 * count / 2)}"
    )
    return f"chr{one.contig}\t{one.position}\t.\t{one.ref}\t{one.alt}\t.\tPASS\t{facts}\n"


def _rows(family: list[Variant]) -> Iterator[str]:
    dice = random.Random(SEED + 1)
    for one in family:
        calls = []
        for genotype in one.genotypes:
            depth = dice.randrange(18, 60)
            share = one.heteroplasmy or {"0/0": 0.0, "0/1": dice.uniform(0.4, 0.6), "1/1": 1.0}[genotype]
            reads = round(share * depth)
            calls.append(f"{genotype}:{depth - reads},{reads}:{depth}")
        low = not one.gene and dice.random() < 0.08
        name = "chrM" if one.contig == "MT" else f"chr{one.contig}"
        quality = dice.randrange(8, 19) if low else dice.randrange(40, 99)
        start = f"{name}\t{one.position}\t.\t{one.ref}\t{one.alt}\t{quality}\t{'LowQual' if low else 'PASS'}\t."
        yield "\t".join([start, "GT:AD:DP", *calls]) + "\n"
