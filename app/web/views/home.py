"""The front page, and the small files that browsers ask for."""

from __future__ import annotations

import asyncio

from aiohttp import web

from app.domain.accounts import Plan
from app.domain.file_names import content_disposition
from app.engine.bundles.manifest import Bundle
from app.web.app_keys import ASSETS, EXAMPLE, EXPLORER, QUEUE_VIEW, SETTINGS
from app.web.assets import response
from app.web.example import example
from app.web.pages import page
from app.web.views.job_page import result_values


async def home(request: web.Request) -> web.Response:
    """The front page."""
    settings = request.app[SETTINGS]
    plans = [(plan, settings.limits(plan)) for plan in Plan]
    retention = 1000 * await request.app[QUEUE_VIEW].retention()
    known = [(assembly, bundle) for assembly, _, bundle in await offered(request) if bundle]
    assemblies = [assembly for assembly, _ in known]
    return page(request, "home.html", plans=plans, assemblies=assemblies, known=known, retention=retention)


async def sample_result(request: web.Request) -> web.Response:
    """The public result of the sample: complete, and nothing of it can be changed."""
    found = await request.app[EXAMPLE].once("", lambda: asyncio.to_thread(example))
    return page(request, "example.html", summary=found.summary, variants=found.variants, **result_values(found.summary))


async def sample_file(request: web.Request) -> web.Response:
    """The annotated VCF of the sample."""
    found = await request.app[EXAMPLE].once("", lambda: asyncio.to_thread(example))
    headers = {"Content-Disposition": content_disposition("sample.annot.vcf.gz")}
    return web.Response(body=found.vcf, content_type="application/gzip", headers=headers)


async def sample_summary(request: web.Request) -> web.Response:
    """The summary of the sample, as JSON."""
    found = await request.app[EXAMPLE].once("", lambda: asyncio.to_thread(example))
    return web.json_response(found.summary)


async def offered(request: web.Request) -> list[tuple[str, str, Bundle | None]]:
    """Assembly, place and bundle of each reference that jobs may name; None for a bundle that cannot be had just now."""
    places = request.app[SETTINGS].references
    bundles = await asyncio.gather(*map(request.app[EXPLORER].references.bundle_of, places.values()))
    return [(assembly, place, bundle) for (assembly, place), bundle in zip(places.items(), bundles, strict=True)]


async def privacy(request: web.Request) -> web.Response:
    """The page about privacy."""
    return page(request, "privacy.html")


async def terms(request: web.Request) -> web.Response:
    """The terms of use."""
    return page(request, "terms.html")


async def retention(request: web.Request) -> web.Response:
    """The page that says how long everything is kept."""
    settings = request.app[SETTINGS]
    plans = [(plan, settings.limits(plan)) for plan in Plan]
    delay = 1000 * await request.app[QUEUE_VIEW].retention()
    premium = settings.limits(Plan.PREMIUM)
    return page(request, "retention.html", plans=plans, delay=delay, settings=settings, premium=premium, kept=settings.kept_days)


async def asset(request: web.Request) -> web.Response:
    """A static file, compressed for those who take it."""
    found = request.app[ASSETS].files.get(request.match_info["name"])
    if found is None or request.match_info["digest"] != found.digest:
        raise web.HTTPNotFound
    return response(found, compressed="gzip" in request.headers.get("Accept-Encoding", ""))


async def favicon(request: web.Request) -> web.Response:
    """The icon, at the address where browsers look for it."""
    return web.Response(status=308, headers={"Location": request.app[ASSETS].url("favicon.svg")})


async def robots(request: web.Request) -> web.Response:
    """Shows search engines the front page, and nothing else."""
    return web.Response(text="User-agent: *\nAllow: /$\nDisallow: /\n")
