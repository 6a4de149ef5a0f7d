"""What is rendered from a result: complete, safe to open, and the same on the command line."""

import csv
import gzip
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from app.cli.annotate import annotate as annotate_command
from app.engine.consequence.csq_fields import NAMES
from app.engine.report import render

OUTPUTS = ["annot.columns", "annot.vcf.gz", "annot.vcf.gz.tbi", "summary.json"]

HEADER = (
    "##fileformat=VCFv4.2\n"
    '##INFO=<ID=AF,Number=A,Type=Float,Description="f">\n'
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS1\n"
)
CONTENT = HEADER + (
    "MT\t73\t.\tA\tG\t.\t.\tAF=0.5\tGT\t1\n"
    "MT\t3243\t.\tA\tG\t.\t.\tAF=0.0001\tGT\t0/1\n"
    "MT\t3460\t=cmd|x\tG\tA,C\t.\t.\tAF=0.1,0.2\tGT\t1/2\n"
    "MT\t8567\t.\tT\tC\t.\t.\tAF=0.9\tGT\t0/0\n"
)
NASTY = '<script>alert("1")</script>\n=x'


@pytest.fixture
def command() -> typer.Typer:
    app = typer.Typer()
    app.command()(annotate_command)
    return app


def test_counts(run: Callable) -> None:
    summary = run(CONTENT).summary
    assert (summary["records_in"], summary["splits"], summary["records_out"]) == (4, 1, 5)
    assert summary["types"] == {"SNV": 5}
    assert (summary["transitions"], summary["transversions"]) == (4, 1)
    assert summary["contigs"] == {"MT": 5}
    assert summary["genes"]["MT-ND1"] == 2
    assert sum(summary["consequences"].values()) == sum(summary["impacts"].values()) == 5
    assert summary["frequencies"]["≤ 0.1%"] == 1
    assert summary["tracks"]["confirmed"] == 2


def test_count_log_begins_as_anntools_does(run: Callable) -> None:
    lines = render.count_log(run(CONTENT).summary, NASTY).splitlines()
    assert lines[1:4] == ["Total: 5", "In dbSNP: 2 (40.00%)", "Variants located:"]
    assert "In CDS 3" in lines
    assert sum(line.startswith("## ") for line in lines) == 1
    assert any("SHA-256" in line for line in lines)


def test_html_is_well_formed_and_self_contained(run: Callable) -> None:
    page = render.html(run(CONTENT).summary, NASTY)
    assert "<script" not in page
    assert "http" not in page
    body = page[page.index("<body>") : page.index("</html>")]
    charts = ET.fromstring(body).findall(".//table[@class='bars']")
    assert len(charts) >= 6
    assert all(chart.findtext("caption") for chart in charts)
    for row in (row for chart in charts for row in chart.iterfind(".//tr")):  # read as a table: the bars are only seen
        assert row.findtext("th[@scope='row']") and int(row.findtext("td[@class='number']", "").replace(",", "")) >= 0
        assert row.find(".//svg").attrib["aria-hidden"] == "true"


def test_table_has_a_row_for_each_allele_and_transcript(run: Callable) -> None:
    found = run(CONTENT)
    with gzip.open(found.folder / "annot.vcf.gz", "rt") as lines:
        rows = list(csv.DictReader("".join(render.tsv(lines, ["GAS_DISEASE"])).splitlines(), dialect="excel-tab"))
    assert [(row["position"], row["gene"]) for row in rows if row["position"] == "8567"] == [
        ("8567", "MT-ATP8"),
        ("8567", "MT-ATP6"),
    ]
    assert rows[2]["id"] == "'=cmd|x"
    assert [row["hgvs_protein"] for row in rows if row["position"] == "3460"] == ["p.Ala52Thr", "p.Ala52Pro"]
    assert "MELAS" in rows[1]["GAS_DISEASE"]


def test_the_table_has_all_that_is_said_of_a_transcript(run: Callable) -> None:
    found = run(HEADER + "MT\t8992\t.\tC\tT,A\t.\t.\t.\tGT\t1|2\nMT\t8993\t.\tT\tG\t.\t.\t.\tGT\t0|1\n")
    with gzip.open(found.folder / "annot.vcf.gz", "rt") as lines:
        rows = list(csv.DictReader("".join(render.tsv(lines)).splitlines(), dialect="excel-tab"))
    named = {column.lower() for column in NAMES}
    spelled = {"exon", "intron", "distance", "canonical", "mane_select", "amino_acids", "codons", "biotype", "strand", "hgnc_id"}
    assert spelled <= named and spelled <= rows[0].keys()
    (last,) = [row for row in rows if row["position"] == "8993"]
    names = (
        "gene_id",
        "cdna_position",
        "cds_position",
        "protein_position",
        "hgvs_genomic",
        "hgvs_coding",
        "hgvs_protein",
        "picked",
    )
    assert [last[name] for name in names] == [
        *("ENSG00000198899", "467/681", "467/681", "156/226", "NC_012920.1:m.8993T>G", "c.467T>G", "p.Leu156Arg", "YES")
    ]
    assert [(row["flags"], row["old_record"]) for row in rows] == [
        ("codon_in_cis", "MT|8992|C|T,A|2")
        if row["alt"] == "A"
        else ("", "MT|8992|C|T,A|1")
        if row["ref"] == "C"
        else ("codon_in_cis", "")
        for row in rows
    ]
    for text in (render.count_log(found.summary, "x"), render.html(found.summary, "x")):
        assert "codon_in_cis" in text and "another allele changes the same codon" in text


def test_the_command_line_writes_everything(tmp_path: Path, command: typer.Typer) -> None:
    (tmp_path / "my file.vcf").write_text(CONTENT)
    done = CliRunner().invoke(command, [str(tmp_path / "my file.vcf"), "-o", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    endings = ("annot.tsv", "annot.vcf.gz", "annot.vcf.gz.tbi", "summary.html", "summary.json", "vcf.count.log")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"my file.{ending}" for ending in endings]


def test_the_command_line_tells_whose_fault_it_is(tmp_path: Path, command: typer.Typer) -> None:
    (tmp_path / "bad.vcf").write_text("hello\n")
    (tmp_path / "good.vcf").write_text(CONTENT)
    out = ["-o", str(tmp_path / "out")]
    assert CliRunner().invoke(command, [str(tmp_path / "bad.vcf"), *out]).exit_code == 1
    assert CliRunner().invoke(command, [str(tmp_path / "missing.vcf"), *out]).exit_code == 2
    assert CliRunner().invoke(command, [str(tmp_path / "good.vcf"), *out, "--bundle", "none"]).exit_code == 2
    assert not (tmp_path / "out").exists()


def test_nothing_but_the_outputs_stays_behind(run: Callable, tmp_path: Path) -> None:
    run(CONTENT)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == OUTPUTS
