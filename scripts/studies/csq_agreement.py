"""Whether the engine says what `bcftools csq` says wherever VEP says it, too.

    python -m scripts.studies.csq_agreement [--truth tests/truth/generated] [--show 20]

The alleles of a run of VEP are annotated by `bcftools csq` (each by itself) and by the engine. For every allele and transcript
that both of the others know, the most severe term of each is compared. csq names no transcript where a change leaves the protein
as it is: such an entry counts for the only transcript of its gene that has its biotype. Transcripts under another than the
standard code are counted apart, for neither of the two knows their start codons. Exit status 1 if the engine differs anywhere
else where the two agree.
"""

import argparse
import gzip
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pysam

from app.engine.bundles.transcripts import Transcripts
from app.engine.consequence import terms
from app.engine.consequence.genetic_code import STANDARD
from scripts.truth import Entries, annotated, bundle_of, consequences, lines

NAMES = {
    "5_prime_utr": "5_prime_UTR_variant",
    "3_prime_utr": "3_prime_UTR_variant",
    "non_coding": "non_coding_transcript_exon_variant",
    "inframe_altering": "protein_altering_variant",
}
"""csq's terms that are not Sequence Ontology's without `_variant`."""

MISTAKEN = frozenset({("g1025", "T1nested")})
"""Alleles of the generated genome for which both are wrong: CAG TGA becomes CAG TAG, a stop at the same place."""

Worst = dict[tuple[str, str], str]
"""The most severe term by ID of the allele and transcript."""


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--truth", type=Path, default=Path("tests/truth/generated"))
    asked.add_argument("--show", type=int, default=20)
    args = asked.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work, truth = Path(name), args.truth
        bundle = bundle_of(truth / "genome.fa.gz", truth / "genes.gff3.gz", work / "truth")
        rows = Transcripts.open(bundle.path(bundle.transcripts))
        others = {one.identifier.split(".")[0] for one in map(rows.__getitem__, range(len(rows))) if one.code != STANDARD}
        vep, entries = _worst(truth / "vep.vcf.gz")
        ours, _ = _worst(annotated(truth / "vep.vcf.gz", bundle, 5000, work))
        csq = dict(_csq(truth, bundle.path(bundle.fasta), entries, work))
    counts: Counter[str] = Counter()
    for key, term in csq.items():
        if key not in vep:
            counts["csq alone"] += 1
        elif vep[key] != term:
            counts["csq and VEP differ"] += 1
            counts["  and the engine says what VEP says"] += ours.get(key) == vep[key]
        elif ours.get(key) == term:
            counts["all agree"] += 1
        elif key[1] in others:
            counts["csq and VEP agree, the engine differs under another code"] += 1
        elif key in MISTAKEN:
            counts["csq and VEP agree, and the sequence says otherwise"] += 1
        else:
            counts["csq and VEP agree, the engine differs"] += 1
            if counts["csq and VEP agree, the engine differs"] <= args.show:
                print(*key, "csq and VEP:", term, "engine:", ours.get(key))
    for what, count in counts.items():
        print(f"{count:>8} {what}")
    return int(counts["csq and VEP agree, the engine differs"] > 0)


def _worst(path: Path) -> tuple[Worst, dict[str, Entries]]:
    found, entries = {}, {}
    for columns, one in consequences(path):
        entries[columns[2]] = one
        for transcript, entry in one.items():
            found[columns[2], transcript] = min(entry["Consequence"].split("&"), key=_rank)
    return found, entries


def _rank(term: str) -> int:
    return terms.rank(terms.BIT[term])


def _csq(truth: Path, fasta: Path, entries: dict[str, Entries], work: Path) -> Iterator[tuple[tuple[str, str], str]]:
    """Gives what csq says of each allele, for the transcripts that it means."""
    with gzip.open(truth / "genes.gff3.gz") as text, (work / "genes.gff3").open("wb") as plain:
        shutil.copyfileobj(text, plain)
    pysam.tabix_index(str(work / "genes.gff3"), preset="gff", force=True)
    bare = work / "bare.vcf"
    with bare.open("w") as file:
        for line in lines(truth / "vep.vcf.gz"):
            if not line.startswith("##INFO"):
                file.write(line if line.startswith("#") else "\t".join([*line.split("\t")[:7], "."]))
                file.write("\n")
    command = ["bcftools", "csq", "--local-csq", "-f", str(fasta), "-g", str(work / "genes.gff3.gz"), str(bare)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        columns = line.split("\t")
        if line.startswith("#") or not columns[7].startswith("BCSQ="):
            continue
        for text in columns[7].removeprefix("BCSQ=").split(","):
            said, gene, transcript, biotype = (*text.split("|"), "", "", "")[:4]
            term = min((_term(one) for one in said.lstrip("*").split("&")), key=_rank)
            if transcript or (transcript := _only(entries[columns[2]], gene, biotype)):
                yield (columns[2], transcript), term


def _term(said: str) -> str:
    """The Sequence Ontology term of a word of csq."""
    return NAMES.get(said) or (said if said in terms.BIT else f"{said}_variant")


def _only(entries: Entries, gene: str, biotype: str) -> str:
    biotype = "nonsense_mediated_decay" if biotype == "NMD" else biotype
    found = [name for name, entry in entries.items() if entry["SYMBOL"] == gene and entry["BIOTYPE"] == biotype]
    return found[0] if len(found) == 1 else ""


if __name__ == "__main__":
    sys.exit(main())
