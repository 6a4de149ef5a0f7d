"""The whole stack as its user starts it: separate processes, spoken to over HTTP only. Imports nothing of the product."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urljoin

from aiohttp import ClientError, ClientSession, FormData

T = TypeVar("T")
GAS = str(Path(sys.executable).with_name("gas"))


@dataclass
class Stack:
    process: subprocess.Popen[str]
    folder: Path
    portal: str
    outbox: str

    @property
    def environment(self) -> dict[str, str]:
        """The settings that the stack wrote for other `gas` commands."""
        words = shlex.split((self.folder / "environment").read_text())
        return {**os.environ, **dict(word.split("=", 1) for word in words)}

    def gas(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A `gas` command on this stack."""
        return subprocess.run([GAS, *arguments], env=self.environment, capture_output=True, text=True, timeout=120)

    def daemons(self) -> dict[int, str]:
        """Process id and verb of each daemon that runs now."""
        return {
            pid: command[command.index(b"worker") + 1].decode()
            for pid, command in self._children().items()
            if b"worker" in command
        }

    def _children(self) -> dict[int, list[bytes]]:
        """Command line of each process of the stack by its id."""
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                status, command = (entry / "stat").read_text(), (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if status.rpartition(")")[2].split()[1] == str(self.process.pid):
                found[int(entry.name)] = command
        return found

    def kill(self) -> None:
        """The machine loses its power: SIGKILL for every process at once."""
        family = [self.process.pid, *self._children()]
        for pid in family:
            with suppress(ProcessLookupError):  # a job's process may have ended meanwhile
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def mails(self) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self.outbox}/mails.json") as answer:
            return json.load(answer)

    def logs(self) -> str:
        return "\n".join(f"== {path.name}\n{path.read_text()[-3000:]}" for path in (self.folder / "logs").glob("*.log"))


OWN = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
"""The environment of a stack that brings its own emulator of AWS."""


@contextmanager
def started(folder: Path, *options: str, aws: str = "") -> Iterator[Stack]:
    """A running stack with short waits, on the emulator at `aws` or one of its own; killed without warning at the end."""
    command = [GAS, "stack", "--port", "0", "--retention", "3s", "--retrieval", "2s", "--folder", str(folder), *options]
    environment = OWN | ({"AWS_ENDPOINT_URL": aws} if aws else {})
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            said = ""
            while "Ctrl-C stops" not in said:
                line = process.stdout.readline()
                assert line, f"the stack ended: {said}"
                said += line
            portal, outbox = re.findall(r"http://127\.0\.0\.1:\d+", said)[:2]
            yield Stack(process, folder, portal, outbox)
        finally:
            process.kill()


NONE: dict[str, str] = {}


@dataclass
class Person:
    """Somebody who is signed in: cookies, and the token that forms carry."""

    http: ClientSession
    portal: str
    csrf: str

    async def call(self, method: str, path: str, headers: dict[str, str] = NONE, **options: Any) -> Any:
        headers = {"Origin": self.portal, "X-CSRF-Token": self.csrf, **headers}
        async with self.http.request(method, f"{self.portal}{path}", headers=headers, **options) as answer:
            assert answer.status < 400, (answer.status, await answer.text())
            return await (answer.json() if "json" in answer.content_type else answer.read())

    async def upload(self, name: str, body: bytes) -> str:
        """Uploads as the portal's script does; replies the job id. The same name, given again, goes on with the same job."""
        upload = await self.call("POST", "/api/v1/jobs", json={"file_name": name}, headers={"Idempotency-Key": name})
        form = FormData(upload["fields"])
        form.add_field("file", body, filename=name)
        async with self.http.post(upload["url"], data=form) as answer:
            assert answer.status < 300, await answer.text()
        job_id = upload["job"]["job_id"]
        await self.call("POST", f"/api/v1/jobs/{job_id}/submit")
        return job_id

    async def job(self, job_id: str) -> dict[str, Any]:
        return await self.call("GET", f"/api/v1/jobs/{job_id}")

    async def subscribe(self) -> None:
        await form(self.http, f"{self.portal}/subscribe", "/subscribe", {}, {})

    async def jobs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        before = ""
        while True:
            page = await self.call("GET", f"/api/v1/jobs?limit=100{before}")
            found += page["jobs"]
            if not page["next"]:
                return found
            before = f"&before={page['next']}"


async def form(http: ClientSession, address: str, action: str, *fills: dict[str, str]) -> str:
    """Opens a page and sends its form for `action`, filled in; then the last form of the page that comes back, and so on."""
    async with http.get(address) as page:
        text, url = await page.text(), str(page.url)
    for filled in fills:
        forms = [
            (re.search(r'action="([^"]*)"', attributes), dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', body)))
            for attributes, body in re.findall(r"<form([^>]*)>(.*?)</form>", text, re.DOTALL)
        ]
        target, hidden = next((one for one in forms if one[0] and action and one[0][1].endswith(action)), forms[-1])
        target_url = urljoin(url, unescape(target[1]) if target else "")
        body = {name: unescape(value) for name, value in hidden.items()}
        async with http.post(target_url, data={**body, **filled}, headers={"Origin": "/".join(url.split("/")[:3])}) as page:
            text, url = await page.text(), str(page.url)
            assert page.status < 400, (page.status, url, text[:300])
        action = ""
    return text


async def sign_in(http: ClientSession, portal: str, email: str) -> Person:
    text = await form(http, f"{portal}/login", "", {"email": email, "name": "Test Person"})
    token = re.search(r'<meta name="csrf" content="([^"]+)"', text)
    assert token, text[:500]
    return Person(http, portal, token[1])


async def insist(act: Callable[[], Awaitable[T]], seconds: float = 120) -> T:
    """Does it again until it works: whoever uses a service on a bad day."""
    for _ in patience(seconds):
        with suppress(AssertionError, ClientError, TimeoutError):
            return await act()
        await asyncio.sleep(1)
    return await act()


def patience(seconds: float) -> Iterator[None]:
    """Yields until so many seconds have passed."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        yield
