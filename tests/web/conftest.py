"""A portal on real HTTP, against a real AWS emulator and the stand-ins for Globus and Stripe."""

from __future__ import annotations

import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import pytest
from aiohttp import ClientSession, CookieJar, DummyCookieJar, web
from cryptography.hazmat.primitives.asymmetric import rsa
from yarl import URL

from app.domain.accounts import Account
from app.domain.jobs import Job, Trigger, job_id
from app.local import browser, globus, stripe
from app.local.browser import Page
from app.services.backend import Backend
from app.settings import Settings
from app.web import app_keys
from app.web.main import create_app

SECRET = "portal's secret"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # aiohttp-jinja2 keeps its things under plain names
    for item in items:
        item.add_marker(pytest.mark.filterwarnings("ignore::aiohttp.web.NotAppKeyWarning"))


@pytest.fixture(scope="session")
def provider_keys() -> tuple[rsa.RSAPrivateKey, rsa.RSAPrivateKey]:
    return tuple(rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))  # type: ignore[return-value]


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


@pytest.fixture
def changes() -> dict[str, Any]:
    """Settings of the portal under test; override the fixture for others."""
    return {}


@pytest.fixture
async def portal(settings: Settings, provider_keys: Any, changes: dict[str, Any]) -> AsyncIterator[Portal]:
    ours, theirs, stripes = (_listening() for _ in range(3))
    settings = Settings(
        **settings.model_dump()
        | {
            "public_url": _url(ours),
            "globus_url": _url(theirs),
            "globus_client_id": "portal",
            "globus_client_secret": SECRET,
            "stripe_url": _url(stripes),
            "stripe_secret_key": "sk_test",
            "stripe_webhook_secret": "whsec_test",
            "stripe_price_id": "price_premium",
            **changes,
        }
    )
    provider = globus.Provider(_url(theirs), "portal", SECRET, key=provider_keys[0], stray_key=provider_keys[1])
    shop = stripe.Stripe(_url(stripes), "sk_test", f"{_url(ours)}/webhooks/stripe", "whsec_test")
    app = create_app(settings)
    async with AsyncExitStack() as stack:
        for sock, served in ((theirs, globus.create_app(provider)), (stripes, stripe.create_app(shop)), (ours, app)):
            await stack.enter_async_context(_served(served, sock))
        yield Portal(_url(ours), app, settings, provider, shop, stack)


def _listening() -> socket.socket:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock


def _url(sock: socket.socket) -> str:
    return f"http://127.0.0.1:{sock.getsockname()[1]}"


@asynccontextmanager
async def _served(app: web.Application, sock: socket.socket) -> AsyncIterator[None]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2)
    await runner.setup()
    await web.SockSite(runner, sock).start()
    yield
    await runner.cleanup()
