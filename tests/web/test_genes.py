"""Genes of a bundle that is not on the portal: found by its table in the store of bundles, and told from typing errors."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import boto3
import pytest

from app.aws.bundle_store import S3Store
from app.domain.jobs import Job, Status
from app.domain.keys import input_key
from app.engine.bundles.build import build
from app.engine.bundles.layout import TABLE
from app.engine.bundles.manifest import MANIFEST, Bundle, file_table, find, load
from app.engine.bundles.stores import FolderStore, push, stored_key
from app.engine.pipeline.annotate import annotate
from app.explorer.gene_lookup import LATEST_SECONDS, GeneInterval, GeneTable, References
from app.explorer.record import Filter, Region
from app.settings import Settings
from app.web import app_keys
from tests.support import genome
from tests.support.explored import HEADER, stored
from tests.support.genome import CHROMOSOME
from tests.support.portal import Portal
from tests.support.recipes import files, recipe
from tests.support.site import Site
from tests.support.steps import ME

OTHER = {"A": "C", "C": "G", "G": "T", "T": "A"}
CHR1 = "".join(f"chr1\t{at}\t.\t{CHROMOSOME[at - 1]}\t{OTHER[CHROMOSOME[at - 1]]}\t.\t.\t.\n" for at in range(10, 1990, 10))
MT = "chrM\t3243\t.\tA\tG\t.\t.\t.\nchrM\t11778\t.\tG\tA\t.\t.\t.\n"
GENE1 = list(range(510, 651, 10))


@pytest.fixture
def store(settings: Settings) -> S3Store:
    return S3Store(boto3.client("s3"), settings.bucket_names["results"], "bundles")


@pytest.fixture
def changes(store: S3Store) -> dict[str, Any]:
    offered = {"rCRS": "rcrs", "GRCh38": "grch38/latest", "GRCh37": "grch37/9"}
    return {"bundle_store": f"s3://{store.bucket}/{store.prefix}", "references": offered}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundle")
    with Site(files(find("rcrs"), "GRCh38")) as site:
        return build(recipe("GRCh38", site, folder), folder / "grch38", folder / "cache")


async def made(portal: Portal, folder: Path, bundle: Bundle) -> Job:
    (folder / "in.vcf").write_text(HEADER + CHR1 + MT)
    result = await asyncio.to_thread(annotate, folder / "in.vcf", folder / "out", name="in.vcf", bundle=bundle)
    return await stored(portal, folder / "out", result, bundle.id)


async def test_a_gene_is_found_by_the_index_of_its_region(portal: Portal, tmp_path: Path, store: S3Store, bundle: Bundle) -> None:
    push(bundle, store)
    await portal.signed_in(ME)
    job, explorer = await made(portal, tmp_path, bundle), portal.app[app_keys.EXPLORER]
    for name in ("GENE1", "gene1", "ENSG1", "ensg1"):
        page = await explorer.page(job, Filter(gene=name), cursor=None, limit=100)
        assert [one.position for one in page.variants] == GENE1, name
        assert page.looked == len(GENE1), "and nothing else was looked at"
    page = await explorer.page(job, Filter(gene="mt-nd4"), cursor=None, limit=100)
    assert [one.position for one in page.variants] == [11778]
    page = await explorer.page(job, Filter(gene="GENE1", region=Region("1", 601, 1000)), cursor=None, limit=100)
    assert [one.position for one in page.variants] == [at for at in GENE1 if at > 600]


async def test_a_gene_that_is_none_is_said_to_be_none(portal: Portal, tmp_path: Path, store: S3Store, bundle: Bundle) -> None:
    push(bundle, store)
    browser = await portal.signed_in(ME)
    job = await made(portal, tmp_path, bundle)
    address = f"/annotations/{job.job_id}/variants"
    page = await browser.get(f"{address}?gene=gene&impact=HIGH")
    assert page.status == 404 and "GRCh38 knows no gene gene. Did you mean GENE1?" in page.text
    assert 'value="gene"' in page.text and "selected>High<" in page.text, "what was typed is there to be corrected"
    page = await browser.get(f"{address}?gene=ND4")
    assert "Did you mean MT-ND4 or MT-ND4L?" in page.text
    status, problem = await browser.api("GET", f"/jobs/{job.job_id}/variants?gene=<b>")
    assert status == 409 and problem["detail"].endswith("knows no gene <b>. Please use its symbol, or its Ensembl id.")
    assert (await browser.get(f"{address}.tsv?gene=nosuch")).status == 409


async def test_a_gene_is_found_by_its_number_at_hgnc(portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    described = "Name=GENE1;description=made up [Source:HGNC Symbol%3BAcc:HGNC:5];"
    monkeypatch.setattr(genome, "GENE", genome.GENE.replace("Name=GENE1;", described))
    await portal.signed_in(ME)
    job, explorer = await made(portal, tmp_path, genome.bundle(tmp_path / "grch99")), portal.app[app_keys.EXPLORER]
    for text, found in (("HGNC:5", GENE1), ("hgnc 5", GENE1), ("HGNC:55", [])):
        page = await explorer.page(job, Filter(search=text), cursor=None, limit=100)
        assert [one.position for one in page.variants] == found, text
        assert page.understood.startswith("the gene HGNC:5")


async def test_a_panel_takes_numbers_of_hgnc(portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    described = "Name=GENE1;description=made up [Source:HGNC Symbol%3BAcc:HGNC:5];"
    monkeypatch.setattr(genome, "GENE", genome.GENE.replace("Name=GENE1;", described))
    browser = await portal.signed_in(ME)
    grch99 = genome.bundle(tmp_path / "nuclear")
    assert grch99.path(TABLE).read_text().splitlines()[0] == "GENE1\t1\t501\t650\tENSG1\tHGNC:5"
    job = await made(portal, tmp_path, grch99)
    references = portal.app[app_keys.EXPLORER].references
    references.folder = str(tmp_path)
    for genes, total, words in (
        ("hgnc:5", len(GENE1), "the panel of 1 gene"),
        ("HGNC 5, MT-ND4", len(GENE1) + 1, "the panel of 2 genes"),
        ("HGNC:55 ensg1", len(GENE1), "the panel of 2 genes, of which the reference does not know HGNC:55"),
    ):
        status, page = await browser.api("GET", f"/jobs/{job.job_id}/variants?{urlencode({'genes': genes})}")
        assert (status, page["total"], page["understood"]) == (200, total, words)
    assert (await browser.api("POST", "/saved/panels", json={"name": "mine", "text": "hgnc 5"}))[0] == 200
    status, page = await browser.api("GET", f"/jobs/{job.job_id}/variants?panel=mine")
    assert (status, page["total"]) == (200, len(GENE1))


async def test_without_the_table_a_gene_is_looked_for_everywhere(
    portal: Portal, tmp_path: Path, store: S3Store, bundle: Bundle
) -> None:
    await portal.signed_in(ME)
    job, explorer = await made(portal, tmp_path, bundle), portal.app[app_keys.EXPLORER]
    summary, references = await explorer.summary(job), explorer.references
    for damage in (lambda: None, lambda: store.s3.put_object(Bucket=store.bucket, Key=key(store, bundle), Body=b"other")):
        damage()
        explorer.references = References("", references.store, references.s3)
        page = await explorer.page(job, Filter(gene="GENE1"), cursor=None, limit=100)
        assert [one.position for one in page.variants] == GENE1
        push(bundle, store)
    found = await References("", references.store, references.s3).reference_of(summary)
    assert found and found.genes and found.genes.find("GENE1") == GeneInterval("GENE1", "1", 501, 650)


async def test_bundles_of_a_folder_and_of_this_host_are_known_too(bundle: Bundle, tmp_path: Path) -> None:
    push(bundle, FolderStore(tmp_path / "store"))
    summary = {"bundle": {"id": bundle.id, "version": bundle.version}}
    for references in (References("", str(tmp_path / "store"), None), References(str(bundle.folder.parent), "", None)):
        found = await references.reference_of(summary)
        assert found and found.genes and found.genes.find("gene1") and found.bundle.names["chr1"].name == "1"
    assert await References("", str(tmp_path / "store"), None).reference_of({"bundle": {"id": bundle.id, "version": "0"}}) is None
    genome.bundle(tmp_path / "old").path(TABLE).unlink()  # made before bundles had the table
    (tmp_path / "old" / MANIFEST).write_text(genome.MANIFEST + file_table(tmp_path / "old"))
    old = load(tmp_path / "old")
    push(old, FolderStore(tmp_path / "store"))
    found = await References("", str(tmp_path / "store"), None).reference_of({"bundle": {"id": old.id, "version": old.version}})
    assert found and found.genes is None


async def test_the_parts_of_what_is_offered_are_named_with_their_versions(
    portal: Portal, tmp_path: Path, store: S3Store, bundle: Bundle
) -> None:
    """Of an embedded bundle, of the latest one in the store, and of one that is nowhere."""
    push(bundle, store)
    browser = await portal.signed_in(ME)
    status, said = await browser.api("GET", "/references")
    assert status == 200
    rcrs, newest, absent = said["references"]
    assert (rcrs["assembly"], rcrs["version"], rcrs["parts"][0]["version"]) == (*("rCRS", find("rcrs").version, "NC_012920.1"),)
    assert (newest["bundle"], newest["version"]) == ("grch38", bundle.version)
    clinvar = next(part for part in newest["parts"] if part["id"] == "clinvar")
    assert clinvar == {
        "id": "clinvar",
        "title": "ClinVar",
        "version": "2026-11-22",
        "date": "2026-11-22",
        "licence": "public domain (NCBI)",
    }
    assert absent == {"assembly": "GRCh37", "bundle": "grch37", "version": "", "parts": []}
    page = (await browser.get("/")).text
    assert "Human genome GRCh38" in page and "<dt>ClinVar</dt><dd>2026-11-22</dd>" in page and "GRCh37" not in page


async def test_a_job_is_offered_again_when_a_part_of_its_reference_is_newer(
    portal: Portal, tmp_path: Path, store: S3Store, bundle: Bundle
) -> None:
    push(bundle, store)
    browser = await portal.signed_in(ME)
    job = await made(portal, tmp_path, bundle)
    page = f"/annotations/{job.job_id}"
    assert "Newer references" not in (await browser.get(page)).text
    newer = tmp_path / "newer"
    shutil.copytree(bundle.folder, newer)
    described = (newer / MANIFEST).read_text().replace(f'version = "{bundle.version}"', 'version = "next"', 1)
    (newer / MANIFEST).write_text(described.replace("2026-11-22", "2026-12-06"))
    push(load(newer), store)
    references = portal.app[app_keys.EXPLORER].references
    references.clock = lambda: time.monotonic() + LATEST_SECONDS + 1
    assert "ClinVar 2026-12-06 is there by now; this was made with 2026-11-22" in (await browser.get(page)).text
    assert "not kept any more" in (await browser.post(f"{page}/renew")).text
    inputs = portal.backend.inputs
    await inputs.s3.put_object(Bucket=inputs.name, Key=input_key(job.user_id, job.job_id), Body=b"the file")
    again = await browser.post(f"{page}/renew")
    assert again.status == 200 and again.url != f"{portal.url}{page}"
    fresh, *before = await portal.backend.jobs.page(job.user_id)
    assert (fresh.status, fresh.file_name, fresh.size) == (Status.PENDING, "upload.vcf", 8)
    assert await inputs.read(input_key(fresh.user_id, fresh.job_id)) == b"the file"
    assert before == [await portal.backend.jobs.get(job.user_id, job.job_id)] and before[0].result == job.result
    assert "Only a completed job" in (await browser.post(f"/annotations/{fresh.job_id}/renew")).text


def test_genes_that_share_a_name() -> None:
    genes = GeneTable(
        b"A1\t1\t100\t200\tENSG01\nA1\t1\t150\t400\tENSG02\nU6\t1\t5\t9\tENSG03\nU6\t2\t5\t9\tENSG04\nA11\t2\t7\t8\tENSG05\n"
    )
    assert genes.find("a1") == GeneInterval("A1", "1", 100, 400)
    assert genes.find("ENSG02") == GeneInterval("A1", "1", 150, 400)
    assert genes.find("U6") == GeneInterval("U6", "", 5, 9), "on two contigs it has no one region"
    assert genes.find("A") is None and genes.find("1") is None and genes.find("100") is None
    assert genes.near("a") == ["A1", "A11"]
    assert GeneTable(b"C9orf72\t9\t5\t9\tENSG07\n").near("c9orf71") == ["C9orf72"], "spelled as the symbol is"


def test_genes_are_found_by_their_numbers_at_hgnc() -> None:
    genes = GeneTable(b"A1\t1\t100\t200\tENSG01\tHGNC:5\nA11\t2\t7\t8\tENSG05\tHGNC:55\nB\t2\t9\t9\tENSG06\n")
    found = {"hgnc:5": "A1", "HGNC:55": "A11", "ENSG01": "A1", "ensg05": "A11", "ENSG06": "B", "HGNC:555": "", "200": ""}
    assert {name: genes.symbol(name) for name in found} == found
    known = {name.upper(): symbol for name, symbol in found.items() if symbol}
    assert genes.symbols([name.upper() for name in found]) == known


def key(store: S3Store, bundle: Bundle) -> str:
    (genes,) = [file for file in bundle.files if file.path == TABLE]
    return f"{store.prefix}/{stored_key(bundle.id, genes)}"
