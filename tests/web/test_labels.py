"""What its owner says of a job: its name, tags and a note, by form and by API, found again, and shown to nobody else."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app.domain.jobs import Status, Trigger
from app.domain.limits import NOTE, TAG, TAGS
from app.web import app_keys
from tests.support.explored import HEADER, KNOWN, explored
from tests.support.portal import Portal
from tests.support.steps import CLAIM, COMPLETE, ME, SUBMIT


async def test_a_job_is_renamed_tagged_and_noted_by_form(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    job = await portal.job(ME, *COMPLETE, file_name="x.vcf.gz")
    fields = {"name": "patient <7>", "tags": " trio , urgent, trio,, ", "note": "one\r\ntwo\x00\n"}
    page = await browser.post(f"/annotations/{job.job_id}/label", fields)
    assert "patient &lt;7&gt;.vcf.gz</h1>" in page.text and '<dd class="said">one\ntwo</dd>' in page.text
    kept = await portal.backend.jobs.get(job.user_id, job.job_id)
    assert kept and (kept.file_name, kept.tags, kept.note) == ("patient <7>.vcf.gz", {"trio", "urgent"}, "one\ntwo")
    assert (kept.rev, kept.status, kept.result) == (job.rev, job.status, job.result), "none of it is a transition"
    listed = (await browser.get("/annotations?tag=urgent")).text
    assert "patient &lt;7&gt;" in listed and "tag=trio" in listed
    for text in ("PATIENT", "urg", "two"):
        assert "patient &lt;7&gt;" in (await browser.get(f"/annotations?text={text}")).text
    assert "No annotation like this" in (await browser.get("/annotations?tag=urg")).text
    await browser.post(f"/annotations/{job.job_id}/label", {"name": "y.vcf", "tags": "", "note": ""})
    bare = await portal.backend.jobs.get(job.user_id, job.job_id)
    assert bare and (bare.file_name, bare.tags, bare.note) == ("y.vcf", frozenset(), "")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": " ", "tags": "", "note": ""}, "A name needs a letter"),
        ({"name": "x", "tags": "t" * (TAG.most + 1), "note": ""}, TAG.sentence()),
        ({"name": "x", "tags": ",".join(map(str, range(TAGS.most + 1))), "note": ""}, TAGS.sentence()),
        ({"name": "x", "tags": "", "note": "n" * (NOTE.most + 1)}, NOTE.sentence()),
    ],
)
async def test_what_is_too_long_is_refused_and_changes_nothing(portal: Portal, fields: dict[str, str], words: str) -> None:
    browser = await portal.signed_in(ME)
    job = await portal.job(ME, *SUBMIT, file_name="x.vcf")
    page = await browser.post(f"/annotations/{job.job_id}/label", fields)
    assert page.status == 409 and words in page.text
    assert await portal.backend.jobs.get(job.user_id, job.job_id) == job


async def test_the_api_labels_and_counts(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    job = await portal.job(ME, *CLAIM, file_name="x.vcf")
    await portal.job(ME, *COMPLETE, file_name="z.vcf")
    status, said = await browser.api("PATCH", f"/jobs/{job.job_id}", json={"tags": ["b", "a"], "note": "mine"})
    assert (status, said["tags"], said["note"], said["file_name"]) == (200, ["a", "b"], "mine", "x.vcf")
    status, said = await browser.api("PATCH", f"/jobs/{job.job_id}", json={"file_name": "new"})
    assert (said["file_name"], said["tags"], said["note"]) == ("new.vcf", ["a", "b"], "mine")
    status, found = await browser.api("GET", "/jobs?tag=a")
    assert [one["job_id"] for one in found["jobs"]] == [job.job_id]
    status, counts = await browser.api("GET", "/jobs/counts")
    assert status == 200 and (counts["running"], counts["completed"], counts["waiting"], counts["counted"]) == (1, 1, 0, 2)
    assert (await browser.api("PATCH", f"/jobs/{job.job_id}", json={"tags": ["x"] * 99}))[0] == 422
    other = await portal.signed_in("other@example.org")
    assert (await other.api("PATCH", f"/jobs/{job.job_id}", json={"note": "theirs"}))[0] == 404


async def test_a_label_meets_a_transition_and_both_are_kept(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    job = await portal.job(ME, *CLAIM, file_name="x.vcf")
    writes = [browser.api("PATCH", f"/jobs/{job.job_id}", json={"tags": [str(n)]}) for n in range(5)]
    complete = portal.backend.jobs.advance(job.user_id, job.job_id, Trigger.COMPLETE, at=job.rev, result="results/x")
    *answers, done = await asyncio.gather(*writes, complete)
    kept = await portal.backend.jobs.get(job.user_id, job.job_id)
    assert done and kept and kept.status is Status.COMPLETED and kept.result == "results/x" and len(kept.tags) == 1
    assert {status for status, _ in answers} == {200}


async def test_a_job_that_is_being_deleted_is_not_brought_back_by_a_label(portal: Portal) -> None:
    await portal.signed_in(ME)
    job = await portal.job(ME, *COMPLETE)
    await portal.backend.jobs.advance(job.user_id, job.job_id, Trigger.DELETE)
    assert await portal.backend.jobs.label(job.user_id, job.job_id, note="late") is None
    deleting = await portal.backend.jobs.get(job.user_id, job.job_id)
    assert deleting
    await portal.backend.jobs.remove(deleting)
    assert await portal.backend.jobs.label(job.user_id, job.job_id, note="later") is None
    assert await portal.backend.jobs.get(job.user_id, job.job_id) is None


async def test_a_shared_result_shows_neither_tags_nor_note(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    job = await explored(portal, tmp_path, HEADER + KNOWN)
    await browser.post(f"/annotations/{job.job_id}/label", {"name": "x.vcf", "tags": "confidential", "note": "of Mrs Smith"})
    link = (await browser.post(f"/annotations/{job.job_id}/share", {})).text.partition("/shared?key=")[2].partition("<")[0]
    shown = await (await portal.browser()).get(f"/shared?key={link}")
    assert shown.status == 200 and "confidential" not in shown.text and "Mrs Smith" not in shown.text


async def test_the_page_says_how_long_the_uploaded_file_is_kept(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = await portal.signed_in(ME)
    job = await portal.job(ME, *COMPLETE, file_name="x.vcf")
    kept = (await browser.get(f"/annotations/{job.job_id}")).text
    assert "It is deleted after" in kept and f"/annotations/{job.job_id}/input" in kept
    monkeypatch.setitem(portal.app[app_keys.SETTINGS].kept_days, "uploads", -1)
    assert "not kept any more" in (await browser.get(f"/annotations/{job.job_id}")).text
