"""What the application and each request carry, by typed key."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.typedefs import Handler
from markupsafe import Markup

from app.domain.accounts import Account
from app.domain.jobs import Job
from app.explorer.reader import Explorer
from app.services.backend import Backend
from app.services.billing import Billing
from app.services.concurrency import ConcurrencyLimit
from app.services.identity import Secrets
from app.services.kept import Kept
from app.settings import Settings
from app.web.assets import Assets
from app.web.estimates import DurationEstimator, QueueView
from app.web.live import Live
from app.web.rate_limit import RateLimit
from app.web.route import Access, Route
from app.web.table_processes import TableProcesses

if TYPE_CHECKING:
    from app.services.globus import Globus
    from app.web.example import Example

SETTINGS = web.AppKey("settings", Settings)
ASSETS = web.AppKey("assets", Assets)
BACKEND = web.AppKey("backend", Backend)
EXPLORER = web.AppKey("explorer", Explorer)
CONCURRENCY = web.AppKey("turns", ConcurrencyLimit)
TABLES = web.AppKey("tables", TableProcesses)
STREAMS = web.AppKey("streams", ConcurrencyLimit)
GLOBUS: web.AppKey[Kept[Globus]] = web.AppKey("globus")
SESSIONS = web.AppKey("sessions", Secrets)
TOKENS = web.AppKey("tokens", Secrets)
SHARES = web.AppKey("shares", Secrets)
BILLING: web.AppKey[Billing | None] = web.AppKey("billing")
LIVE = web.AppKey("live", Live)
QUEUE_VIEW = web.AppKey("queue_view", QueueView)
DURATIONS = web.AppKey("pace", DurationEstimator)
RESULT_CACHE: web.AppKey[Kept[Markup]] = web.AppKey("result_cache")
EXAMPLE: web.AppKey[Kept[Example]] = web.AppKey("example")
LIMITS = web.AppKey("limits", RateLimit)
ROUTES: web.AppKey[tuple[Route, ...]] = web.AppKey("routes")
ACCESS: web.AppKey[Mapping[Handler, Access]] = web.AppKey("access")
HEADERS: web.AppKey[Mapping[str, str]] = web.AppKey("headers")

ACCOUNT: web.RequestKey[Account | None] = web.RequestKey("account")
ALLOWANCE: web.RequestKey[dict[str, str]] = web.RequestKey("allowance")
JOB: web.RequestKey[Awaitable[Job | None]] = web.RequestKey("job")
CSRF: web.RequestKey[str] = web.RequestKey("csrf")
REQUEST_ID: web.RequestKey[str] = web.RequestKey("request_id")


def account(request: web.Request) -> Account:
    """The account that is signed in; only for routes that demand it."""
    signed_in = request[ACCOUNT]
    assert signed_in is not None
    return signed_in
