"""Browser sessions in DynamoDB behind an opaque cookie.

A session is written once, at login, and afterwards only read or revoked: a later write could bring a revoked one back.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

from aiohttp import web

from app.domain.accounts import Account
from app.settings import Settings
from app.web.app_keys import SESSIONS, SETTINGS


@dataclass(frozen=True)
class Session:
    """A session that is good: whose it is, and the token that its forms carry."""

    account: Account
    csrf: str


def cookie(settings: Settings, name: str) -> tuple[str, bool]:
    """The name of a cookie, and whether it is Secure: a `__Host-` cookie is bound to the host, but browsers ignore one that
    is not Secure, its deletion included."""
    secure = settings.public_url.startswith("https:")
    return f"__Host-{name}" if secure else name, secure


async def find(request: web.Request) -> Session | None:
    """The session whose cookie the browser showed, as it is now; None if it ended, was revoked or never was."""
    found = await request.app[SESSIONS].find(shown(request))
    return Session(found[0], found[1]["csrf"]) if found else None


def item(request: web.Request) -> str:
    """What the session that the browser showed is kept under."""
    return request.app[SESSIONS].item(shown(request))


async def start(request: web.Request, response: web.StreamResponse, user_id: str) -> None:
    """Gives the browser a new session, for `session_days`. The one that it showed ends, wherever it came from."""
    await request.app[SESSIONS].revoke(shown(request))
    settings, now = request.app[SETTINGS], int(time.time())
    seconds = settings.session_days * 86_400
    secret = await request.app[SESSIONS].issue(user_id, now + seconds, created=now, csrf=secrets.token_urlsafe())
    name, secure = cookie(settings, "gas")
    response.set_cookie(name, secret, max_age=seconds, secure=secure, httponly=True, samesite="Lax")


async def end(request: web.Request, response: web.StreamResponse) -> None:
    """Revokes the session that the browser showed, and has the browser forget it."""
    await request.app[SESSIONS].revoke(shown(request))
    name, secure = cookie(request.app[SETTINGS], "gas")
    response.del_cookie(name, secure=secure, httponly=True, samesite="Lax")


def shown(request: web.Request) -> str:
    """The secret of the session that the browser showed; empty if it showed none."""
    return request.cookies.get(cookie(request.app[SETTINGS], "gas")[0], "")
