"""Uploads: by the form without a script and by the API, with any name and any size."""

from __future__ import annotations

import asyncio
import html
import json
import unicodedata
from base64 import b64decode
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from aiohttp import ClientSession, FormData
from hypothesis import given
from hypothesis import strategies as st

from app.domain.file_names import content_disposition, stem, suffix
from app.domain.jobs import Fault, Status, Trigger
from app.domain.keys import input_key
from app.domain.messages import JobRequested, parse
from tests.support.characters import ANY
from tests.support.portal import Browser, Portal

VCF = b"##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nMT\t3243\t.\tA\tG\t.\t.\t.\n"

NOBODY = "01900000-0000-7000-8000-000000000000"

NAMES = [
    "<script>alert(1)</script>.vcf",
    '"><img src=x onerror=alert(1)>.vcf',
    "../../etc/passwd.vcf",
    "C:\\Users\\x\\sample.vcf.gz",
    "{{7*7}}{% raw %}.vcf",
    "n" * 500,
    "𝔾enome-基因-геном-🧬-\U0010fffd.vcf",
    "\u202eFCV.elpmas\u2066.vcf",
    'a%0d%0aSet-Cookie: x=1;"quoted".vcf',
    '=HYPERLINK("http://evil.example").vcf',
    ".vcf",
    "".join(chr(0x10000 * plane + 0xFF00) for plane in range(17)) + ".vcf",
]


async def upload(form: dict[str, Any], body: bytes) -> int:
    data = FormData(form["fields"])
    data.add_field("file", body, filename="input")
    async with ClientSession() as http, http.post(form["url"], data=data, allow_redirects=False) as answer:
        return answer.status


async def test_the_whole_way_without_a_script(portal: Portal) -> None:
    browser = await portal.browser()
    await browser.sign_in("a@example.org")
    page = await browser.post("/annotate", {"name": "patient.vcf"})
    assert 'enctype="multipart/form-data"' in page.text
    page = await browser.submit(page, file=VCF)
    assert page.status == 200 and urlsplit(page.url).path.startswith("/annotations/")
    assert "patient.vcf" in page.text and "In line" in page.text
    assert '<noscript><meta http-equiv="refresh"' in page.text
    (job,) = await portal.backend.jobs.page((await portal.account("a@example.org")).user_id)
    assert (job.status, job.size, job.file_name) == (Status.PENDING, len(VCF), "patient.vcf")


async def test_the_form_without_a_script_takes_an_assembly(portal: Portal) -> None:
    browser = await portal.signed_in("a@example.org")
    assert (await browser.post("/annotate", {"name": "x.vcf", "assembly": "rcrs"})).status == 200
    (job,) = await portal.backend.jobs.page((await portal.account("a@example.org")).user_id)
    assert (job.assembly, job.bundle) == ("rCRS", "rcrs")
    page = await browser.post("/annotate", {"name": "x.vcf", "assembly": "<b>mm10"})
    assert page.status == 409 and "is not offered here" in page.text and "<b>mm10" not in page.text


async def test_coming_back_twice_from_the_upload_is_one_job_and_one_message(portal: Portal) -> None:
    browser = await portal.signed_in("a@example.org")
    await browser.submit(await browser.post("/annotate", {"name": "x.vcf"}), file=VCF)
    (job,) = await portal.backend.jobs.page((await portal.account("a@example.org")).user_id)
    address = f"/annotate/job?bucket=x&etag=y&key={quote(input_key(job.user_id, job.job_id))}"
    for _ in range(3):
        assert (await browser.get(address, follow=False)).headers["Location"] == f"/annotations/{job.job_id}"
    queue = await portal.backend.queues.open("job_requests")
    received = [one for _ in range(3) for one in await queue.receive(10, 0, 60)]
    assert [type(message) for one in received for message in parse(one.body)] == [JobRequested]


