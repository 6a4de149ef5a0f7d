"""What surrounds every route: who may see it, forged requests, headers, and errors that give nothing away."""

from __future__ import annotations

import asyncio
import re
import secrets
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession

from app.domain.jobs import Trigger
from app.local.globus import subject
from app.services import submissions
from app.services.batches import EMPTY
from app.web import app_keys
from app.web.route import ANONYMOUS, SIGNED_IN, Route
from app.web.routes import ROUTES
from tests.support.portal import Portal
from tests.support.routes import DEMANDED, NOBODY, filled

OWN = [route for route in ROUTES if "{id" in route.path]


def named(route: Route) -> str:
    return f"{route.method} {filled(route, 'ID')}"


async def test_nothing_but_the_public_pages_is_seen_without_a_login(portal: Portal) -> None:
    async with ClientSession() as http:
        for route in ROUTES:
            if route.access is not SIGNED_IN:
                continue
            async with http.request(route.method, portal.url + filled(route), allow_redirects=False) as answer:
                if route.path.startswith("/api/"):
                    assert (answer.status, answer.content_type) == (401, "application/problem+json"), named(route)
                elif route.method != "GET":
                    assert answer.status == 401 and 'href="/login"' in await answer.text(), named(route)
                else:
                    assert answer.status == 303, named(route)
                    assert urlsplit(answer.headers["Location"]).path == "/login"


async def test_a_stream_without_a_login_is_refused_and_not_sent_on(portal: Portal) -> None:
    """Its page then reads itself, and is sent to the login: the page's policy stops a stream that is."""
    events = [route for route in ROUTES if route.path.endswith("/events") and not route.path.startswith("/api/")]
    assert len(events) == 3  # of a job, of the list, of a batch
    async with ClientSession(headers={"Accept": "text/event-stream"}) as http:
        for route in events:
            async with http.get(portal.url + filled(route), allow_redirects=False) as answer:
                assert answer.status == 401, named(route)


async def test_every_route_about_a_job_is_closed_to_everybody_else(portal: Portal) -> None:
    owner, other = await portal.signed_in("owner@example.org"), await portal.signed_in("other@example.org")
    job = await portal.job("owner@example.org", (Trigger.FAIL, {}), file_name="secret.vcf")
    headers = {"Origin": portal.url, "X-CSRF-Token": other.csrf}
    for route in OWN:
        address, body = portal.url + filled(route, job.job_id), b"{}" if route.api and route.api.body else None
        async with other.http.request(route.method, address, headers=headers, data=body, allow_redirects=False) as answer:
            text = await answer.text()
            assert answer.status == (409 if EMPTY in text else 404), named(route)  # of a batch without files all hear the same
            assert "secret.vcf" not in text
    uploaded = await other.get(f"/annotate/job?key={job.user_id}/{job.job_id}/input", follow=False)
    assert uploaded.status == 404
    assert "secret.vcf" not in (await other.get("/annotations")).text
    assert await portal.backend.jobs.get(job.user_id, job.job_id) == job
    assert "secret.vcf" in (await owner.get(f"/annotations/{job.job_id}")).text


CHANGING = [route for route in ROUTES if route.method != "GET" and route.access is not ANONYMOUS]


async def test_a_forged_request_changes_nothing(portal: Portal) -> None:
    browser = await portal.signed_in("a@example.org")
    job = await portal.job("a@example.org")
    right, wrong = {"csrf": browser.csrf}, {"csrf": "made up"}
    forged = [({"Origin": origin}, right) for origin in ("https://evil.example", "null", "http://127.0.0.1")]
    forged += [({"Origin": portal.url}, wrong), ({"Origin": portal.url}, {}), ({}, wrong)]
    for headers, form in forged:
        for route in CHANGING:
            address = portal.url + filled(route, job.job_id)
            async with browser.http.request(route.method, address, headers=headers, data=form, allow_redirects=False) as answer:
                assert answer.status == 403, (named(route), headers, form)
    assert await portal.backend.jobs.get(job.user_id, job.job_id) == job
    assert "Sign out" in (await browser.get("/")).text


async def test_the_csrf_token_of_another_session_is_none(portal: Portal) -> None:
    browser, other = await portal.signed_in(), await portal.signed_in()
    browser.csrf = other.csrf
    assert (await browser.post("/subscribe")).status == 403


