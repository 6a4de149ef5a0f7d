"""A bundle built of a FASTA, a GFF3 and a track: a gene of two exons and an lncRNA far before it; from recipe to result."""

import gzip

import pytest

from app.engine.bundles import manifest
from app.engine.bundles.build import build
from app.engine.consequence.csq_fields import parsed
from app.engine.pipeline.annotate import annotate
from tests.support.made_up_gene import AFTER, BEFORE, CODING, CUTS, INTRON, LEADER, TRAILER
from tests.support.site import Site

FIRST, REST = LEADER + CODING[: CUTS[0]], CODING[CUTS[0] :] + TRAILER
BASES = (BEFORE * 60 + FIRST + INTRON + REST + AFTER * 30).decode()
START = 60 * len(BEFORE) + 1  # of the gene
ATG, DONOR = START + len(LEADER), START + len(FIRST)
SECOND = DONOR + len(INTRON)
STOP, END = SECOND + len(CODING) - CUTS[0] - 1, SECOND + len(REST) - 1
GENES = f"""##gff-version 3
s x lncRNA_gene 1001 1600 . + . ID=gene:G2;Name=LNC;biotype=lncRNA
s x lnc_RNA 1001 1600 . + . ID=transcript:T2;Parent=gene:G2;biotype=lncRNA
s x exon 1001 1200 . + . Parent=transcript:T2
s x exon 1400 1600 . + . Parent=transcript:T2
s x gene {START} {END} . + . ID=gene:G1;Name=MINI;biotype=protein_coding
s x mRNA {START} {END} . + . ID=transcript:T1;Parent=gene:G1;biotype=protein_coding
s x exon {START} {DONOR - 1} . + . Parent=transcript:T1
s x exon {SECOND} {END} . + . Parent=transcript:T1
s x CDS {ATG} {DONOR - 1} . + 0 ID=CDS:P1;Parent=transcript:T1
s x CDS {SECOND} {STOP} . + 0 ID=CDS:P1;Parent=transcript:T1
""".replace(" ", "\t").replace("##gff-version\t", "##gff-version ")
RECIPE = """id = "mini"
version = "1"
title = "Made-up gene"
assembly = "mini"
[sequence]
url = "{url}/s.fa"
[genes]
url = "{url}/s.gff3"
[[tracks]]
id = "clinvar"
title = "ClinVar"
format = "vcf"
url = "{url}/known.vcf"
columns = [{{ tag = "GAS_CLNSIG", from = "CLNSIG", number = ".", type = "String", description = "s" }}]
"""


def base(position: int, count: int = 1) -> str:
    return BASES[position - 1 : position - 1 + count]


def other(position: int) -> str:
    return "C" if base(position) != "C" else "A"


# position, bases of REF, ALT, transcript, its terms and impact, HGVS of the protein
CASES: dict[str, tuple[int, int, str, str, str, str, str]] = {
    "a deletion at the left of its run": (ATG + 8, 2, "G", "T1", "frameshift_variant", "HIGH", "T1:p.Phe4LeufsTer7"),
    "the same deletion at the right of its run": (ATG + 9, 2, "T", "T1", "frameshift_variant", "HIGH", "T1:p.Phe4LeufsTer7"),
    "three bases become one": (ATG + 9, 3, "G", "T1", "frameshift_variant", "HIGH", "T1:p.Phe4GlufsTer8"),
    "one of two equal codons goes": (ATG + 17, 4, "A", "T1", "inframe_deletion", "MODERATE", "T1:p.Glu8del"),
    "two bases become five": (ATG + 18, 2, "CTTAC", "T1", "protein_altering_variant", "MODERATE", "T1:p.Glu7delinsLeuThr"),
    "a codon is put in": (ATG + 5, 1, "TGGA", "T1", "inframe_insertion", "MODERATE", "T1:p.Ala2_Trp3insGly"),
    "the start codon goes": (ATG - 4, 8, base(ATG - 4), "T1", "start_lost&5_prime_UTR_variant", "HIGH", ""),
    "two bases of the 3' UTR become three": (STOP + 20, 2, "GCT", "T1", "3_prime_UTR_variant", "MODIFIER", ""),
    "the last base of the first exon": (
        *(DONOR - 1, 1, "A", "T1", "splice_region_variant&synonymous_variant", "LOW", "T1:p.Leu10="),
    ),
    "five hundred bases before the gene": (START - 500, 1, other(START - 500), "T1", "upstream_gene_variant", "MODIFIER", ""),
    "the donor of a non-coding transcript": (
        *(1201, 1, other(1201), "T2", "splice_donor_variant&non_coding_transcript_variant", "HIGH", ""),
    ),
    "an exon of a non-coding transcript": (1100, 1, other(1100), "T2", "non_coding_transcript_exon_variant", "MODIFIER", ""),
    "an intron of a non-coding transcript": (
        *(1300, 1, other(1300), "T2", "intron_variant&non_coding_transcript_variant", "MODIFIER", ""),
    ),
}


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> manifest.Bundle:
    known = f"s\t{ATG + 8}\t777\tGT\tG\t.\t.\tCLNSIG=Pathogenic\n"
    head = '##fileformat=VCFv4.2\n##INFO=<ID=CLNSIG,Number=.,Type=String,Description="x">\n'
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    texts = {"s.fa": f">s\n{BASES}\n", "s.gff3": GENES, "known.vcf": head + columns + known}
    folder = tmp_path_factory.mktemp("mini")
    with Site({name: text.encode() for name, text in texts.items()}) as site:
        (folder / "recipe.toml").write_text(RECIPE.format(url=site.url))
        return build(folder / "recipe.toml", folder / "bundle", folder / "cache")


@pytest.fixture(scope="module")
def found(mini: manifest.Bundle, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """INFO of each case, all of them annotated in one file."""
    folder = tmp_path_factory.mktemp("found")
    rows = sorted((position, name, base(position, size), alt) for name, (position, size, alt, *_) in CASES.items())
    text = "".join(f"s\t{position}\t{name.replace(' ', '_')}\t{ref}\t{alt}\t.\t.\t.\n" for position, name, ref, alt in rows)
    head = f"##fileformat=VCFv4.2\n##contig=<ID=s,length={len(BASES)}>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    (folder / "in.vcf").write_text(head + text)
    result = annotate(folder / "in.vcf", folder / "out", name="x", bundle=mini)
    lines = [line.split("\t") for line in gzip.decompress(result.vcf.read_bytes()).decode().splitlines() if line[0] != "#"]
    return {line[2].replace("_", " "): dict(item.partition("=")[::2] for item in line[7].split(";")) for line in lines}


@pytest.mark.parametrize("case", CASES)
def test_each_transcript_has_its_terms(found: dict[str, dict[str, str]], case: str) -> None:
    *_, transcript, terms, impact, protein = CASES[case]
    entry = next(one for one in parsed(found[case]["CSQ"]) if one["Feature"] == transcript)
    assert (entry["Consequence"], entry["IMPACT"], entry["HGVSp"]) == (terms, impact, protein)


def test_both_spellings_of_a_change_are_known(found: dict[str, dict[str, str]]) -> None:
    known = {case for case, info in found.items() if info.get("GAS_CLNSIG") == "Pathogenic"}
    assert known == {"a deletion at the left of its run", "the same deletion at the right of its run"}
