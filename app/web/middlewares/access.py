"""Who may do what: every route demands a login unless the table of routes says otherwise.

A browser shows its session cookie, and for everything that changes something also the session's CSRF token, from our own
origin. A program shows a bearer token, and no cookie counts.
"""

from __future__ import annotations

import secrets

from aiohttp import web
from aiohttp.typedefs import Handler
from aiohttp_session import get_session

from app.domain.accounts import Account
from app.services.identity import READ
from app.web.keys import ACCOUNT, BACKEND, CSRF, SETTINGS, TOKENS
from app.web.middlewares.headers import origin
from app.web.paths import with_next
from app.web.routes import access_of

SAFE = {"GET", "HEAD", "OPTIONS"}
CSRF_HEADER = "X-CSRF-Token"


@web.middleware
async def control_access(request: web.Request, handler: Handler) -> web.StreamResponse:
    request[ACCOUNT], request[CSRF] = None, ""
    access = access_of(request)
    if access.anonymous:
        return await handler(request)
    bearer = request.headers.get("Authorization", "").partition(" ")[2] if request.path.startswith("/api/") else ""
    request[ACCOUNT] = await (_by_token(request, bearer) if bearer else _by_session(request))
    if request[ACCOUNT] is None and not access.public:
        raise _please_sign_in(request)
    if request.method not in SAFE and not bearer:
        await _demand_own_form(request)
    return await handler(request)


async def _by_token(request: web.Request, token: str) -> Account | None:
    kept = await request.app[TOKENS].find(token)
    if kept and kept.get("scope") == READ and request.method not in SAFE:
        raise web.HTTPForbidden
    return await request.app[BACKEND].accounts.get(kept["user_id"]) if kept else None


async def _by_session(request: web.Request) -> Account | None:
    session = await get_session(request)
    if session.new:
        return None
    request[CSRF] = session["csrf"]
    return await request.app[BACKEND].accounts.get(session["user_id"])


def _please_sign_in(request: web.Request) -> web.HTTPException:
    if request.path.startswith("/api/"):
        return web.HTTPUnauthorized(headers={"WWW-Authenticate": "Bearer"})
    if request.method in SAFE:
        return web.HTTPSeeOther(with_next("/login", request.path_qs))
    # not sent on to Globus: browsers stop a form that is redirected where `form-action` does not allow
    return web.HTTPUnauthorized()


async def _demand_own_form(request: web.Request) -> None:
    """Raises HTTPForbidden unless the request comes from a page of ours. Every browser sends Origin with a POST."""
    came_from = request.headers.get("Origin")
    if came_from is not None and came_from != origin(request.app[SETTINGS].public_url):
        raise web.HTTPForbidden
    try:
        form = await request.post()
    except (ValueError, LookupError) as error:
        raise web.HTTPBadRequest from error
    shown = request.headers.get(CSRF_HEADER) or str(form.get("csrf", ""))
    if not request[CSRF] or not secrets.compare_digest(shown.encode(), request[CSRF].encode()):
        raise web.HTTPForbidden
