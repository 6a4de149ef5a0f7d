"""The portal: one process on uvloop that serves pages and the API and holds no state of its own."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import warnings
from collections.abc import AsyncIterator

import structlog
import uvloop
from aiohttp import web

from app.domain import limits
from app.explorer.gene_lookup import References
from app.explorer.line_reader import LineReader
from app.explorer.reader import Explorer
from app.process import logs
from app.process.memory import freeze_gc
from app.process.systemd import feed_watchdog, notify, ready
from app.services.backend import backend
from app.services.billing import billing
from app.services.concurrency import ConcurrencyLimit
from app.services.identity import Secrets
from app.services.kept import Kept
from app.settings import Settings
from app.web import app_keys, half_sent, routes
from app.web.assets import Assets
from app.web.estimates import DurationEstimator, QueueView
from app.web.live import polling
from app.web.middlewares.access import control_access
from app.web.middlewares.errors import show_errors
from app.web.middlewares.headers import add_headers, headers, origin
from app.web.middlewares.limits import add_allowance, limit_rate
from app.web.middlewares.log import log_requests
from app.web.middlewares.malformed import answer_plainly
from app.web.pages import compile_templates, set_up
from app.web.rate_limit import RateLimit
from app.web.table_processes import TableProcesses

log = structlog.get_logger()

LINE_BYTES = 32 << 10
"""Of the first line of a request: what the longest questions to a result take, each letter spelled by twelve."""

DRAIN_SECONDS = 10
"""How long a stopping portal lets requests finish; live pages are closed at once."""

SWITCH_SECONDS = 0.001
"""After which a thread that looks through a result gives way to the loop, which waits so long each time it turns."""

GARBAGE_OBJECTS = 10_000
"""New objects after which Python looks for cycles of garbage among them: a list of jobs makes 6,000, and none is in a cycle."""

PAGES_KEPT = 256
"""Results whose charts are kept as they were rendered, some ten kilobytes each."""


def create_app(settings: Settings) -> web.Application:
    """The portal as an application; opens its connections at startup and closes them at the end."""
    answer_plainly()
    half_sent.watch()
    app = web.Application(
        client_max_size=limits.BODY.most,
        middlewares=[half_sent.know_requests, log_requests, show_errors, control_access, limit_rate],
    )
    app[app_keys.SETTINGS] = settings
    app[app_keys.LIMITS] = RateLimit()
    app[app_keys.DURATIONS] = DurationEstimator()
    app[app_keys.RESULT_CACHE] = Kept(PAGES_KEPT)
    app[app_keys.EXAMPLE] = Kept(1)
    app[app_keys.CONCURRENCY] = ConcurrencyLimit()
    app[app_keys.TABLES] = TableProcesses()
    app[app_keys.STREAMS] = ConcurrencyLimit(limits.STREAMS.most, sys.maxsize, limits.STREAMS.said)
    app[app_keys.ASSETS] = assets = Assets.read()
    set_up(app, assets)
    routes.add(app)
    app.cleanup_ctx.extend((_connections, _watchdog, half_sent.watching))
    app.on_response_prepare.extend((add_headers, add_allowance))
    app.on_shutdown.extend((_close_live_pages, half_sent.close_unfinished))
    return app


def run(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, then drains."""
    logs.configure(settings.log_format, process="web")
    # aiohttp-jinja2 keeps its things under plain names
    warnings.filterwarnings("ignore", category=web.NotAppKeyWarning)
    sys.setswitchinterval(SWITCH_SECONDS)
    log.info("portal starts", address=settings.public_url, port=settings.web_port)
    uvloop.run(_serve(settings))
    log.info("portal stopped")


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    app = create_app(settings)
    runner = web.AppRunner(
        app,
        access_log=None,
        shutdown_timeout=DRAIN_SECONDS,
        keepalive_timeout=half_sent.IDLE_SECONDS,
        max_line_size=LINE_BYTES,
    )
    try:
        await runner.setup()
        await web.TCPSite(runner, settings.web_host, settings.web_port).start()
        freeze_gc()
        gc.set_threshold(GARBAGE_OBJECTS)
        ready()
        compiling = asyncio.create_task(compile_templates(app))
        await stop.wait()
        compiling.cancel()
    finally:
        await runner.cleanup()


async def _connections(app: web.Application) -> AsyncIterator[None]:
    settings = app[app_keys.SETTINGS]
    async with backend(settings) as opened, billing(opened) as paid, polling(opened.jobs) as live:
        app[app_keys.BACKEND] = opened
        references = References(settings.bundles, settings.bundle_store, opened.results.s3)
        app[app_keys.EXPLORER] = Explorer(LineReader(opened.results), references)
        app[app_keys.BILLING] = paid
        app[app_keys.LIVE] = live
        app[app_keys.QUEUE_VIEW] = QueueView(opened.queues)
        app[app_keys.GLOBUS] = Kept(1)
        app[app_keys.SESSIONS] = Secrets(opened.accounts, "SESSION")
        app[app_keys.TOKENS] = Secrets(opened.accounts, "TOKEN")
        app[app_keys.SHARES] = Secrets(opened.accounts, "SHARE")
        # where presigned forms post to, which a page must be allowed to
        form = await opened.inputs.upload_form("any", most_bytes=1, fields={})
        app[app_keys.HEADERS] = headers(settings, origin(form["url"]))
        yield


async def _watchdog(app: web.Application) -> AsyncIterator[None]:
    watchdog = asyncio.create_task(feed_watchdog(), name="watchdog")
    yield
    watchdog.cancel()


async def _close_live_pages(app: web.Application) -> None:
    notify("STOPPING=1")
    app[app_keys.LIVE].close()
