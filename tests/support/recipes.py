"""What the project's recipes download, in the formats of Ensembl, NCBI, gnomAD and UCSC."""

import gzip
import hashlib
import re
from pathlib import Path

from app.engine.bundles import manifest, recipes
from app.engine.formats import bgzf
from app.engine.reading.input_file import BGZF_END
from scripts import make_mito_bundle
from tests.support.genome import CHROMOSOME, GENE
from tests.support.site import Site

# Rows as they stand in the files that the recipes name.
GFF3 = (
    "##gff-version 3\n##sequence-region   1 1 2000\n#!genome-build GRCh38.p14\n"
    "1\tGRCh38\tchromosome\t1\t2000\t.\t.\t.\tID=chromosome:1\n###\n"
)
CLINVAR = (
    '##fileformat=VCFv4.1\n##ID=<Description="ClinVar Variation ID">\n'
    '##INFO=<ID=CLNDN,Number=.,Type=String,Description="Disease names">\n'
    '##INFO=<ID=CLNSIG,Number=.,Type=String,Description="Significance">\n'
    "##fileDate=2026-11-22\n"
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    "1\t505\t42\tC\tA\t.\t.\tALLELEID=9;CLNDN=Some_disease,_rare|not_provided;CLNREVSTAT=no_assertion_criteria_provided;CLNSIG=Likely_benign\n"
    "1\t505\t43\tC\tT\t.\t.\tCLNDN=Some_disease,_rare|not_provided;CLNREVSTAT=criteria_provided,_conflicting_classifications;"
    "CLNSIG=Conflicting_classifications_of_pathogenicity|risk_factor;CLNSIGCONF=Pathogenic(2)|Uncertain_significance(1)\n"
    "1\t506\t44\tG\tT\t.\t.\tCLNSIG=Pathogenic\n"
    "MT\t3460\t9\tG\tA\t.\t.\tCLNDN=Leber;CLNSIG=Pathogenic\n"
    "NW_009646201.1\t5\t9\tG\tA\t.\t.\tCLNSIG=Pathogenic\n"
)
DBSNP = (
    "##fileformat=VCFv4.2\n##dbSNP_BUILD_ID=157\n##reference=GRCh38.p14\n"
    '##INFO=<ID=RS,Number=1,Type=Integer,Description="dbSNP ID">\n'
    '##INFO=<ID=COMMON,Number=0,Type=Flag,Description="Common">\n'
    '##INFO=<ID=FREQ,Number=.,Type=String,Description="Frequencies">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    "{accession}\t505\trs7\tC\tA,T\t.\t.\tRS=7;dbSNPBuildID=1;SSR=0;VC=SNV;FREQ=1000Genomes:0.9,0.1,.|GnomAD:1,0,0;COMMON\n"
    "NC_012920.1\t3460\trs199476118\tG\tA\t.\t.\tRS=199476118;VC=SNV\n"
    "NT_187361.1\t5\trs5\tG\tA\t.\t.\tRS=5\n"
)
GNOMAD = (
    '##fileformat=VCFv4.2\n##FILTER=<ID=AC0,Description="None">\n##INFO=<ID=AF,Number=A,Type=Float,Description="Frequency">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
)
FREQUENCIES = {
    "GRCh38": "\t505\t.\tC\tT\t.\tPASS\tAC_joint=3;AF_joint=3.02345e-03;AN_joint=1000;grpmax_joint=afr;nhomalt_joint=1;"
    "AF_exomes=0.5;AF_grpmax_joint=1.00000e-02\n{0}\t505\t.\tC\tG\t.\tBOTH_FILTERED\tAF_joint=4.00000e-01;nhomalt_joint=0\n",
    "GRCh37": "\t505\trs7\tC\tT\t.\tPASS\tAC=3;AN=1000;AF=3.02345e-03;AF_raw=0.5;popmax=afr;AF_popmax=1.00000e-02;nhomalt=1\n"
    "{0}\t505\t.\tC\tG\t.\tAC0;RF\tAF=4.00000e-01;nhomalt=0\n",
}
TABLES = {
    "cytoBand": "chr1 600 2000 p2 gneg|chr1 0 600 p1 gpos50|chrM 0 16571  gneg",
    "gwasCatalog": "585 chr1 504 505 rs7 123 Author_A 2020-01-02 Nature A_title Height,_adult 1,000 2,000 1p1"
    " GENE1 rs7-T 0.3 5E-9  1.2 [1-2] Illumina N",
    "genomicSuperDups": "585 chr1 500 520 chr9:77 0 + chr9 77 97 20 1 1000 N/A N/A N/A N/A align"
    " 20 0 0 20 20 0 0 0 0.99 0.99 0.01 0.01",
    "dgvMerged": "585 chr1 400 700 nsv1 0 + 400 700 8388608 gain+loss Author_2010 123 Array    3 1 2  GENE1 |"
    "585 chr1 450 710 esv2 0 + 450 710 200 tandem_duplication Author_2011 124 Sequencing    3 1 2  GENE1 ",
    "targetScanS": "585 chr1 500 507 GENE1:miR-124/506 85 +",
    "tfbsConsSites": "585 chr1 495 510 V$ARP1_01 818 - 2.01|585 chrM 3450 3470 V$NRSF_01 749 - 2.19",
}


