"""Security headers on every response, errors and streams included. The policy is data."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from aiohttp import web

from app.settings import Settings
from app.web.app_keys import HEADERS

STRIPE_PAGES = {"api.stripe.com": ("https://checkout.stripe.com", "https://billing.stripe.com")}
"""Where Stripe's hosted pages are, by the host of its API; a stand-in has them itself."""

REPORT_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""For the self-contained HTML summary: it has styles of its own, and may do nothing."""


def origin(url: str) -> str:
    """Returns scheme, host and port of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def policy(settings: Settings, uploads: str) -> dict[str, tuple[str, ...]]:
    """The Content-Security-Policy. Forms may end at S3 (uploads) and, redirected, at Stripe: browsers check that too."""
    pages = STRIPE_PAGES.get(urlsplit(settings.stripe_url).netloc, (origin(settings.stripe_url),))
    return {
        "default-src": ("'none'",),
        "script-src": ("'self'",),
        "style-src": ("'self'",),
        "img-src": ("'self'", "data:"),  # Bootstrap draws its checkboxes and arrows as data
        "font-src": ("'self'",),
        "connect-src": ("'self'", uploads),
        "form-action": ("'self'", uploads, *pages),
        "frame-ancestors": ("'none'",),
        "base-uri": ("'none'",),
    }


def headers(settings: Settings, uploads: str) -> dict[str, str]:
    """Headers of every response; `uploads` is the origin that presigned forms post to."""
    directives = policy(settings, uploads).items()
    return {
        "Content-Security-Policy": "; ".join(" ".join((name, *sources)) for name, sources in directives),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        # `no-referrer` would make our own forms send `Origin: null`
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        # nothing of a signed-in page stays in a cache; assets say otherwise themselves
        "Cache-Control": "no-store",
    } | ({"Strict-Transport-Security": "max-age=63072000"} if settings.public_url.startswith("https:") else {})


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """For `on_response_prepare`. What a view has set itself stays."""
    response.headers["Server"] = "gas"  # instead of the versions of what we run on
    known: Mapping[str, str] = request.app[HEADERS]
    for name, value in known.items():
        response.headers.setdefault(name, value)
