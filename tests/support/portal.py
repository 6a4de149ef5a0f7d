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

from aiohttp import ClientSession, CookieJar, DummyCookieJar, web
from yarl import URL

from app.domain.accounts import Account
from app.domain.jobs import Job, Trigger, job_id
from app.local import browser, globus, stripe
from app.local.browser import Page
from app.services.backend import Backend
from app.settings import Settings
from app.web import app_keys
from app.web.main import LINE_BYTES

SECRET = "portal's secret"


@dataclass
class Browser(browser.Browser):
    """A browser at one portal: it remembers the CSRF token of the pages after the login."""

    home: str = ""
    csrf: str = ""

    async def get(self, url: str, *, follow: bool = True, **options: Any) -> Page:
        return await super().get(urljoin(self.home, url), follow=follow, **options)

    async def post(self, url: str, fields: dict[str, str] | None = None, *, follow: bool = True, **options: Any) -> Page:
        body = {"csrf": self.csrf, **(fields or {})}
        return await super().post(urljoin(self.home, url), body, follow=follow, **{"headers": {"Origin": self.home}, **options})

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
        return await self.send(page, page.forms[-1], file=file, **fields)

    def keep(self, name: str, value: str) -> None:
        """Puts a cookie into the jar, as if the portal had set it."""
        self.http.cookie_jar.update_cookies({name: value}, URL(self.home))


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
        return Browser(await self.stack.enter_async_context(ClientSession(cookie_jar=jar)), self.url)

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
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2, max_line_size=LINE_BYTES)
    await runner.setup()
    await web.SockSite(runner, sock).start()
    yield
    await runner.cleanup()


async def token(browser: Browser, scope: str = "write") -> str:
    page = await browser.post("/profile/tokens", {"name": "program", "days": "30", "scope": scope})
    found = re.search(r'<code class="said"[^>]*>([^<]+)</code>', page.text)
    assert found
    return found[1]
