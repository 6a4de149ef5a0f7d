"""Who a request comes from: a browser by its session, a program by its token."""

from __future__ import annotations

from aiohttp import web

from app.domain.accounts import Account
from app.services.identity import READ
from app.web import sessions
from app.web.app_keys import CSRF, TOKENS

SAFE = {"GET", "HEAD", "OPTIONS"}


def bearer(request: web.Request) -> str:
    """The token that a program shows; empty anywhere but in the API."""
    return request.headers.get("Authorization", "").partition(" ")[2] if request.path.startswith("/api/") else ""


async def by_token(request: web.Request, token: str) -> Account | None:
    """The token's owner. Raises HTTPForbidden where it may only read."""
    found = await request.app[TOKENS].find(token)
    if found is None:
        return None
    owner, kept = found
    if kept.get("scope") == READ and request.method not in SAFE:
        raise web.HTTPForbidden
    return owner


async def by_session(request: web.Request) -> Account | None:
    """The account that is signed in; the request knows the session's CSRF token then."""
    session = await sessions.find(request)
    if session is None:
        return None
    request[CSRF] = session.csrf
    return session.account


async def still_signed_in(request: web.Request) -> Account | None:
    """The account that sent the request, if what it showed is good even now: for answers that last."""
    if token := bearer(request):
        return await by_token(request, token)
    session = await sessions.find(request)
    return session.account if session else None
