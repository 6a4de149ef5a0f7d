"""Records on contigs that the reference does not have: passed through if they are few, refused if they are the file."""

import gzip
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pysam
import pytest

from app.engine.bundles import manifest
from app.engine.errors import InputError
from app.engine.limits import DEFAULT
from app.engine.outputs import Result
from app.engine.pipeline.annotate import annotate
from tests.support.genome import CHROMOSOME

META = "##fileformat=VCFv4.2\n##contig=<ID=chr1,length=2000>\n##contig=<ID=HLA-A*01:01,length=3503>\n"
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
CODING = [f"chr1\t{position}\t.\t{CHROMOSOME[position - 1]}\tT,AG\t.\t.\t.\n" for position in (504, 507, 510)]
HLA = "HLA-A*01:01\t17\t.\tA\tG,<DEL>\t.\t.\tEND=90\n"
DECOY = "chrUn_KN707606v1_decoy\t5\t.\tACA\tA\t.\t.\t.\n"


@pytest.fixture
def run(tmp_path: Path, nuclear: manifest.Bundle) -> Callable[..., Result]:
    def run(text: str, bundle: manifest.Bundle = nuclear, jobs: int = 1, **limits: int) -> Result:
        (tmp_path / "in").write_text(text)
        return annotate(
            tmp_path / "in", tmp_path / f"out{jobs}", name="in", bundle=bundle, jobs=jobs, limits=replace(DEFAULT, **limits)
        )

    return run


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("rows", [[*CODING, HLA, DECOY], [HLA, CODING[2], DECOY, *CODING[:2]]], ids=["sorted", "shuffled"])
def test_a_few_are_passed_through_and_flagged(run: Callable[..., Result], jobs: int, rows: list[str]) -> None:
    result = run(META + COLUMNS + "".join(rows), jobs=jobs)
    with pysam.VariantFile(str(result.vcf)) as file:
        flagged = {(row.chrom, row.alts[0]): ",".join(row.info.get("GAS_FLAG", ())) for row in file if row.chrom != "chr1"}
        assert {name: contig.length for name, contig in file.header.contigs.items()} == {
            "chr1": 2000, "HLA-A*01:01": 3503, "chrUn_KN707606v1_decoy": None,
        }  # fmt: skip
        assert len(list(file.fetch("chrUn_KN707606v1_decoy"))) == 1
        assert [row.info["GAS_GENE"] for row in file.fetch("chr1")] == ["GENE1"] * 6
    assert flagged == {
        ("HLA-A*01:01", "G"): "unknown_contig",
        ("HLA-A*01:01", "<DEL>"): "unknown_contig",
        ("chrUn_KN707606v1_decoy", "A"): "unknown_contig",
    }
    notes = {note["code"]: note for note in result.summary["notes"]}
    assert (notes["unknown_contig"]["count"], notes["unknown_contig"]["kind"]) == (2, "flag")
    assert (result.summary["records_in"], result.summary["splits"], result.summary["records_out"]) == (5, 4, 9)


def test_the_number_of_processes_changes_nothing(run: Callable[..., Result]) -> None:
    text = META + COLUMNS + "".join(CODING) + HLA + DECOY * 2
    assert gzip.decompress(run(text, jobs=1).vcf.read_bytes()) == gzip.decompress(run(text, jobs=2).vcf.read_bytes())


def test_most_are_another_assembly(run: Callable[..., Result]) -> None:
    with pytest.raises(
        InputError, match=re.escape("Line 6: contig 'HLA-A*01:01' (length 3503) is not part of the installed")
    ) as refused:
        run(META + COLUMNS + CODING[0] + HLA + DECOY)
    assert refused.value.line == 6


@pytest.mark.slow
def test_a_genome_is_refused_before_its_end(run: Callable[..., Result], rcrs: manifest.Bundle) -> None:
    """What is broken at the end is not even seen."""
    many = "".join(f"scaffold_1\t{position}\t.\tA\tG\t.\t.\t.\n" for position in range(1, 60_000))
    with pytest.raises(InputError, match="contig 'scaffold_1'"):
        run("##fileformat=VCFv4.2\n" + COLUMNS + many + "broken\0\n", rcrs, evidence=1000)
    with pytest.raises(InputError, match="NUL"):
        run("##fileformat=VCFv4.2\n" + COLUMNS + many + "broken\0\n", rcrs, evidence=1_000_000)


@pytest.mark.slow
def test_other_bases_are_refused_before_the_end(run: Callable[..., Result], rcrs: manifest.Bundle) -> None:
    wrong = "".join(f"MT\t{position % 16000 + 1}\t.\tN\tG\t.\t.\t.\n" for position in range(60_000))
    with pytest.raises(InputError, match="REF that disagrees"):
        run("##fileformat=VCFv4.2\n" + COLUMNS + wrong.replace("\tN\t", "\tT\t") + "broken\n", rcrs, evidence=1000)


@pytest.mark.parametrize("name", ["a b", "chr,1", "*", "="])
def test_what_is_no_name_of_a_contig_is_refused(run: Callable[..., Result], name: str) -> None:
    with pytest.raises(InputError, match="cannot be the name of a contig"):
        run(META + COLUMNS + "".join(CODING) + f"{name}\t5\t.\tA\tG\t.\t.\t.\n")


def test_a_position_beyond_what_the_header_says_is_refused(run: Callable[..., Result]) -> None:
    with pytest.raises(InputError, match="beyond the end of HLA"):
        run(META + COLUMNS + "".join(CODING) + HLA.replace("\t17\t", "\t3505\t"))


@pytest.mark.parametrize(
    ("name", "header"),
    [("chr1", ""), ("22", ""), ("X", ""), ("NC_000001.11", "##contig=<ID=NC_000001.11,length=248956422>\n")],
)
def test_one_record_of_another_assemblys_chromosome_is_enough(
    run: Callable[..., Result], rcrs: manifest.Bundle, name: str, header: str
) -> None:
    here = "".join(f"MT\t{position}\t.\t{base}\tN\t.\t.\t.\n" for position, base in ((1, "G"), (2, "A"), (3, "T")))
    with pytest.raises(InputError, match=f"Line .: contig '{name}'"):
        run("##fileformat=VCFv4.2\n" + header + COLUMNS + here + f"{name}\t500\t.\tA\tG\t.\t.\t.\n", rcrs)


def test_there_are_only_so_many_names(run: Callable[..., Result]) -> None:
    strange = "".join(f"s{number}\t5\t.\tA\tG\t.\t.\t.\n" for number in range(20))
    known = "".join(CODING * 10)
    with pytest.raises(InputError, match=r"contig 's1.' is not part of"):
        run(META + COLUMNS + known + strange, contigs=10)
    assert run(META + COLUMNS + known + strange, contigs=100).summary["records_in"] == 50
