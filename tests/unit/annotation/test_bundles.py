"""Bundles built from recipes over HTTP, in the formats of Ensembl, ClinVar and UCSC; pushed, pulled; two genetic codes."""

import gzip
import http.server
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.annotation import commands, reference, stores
from app.annotation.build import build
from app.annotation.engine import annotate
from app.annotation.errors import EngineError

dice = random.Random(7)
CODING = "ATG" + "GCT" * 48 + "TAA"
SEQUENCE = "".join(dice.choices("ACGT", k=500)) + CODING + "".join(dice.choices("ACGT", k=349))


class Site:
    """Files under an address on loopback; `broken` cuts the next answer for a file short."""

    def __init__(self, files: dict[str, bytes]) -> None:
        site = self
        self.files, self.broken, self.ranges = files, set[str](), list[str]()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = site.files[self.path.lstrip("/")]
                wanted = self.headers.get("Range")
                if wanted:
                    site.ranges.append(wanted)
                    body = body[int(wanted.removeprefix("bytes=").rstrip("-")) :]
                self.send_response(206 if wanted else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                cut = self.path.lstrip("/") in site.broken
                site.broken.discard(self.path.lstrip("/"))
                self.wfile.write(body[: len(body) // 2] if cut else body)

            def log_message(self, *_: Any) -> None:
                """Nothing to say in a test."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def gff3(rcrs: reference.Bundle) -> str:
    rows = [
        ("gene", ".", "ID=gene:ENSG1;Name=GENE1;biotype=protein_coding"),
        ("mRNA", ".", "ID=transcript:ENST1;Parent=gene:ENSG1;biotype=protein_coding"),
        ("exon", ".", "Parent=transcript:ENST1"),
        ("CDS", "0", "ID=CDS:ENSP1;Parent=transcript:ENST1"),
    ]
    nuclear = "".join(f"1\te\t{kind}\t501\t650\t.\t+\t{phase}\t{attributes}\n" for kind, phase, attributes in rows)
    return "##gff-version 3\n" + nuclear + "".join(rcrs.path("genes.gff3").read_text().splitlines(keepends=True)[2:])


RECIPE = """
id = "small"
version = "2"
title = "A small genome"
assembly = "SMALL1"
[sequence]
url = "{url}/genome.fa.gz"
licence = "none"
[genes]
url = "{url}/genes.gff3.gz"
[aliases]
"1" = ["NC_000001.11"]
[[tracks]]
id = "clinvar"
title = "ClinVar"
format = "vcf"
url = "{url}/clinvar.vcf.gz"
version = "2026-01"
columns = [
  {{ tag = "GAS_CLNSIG", from = "CLNSIG", number = ".", type = "String", description = "Significance" }},
  {{ tag = "GAS_RSID", from = "ID", number = "1", type = "String", description = "Identifier" }},
]
[[tracks]]
id = "cytoband"
title = "Bands"
format = "ucsc"
url = "{url}/cytoBand.txt.gz"
columns = [{{ tag = "GAS_BAND", from = 3, number = ".", type = "String", description = "Band" }}]
[[tracks]]
id = "superdups"
title = "Segmental duplications"
format = "ucsc"
url = "{url}/genomicSuperDups.txt.gz"
place = {{ chrom = 1, start = 2, end = 3 }}
columns = [{{ tag = "GAS_SUPERDUP", from = 4, number = ".", type = "String", description = "Other copy" }}]
"""
CLINVAR = (
    "##fileformat=VCFv4.1\n"
    '##INFO=<ID=CLNSIG,Number=.,Type=String,Description="s">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    "NC_000001.11\t505\t42\tC\tA,T\t.\t.\tCLNSIG=Likely benign\n"
    "MT\t3460\t9\tG\tA\t.\t.\tCLNSIG=Pathogenic\n"
    "Un_1\t5\t9\tG\tA\t.\t.\tCLNSIG=Pathogenic\n"
)


@pytest.fixture
def site(rcrs: reference.Bundle) -> Iterator[Site]:
    mitochondrion = "".join(rcrs.path(rcrs.fasta).read_text().splitlines()[1:])
    files = {
        "genome.fa.gz": f">1 dna\n{SEQUENCE}\n>MT dna\n{mitochondrion}\n",
        "genes.gff3.gz": gff3(rcrs),
        "clinvar.vcf.gz": CLINVAR,
        "cytoBand.txt.gz": "chr1\t600\t1000\tp2\tgneg\nchr1\t0\t600\tp1\tgpos\n",
        "genomicSuperDups.txt.gz": "585\tchr1\t500\t520\tchr9:77\t0\n",
    }
    found = Site({name: gzip.compress(text.encode(), mtime=0) for name, text in files.items()})
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def small(site: Site, tmp_path: Path) -> reference.Bundle:
    (tmp_path / "small.toml").write_text(RECIPE.format(url=site.url))
    return build(tmp_path / "small.toml", tmp_path / "bundles" / "small", tmp_path / "cache")


def test_two_genetic_codes_in_one_stream(small: reference.Bundle, tmp_path: Path) -> None:
    assert SEQUENCE[504] == "C"
    assert [genes.genetic_code for genes in small.genes] == [1, 2]
    sites = ("chr1 505 . C T", f"chr1 700 . {SEQUENCE[699]} <DEL>", "chrM 3460 . G A", "chrM 4472 . T C")
    records = "".join(site.replace(" ", "\t") + "\t.\t.\t.\n" for site in sites)
    text = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n" + records
    (tmp_path / "in").write_text(text)
    result = annotate(tmp_path / "in", tmp_path / "out", name="x", bundle=small)
    lines = [line.split("\t") for line in gzip.decompress(result.vcf.read_bytes()).decode().splitlines() if line[0] != "#"]
    infos = [dict(item.partition("=")[::2] for item in line[7].split(";")) for line in lines]
    assert [line[0] for line in lines] == ["chr1", "chr1", "chrM", "chrM"]
    assert [info.get("GAS_CSQ") for info in infos] == ["missense_variant", None, "missense_variant", "start_retained_variant"]
    assert infos[0]["GAS_HGVSP"] == "p.Ala2Val"
    assert infos[0]["GAS_CLNSIG"] == "Likely_benign"
    assert (infos[0]["GAS_RSID"], infos[0]["GAS_BAND"], infos[0]["GAS_SUPERDUP"]) == ("42", "p1", "chr9:77")
    assert infos[1]["GAS_BAND"] == "p2"
    assert infos[2]["GAS_CLNSIG"] == "Pathogenic"
    assert result.summary["bundle"]["version"] == "2"


def test_a_broken_download_is_continued(site: Site, tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(RECIPE.format(url=site.url))
    site.broken.add("genes.gff3.gz")
    with pytest.raises(EngineError, match="Run the command again"):
        build(tmp_path / "small.toml", tmp_path / "small", tmp_path / "cache")
    build(tmp_path / "small.toml", tmp_path / "small", tmp_path / "cache")
    assert site.ranges == [f"bytes={len(site.files['genes.gff3.gz']) // 2}-"]


def test_a_wrong_checksum_stops_the_build(site: Site, tmp_path: Path) -> None:
    recipe = RECIPE.format(url=site.url).replace('licence = "none"', 'sha256 = "00"')
    (tmp_path / "small.toml").write_text(recipe)
    with pytest.raises(EngineError, match="checksum"):
        build(tmp_path / "small.toml", tmp_path / "small", tmp_path / "cache")
    assert not (tmp_path / "small").exists()


def test_push_and_pull(small: reference.Bundle, tmp_path: Path) -> None:
    store = stores.FolderStore(tmp_path / "store")
    stores.push(small, store)
    pulled = stores.pull("small", "2", tmp_path / "host", store)
    assert reference.verify(pulled) == []
    assert stores.pull("small", "2", tmp_path / "host", store) == pulled
    (tmp_path / "store" / "small" / "2" / "genome.fa").write_text(">1\nA\n")
    with pytest.raises(EngineError, match="does not match its manifest"):
        stores.pull("small", "2", tmp_path / "other", store)
    assert not (tmp_path / "other" / "small").exists()


def test_a_damaged_bundle_is_not_pushed(small: reference.Bundle, tmp_path: Path) -> None:
    with small.path("genes.gff3").open("a") as genes:
        genes.write("#\n")
    with pytest.raises(EngineError, match=r"genes\.gff3 has"):
        stores.push(small, stores.FolderStore(tmp_path / "store"))


def test_the_commands(small: reference.Bundle, tmp_path: Path) -> None:
    run = CliRunner()
    folder = ["--bundles", str(tmp_path / "bundles")]
    assert "small\t2\tSMALL1\t3 tracks" in run.invoke(commands.reference, ["list", *folder]).output
    assert run.invoke(commands.reference, ["verify", "small", *folder]).exit_code == 0
    assert run.invoke(commands.reference, ["push", "small", str(tmp_path / "s"), *folder]).exit_code == 0
    pulled = run.invoke(commands.reference, ["pull", "small", "2", str(tmp_path / "s"), "--bundles", str(tmp_path / "b2")])
    assert pulled.exit_code == 0, pulled.output
    small.path("genome.fa").write_text("")
    assert run.invoke(commands.reference, ["verify", "small", *folder]).exit_code == 1
    assert run.invoke(commands.reference, ["push", "small", "s3://x", *folder]).exit_code == 3
