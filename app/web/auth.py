"""Who a request comes from: a browser by its session, a program by its token."""

from __future__ import annotations

from aiohttp import web
from aiohttp_session import get_session

from app.domain.accounts import Account
from app.services.identity import READ
from app.web.app_keys import ACCOUNT, CSRF, SESSIONS, TOKENS

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
    session = await get_session(request)
    if session.new:
        return None
    request[CSRF] = session["csrf"]
    return request[ACCOUNT]  # which came with the session


async def still_signed_in(request: web.Request) -> Account | None:
    """The account that sent the request, if what it showed is good even now: for answers that last."""
    if token := bearer(request):
        return await by_token(request, token)
    found = await request.app[SESSIONS].find((await get_session(request)).identity or "")
    return found[0] if found else None
