"""Who may do what: every route demands a login unless the table of routes says otherwise.

A browser shows its session cookie, and for everything that changes something also the session's CSRF token, from our own
origin. A program shows a bearer token, and no cookie counts.
"""

from __future__ import annotations

import secrets

from aiohttp import web
from aiohttp.typedefs import Handler

from app.web.app_keys import ACCESS, ACCOUNT, CSRF, SETTINGS
from app.web.auth import SAFE, bearer, begin_reading_job, by_session, by_token
from app.web.middlewares.headers import origin
from app.web.paths import with_next
from app.web.route import ANONYMOUS, PUBLIC, Access
from app.web.sessions import shown

CSRF_HEADER = "X-CSRF-Token"


@web.middleware
async def control_access(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Finds out who asks. Raises an HTTPException where they may not, or not with such a form."""
    request[ACCOUNT], request[CSRF] = None, ""
    access = _access_of(request)
    if access.anonymous:
        return await handler(request)
    token = bearer(request)
    if access.job:
        begin_reading_job(request, token or shown(request))
    request[ACCOUNT] = await (by_token(request, token) if token else by_session(request))
    if request[ACCOUNT] is None and not access.public:
        raise _please_sign_in(request)
    if request.method not in SAFE and not token:
        await _demand_own_form(request)
    return await handler(request)


def _access_of(request: web.Request) -> Access:
    """The access of the route that was found; an address that leads nowhere is public."""
    if request.match_info.http_exception:
        return PUBLIC if request.method == "GET" else ANONYMOUS
    return request.app[ACCESS][request.match_info.handler]


def _please_sign_in(request: web.Request) -> web.HTTPException:
    if request.path.startswith("/api/"):
        return web.HTTPUnauthorized(headers={"WWW-Authenticate": "Bearer"})
    # a stream that is sent on to Globus is stopped by the page's own policy, and says nothing to its script
    if request.method in SAFE and "text/event-stream" not in request.headers.get("Accept", ""):
        return web.HTTPSeeOther(with_next("/login", request.path_qs))
    # not sent on to Globus: browsers stop a form that is redirected where `form-action` does not allow
    return web.HTTPUnauthorized()


async def _demand_own_form(request: web.Request) -> None:
    """Raises HTTPForbidden unless the request comes from a page of this portal. Every browser sends Origin with a POST."""
    came_from = request.headers.get("Origin")
    if came_from is not None and came_from != origin(request.app[SETTINGS].public_url):
        raise web.HTTPForbidden
    try:
        form = await request.post()
    except (ValueError, LookupError) as error:
        raise web.HTTPBadRequest from error
    given = request.headers.get(CSRF_HEADER) or str(form.get("csrf", ""))
    if not request[CSRF] or not secrets.compare_digest(given.encode(), request[CSRF].encode()):
        raise web.HTTPForbidden
