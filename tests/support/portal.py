"""A portal on real HTTP beside its stand-ins for Globus and Stripe, and a browser without scripts that looks at it."""

from __future__ import annotations

import re
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from aiohttp import ClientResponse, ClientSession, CookieJar, DummyCookieJar, FormData, web
from yarl import URL

from app.domain.accounts import Account
from app.domain.jobs import Job, Trigger, job_id
from app.local import globus, stripe
from app.services.backend import Backend
from app.settings import Settings
from app.web import app_keys

SECRET = "portal's secret"


@dataclass
class Page:
    status: int
    url: str
    text: str
    headers: Any

    @property
    def csrf(self) -> str:
        found = re.search(r'<meta name="csrf" content="([^"]+)"', self.text)
        return found[1] if found else ""


@dataclass
class Browser:
    """Cookies, redirects, forms with their hidden fields, and the Origin header: a browser without scripts."""

    home: str
    http: ClientSession
    csrf: str = ""

    async def get(self, path: str, *, follow: bool = True, **options: Any) -> Page:
        return await self._read(await self.http.get(urljoin(self.home, path), allow_redirects=follow, **options))

    async def post(self, path: str, form: dict[str, str] | None = None, *, follow: bool = True, **options: Any) -> Page:
        options.setdefault("headers", {"Origin": self.home})
        body = {"csrf": self.csrf, **(form or {})}
        return await self._read(await self.http.post(urljoin(self.home, path), data=body, allow_redirects=follow, **options))

    async def api(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        headers = {"Origin": self.home, "X-CSRF-Token": self.csrf} | options.pop("headers", {})
        async with self.http.request(method, f"{self.home}/api/v1{path}", headers=headers, **options) as answer:
            return answer.status, await answer.json() if answer.content_length else None

    async def sign_in(self, email: str = "", name: str = "Test Person", next: str = "") -> Page:
        """Through the sign-in page of the identity provider, as a person does."""
        page = await self.get(f"/login?next={next}" if next else "/login")
        page = await self.submit(page, email=email or f"{secrets.token_hex(6)}@example.org", name=name)
        self.csrf = page.csrf
        return page

    async def submit(self, page: Page, file: bytes | None = None, **fields: str) -> Page:
        """Sends the page's last form with its hidden fields."""
        form = re.findall(r'<form[^>]*action="([^"]*)"[^>]*>(.*?)</form>', page.text, re.DOTALL)[-1]
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form[1]))
        body = FormData({name: _unescape(value) for name, value in {**hidden, **fields}.items()})
        if file is not None:
            body.add_field("file", file, filename="chosen.vcf")
        address = urljoin(page.url, _unescape(form[0]))
        return await self._read(await self.http.post(address, data=body, headers={"Origin": self.home}))

    def keep(self, name: str, value: str) -> None:
        """Puts a cookie into the jar, as if the portal had set it."""
        self.http.cookie_jar.update_cookies({name: value}, URL(self.home))

    async def _read(self, answer: ClientResponse) -> Page:
        async with answer:
            return Page(answer.status, str(answer.url), await answer.text(), answer.headers)


def _unescape(text: str) -> str:
    for entity, sign in (("&lt;", "<"), ("&gt;", ">"), ("&#34;", '"'), ("&#39;", "'"), ("&amp;", "&")):
        text = text.replace(entity, sign)
    return text


@dataclass
class Portal:
    url: str
    app: web.Application
    settings: Settings
    provider: globus.Provider
    stripe: stripe.Stripe
    stack: AsyncExitStack

    @property
    def backend(self) -> Backend:
        return self.app[app_keys.BACKEND]

    async def browser(self, *, cookies: bool = True) -> Browser:
        jar = CookieJar(unsafe=True) if cookies else DummyCookieJar()
        return Browser(self.url, await self.stack.enter_async_context(ClientSession(cookie_jar=jar)))

    async def signed_in(self, email: str = "") -> Browser:
        browser = await self.browser()
        await browser.sign_in(email)
        return browser

    async def account(self, email: str) -> Account:
        account = await self.backend.accounts.get(globus.subject(email))
        assert account
        return account

    async def job(self, email: str, *steps: tuple[Trigger, dict[str, Any]], **values: Any) -> Job:
        """A job of this user, taken through `steps`."""
        user_id = globus.subject(email)
        new = Job(user_id=user_id, job_id=job_id(self.backend.now(), secrets.token_bytes(10)), **values)
        job: Job | None = await self.backend.jobs.create(new)
        for trigger, given in steps:
            job = await self.backend.jobs.advance(user_id, new.job_id, trigger, **given)
            assert job, trigger
        assert job
        return job


def listening() -> socket.socket:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock


def address(sock: socket.socket) -> str:
    return f"http://127.0.0.1:{sock.getsockname()[1]}"


@asynccontextmanager
async def served(app: web.Application, sock: socket.socket) -> AsyncIterator[None]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2)
    await runner.setup()
    await web.SockSite(runner, sock).start()
    yield
    await runner.cleanup()


async def token(browser: Browser, scope: str = "write") -> str:
    page = await browser.post("/profile/tokens", {"name": "program", "days": "30", "scope": scope})
    found = re.search(r'<code class="said">([^<]+)</code>', page.text)
    assert found
    return found[1]