async def test_a_made_up_return_from_the_upload_finds_nothing(portal: Portal) -> None:
    browser = await portal.signed_in("a@example.org")
    user = (await portal.account("a@example.org")).user_id
    for key in ("", "x", "../input", "a/b/input", f"{user}/nothing/input", f"{user}/{NOBODY}/input"):
        assert (await browser.get("/annotate/job", params={"key": key})).status == 404, key


async def test_the_file_is_not_believed_to_be_there(portal: Portal) -> None:
    browser = await portal.signed_in("a@example.org")
    _, made = await browser.api("POST", "/jobs", json={"file_name": "x.vcf"})
    status, problem = await browser.api("POST", f"/jobs/{made['job']['job_id']}/submit")
    assert status == 409 and "not arrived" in problem["detail"]


async def test_the_policy_of_the_form_names_key_and_size(portal: Portal) -> None:
    browser = await portal.signed_in("a@example.org")
    _, made = await browser.api("POST", "/jobs", json={"file_name": "x.vcf"})
    assert made["fields"]["success_action_status"] == "201"
    assert made["fields"]["key"] == input_key((await portal.account("a@example.org")).user_id, made["job"]["job_id"])
    conditions = json.loads(b64decode(made["fields"]["policy"]))["conditions"]
    assert ["content-length-range", 0, 150_000] in conditions


@pytest.mark.parametrize(("size", "said"), [(0, "empty"), (150_001, "free plan takes up to 150")])
async def test_the_server_refuses_what_the_plan_does_not_take(portal: Portal, size: int, said: str) -> None:
    browser = await portal.signed_in("a@example.org")
    _, made = await browser.api("POST", "/jobs", json={"file_name": "x.vcf"})
    # moto enforces no policy, so this stands for a policy that was got around
    await upload(made, b"x" * size)
    status, job = await browser.api("POST", f"/jobs/{made['job']['job_id']}/submit")
    assert (status, job["status"], job["fault"]) == (200, Status.FAILED, Fault.USER)
    assert said in job["message"]
    page = await browser.get(f"/annotations/{job['job_id']}")
    assert said in page.text and "needs your attention" in page.text


async def test_an_upload_at_the_limit_is_taken(portal: Portal) -> None:
    browser = await portal.signed_in("a@example.org")
    _, made = await browser.api("POST", "/jobs", json={"file_name": "x.vcf"})
    assert await upload(made, b"x" * 150_000) == 201
    _, job = await browser.api("POST", f"/jobs/{made['job']['job_id']}/submit")
    assert job["status"] == Status.PENDING


@pytest.mark.slow
async def test_a_file_name_is_data_everywhere(portal: Portal) -> None:
    browser = await portal.signed_in("a@example.org")
    for name in NAMES:
        await is_data_everywhere(browser, name)


async def is_data_everywhere(browser: Browser, name: str) -> None:
    status, made = await browser.api("POST", "/jobs", json={"file_name": name})
    assert status == 201
    job_id, kept = made["job"]["job_id"], made["job"]["file_name"]
    assert kept == name.strip()[:500]
    await upload(made, VCF)
    await browser.api("POST", f"/jobs/{job_id}/submit")
    for path in (f"/annotations/{job_id}", "/annotations"):
        text = (await browser.get(path)).text
        assert html.escape(kept).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in text
        assert "<script>alert" not in text and "<img" not in text
    link = (await browser.get(f"/annotations/{job_id}/input", follow=False)).headers["Location"]
    assert len(link) < 4000
    async with ClientSession() as http, http.get(link) as answer:
        assert await answer.read() == VCF
        disposition = answer.headers["Content-Disposition"]
    assert disposition.startswith("attachment; ") and "\r" not in disposition and "/" not in disposition
    assert "\\" not in disposition and "Set-Cookie" not in answer.headers


async def test_a_name_in_the_form_without_a_script_is_data_too(portal: Portal) -> None:
    browser = await portal.signed_in("a@example.org")
    for name in NAMES:
        page = await browser.post("/annotate", {"name": name})
        assert page.status == 200 and "<script>alert" not in page.text and "<img" not in page.text


