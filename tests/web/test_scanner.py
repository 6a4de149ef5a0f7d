"""What a scanner sends: every route with odd methods, values, bodies and headers. No answer is an error of ours or gives in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.web import app_keys
from app.web.api.models import VariantQuery
from app.web.route import Route
from app.web.routes import ROUTES
from tests.support.explored import HEADER, KNOWN, explored
from tests.support.portal import Portal
from tests.support.routes import DEMANDED, filled
from tests.support.steps import ME

ODD = (
    "..%2f..%2fetc%2fpasswd",
    "%00",
    "a%0d%0aX-Injected:%201",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "%22%27%3E%3Cimg%20src=x%20onerror=alert(1)%3E",
    "{{79*7919}}",
    "%ff%fe",
    "%ed%a0%80",
    "%E2%80%A8%F0%9F%A7%AC",
    "%D9%A3",
    "-1",
    "0x10",
    "NaN",
    "inf",
    "1e309",
    "9" * 400,
    "a" * 5000,
    "MT:3243-",
    "a%2F%2Fevil.example",
    "%5C%5Cevil.example",
    "//evil.example",
    "https://evil.example",
    "*",
    "%25",
    "(a%2B)%2B%24",
)
QUERY = (
    *("text", "state", "before", "limit", "cursor", "region", "gene", "consequence", "impact", "frequency", "known", "back"),
    *("key", "next", "token", "paid", "error", "code", "download", "here", "bucket", "etag"),
)
FORM = ("name", "assembly", "days", "scope", "notice", "job", "do", "words", "file_name")
BODIES = (
    ("application/json", b"{"),
    ("application/json", b"[" * 50_000),
    ("application/json", b'{"file_name": "\\ud800", "assembly": "\\u0000"}'),
    ("application/json", b'{"file_name": "a.vcf", "file_name": ["b"], "__proto__": {}}'),
    ("application/json", b'{"file_name": ' + b'"' + b"x" * 20_000 + b'"}'),
    ("application/xml", b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'),
    (
        "multipart/form-data; boundary=b",
        b'--b\r\nContent-Disposition: form-data; name="csrf"; filename="x"\r\n\r\n%s\r\n--b--\r\n',
    ),
    ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n"),
    ("multipart/form-data; boundary=" + "b" * 2000, b"x"),
    ("multipart/mixed", b"x"),
    ("application/x-www-form-urlencoded; charset=utf-7", b"a=+ADw-"),
    ("text/plain", b"\x00" * 100),
    ("a/b/c; d", b"x"),
)
METHODS = ("HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "POST", "GET")
HEADERS = (
    ("Host", "evil.example"),
    ("Host", "evil.example:99999"),
    ("Host", "[::1"),
    ("Host", ""),
    ("X-Forwarded-Host", "evil.example"),
    ("X-Forwarded-For", "127.0.0.1, <script>"),
    ("X-Original-URL", "/profile"),
    ("X-HTTP-Method-Override", "DELETE"),
    ("Cookie", "gas=" + "0" * 36 + ".x"),
    ("Cookie", "gas=01900000-0000-7000-8000-000000000000.\x80"),
    ("Cookie", 'gas="; gas-login-=%%%; a=b; ;=;'),
    ("Authorization", "Bearer"),
    ("Authorization", "Bearer ../../" + "x" * 3000),
    ("Authorization", "Basic YTpi"),
    ("Accept", "text/event-stream"),
    ("Accept-Encoding", "gzip;q=0, *;q=nan"),
    ("Range", "bytes=0-0,1-1,2-2"),
    ("If-Modified-Since", "never"),
    ("Origin", "null"),
    ("Content-Length", "-1"),
    ("Transfer-Encoding", "chunked, identity"),
    ("Expect", "200-ok"),
    ("Upgrade", "websocket"),
    ("Idempotency-Key", "k" * 5000),
    ("Stripe-Signature", "t=a,v1=" + "b" * 500),
    ("A", "b" * 7000),
)


@dataclass
class Scanner:
    """Sends bytes as they are, and remembers what should not have been answered."""

    portal: Portal
    cookie: str
    csrf: str
    wrong: list[str] = field(default_factory=list)

    async def send(self, method: str, target: str, *lines: str, body: bytes = b"", replaces: str = "") -> None:
        usual = {"Host": urlsplit(self.portal.url).netloc, "Cookie": f"gas={self.cookie}", "Origin": self.portal.url}
        usual |= {"X-CSRF-Token": self.csrf, "Content-Length": str(len(body)), "Connection": "close"}
        usual = {name: value for name, value in usual.items() if name.lower() != replaces.lower()}
        head = "\r\n".join([f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in usual.items()), *lines])
        await self.raw(head.encode("utf-8") + b"\r\n\r\n" + body)

    async def raw(self, request: bytes) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(self.portal.url).port)
        writer.write(request)
        try:
            async with asyncio.timeout(10):
                head, _, body = (await reader.read(1 << 20)).partition(b"\r\n\r\n")
        except (ConnectionError, TimeoutError) as error:
            head, body = repr(error).encode(), b""
        writer.close()
        if problem := _problem(head, body):
            self.wrong.append(f"{problem}: {request[:200]!r} -> {head[:100]!r}")


def _problem(head: bytes, body: bytes) -> str:
    """What is wrong with an answer; empty if nothing is."""
    first, *lines = head.decode("latin-1").split("\r\n")
    names = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    status = first.split(" ")[1] if first.startswith("HTTP/1.") else first
    if not status.isdigit() or status >= "500":
        return "an error of ours"
    if missing := [name for name in DEMANDED if name.lower() not in names]:
        return f"without {missing}"
    if "x-injected" in names:
        return "a header that was sent in"
    if urlsplit(names.get("location", "")).netloc == "evil.example":
        return "led elsewhere"
    text = body.decode("utf-8", "replace")
    html = names.get("content-type", "").startswith("text/html")
    signs = ("<script>alert", "<img src=x", "625601") if html else ()
    return next((f"gave in to {sign}" for sign in (*signs, "Traceback", "root:x:") if sign in text), "")


def _requests() -> Iterator[tuple[Route, str]]:
    for route in ROUTES:
        if not route.path.endswith("/events"):
            yield route, route.method


@pytest.fixture
async def scanner(portal: Portal) -> Scanner:
    browser = await portal.signed_in(ME)
    portal.app[app_keys.LIMITS].__init__(burst=10**9)  # type: ignore[misc]
    (cookie,) = [cookie.value for cookie in browser.http.cookie_jar if cookie.key == "gas"]
    return Scanner(portal, cookie, browser.csrf)


NTH = pytest.mark.parametrize("nth", [pytest.param(3, marks=pytest.mark.slow), pytest.param(1, marks=pytest.mark.night)])
"""Each route is sent every nth of what is odd, beginning with another than the route before."""

ENDS = ("/logout", "/profile/sessions/revoke", "/profile/delete")
"""Ends of the session that all of this is sent with."""


@NTH
async def test_odd_values_in_addresses_and_forms(nth: int, portal: Portal, tmp_path: Path, scanner: Scanner) -> None:
    job = await explored(portal, tmp_path, HEADER + KNOWN)
    for number, (route, method) in enumerate(_requests()):
        path = filled(route, job.job_id)
        for first in range(number % nth * 5, len(ODD), 5 * nth):
            odd = ODD[first:] + ODD[:first]
            if method == "GET":
                asked = "&".join(f"{name}={value[:1000]}" for name, value in zip(QUERY, odd, strict=False))
                await scanner.send(method, f"{path}?{asked}")
            elif path not in ENDS:
                body = "&".join(f"{name}={value}" for name, value in zip(FORM, odd, strict=False)).encode()
                await scanner.send(method, path, "Content-Type: application/x-www-form-urlencoded", body=body)
    for odd in ODD:
        for place in (
            "/{}",
            "/annotations/{}",
            "/annotations/" + job.job_id + "/{}",
            "/static/{}/x",
            "/static/x/{}",
            "/api/v1/{}",
        ):
            await scanner.send("GET", place.format(odd))
        for name in VariantQuery.model_fields:
            await scanner.send("GET", f"/annotations/{job.job_id}/variants?{name}={odd}")
        await scanner.send("GET", f"/login?next={odd}")
        await scanner.send("GET", f"/annotate/job?key={odd}")
    assert not scanner.wrong, "\n".join(scanner.wrong)


@NTH
async def test_odd_bodies_methods_and_headers(nth: int, portal: Portal, scanner: Scanner) -> None:
    for number, (route, method) in enumerate(_requests()):
        path = filled(route)
        for odd in METHODS[number % nth :: nth]:
            if (odd, path) not in {("POST", end) for end in ENDS}:
                await scanner.send(odd, path)
        for name, value in HEADERS[number % 4 :: 4]:
            if method == "GET":
                await scanner.send(method, path, f"{name}: {value}", replaces=name)
        for kind, body in BODIES[number % nth :: nth] if method != "GET" and path not in ENDS else ():
            await scanner.send(method, path, f"Content-Type: {kind}", body=body)
    assert not scanner.wrong, "\n".join(scanner.wrong)


async def test_odd_lines_of_requests(portal: Portal, scanner: Scanner) -> None:
    host = urlsplit(portal.url).netloc
    for line in (
        "GET http://evil.example/ HTTP/1.1",
        "GET //evil.example/annotations HTTP/1.1",
        "GET /\\evil.example HTTP/1.1",
        "GET /annotations/../../etc/passwd HTTP/1.1",
        "GET /static/..%2f..%2fmain.py HTTP/1.1",
        "GET /static/%2e%2e/%2e%2e/main.py HTTP/1.1",
        "GET /login;jsessionid=1?next=//evil.example HTTP/1.1",
        "GET * HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "CONNECT evil.example:443 HTTP/1.1",
        "GET /" + "a" * 9000 + " HTTP/1.1",
        "GET /?" + "&".join(f"a{n}=1" for n in range(1500)) + " HTTP/1.1",
        "GET / HTTP/9.9",
        "GET / HTTP/1.0",
        "get / HTTP/1.1",
        "G\x00T / HTTP/1.1",
        "GET /\x7f HTTP/1.1",
        "GET /ü HTTP/1.1",
        "GET  / HTTP/1.1",
    ):
        await scanner.raw(f"{line}\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    for request in (
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA\x00: y\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /a HTTP/1.1\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"A%d: b\r\n" % n for n in range(3000)) + b"\r\n",
    ):
        await scanner.raw(request)
    assert not scanner.wrong, "\n".join(scanner.wrong)
