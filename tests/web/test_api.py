"""The API as a program sees it: the document, problems, keys against repetition, limits, scopes, events."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from app.domain.jobs import Trigger
from app.domain.keys import input_key
from app.services import submissions
from app.web import app_keys
from app.web.api.openapi import document
from app.web.rate_limit import RateLimit
from app.web.routes import ROUTES
from tests.support.explored import HEADER, KNOWN, explored
from tests.support.portal import Portal, token
from tests.support.steps import CLAIM, ME, SUBMIT


def refs(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {value["$ref"]} if "$ref" in value else set().union(*map(refs, value.values()))
    return set().union(*map(refs, value)) if isinstance(value, list) else set()


def test_the_document_has_every_route_of_the_api_and_is_whole() -> None:
    made = document(ROUTES, "https://gas.example")
    operations = {(method.upper(), path) for path, methods in made["paths"].items() for method in methods}
    routed = {
        (route.method, re.sub(r"\{(\w+):(?:[^{}]|\{[\d,]+\})*\}", r"{\1}", route.path))
        for route in ROUTES
        if route.path.startswith("/api/v1/") and not route.path.endswith("openapi.json")
    }
    assert operations == routed
    names = [one["operationId"] for methods in made["paths"].values() for one in methods.values()]
    assert len(names) == len(set(names))
    for path, methods in made["paths"].items():
        for one in methods.values():
            assert set(re.findall(r"\{(\w+)\}", path)) == {p["name"] for p in one["parameters"] if p["in"] == "path"}
            assert one["summary"] and one["responses"]
    assert {ref.removeprefix("#/components/schemas/") for ref in refs(made)} <= set(made["components"]["schemas"])
    json.dumps(made)


async def test_the_document_and_its_page_are_public(portal: Portal) -> None:
    browser = await portal.browser()
    answer = await browser.get("/api/v1/openapi.json")
    assert answer.status == 200 and json.loads(answer.text)["servers"] == [{"url": portal.url}]
    page = await browser.get("/api")
    assert page.status == 200 and "GET /api/v1/jobs/{id}/variants" in page.text


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here")
async def test_the_page_opens_with_lines_for_curl_that_work_as_they_stand(portal: Portal) -> None:
    browser = await portal.signed_in()
    lines = [unescape(line) for line in re.findall(r'<code class="said">(curl [^<]+)</code>', (await browser.get("/api")).text)]
    environment = {"PATH": os.environ["PATH"], "GAS_TOKEN": await token(browser)}
    said = [await _answer_of(line, environment) for line in lines]
    assert len(said) == 4 and "records_in" in said[0] and said[1]["plan"] == "free" and said[2]["jobs"] == []
    assert "MT\t3243\t.\tA\tG" in said[3]["vcf"] and said[3]["faults"] == []


async def _answer_of(line: str, environment: dict[str, str]) -> dict[str, Any]:
    shell = await asyncio.create_subprocess_shell(line, env=environment, stdout=asyncio.subprocess.PIPE)
    out, _ = await shell.communicate()
    assert shell.returncode == 0, line
    return json.loads(out)


async def test_every_error_is_a_problem(portal: Portal) -> None:
    browser = await portal.signed_in()
    for method, path, status in (
        ("GET", "/api/v1/none", 404),
        ("PUT", "/api/v1/jobs", 405),
        ("POST", "/api/v1/jobs", 422),
        ("GET", "/api/v1/jobs?limit=many", 422),
        ("GET", "/api/v1/jobs?before=x", 422),
        ("GET", "/api/v1/jobs/01900000-0000-7000-8000-000000000000", 404),
    ):
        headers = {"Origin": portal.url, "X-CSRF-Token": browser.csrf}
        async with browser.http.request(method, portal.url + path, headers=headers) as answer:
            assert (answer.status, answer.content_type) == (status, "application/problem+json"), path
            assert set(await answer.json()) == {"title", "status", "detail", "instance"}


async def test_a_repeated_request_makes_one_job(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    made = [
        await browser.api("POST", "/jobs", json={"file_name": "a.vcf"}, headers={"Idempotency-Key": key})
        for key in ("one", "one", "two")
    ]
    ids = [answer["job"]["job_id"] for status, answer in made if status == 201]
    assert ids[0] == ids[1] != ids[2]
    assert made[1][1]["fields"]["key"] == made[0][1]["fields"]["key"]
    status, problem = await browser.api("POST", "/jobs", json={"file_name": "b.vcf"}, headers={"Idempotency-Key": "one"})
    assert status == 409 and "another file" in problem["detail"]
    other = await portal.signed_in("other@example.org")
    _, theirs = await other.api("POST", "/jobs", json={"file_name": "a.vcf"}, headers={"Idempotency-Key": "one"})
    assert theirs["job"]["job_id"] != ids[0]


async def test_a_key_whose_job_was_deleted_makes_one_new_job(portal: Portal) -> None:
    browser = await portal.signed_in(ME)

    async def ask() -> tuple[int, Any]:
        return await browser.api("POST", "/jobs", json={"file_name": "a.vcf"}, headers={"Idempotency-Key": "one"})

    _, first = await ask()
    assert (await browser.api("DELETE", f"/jobs/{first['job']['job_id']}"))[0] == 204
    answers = await asyncio.gather(*(ask() for _ in range(6)))
    (job,) = await portal.backend.jobs.page((await portal.account(ME)).user_id)
    assert job.job_id != first["job"]["job_id"]
    assert {answer["job"]["job_id"] for status, answer in answers if status == 201} == {job.job_id}


async def test_a_request_that_was_held_up_makes_no_second_job(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """As by SIGSTOP: between its look at the key and its job, another request makes one."""
    await portal.signed_in(ME)
    account, accounts = await portal.account(ME), type(portal.backend.accounts)
    real, held = accounts.put_once, True

    async def slow(*arguments: Any, **options: Any) -> Any:
        nonlocal held
        if held:
            held = False
            await submissions.prepare(portal.backend, account, "a.vcf", "", {}, "one")
        return await real(*arguments, **options)

    monkeypatch.setattr(accounts, "put_once", slow)
    late = await submissions.prepare(portal.backend, account, "a.vcf", "", {}, "one")
    assert [job.job_id for job in await portal.backend.jobs.page(account.user_id)] == [late.job.job_id]


async def test_a_job_names_its_assembly(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    wanted = {"file_name": "a.vcf", "assembly": "NC_012920.1"}
    _, made = await browser.api("POST", "/jobs", json=wanted, headers={"Idempotency-Key": "one"})
    assert (made["job"]["assembly"], made["job"]["bundle"]) == ("rCRS", "rcrs")
    _, left_open = await browser.api("POST", "/jobs", json={"file_name": "a.vcf"})
    assert (left_open["job"]["assembly"], left_open["job"]["bundle"]) == ("", "rcrs")
    status, problem = await browser.api("POST", "/jobs", json={"file_name": "a.vcf", "assembly": "hg18"})
    assert status == 409 and "'hg18' is not offered here. Choose one of rCRS" in problem["detail"]
    status, _ = await browser.api("POST", "/jobs", json={"file_name": "a.vcf"}, headers={"Idempotency-Key": "one"})
    assert status == 409


async def test_a_token_that_reads_changes_nothing(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    job = await portal.job(ME)
    async with ClientSession(headers={"Authorization": f"Bearer {await token(browser, 'read')}"}) as http:
        async with http.get(f"{portal.url}/api/v1/jobs/{job.job_id}") as answer:
            assert answer.status == 200
        for method, path in (("DELETE", f"/jobs/{job.job_id}"), ("POST", f"/jobs/{job.job_id}/cancel"), ("POST", "/jobs")):
            async with http.request(method, f"{portal.url}/api/v1{path}") as answer:
                assert answer.status == 403
        async with http.get(f"{portal.url}/api/v1/tokens") as answer:
            (kept,) = (await answer.json())["tokens"]
            assert kept["scope"] == "read" and kept["name"] == "program"
    assert await portal.backend.jobs.get(job.user_id, job.job_id) == job


async def test_a_token_can_end_itself(portal: Portal) -> None:
    secret = await token(await portal.signed_in(ME))
    async with ClientSession(headers={"Authorization": f"Bearer {secret}"}) as http:
        async with http.get(f"{portal.url}/api/v1/tokens") as answer:
            (kept,) = (await answer.json())["tokens"]
        async with http.delete(f"{portal.url}/api/v1/tokens/{kept['digest']}") as answer:
            assert answer.status == 204
        async with http.get(f"{portal.url}/api/v1/account") as answer:
            assert answer.status == 401


async def test_who_asks_too_often_is_told_when_to_go_on(portal: Portal) -> None:
    browser, other = await portal.signed_in(ME), await portal.signed_in()
    clock = [0.0]
    portal.app[app_keys.LIMITS].__init__(burst=3, per_second=0.5, now=lambda: clock[0])  # type: ignore[misc]
    left = []
    for _ in range(3):
        async with browser.http.get(f"{portal.url}/api/v1/account") as answer:
            left.append(re.search(r"r=(\d+)", answer.headers["RateLimit"])[1])  # type: ignore[index]
            assert answer.status == 200 and (await answer.json())["plan"] == "free"
    assert left == ["2", "1", "0"]
    async with browser.http.get(f"{portal.url}/api/v1/account") as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (429, "2")
        assert answer.content_type == "application/problem+json"
    assert (await other.api("GET", "/account"))[0] == 200
    assert (await browser.get("/annotations")).status == 200
    clock[0] = 2
    assert (await browser.api("GET", "/account"))[0] == 200


def test_the_limiter_forgets_who_was_not_here_for_longest() -> None:
    limit = RateLimit(now=lambda: 0.0)
    for n in range(10_050):
        assert limit.take(str(n))[0]
    assert len(limit._buckets) == 10_000 and "49" not in limit._buckets and "50" in limit._buckets


async def test_a_program_can_search_retry_and_read_what_was_counted(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    failed = await portal.job(ME, (Trigger.FAIL, {}), file_name="Patient.vcf")
    done = await explored(portal, tmp_path, HEADER + KNOWN)
    for query, expected in (
        ("text=patient", [failed.job_id]),
        ("state=completed", [done.job_id]),
        ("", [done.job_id, failed.job_id]),
    ):
        _, answer = await browser.api("GET", f"/jobs?{query}")
        assert [one["job_id"] for one in answer["jobs"]] == expected and answer["next"] is None, query
    _, counted = await browser.api("GET", f"/jobs/{done.job_id}/summary")
    assert counted["records_out"] == 2
    await portal.backend.inputs.s3.put_object(
        Bucket=portal.backend.inputs.name, Key=input_key(failed.user_id, failed.job_id), Body=b"##fileformat=VCFv4.2"
    )
    status, again = await browser.api("POST", f"/jobs/{failed.job_id}/retry")
    assert (status, again["status"]) == (200, "PENDING")
    assert (await browser.api("POST", f"/jobs/{failed.job_id}/retry"))[0] == 409
    assert (await browser.get(f"/api/v1/jobs/{failed.job_id}/input")).text == "##fileformat=VCFv4.2"


async def test_events_for_a_program_are_the_job_itself(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    job = await portal.job(ME, *SUBMIT)
    events: list[tuple[str, str]] = []
    async with browser.http.get(f"{portal.url}/api/v1/jobs/{job.job_id}/events") as answer:
        name = ""
        async for line in answer.content:
            word, _, value = line.decode().rstrip("\r\n").partition(": ")
            if word == "event":
                name = value
            elif word == "data":
                events.append((name, value))
                if len(events) == 1:
                    for trigger, values in [*CLAIM[1:], (Trigger.FAIL, {"message": "Line 7."})]:
                        await portal.backend.jobs.advance(job.user_id, job.job_id, trigger, **values)
            elif name == "end":
                break
    assert json.loads(events[0][1])["status"] == "PENDING"
    last = json.loads([data for event, data in events if event == "job"][-1])
    assert (last["status"], last["message"]) == ("FAILED", "Line 7.")