def table(text: str) -> str:
    """A dump of a table of UCSC: tabs between columns, and blanks within."""
    return text.replace(" ", "\t").replace("|", "\n").replace("_a", " a").replace("_d", " d") + "\n"


def files(rcrs: manifest.Bundle, assembly: str) -> dict[str, bytes]:
    """What the recipe of an assembly downloads, by file name."""
    mitochondrion = "".join(rcrs.path(rcrs.fasta).read_text().splitlines()[1:])
    sequence = {
        "1": CHROMOSOME,
        "MT": mitochondrion,
        "KI270706.1": "ACGT" * 50,
        "GL000191.1": "ACGT" * 50,
        "KI270302.1": "ACGT" * 50,
    }
    fasta = "".join(
        f">{name} dna:chromosome chromosome:{assembly}:{name}:1:{len(bases)}:1 REF\n{bases}\n" for name, bases in sequence.items()
    )
    genes = GFF3 + GENE + "###\n" + "".join(make_mito_bundle.gff3().splitlines(keepends=True)[2:])
    dbsnp = DBSNP.format(accession="NC_000001.11" if assembly == "GRCh38" else "NC_000001.10")
    texts = {
        f"Homo_sapiens.{assembly}.dna.primary_assembly.fa.gz": fasta,
        f"Homo_sapiens.{assembly}.{116 if assembly == 'GRCh38' else 87}.gff3.gz": genes,
        "clinvar.vcf.gz": CLINVAR,
        f"GCF_000001405.{40 if assembly == 'GRCh38' else 25}.gz": dbsnp,
        **{f"{name}.txt.gz": table(rows) for name, rows in TABLES.items()},
    }
    found = {name: gzip.compress(text.encode(), mtime=0) for name, text in texts.items()}
    found |= {f"{name}.md5": f"{hashlib.md5(body).hexdigest()}  {name}\n".encode() for name, body in found.items()}
    frequencies = {}
    for chromosome in (*map(str, range(1, 23)), "X", "Y"):
        name = f"chr{chromosome}" if assembly == "GRCh38" else chromosome
        rows = f"{name}{FREQUENCIES[assembly].format(name)}" if chromosome == "1" else ""
        frequencies[GNOMAD_FILES[assembly].format(name)] = GNOMAD + rows
    found["gnomad.v4.1.constraint_metrics.tsv"] = (
        b"gene\tmane_select\tlof.pLI\tlof.oe_ci.upper\nGENE1\ttrue\t9.9e-01\t0.25\nGENE1\tfalse\t0.1\t1\nGENE2\ttrue\t0.5\t1\n"
        b"MT-ND1\ttrue\tNA\tNA\n"
    )
    constraint = b"gene\ttranscript\tpLI\toe_lof_upper\nGENE1\tENST1\t9.9e-01\t0.25\n"
    found["gnomad.v2.1.1.lof_metrics.by_gene.txt.bgz"] = bgzf.compress(constraint) + BGZF_END
    return found | {name: bgzf.compress(text.encode()) + BGZF_END for name, text in frequencies.items()}


GNOMAD_FILES = {"GRCh38": "gnomad.joint.v4.1.sites.{}.vcf.bgz", "GRCh37": "gnomad.exomes.r2.1.1.sites.{}.vcf.bgz"}


def recipe(assembly: str, site: Site, folder: Path, *, whole: bool = False) -> Path:
    """The project's own recipe, with every address moved to the site on loopback; unless it is `whole`, of the files that
    gnomAD has for each chromosome only the first, which is most of the time of a build."""
    text = recipes.named(assembly.lower()).read_text()
    if not whole:
        text = re.sub(r'(?m)^ *"[^"]*\.sites\.(?!chr1\.|1\.)\w+\.vcf\.bgz",\n', "", text)
    path = folder / "recipe.toml"
    path.write_text(re.sub(r'"https://[^"]*/([^/"]+)"', rf'"{site.url}/\1"', text))
    return path


def optional(path: Path) -> list[str]:
    """The parts of a recipe that are built only if they are named."""
    return [track["id"] for track in recipes.read(path)["tracks"] if track.get("optional")]
