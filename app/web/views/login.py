"""Login at Globus Auth and logout.

What a login under way needs (state, nonce, verifier) is kept by the browser itself, in a short-lived cookie: there is no
user yet to keep it with, and visitors can't fill a table. It needs no signature, for nothing in it is believed: it is only
compared with what comes back to the same browser, and `next` is checked again. Each login has a cookie of its own, so that
several tabs may sign in at once.
"""

from __future__ import annotations

import asyncio
import binascii
import hashlib
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from app.services.identity import Attempt, LoginFailed, LoginProblem
from app.web import sessions
from app.web.app_keys import ACCOUNT, BACKEND, GLOBUS, SETTINGS
from app.web.pages import page, see_other
from app.web.paths import local_path
from app.web.sessions import cookie

if TYPE_CHECKING:
    from app.services.globus import Globus

ATTEMPT_COOKIE, ATTEMPT_SECONDS = "gas-login-", 600
UNREADABLE = (KeyError, TypeError, ValueError, OverflowError, RecursionError, binascii.Error)
MOST_ATTEMPTS = 4
"""Logins that one browser may have under way: their cookies must fit into the header of a request."""


async def login(request: web.Request) -> web.Response:
    """Sends the browser to Globus, with what proves afterwards that it was sent."""
    back, settings = local_path(request.query.get("next", "/annotations")), request.app[SETTINGS]
    if request.host != urlsplit(settings.public_url).netloc and "here" not in request.query:
        # cookies would stay at the name that was typed, such as localhost, and Globus leads back to the public one
        return see_other(f"{settings.public_url}/login?{urlencode({'here': '', 'next': back})}")
    if request[ACCOUNT]:
        return see_other(back)
    attempt = Attempt(next=back)
    response = see_other((await _globus(request)).authorize_url(attempt))
    kept = urlsafe_b64encode(json.dumps({**asdict(attempt), "at": int(time.time())}).encode()).decode()
    name, secure = _cookie(request, attempt.state)
    response.set_cookie(name, kept, max_age=ATTEMPT_SECONDS, secure=secure, httponly=True, samesite="Lax")
    for old in _begun(request)[: 1 - MOST_ATTEMPTS]:
        response.del_cookie(old, secure=secure, httponly=True, samesite="Lax")
    return response


async def callback(request: web.Request) -> web.Response:
    """Signs in who comes back from Globus; who is signed in already, and comes back once more, goes on. Raises LoginFailed,
    ProviderDown."""
    try:
        return await _signed_in(request)
    except LoginFailed:
        if request[ACCOUNT] is None:
            raise
        return see_other("/annotations")


async def _signed_in(request: web.Request) -> web.Response:
    if problem := request.query.get("error"):
        kind = LoginProblem.REFUSED if problem == "access_denied" else LoginProblem.AT_PROVIDER
        raise LoginFailed(f"Globus says {problem[:80]!r}", kind)
    state = request.query.get("state", "")
    attempt = _attempt(request, state)
    person = await (await _globus(request)).person(attempt, state, request.query.get("code", ""))
    await request.app[BACKEND].accounts.login(person.user_id, **person.profile)
    response = see_other(local_path(attempt.next))
    await sessions.start(request, response, person.user_id)
    name, secure = _cookie(request, state)
    response.del_cookie(name, secure=secure, httponly=True, samesite="Lax")
    return response


async def logout_page(request: web.Request) -> web.Response:
    """The page that asks whether to sign out."""
    return page(request, "logout.html") if request[ACCOUNT] else see_other("/")


async def logout(request: web.Request) -> web.Response:
    """Ends the session."""
    response = see_other("/")
    await sessions.end(request, response)
    return response


async def _globus(request: web.Request) -> Globus:
    """Globus, whose SDK is a tenth of the portal's memory, and of its start: it waits for the first login, and for a thread."""

    def opened() -> Globus:
        from app.services.globus import Globus

        return Globus.at(request.app[SETTINGS])

    return await request.app[GLOBUS].once("", lambda: asyncio.to_thread(opened))


def _cookie(request: web.Request, state: str) -> tuple[str, bool]:
    """The name of the cookie of one login, and whether it is Secure."""
    return cookie(request.app[SETTINGS], ATTEMPT_COOKIE + hashlib.sha256(state.encode()).hexdigest()[:12])


def _begun(request: web.Request) -> list[str]:
    """The cookies of the logins that this browser has under way, the oldest first."""
    prefix = cookie(request.app[SETTINGS], ATTEMPT_COOKIE)[0]
    return sorted((name for name in request.cookies if name.startswith(prefix)), key=lambda name: _began(request, name))


def _began(request: web.Request, name: str) -> int:
    try:
        return int(_kept(request, name)["at"])
    except UNREADABLE:
        return 0


def _kept(request: web.Request, name: str) -> dict[str, Any]:
    return json.loads(urlsafe_b64decode(request.cookies[name]))


def _attempt(request: web.Request, state: str) -> Attempt:
    try:
        kept = _kept(request, _cookie(request, state)[0])
        return Attempt(**{name: str(kept[name]) for name in ("state", "nonce", "verifier", "next")})
    except UNREADABLE as error:
        problem = LoginProblem.OTHER_ATTEMPT if _begun(request) else LoginProblem.NOT_BEGUN
        raise LoginFailed(f"this login is not under way in this browser ({type(error).__name__})", problem) from error
