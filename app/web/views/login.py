"""Login at Globus Auth and logout.

What a login under way needs (state, nonce, verifier) is kept by the browser itself, in a short-lived cookie: there is no
user yet to keep it with, and visitors can't fill a table. It needs no signature, for nothing in it is believed: it is only
compared with what comes back to the same browser, and `next` is checked again.
"""

from __future__ import annotations

import asyncio
import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import asdict
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from app.services.identity import Attempt, LoginFailed
from app.web import sessions
from app.web.app_keys import ACCOUNT, BACKEND, GLOBUS, SETTINGS
from app.web.pages import page, see_other
from app.web.paths import local_path
from app.web.sessions import cookie

if TYPE_CHECKING:
    from app.services.globus import Globus

ATTEMPT_COOKIE, ATTEMPT_SECONDS = "gas-login", 600


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
    kept = urlsafe_b64encode(json.dumps(asdict(attempt)).encode()).decode()
    name, secure = cookie(settings, ATTEMPT_COOKIE)
    response.set_cookie(name, kept, max_age=ATTEMPT_SECONDS, secure=secure, httponly=True, samesite="Lax")
    return response


async def callback(request: web.Request) -> web.Response:
    """Signs in who comes back from Globus. Raises LoginFailed, ProviderDown."""
    attempt = _attempt(request)
    if problem := request.query.get("error"):
        raise LoginFailed(f"Globus says {problem[:100]!r}")
    globus = await _globus(request)
    person = await globus.person(attempt, request.query.get("state", ""), request.query.get("code", ""))
    await request.app[BACKEND].accounts.login(person.user_id, **person.profile)
    response = see_other(local_path(attempt.next))
    await sessions.start(request, response, person.user_id)
    name, secure = cookie(request.app[SETTINGS], ATTEMPT_COOKIE)
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


def _attempt(request: web.Request) -> Attempt:
    try:
        kept = json.loads(urlsafe_b64decode(request.cookies[cookie(request.app[SETTINGS], ATTEMPT_COOKIE)[0]]))
        return Attempt(**{name: str(kept[name]) for name in ("state", "nonce", "verifier", "next")})
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise LoginFailed(f"no login is under way in this browser ({type(error).__name__})") from error
