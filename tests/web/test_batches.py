"""Files that are sent together: one page, one archive to take away, and nobody else's."""

from __future__ import annotations

import io
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from zipfile import ZipFile

from app.domain.jobs import BATCH_MS, batch_end, batch_id, job_id
from app.web.zip_stream import Member, zipped
from tests.support.explored import HEADER, KNOWN, explored
from tests.support.portal import Portal
from tests.support.steps import ARCHIVED, CLAIM, ME, SUBMIT

NAMES = r">file-(\d+)\.vcf<"


def test_every_job_of_a_batch_sorts_after_it_and_before_its_end() -> None:
    now = 1_800_000_000_000
    batch = batch_id(now, os.urandom(10))
    early, late = job_id(now - 50_000, bytes(10)), job_id(now + BATCH_MS - 200_000, b"\xff" * 10)
    assert batch < early < late < batch_end(batch)
    assert batch_end("ffffffff-ffff-7fff-bfff-ffffffffffff") == "ffffffff-ffff-ffff-ffff-ffffffffffff"


async def test_a_batch_has_a_page_with_its_jobs_alone(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    await portal.job(ME, *SUBMIT, file_name="file-100.vcf")
    status, made = await browser.api("POST", "/batches")
    batch = made["batch_id"]
    assert status == 201 and (await browser.get(f"/batches/{batch}")).status == 404, "nothing is in it yet"
    assert (
        (await browser.api("GET", f"/batches/{batch}"))[0]
        == 409
        == (await browser.api("GET", f"/batches/{batch}/results.zip"))[0]
    )
    for n in range(23):
        body = {"file_name": f"file-{n}.vcf", "batch": batch, "batch_files": 23}
        status, _ = await browser.api("POST", "/jobs", json=body)
        if status == 409:  # more at once than the plan takes
            await portal.job(ME, file_name=f"file-{n}.vcf", batch=batch, batch_files=23)
    await portal.job(ME, *CLAIM, file_name="file-200.vcf")
    first = await browser.get(f"/batches/{batch}")
    older = re.search(r'href="(/batches/[^"]+before=[^"]+)"', first.text)
    assert older and re.findall(NAMES, first.text) == [str(n) for n in range(22, 2, -1)]
    assert "<strong>23</strong> in all" in first.text and "<strong>23</strong> waiting" in first.text
    second = await browser.get(older[1])
    assert re.findall(NAMES, second.text) == ["2", "1", "0"] and ">Older<" not in second.text
    newer = re.search(r'href="(/batches/[^"]+after=[^"]+)"', second.text)
    assert newer and re.findall(NAMES, (await browser.get(newer[1])).text) == re.findall(NAMES, first.text)
    assert "No annotation like this" in (await browser.get(f"/batches/{batch}?state=failed")).text
    assert (await browser.api("GET", f"/batches/{batch}"))[1]["waiting"] == 23
    _, listed = await browser.api("GET", f"/jobs?batch={batch}&limit=100")
    assert len(listed["jobs"]) == 23 and listed["next"] is None
    other = await portal.signed_in("other@example.org")
    assert (await other.get(f"/batches/{batch}")).status == 404
    assert "No file of yours" in (await other.get(f"/batches/{batch}/results.zip")).text
    status, said = await other.api("GET", f"/batches/{batch}")
    assert status == 409 and said["detail"] == "No file of yours was sent in this batch."


async def test_an_old_or_a_made_up_batch_takes_no_files(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    now = portal.backend.now()
    for at in (now - BATCH_MS, now + 10 * BATCH_MS):
        status, said = await browser.api("POST", "/jobs", json={"file_name": "x.vcf", "batch": batch_id(at, os.urandom(10))})
        assert status == 409 and "takes no more files" in said["detail"]
    assert (await browser.api("POST", "/jobs", json={"file_name": "x.vcf", "batch": "mine"}))[0] == 422


async def test_all_results_are_one_archive_and_what_is_not_there_is_named(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    batch = batch_id(portal.backend.now(), os.urandom(10))
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        await explored(portal, tmp_path / name, HEADER + KNOWN, file_name="same.vcf", batch=batch)
    await portal.job(ME, *ARCHIVED, file_name="cold.vcf", batch=batch)
    page = await browser.get(f"/batches/{batch}")
    assert f"/batches/{batch}/results.zip" in page.text and "Download all 2 results" in page.text
    async with browser.http.get(f"{portal.url}/batches/{batch}/results.zip") as answer:
        assert answer.status == 200 and answer.headers["Content-Type"] == "application/zip"
        archive = ZipFile(io.BytesIO(await answer.read()))
    assert archive.testzip() is None
    names = ["same.annot.vcf.gz", "same.annot.vcf.gz.tbi", "same (2).annot.vcf.gz", "same (2).annot.vcf.gz.tbi", "left-out.txt"]
    assert archive.namelist() == names
    assert archive.read(names[0])[:2] == b"\x1f\x8b"
    assert archive.read("left-out.txt").decode().startswith("cold.vcf: The annotated file is in the archive.")


async def test_a_batch_without_results_has_no_archive(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    batch = batch_id(portal.backend.now(), os.urandom(10))
    await portal.job(ME, *CLAIM, file_name="x.vcf", batch=batch)
    page = await browser.get(f"/batches/{batch}/results.zip")
    assert page.status == 409 and "None of these results" in page.text


async def test_an_archive_is_sent_while_it_is_made() -> None:
    """As large as it may be, no piece is larger than those of its members, and a few bytes around them."""
    count, piece = 64, os.urandom(1 << 20)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(count):
            yield piece

    async def members() -> AsyncIterator[Member]:
        for name in ("a.vcf.gz", "A.vcf.gz", "b"):
            yield name, chunks()

    largest = total = 0
    async for sent in zipped(members()):
        largest, total = max(largest, len(sent)), total + len(sent)
    assert largest < len(piece) + 1000 and total > 3 * count * len(piece)


async def test_who_deletes_the_last_of_a_batch_reads_it_on_the_list(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    batch = batch_id(portal.backend.now(), os.urandom(10))
    job = await portal.job(ME, *CLAIM, file_name="x.vcf", batch=batch)
    page = await browser.post("/annotations", {"job": job.job_id, "do": "delete", "sure": "1", "batch": batch})
    assert page.status == 200 and "1 annotation deleted for good." in page.text