async def test_a_token_in_the_address_is_none(portal: Portal) -> None:
    browser = await portal.signed_in()
    held, browser.csrf = browser.csrf, ""
    assert (await browser.post(f"/subscribe?csrf={held}")).status == 403


async def test_a_bearer_token_needs_no_csrf_and_no_cookie(portal: Portal) -> None:
    browser = await portal.signed_in("a@example.org")
    job = await portal.job("a@example.org")
    page = await browser.post("/profile/tokens", {"name": "<b>load test</b>", "days": "30"})
    assert "&lt;b&gt;load test" in page.text and "<b>load" not in page.text
    token = re.search(rf"{job.user_id}\.[\w-]+", page.text)
    assert token and token[0] not in (await browser.get("/profile")).text
    async with ClientSession(headers={"Authorization": f"Bearer {token[0]}"}) as http:
        async with http.get(f"{portal.url}/api/v1/jobs/{job.job_id}") as answer:
            assert (await answer.json())["job_id"] == job.job_id
        async with http.delete(f"{portal.url}/api/v1/jobs/{job.job_id}") as answer:
            assert answer.status == 204
        async with http.get(f"{portal.url}/profile", allow_redirects=False) as answer:
            assert answer.status == 303  # tokens are for the API
        (digest,) = re.findall(r'action="/profile/tokens/(\w+)/revoke"', (await browser.get("/profile")).text)
        other = await portal.signed_in()
        await other.post(f"/profile/tokens/{digest}/revoke")
        async with http.get(f"{portal.url}/api/v1/jobs") as answer:
            assert answer.status == 200
        await browser.post(f"/profile/tokens/{digest}/revoke")
        async with http.get(f"{portal.url}/api/v1/jobs") as answer:
            assert answer.status == 401


async def test_a_bad_bearer_token_beside_a_good_cookie_is_refused(portal: Portal) -> None:
    browser = await portal.signed_in()
    assert (await browser.api("GET", "/jobs", headers={"Authorization": f"Bearer {secrets.token_hex()}"}))[0] == 401


async def test_security_headers_are_on_every_response(portal: Portal) -> None:
    browser = await portal.signed_in("a@example.org")
    job = await portal.job("a@example.org", (Trigger.CANCEL, {}))
    for route in ROUTES:
        if route.method != "GET":
            continue
        for address in (filled(route, job.job_id), filled(route)):
            async with browser.http.get(portal.url + address, allow_redirects=False) as answer:
                for name, value in DEMANDED.items():
                    assert value in answer.headers[name], (address, name)
                assert answer.headers["Server"] == "gas"
    for method, path, status in (("GET", "/no/such", 404), ("PUT", "/annotate", 405), ("POST", "/webhooks/stripe", 400)):
        async with browser.http.request(method, portal.url + path) as answer:
            assert answer.status == status
            assert set(DEMANDED) <= set(answer.headers)


async def test_streams_assets_and_refusals_have_the_headers_too(portal: Portal) -> None:
    browser = await portal.signed_in("a@example.org")
    job = await portal.job("a@example.org", (Trigger.SUBMIT, {}))
    portal.app[app_keys.LIMITS].__init__(burst=1, per_second=0.001)  # type: ignore[misc]
    addresses = (
        f"/annotations/{job.job_id}/events",
        portal.app[app_keys.ASSETS].url("gas.css"),
        "/api/v1/account",
        "/api/v1/account",
    )
    seen = []
    for address in addresses:
        async with browser.http.get(portal.url + address) as answer:
            seen.append(answer.status)
            assert set(DEMANDED) <= set(answer.headers) and answer.headers["Server"] == "gas", address
    assert seen == [200, 200, 200, 429]


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nBad Header\r\n\r\n",
        b"\x16\x03\x01 no http\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: %b\r\n\r\n" % (b"a" * 20_000),
    ],
)
async def test_what_is_no_http_is_answered_with_the_same_headers_and_no_more(portal: Portal, sent: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(portal.url).port)
    writer.write(sent)
    async with asyncio.timeout(20):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert head.startswith(b"HTTP/1.") and body == b"400 Bad Request\n"
    names = {line.partition(b":")[0].decode() for line in head.splitlines()}
    assert set(DEMANDED) <= names and b"Server: gas" in head and b"aiohttp" not in head


