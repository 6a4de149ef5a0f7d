"""`gas remote` with more than one file, and what it makes of a result: a batch, an export, a link to share."""

from __future__ import annotations

import asyncio
from pathlib import Path
from zipfile import ZipFile

import pytest

from app.cli import remote
from app.domain.jobs import Trigger
from tests.support.client import VCF, gas
from tests.support.explored import HEADER, KNOWN, explored
from tests.support.portal import Portal, token
from tests.support.steps import ME

pytestmark = pytest.mark.usefixtures("home")


async def test_files_are_sent_as_a_batch_and_fetched_as_one_archive(
    portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "LOOK_SECONDS", 0.05)
    await gas("login", portal.url, "--token", await token(await portal.signed_in(ME)))
    files = [tmp_path / f"{n}.vcf" for n in range(3)]
    for n, file in enumerate(files):
        file.write_text(VCF + f"MT\t{n + 1}\t.\tA\tG\t.\t.\t.\n")
    first = await gas("batch", *files)
    assert first.exit_code == 3 and first.output.count("pending") == 3
    user_id = (await portal.account(ME)).user_id
    jobs = await portal.backend.jobs.page(user_id)
    (batch,) = {job.batch for job in jobs}
    assert len(jobs) == 3 and {job.batch_files for job in jobs} == {3} and f"{portal.url}/batches/{batch}" in first.output

    async def annotate() -> None:
        for job in jobs:
            key = f"results/{job.job_id}"
            await portal.backend.results.s3.put_object(Bucket=portal.backend.results.name, Key=key, Body=b"result")
            await portal.backend.jobs.advance(user_id, job.job_id, Trigger.CLAIM)
            await portal.backend.jobs.advance(user_id, job.job_id, Trigger.COMPLETE, result=key, records=1)

    again, _ = await asyncio.gather(gas("batch", *files, "--wait", "--out", tmp_path / "out"), annotate())
    assert again.exit_code == 0, again.output
    assert len(await portal.backend.jobs.page(user_id)) == 3, "given again, it makes no second jobs"
    with ZipFile(tmp_path / "out" / "results.zip") as archive:
        assert sorted(archive.namelist()) == [f"{n}.annot.vcf.gz" for n in range(3)]


async def test_a_result_is_exported_and_shared(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    await gas("login", portal.url, "--token", await token(browser))
    job = await explored(portal, tmp_path, HEADER + KNOWN, file_name="x.vcf")
    out = tmp_path / "exported"
    some = await gas("export", job.job_id, "--where", "gene='MT-TL1'", "--out", out)
    assert some.exit_code == 0, some.output
    lines = (out / "x.variants.tsv").read_text().splitlines()
    assert len(lines) == 2 and "3243" in lines[1]
    assert (await gas("export", job.job_id, "--form", "vcf", "--out", out)).exit_code == 0
    assert (out / "x.variants.vcf.gz").read_bytes()[:2] == b"\x1f\x8b"
    assert (await gas("export", job.job_id, "--form", "pdf")).exit_code == 1
    wrong = await gas("export", job.job_id, "--where", "impact>", "--out", out)
    assert wrong.exit_code == 1 and not (out / "x.variants.csv").exists()

    made = await gas("share", job.job_id, "--days", "1", "--password", "geheim")
    assert made.exit_code == 0, made.output
    link = made.output.splitlines()[-1].removeprefix(portal.url)
    reader = await portal.browser()
    assert "MELAS" in (await reader.post(link, {"password": "geheim"})).text
    assert (await gas("share", job.job_id, "--days", "9999")).exit_code == 1


async def test_a_link_made_by_the_api_is_revoked_by_it(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    job = await explored(portal, tmp_path, HEADER + KNOWN)
    status, made = await browser.api("POST", f"/jobs/{job.job_id}/shares", json={})
    link = made["url"].removeprefix(portal.url)
    assert status == 201 and (await (await portal.browser()).get(link)).status == 200
    other = await portal.signed_in("other@example.org")
    assert (await other.api("POST", f"/jobs/{job.job_id}/shares", json={}))[0] == 404
    assert (await browser.api("DELETE", f"/shares/{made['digest']}"))[0] == 204
    assert (await (await portal.browser()).get(link)).status == 404