async def test_a_name_of_nothing_gets_one(portal: Portal) -> None:
    browser = await portal.signed_in("a@example.org")
    for name in ("", "\x00\x07\n", "   "):
        assert (await browser.post("/annotate", {"name": name})).status == 200
    jobs = await portal.backend.jobs.page((await portal.account("a@example.org")).user_id)
    assert [job.file_name for job in jobs] == ["upload.vcf"] * 3


BAD_BODIES = ["", "[]", "{}", '{"file_name": 7}', '{"file_name": "\\ud800"}', '{"file_name": "a", "x": 1}', "\x00"]


async def test_a_bad_request_to_the_api_is_explained(portal: Portal) -> None:
    browser = await portal.signed_in()
    for body in BAD_BODIES:
        status, problem = await browser.api("POST", "/jobs", data=body.encode())
        assert status == 422 and problem["detail"], body
    _, problem = await browser.api("POST", "/jobs", json={"file_name": "a.vcf", **{f"{n}{'x' * 10_000}": 1 for n in range(9)}})
    assert "x" * 70 in problem["detail"] and len(problem["detail"]) < 1000


async def test_limits_of_the_plan_are_said(portal: Portal) -> None:
    browser = await portal.signed_in("a@example.org")
    for _ in range(20):
        await portal.job("a@example.org")
    status, problem = await browser.api("POST", "/jobs", json={"file_name": "x.vcf"})
    assert status == 409 and "20 at once" in problem["detail"]
    page = await browser.post("/annotate", {"name": "x.vcf"})
    assert page.status == 409 and "20 at once" in page.text


async def test_many_submissions_at_once_stay_within_the_limit(portal: Portal) -> None:
    browser = await portal.signed_in("a@example.org")
    for _ in range(17):
        await portal.job("a@example.org")
    answers = await asyncio.gather(*(browser.api("POST", "/jobs", json={"file_name": f"{n}.vcf"}) for n in range(12)))
    assert {status for status, _ in answers} <= {201, 409}
    jobs = await portal.backend.jobs.page((await portal.account("a@example.org")).user_id, limit=100)
    assert len(jobs) == 17 + sum(status == 201 for status, _ in answers) <= 20


async def test_the_api_lists_pages_cancels_and_deletes(portal: Portal) -> None:
    browser = await portal.signed_in("a@example.org")
    jobs = [await portal.job("a@example.org", file_name=f"{n}.vcf") for n in range(5)]
    _, first = await browser.api("GET", "/jobs?limit=3")
    assert [one["file_name"] for one in first["jobs"]] == ["4.vcf", "3.vcf", "2.vcf"]
    _, second = await browser.api("GET", f"/jobs?limit=3&before={first['next']}")
    assert [one["file_name"] for one in second["jobs"]] == ["1.vcf", "0.vcf"] and second["next"] is None
    _, cancelled = await browser.api("POST", f"/jobs/{jobs[0].job_id}/cancel")
    assert cancelled["status"] == Status.CANCELLED
    assert (await browser.api("POST", f"/jobs/{jobs[0].job_id}/cancel"))[0] == 200
    await portal.backend.jobs.advance(jobs[1].user_id, jobs[1].job_id, Trigger.FAIL)
    status, problem = await browser.api("POST", f"/jobs/{jobs[1].job_id}/cancel")
    assert status == 409 and "nothing left to cancel" in problem["detail"]
    assert (await browser.api("DELETE", f"/jobs/{jobs[0].job_id}"))[0] == 204
    assert (await browser.api("GET", f"/jobs/{jobs[0].job_id}"))[0] == 404


async def test_an_upload_form_comes_back_to_the_public_address(portal: Portal) -> None:
    browser = await portal.signed_in()
    page = await browser.post("/annotate", {"name": "x.vcf"}, headers={"Origin": portal.url, "Host": "evil.example"})
    assert f'value="{portal.url}/annotate/job"' in page.text
    assert "evil.example" not in page.text
    assert parse_qs(urlsplit(page.url).query) == {}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sample.vcf", "sample"),
        ("sample.vcf.gz", "sample"),
        ("SAMPLE.VCF.BGZ", "SAMPLE"),
        ("a.bcf", "a"),
        ("../../x.vcf", "_.._x"),
        (".vcf", "annotation"),
        ("plain", "plain"),
    ],
)
def test_the_stem_of_a_name(name: str, expected: str) -> None:
    assert stem(name) == expected