async def test_the_policy_allows_no_inline_and_names_where_forms_may_end(portal: Portal) -> None:
    policy = (await (await portal.browser()).get("/")).headers["Content-Security-Policy"]
    directives = {name: sources for name, *sources in (part.split() for part in policy.split(";"))}
    assert directives["default-src"] == ["'none'"]
    assert "unsafe" not in policy and "*" not in policy
    uploads = urlsplit((await portal.backend.inputs.upload_form("x", most_bytes=1, fields={}))["url"])
    assert directives["connect-src"] == ["'self'", f"{uploads.scheme}://{uploads.netloc}"]
    assert directives["form-action"] == ["'self'", f"{uploads.scheme}://{uploads.netloc}", portal.settings.stripe_url]


async def test_pages_have_no_inline_script_or_style(portal: Portal) -> None:
    browser = await portal.signed_in("a@example.org")
    job = await portal.job("a@example.org", (Trigger.FAIL, {"message": "x"}))
    for path in ("/", "/annotate", "/annotations", f"/annotations/{job.job_id}", "/profile", "/subscribe", "/logout", "/no"):
        text = (await browser.get(path)).text
        assert "<style" not in text and " style=" not in text and " onclick=" not in text
        assert "<script>" not in text


async def test_an_error_of_ours_says_nothing_of_how_we_are_built(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = await portal.signed_in()

    def broken(*_: object) -> None:
        raise RuntimeError("table web_jobs at 10.0.0.7")

    monkeypatch.setattr(submissions, "there", broken)
    page = await browser.get(f"/annotations/{NOBODY}")
    assert page.status == 500
    assert "RuntimeError" not in page.text and "10.0.0.7" not in page.text and "Traceback" not in page.text
    assert "Your data are safe" in page.text
    status, problem = await browser.api("GET", f"/jobs/{NOBODY}")
    assert status == 500 and set(problem) == {"title", "status", "detail", "instance"}


async def test_a_page_that_is_not_there_keeps_you_signed_in(portal: Portal) -> None:
    browser = await portal.signed_in()
    page = await browser.get("/annotations/%3Cscript%3Ealert(1)%3C/script%3E")
    assert page.status == 404 and "Sign out" in page.text and "<script>alert" not in page.text


async def test_health(portal: Portal) -> None:
    browser = await portal.browser()
    assert (await browser.get("/healthz")).status == 200
    assert (await browser.get("/readyz")).text == "ready\n"


@pytest.mark.parametrize("changes", [{"table_names": {"jobs": "none", "accounts": "none"}}])
async def test_not_ready_without_the_database(portal: Portal) -> None:
    browser = await portal.browser()
    assert (await browser.get("/healthz")).status == 200
    assert (await browser.get("/readyz")).status == 503


async def test_assets_are_compressed_and_kept_for_ever(portal: Portal) -> None:
    browser = await portal.browser()
    address = portal.app[app_keys.ASSETS].url("bootstrap.min.css")
    answer = await browser.get(address, headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip" and "immutable" in answer.headers["Cache-Control"]
    assert int(answer.headers["Content-Length"]) < 40_000
    assert (await browser.get("/static/0000000000000000/bootstrap.min.css")).status == 404


async def test_a_wrong_host_header_leads_nowhere_else(portal: Portal) -> None:
    browser = await portal.browser()
    page = await browser.get("/login", headers={"Host": "evil.example"}, follow=False)
    assert "evil.example" not in page.headers["Location"]
    assert "evil.example" not in (await browser.get("/", headers={"Host": "evil.example"})).text


def test_the_subject_of_an_address_is_the_same_in_every_case() -> None:
    assert subject("Ada@Example.org") == subject("ada@example.org")


async def test_a_form_that_cannot_be_read_is_a_bad_request(portal: Portal) -> None:
    browser = await portal.signed_in()
    urlencoded = "application/x-www-form-urlencoded"
    for kind, body in (
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"--c\r\n"),
        (f"{urlencoded}; charset=none", b"a=b"),
        (urlencoded, b"csrf=\xff\xfe%ff"),
    ):
        headers = {"Content-Type": kind, "Origin": portal.url}
        async with browser.http.post(f"{portal.url}/subscribe", data=body, headers=headers) as answer:
            assert answer.status in (400, 403), kind
