"""Links to a result: read-only, with an end, with a password if wanted, revocable, and nothing else of the account shows."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import shutil
from html import unescape
from pathlib import Path

import pytest

from app.services import shares
from app.web import app_keys
from tests.support.explored import HEADER, KNOWN, explored
from tests.support.portal import Browser, Portal
from tests.support.steps import CLAIM, ME


async def shared(portal: Portal, folder: Path, **form: str) -> tuple[Browser, str, str]:
    """The owner's browser, the job's id, and the path of a link to its result."""
    browser = await portal.signed_in(ME)
    job = await explored(portal, folder, HEADER + KNOWN)
    page = await browser.post(f"/annotations/{job.job_id}/share", form)
    found = re.search(r"<code class=\"said\"[^>]*>[^<]*(/shared\?key=[^<]+)</code>", page.text)
    assert found, page.text
    return browser, job.job_id, unescape(found[1])


async def test_a_link_shows_the_result_and_nothing_else(portal: Portal, tmp_path: Path) -> None:
    _, job_id, link = await shared(portal, tmp_path, days="30")
    reader = await portal.browser()
    page = await reader.get(link)
    assert page.status == 200 and "What matters here" in page.text and "MELAS" in page.text
    assert ME not in page.text and job_id not in page.text.replace(link, "").partition("<main")[2].partition('class="actions"')[0]
    assert (await reader.get(f"/annotations/{job_id}", follow=False)).status == 303, "the link is no login"
    assert (await reader.get(link[:-1])).status == 404


async def test_a_password_is_asked_for(portal: Portal, tmp_path: Path) -> None:
    _, _, link = await shared(portal, tmp_path, days="1", password="geheim")
    reader = await portal.browser()
    assert "MELAS" not in (await reader.get(link)).text
    wrong = await reader.post(link, {"password": "other"})
    assert wrong.status == 403 and "not the password" in wrong.text and "MELAS" not in wrong.text
    assert "MELAS" in (await reader.post(link, {"password": "geheim"})).text
    broken = {"Content-Type": "multipart/form-data; boundary=" + "b" * 100}
    async with reader.http.post(f"{portal.url}{link}", data=b"x", headers=broken) as answer:
        assert answer.status == 400, "a body that is no form"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here")
@pytest.mark.parametrize("password", ["", "geheim"], ids=["open", "password"])
async def test_lines_for_curl_fetch_what_was_counted_and_the_result(portal: Portal, tmp_path: Path, password: str) -> None:
    browser, job_id, link = await shared(portal, tmp_path, password=password)
    page = await browser.post(f"/annotations/{job_id}/share", {"password": password})
    lines = [unescape(line) for line in re.findall(r'<code class="said">(curl [^<]+)</code>', page.text)]
    assert len(lines) == 2
    said = []
    for line in lines:
        typed = line.replace("PASSWORD", password) if password else line
        shell = await asyncio.create_subprocess_shell(typed, cwd=tmp_path, stdout=asyncio.subprocess.PIPE)
        said.append((await shell.communicate())[0])
        assert shell.returncode == 0, line
    summary = json.loads(said[0])
    assert summary["records_out"] > 0 and ME not in said[0].decode() and job_id not in said[0].decode()
    assert gzip.decompress((tmp_path / "result.vcf.gz").read_bytes()).startswith(b"##fileformat=VCF")
    if password:
        assert "MELAS" not in (await (await portal.browser()).get(f"{link}&get=summary")).text


async def test_a_shared_result_in_the_archive_is_no_download(portal: Portal, tmp_path: Path) -> None:
    browser, job_id, link = await shared(portal, tmp_path)
    job = await portal.backend.jobs.get((await portal.account(ME)).user_id, job_id)
    assert job and await portal.backend.jobs.update(job, result=None)
    found = await browser.get(f"{link}&get=result")
    assert found.status == 409 and "is in the archive now" in found.text


async def test_a_link_is_listed_and_revoked_and_goes_with_the_job(portal: Portal, tmp_path: Path) -> None:
    browser, job_id, link = await shared(portal, tmp_path)
    profile = await browser.get("/profile")
    revoke = re.search(r'action="(/profile/shares/[0-9a-f]{64}/revoke)"', profile.text)
    assert revoke and "until" in profile.text
    export = (await browser.get("/profile/export")).text
    assert job_id in export and '"password"' not in export
    await browser.post(revoke[1])
    reader = await portal.browser()
    assert (await reader.get(link)).status == 404
    page = await browser.post(f"/annotations/{job_id}/share", {})
    other = re.search(r"(/shared\?key=[^<]+)</code>", page.text)
    assert other and (await reader.get(unescape(other[1]))).status == 200
    await browser.post(f"/annotations/{job_id}/delete")
    assert (await reader.get(unescape(other[1]))).status == 404


async def test_an_unfinished_job_cannot_be_shared(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    job = await portal.job(ME, *CLAIM)
    page = await browser.post(f"/annotations/{job.job_id}/share", {})
    assert page.status == 409 and "no result to share yet" in page.text


async def test_links_are_not_without_end(portal: Portal, tmp_path: Path) -> None:
    await shared(portal, tmp_path, days="9999")
    listed = [kept async for kept in portal.app[app_keys.SHARES].list((await portal.account(ME)).user_id)]
    assert listed[0]["expires_at"] - listed[0]["created"] == shares.DAYS[0] * shares.DAY_SECONDS
