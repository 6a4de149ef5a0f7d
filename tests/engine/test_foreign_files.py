"""A file that is no VCF is called what it is, with what to do; the browser has the same table."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from app.engine.errors import InputError
from app.engine.reading.file_type import BINARIES, table
from app.web.views.annotate import HINTS
from tests.support.annotated import vcf

COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
FOREIGN = {
    "hsd": ("SampleId\tRange\tHaplogroup\tPolymorphisms\nS1\t1-16569\t?\t73G\t263G\n", "HaploGrep (HSD)"),
    "hsd without names": ("S1\t1-16569;\tH1\t73G\n", "HaploGrep (HSD)"),
    "mutserve": ("ID\tFilter\tPos\tRef\tVariant\tVariantLevel\nS1.bam\tPASS\t73\tA\tG\t1.0\n", "mutserve"),
    "vep": ("## ENSEMBL VARIANT EFFECT PREDICTOR v104\n#Uploaded_variation\tLocation\tAllele\n", "run VEP with --vcf"),
    "annovar": ("MT\t3243\t3243\tA\tG\n", "ANNOVAR"),
    "annovar's result": ("Chr\tStart\tEnd\tRef\tAlt\tFunc.refGene\n", "ANNOVAR"),
    "hgvs": ("NC_012920.1:m.3243A>G\nNC_012920.1:m.8993T>G\n", "list of HGVS names"),
    "hgvs of a gene": ("NM_000059.4(BRCA2):c.68-7T>A\n", "list of HGVS names"),
    "rsids": ("rs199474657\nrs121912683\n", "dbSNP identifiers"),
    "quoted": ('##fileformat=VCFv4.2\n#CHROM\tPOS\n"chrM"\t3243\t"."\t"A"\t"G"\n', "in quotes"),
    "quoted header": ('"##fileformat=VCFv4.2"\n', "in quotes"),
    "no header": ("chrM\t3243\t.\tA\tG\t50\tPASS\tDP=3\tGT\t0/1\n", "tabix -h"),
    "bed": ("chrM\t100\t200\tregion\n", "BED"),
    "maf": ("#version 2.4\nHugo_Symbol\tChromosome\n", "MAF"),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_what_is_no_vcf_is_named(run: Callable, case: str) -> None:
    content, words = FOREIGN[case]
    with pytest.raises(InputError) as caught:
        run(content)
    assert caught.value.message.startswith("This file is ") and words in caught.value.message


def test_a_vcf_is_none_of_them(run: Callable) -> None:
    run(vcf("MT 3243 . A G . . ."))
    run("##fileformat=VCFv4.2\n" + COLUMNS)


def test_quotes_far_behind_the_header_are_named(run: Callable) -> None:
    header = "##fileformat=VCFv4.2\n" + "".join(f"##line{n}=x\n" for n in range(9000)) + COLUMNS
    with pytest.raises(InputError, match="quotes"):
        run(header + '"chrM"\t3243\t"."\t"A"\t"G"\t.\t.\t.\n')


def test_a_whole_genome_is_told_how_to_upload_its_mitochondrion(run: Callable) -> None:
    header = f"##fileformat=VCFv4.2\n##contig=<ID=chr1,length=248956422>\n##contig=<ID=chrM,length=16569>\n{COLUMNS}"
    with pytest.raises(InputError, match=r"looks like GRCh38.*bcftools view -t chrM -Oz"):
        run(vcf("chr1 1000 . A G . . .", "chrM 3243 . A G . . .", header=header))


def test_the_browser_has_the_engines_table() -> None:
    assert {name: HINTS[name] for name in ("binaries", "texts")} == table()
    assert len(table()["binaries"]) == len(BINARIES)
    assert not any(re.search(r"\(\?[P<#i]", pattern) for pattern, _, _ in table()["texts"])  # the same in both languages


@pytest.mark.skipif(not shutil.which("node"), reason="the browser's tests look at it, too")
@pytest.mark.parametrize("case", FOREIGN)
def test_the_script_says_what_the_engine_says(run: Callable, case: str, tmp_path: Path) -> None:
    script = f"""
        import {{ inspect }} from {json.dumps(str(Path("app/web/static/vcf.js").resolve()))};
        const known = {{ limit: 1e6, limitWords: "1 MB", hints: {json.dumps(HINTS)} }};
        console.log(JSON.stringify(await inspect(new File([{json.dumps(FOREIGN[case][0])}], "x"), known)));
    """
    (tmp_path / "vcf.mjs").write_bytes(Path("app/web/static/vcf.js").read_bytes())
    (tmp_path / "look.mjs").write_text(script.replace(str(Path("app/web/static/vcf.js").resolve()), "./vcf.mjs"))
    done = subprocess.run(["node", "look.mjs"], capture_output=True, text=True, cwd=tmp_path, timeout=60, check=True)
    with pytest.raises(InputError) as caught:
        run(FOREIGN[case][0])
    assert f"This file {json.loads(done.stdout)['problem']}" == caught.value.message