@given(st.text(ANY, max_size=600))
def test_any_name_makes_a_download(name: str) -> None:
    name = "".join(c for c in name if unicodedata.category(c) != "Cs")
    kept = stem(name)
    assert kept and len(kept.encode()) <= 150 and not set(kept) & set('/\\:*?"<>|\0\r\n')
    header = content_disposition(f"{kept}.annot.vcf.gz")
    assert header.isascii() and header.isprintable()


@pytest.mark.parametrize(("name", "expected"), [("a.vcf.gz", ".vcf.gz"), ("A.VCF.BGZ", ".VCF.BGZ"), ("a.txt", ""), ("", "")])
def test_the_suffix_of_a_name(name: str, expected: str) -> None:
    assert suffix(name) == expected


def test_a_long_name_is_cut_between_characters() -> None:
    assert stem("🧬" * 500) == "🧬" * 37


async def test_a_failed_submission_can_be_tried_again(portal: Portal) -> None:
    browser = await portal.signed_in("a@example.org")
    job = await portal.job("a@example.org", (Trigger.FAIL, {"fault": Fault.SYSTEM, "message": "The disk was full."}))
    page = await browser.get(f"/annotations/{job.job_id}")
    assert "our fault" in page.text and "The disk was full." in page.text
    await portal.backend.inputs.s3.put_object(Bucket=portal.backend.inputs.name, Key=input_key(job.user_id, job.job_id), Body=VCF)
    page = await browser.post(f"/annotations/{job.job_id}/retry")
    assert "In line" in page.text


async def test_broken_lines_are_shown_and_can_be_left_out(portal: Portal) -> None:
    browser = await portal.signed_in("a@example.org")
    faults = [{"line": line, "column": "POS", "reason": f"POS is <{line}>", "text": f"MT\tx{line}\t."} for line in (4, 9, 11)]
    values = {"fault": Fault.USER, "message": "Line 4: POS.", "line": 4, "faults": json.dumps(faults), "skippable": 3}
    job = await portal.job("a@example.org", (Trigger.FAIL, values))
    page = await browser.get(f"/annotations/{job.job_id}")
    assert "Annotate without these 3 lines" in page.text and "POS is &lt;9&gt;" in page.text and "MT ⇥ x11" in page.text
    _, seen = await browser.api("GET", f"/jobs/{job.job_id}")
    assert (seen["skippable"], [one["line"] for one in seen["faults"]]) == (3, [4, 9, 11])
    await portal.backend.inputs.s3.put_object(Bucket=portal.backend.inputs.name, Key=input_key(job.user_id, job.job_id), Body=VCF)
    await browser.post(f"/annotations/{job.job_id}/retry", {"skip_bad": "1"})
    again = await portal.backend.jobs.get(job.user_id, job.job_id)
    assert again and (again.skip_bad, again.faults, again.skippable) == (True, "", 0)


async def test_a_program_leaves_broken_lines_out(portal: Portal) -> None:
    browser = await portal.signed_in("a@example.org")
    job = await portal.job("a@example.org", (Trigger.FAIL, {"fault": Fault.USER, "message": "Line 4.", "skippable": 1}))
    await portal.backend.inputs.s3.put_object(Bucket=portal.backend.inputs.name, Key=input_key(job.user_id, job.job_id), Body=VCF)
    assert (await browser.api("POST", f"/jobs/{job.job_id}/retry", json={"skip": True}))[0] == 422
    status, again = await browser.api("POST", f"/jobs/{job.job_id}/retry", json={"skip_bad": True})
    assert (status, again["skip_bad"], again["faults"]) == (200, True, [])
    assert (await browser.api("GET", f"/jobs/{job.job_id}/rejected"))[0] == 409
