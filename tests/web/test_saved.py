"""Filters and gene panels that a user keeps: asked of any result, listed and deleted on the profile, gone with the account."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from app.domain import limits
from app.engine.bundles import manifest
from app.services import privacy, saved
from app.services.saved import Kind
from app.services.submissions import Refused
from scripts import make_mito_bundle
from tests.support.explored import HEADER, KNOWN, explored, many
from tests.support.portal import Portal
from tests.support.steps import ME


async def test_a_filter_is_kept_and_asked_of_another_result(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    (tmp_path / "other").mkdir()
    first = await explored(portal, tmp_path, many(60))
    other = await explored(portal, tmp_path / "other", HEADER + KNOWN)
    query = "where=impact%3DMODERATE&sort=-quality&column=rsid"
    asked = await browser.get(f"/annotations/{first.job_id}/variants?{query}")
    assert "Keep this question" in asked.text
    answer = await browser.post(f"/annotations/{first.job_id}/saved", {"name": " My  own ", "query": query, "kind": "filters"})
    assert answer.url.partition("?")[0].endswith("/variants") and "impact%3DMODERATE" in answer.url
    page = await browser.get(f"/annotations/{other.job_id}/variants")
    assert f'href="/annotations/{other.job_id}/variants?{query.replace("&", "&amp;")}">My own</a>' in page.text
    assert "1–1 of 1 variant" in (await browser.get(f"/annotations/{other.job_id}/variants?{query}")).text
    profile = await browser.get("/profile")
    assert "My own" in profile.text and "/profile/saved/filters/delete" in profile.text
    await browser.post("/profile/saved/filters/delete", {"name": "My own"})
    assert "My own" not in (await browser.get("/profile")).text
    for wrong in ("", "sort=gene", "where=nothing%3D1", "q=" + "x" * 2000):
        answer = await browser.post(f"/annotations/{first.job_id}/saved", {"name": "x", "query": wrong, "kind": "filters"})
        assert answer.status in (409, 422), wrong


async def test_a_panel_is_pasted_kept_and_asked_for_by_its_name(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    job = await explored(portal, tmp_path, HEADER + KNOWN)
    here = f"/annotations/{job.job_id}/variants"
    pasted = await browser.get(f"{here}?genes=nd4;%0AENSG00000198888,BRCA1")
    assert "1–1 of 1 variant" in pasted.text and "MT:11778" not in pasted.text and "chrM:11778" in pasted.text
    assert "the panel of 3 genes, of which the reference does not know BRCA1" in pasted.text
    await browser.post(f"/annotations/{job.job_id}/saved", {"name": "LHON", "query": "genes=nd4+ND1", "kind": "panels"})
    named = await browser.get(f"{here}?panel=LHON")
    assert "chrM:11778" in named.text and "chrM:3243" not in named.text and "<option selected>LHON</option>" in named.text
    both = await browser.get(f"{here}?panel=LHON&q=MT-TL1")  # all that is asked must be true
    assert "Nothing fits all of it" in both.text
    saved_file = await browser.get(f"{here}.vcf?panel=LHON")
    assert [line.split("\t")[1] for line in saved_file.text.splitlines() if not line.startswith("#")] == ["11778"]
    assert (await browser.get(f"{here}?panel=none")).status == 404
    assert "no name of a gene" in (await browser.get(f"{here}?genes=%3Cb%3E")).text


async def test_a_panel_is_there_without_being_kept(portal: Portal, tmp_path: Path) -> None:
    genes = [line.split("\t") for line in manifest.find("rcrs").path("genes.tsv").read_text().splitlines()]
    confirmed = [int(line.split()[0]) for line in make_mito_bundle.CONFIRMED.strip().splitlines()]
    hit = [name for name, _, first, last, _ in genes if any(int(first) <= at <= int(last) for at in confirmed)]
    assert saved.BUILT_IN["Mitochondrial disease"].split() == hit
    browser = await portal.signed_in(ME)
    job = await explored(portal, tmp_path, HEADER + KNOWN)
    here = f"/annotations/{job.job_id}/variants"
    asked = await browser.get(f"{here}?panel=Mitochondrial+disease")
    assert "chrM:11778" in asked.text and "<option selected>Mitochondrial disease</option>" in asked.text
    assert (await browser.api("GET", f"/jobs/{job.job_id}/variants?panel=Mitochondrial%20disease"))[0] == 200
    await browser.api("POST", "/saved/panels", json={"name": "Mitochondrial disease", "text": "MT-ND1"})
    assert "chrM:11778" not in (await browser.get(f"{here}?panel=Mitochondrial+disease")).text, "one's own has the name"


async def test_programs_keep_and_ask_the_same(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    job = await explored(portal, tmp_path, HEADER + KNOWN)
    status, found = await browser.api("POST", "/saved/panels", json={"name": "LHON", "text": "MT-ND4, ND1"})
    assert status == 200 and found == {"filters": {}, "panels": {"LHON": "MT-ND4 ND1"}}
    await browser.api("POST", "/saved/filters", json={"name": "rare", "text": "where=impact%3DMODERATE&sort=gene&limit=3"})
    assert (await browser.api("GET", "/saved"))[1]["filters"] == {"rare": "where=impact%3DMODERATE&sort=gene"}
    status, page = await browser.api("GET", f"/jobs/{job.job_id}/variants?panel=LHON&where=impact%3DMODERATE")
    assert (status, page["total"], page["understood"]) == (200, 1, "the panel of 2 genes")
    assert (await browser.api("DELETE", "/saved/panels/LHON"))[0] == 204
    assert (await browser.api("GET", "/saved"))[1]["panels"] == {}
    assert (await browser.api("GET", f"/jobs/{job.job_id}/variants?panel=LHON"))[0] in (404, 409)


async def test_what_is_kept_has_limits_that_hold_at_once(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    await portal.signed_in(ME)
    user_id, backend = (await portal.account(ME)).user_id, portal.backend
    monkeypatch.setattr(limits, "SAVED", limits.Limit(3, "filters", "a user", "You keep {most}."))
    made = await asyncio.gather(
        *(saved.keep(backend, user_id, Kind.FILTERS, f"f{n}", "q=1") for n in range(6)), return_exceptions=True
    )
    assert {type(one) for one in made} <= {type(None), Refused}
    assert len((await saved.listed(backend, user_id))[Kind.FILTERS]) == made.count(None) <= 3
    for n in range(3, 6):  # any three of the six were kept
        await saved.forget(backend, user_id, Kind.FILTERS, f"f{n}")
    for n in range(3):
        await saved.keep(backend, user_id, Kind.FILTERS, f"f{n}", "q=2")
    with pytest.raises(Refused, match="You keep 3"):
        await saved.keep(backend, user_id, Kind.FILTERS, "one more", "q=1")
    await saved.keep(backend, user_id, Kind.FILTERS, "f0", "q=3")  # what is there is replaced
    assert (await saved.listed(backend, user_id))[Kind.FILTERS] == {"f0": "q=3", "f1": "q=2", "f2": "q=2"}
    with pytest.raises(Refused, match="at most 1000 genes"):
        saved.genes(" ".join(f"G{n}" for n in range(1001)))
    with pytest.raises(Refused, match="6000 letters"):
        await saved.keep(backend, user_id, Kind.PANELS, "long", "x" * 6001)


def test_numbers_of_hgnc_are_genes_however_they_are_written() -> None:
    for text in ("HGNC:1100", "hgnc:1100", "HGNC 1100", "hgnc: 1100", "HGNC:HGNC:1100", "HGNC : 1100"):
        assert saved.genes(f"MT-ND4, {text}; ENSG5\n{text}") == ("MT-ND4", "HGNC:1100", "ENSG5"), text
    for wrong in ("HGNC:", "HGNC:1x", "OMIM:1100", "HGNC:12345678"):
        with pytest.raises(Refused, match="is no name of a gene"):
            saved.genes(wrong)


async def test_what_is_kept_is_exported_and_goes_with_the_account(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    account, backend = await portal.account(ME), portal.backend
    await saved.keep(backend, account.user_id, Kind.PANELS, "LHON", "MT-ND4")
    (kept,) = json.loads((await browser.get("/profile/export")).text)["saved"]
    assert kept["kind"] == "panels" and json.loads(kept["entries"]) == {"LHON": "MT-ND4"}
    assert await privacy.erase(backend, account, None)
    # a form that was sent before, and comes late
    await saved.keep(backend, account.user_id, Kind.PANELS, "late", "MT-ND1")
    assert [one async for one in backend.accounts.items(account.user_id, "S")] == []
