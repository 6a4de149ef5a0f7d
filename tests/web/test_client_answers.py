"""`gas remote` between proxies and other commands: no answer makes a traceback, and no command loses what another one keeps."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from app.cli import remote, remote_answers
from app.cli.remote_state import Known
from tests.support.client import VCF, gas
from tests.support.portal import address, listening, served

pytestmark = pytest.mark.usefixtures("home")

JOB = {"job_id": "j", "file_name": "a.vcf", "status": "COMPLETED", "tier": "AVAILABLE", "message": "", "records": 1}


async def cut(request: web.Request) -> web.StreamResponse:
    """Ends in the middle of what it promised."""
    answer = web.StreamResponse(headers={"Content-Length": "1000", "Content-Type": "application/json"})
    await answer.prepare(request)
    await answer.write(b'{"job_id": "j"')
    assert request.transport
    request.transport.abort()
    return answer


def says(body: str | bytes, status: int = 200, **headers: str) -> Callable[[web.Request], Any]:
    async def answer(_: web.Request) -> web.Response:
        sent = body.encode() if isinstance(body, str) else body
        return web.Response(body=sent, status=status, headers={name.replace("_", "-"): value for name, value in headers.items()})

    return answer


STRANGE: dict[str, Callable[[web.Request], Any]] = {
    "html": says("<html><body>Please sign in to the network</body></html>", Content_Type="text/html"),
    "html of an error": says("<html>Bad\tgateway</html>", 502, Content_Type="text/html"),
    "html of a refusal": says("<html>Forbidden</html>", 403, Content_Type="text/html"),
    "empty": says(""),
    "empty refusal": says("", 400),
    "nothing to say": says("", 204),
    "cut": cut,
    "half of JSON": says('{"job_id": "j", "file_na'),
    "a list": says("[]"),
    "null": says("null"),
    "a number": says("7"),
    "other fields": says('{"hello": 1}'),
    "wrong types": says(json.dumps(JOB | {"job_id": 7, "records": "x", "status": None})),
    "a problem of another type": says('{"detail": 7}', 409),
    "a problem without words": says("{}", 422),
    "no UTF-8": says(b"\xff\xfe\x00"),
    "deep": says("[" * 100_000),
    "wrong encoding": says("no gzip", Content_Encoding="gzip"),
    "unknown charset": says("{}", Content_Type="application/json; charset=x-nothing"),
    "round and round": says("", 302, Location="/api/v1/jobs/j"),
    "to nowhere": says("", 302, Location="gopher://[nowhere"),
    **{
        f"wait {value}": says("<html>", 503, Retry_After=value)
        for value in ("soon", "-5", "1e999", "nan", "99999999999", "Fri, 99 Foo 2026", formatdate(0, usegmt=True), "", "0x1")
    },
}


@dataclass
class Proxy:
    """Something that answers every request in the same way."""

    url: str
    answer: Callable[[web.Request], Any]

    async def any(self, request: web.Request) -> web.StreamResponse:
        return await self.answer(request)


@pytest.mark.parametrize("kind", STRANGE)
async def test_no_answer_makes_a_traceback(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "RETRY_SECONDS", (0.0,))
    monkeypatch.setattr(remote_answers, "LONGEST_WAIT_SECONDS", 0.01)
    sock, app = listening(), web.Application()
    proxy = Proxy(address(sock), STRANGE[kind])
    app.router.add_route("*", "/{any:.*}", proxy.any)
    file = tmp_path / "a.vcf"
    file.write_text(VCF)
    async with served(app, sock):
        commands = [("login", proxy.url, "--token", "t"), ("status", "j"), ("annotate", file), ("fetch", "j"), ("variants", "j")]
        for command in commands:
            if command[0] == "status":
                Known(url=proxy.url, token="t").sign_in()
            done = await gas(*command)
            assert done.exit_code == 1 and isinstance(done.exception, SystemExit), (command, done.exception, done.output)
            assert done.output.strip() and len(done.output) < 400, done.output
    assert Known.read().jobs == {}


@pytest.mark.parametrize("at", ["result", "link"])
@pytest.mark.parametrize("kind", ["html", "cut", "empty refusal", "html of an error"])
async def test_a_download_is_whole_or_not_at_all(kind: str, at: str, tmp_path: Path) -> None:
    sock, app = listening(), web.Application()
    lead = says("", 303, Location=f"{address(sock)}/stored")
    app.router.add_get("/api/v1/jobs/j", says(json.dumps(JOB), Content_Type="application/json"))
    app.router.add_get("/api/v1/jobs/j/{what}", STRANGE[kind] if at == "result" else lead)
    app.router.add_get("/stored", STRANGE[kind])
    Known(url=address(sock), token="t").sign_in()
    async with served(app, sock):
        done = await gas("fetch", "j", "--out", tmp_path / "out")
    assert done.exit_code == 1 and isinstance(done.exception, SystemExit), done.exception
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        (None, 4),
        ("", 4),
        ("soon", 4),
        ("nan", 4),
        ("inf", 4),
        ("7", 7),
        ("0.5", 0.5),
        ("-1", 0),
        ("1000000", 60),
        (formatdate(0), 0),
    ],
)
def test_retry_after_is_believed_within_bounds(asked: str | None, seconds: float) -> None:
    assert remote_answers.wait_seconds(asked, 4) == seconds


PARALLEL = """
import os, sys, typer
typer.get_app_dir = lambda name: sys.argv[1]
from app.cli.remote_state import Known
children = []
for n in range(20):
    child = os.fork()
    if not child:
        code = 1
        try:
            known = Known.read()
            for m in range(5):
                known.remember(f"{n} {m}", "job")
            code = 0
        finally:
            os._exit(code)
    children.append(child)
sys.exit(sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))
"""


def test_twenty_commands_at_once_forget_nothing(home: Path) -> None:
    Known(url="http://gas.example.org", token="t").sign_in()
    done = subprocess.run([sys.executable, "-c", PARALLEL, str(home)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    kept = Known.read()
    assert set(kept.jobs) == {f"{n} {m}" for n in range(20) for m in range(5)} and kept.token == "t"
    assert {path.name for path in home.iterdir()} == {"remote.json", "remote.lock"}


@pytest.mark.parametrize("damaged", ["", "{", "[]", '{"jobs": 7}'])
async def test_a_damaged_file_is_said(damaged: str, home: Path) -> None:
    home.mkdir(parents=True)
    (home / "remote.json").write_text(damaged)
    done = await gas("status", "j")
    assert done.exit_code == 1 and "was damaged" in done.output


async def test_help_says_the_exit_codes(tmp_path: Path) -> None:
    said = " ".join((await gas("--help")).output.split())
    assert "0 done, 3 not yet, 1 failed, 2 the command itself was wrong" in said
    assert (await gas("annotate", tmp_path / "missing.vcf")).exit_code == 2
    assert (await gas("status")).exit_code == 2
