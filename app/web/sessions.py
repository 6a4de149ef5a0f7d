"""Browser sessions in DynamoDB behind an opaque cookie.

A session is written once, at login, and afterwards only read or revoked: a later write could bring a revoked one back.
"""

from __future__ import annotations

import time

from aiohttp import web
from aiohttp_session import AbstractStorage, Session

from app.settings import Settings
from app.web.app_keys import ACCOUNT, SESSIONS


class AccountSessions(AbstractStorage):
    """Sessions as items of their account. They end after `session_days`, at logout, and when the account revokes them."""

    def __init__(self, settings: Settings) -> None:
        secure = settings.public_url.startswith("https:")
        super().__init__(
            cookie_name="__Host-gas" if secure else "gas",
            max_age=settings.session_days * 86_400,
            secure=secure,
            httponly=True,
            samesite="Lax",
        )

    async def load_session(self, request: web.Request) -> Session:
        secret = self.load_cookie(request) or ""
        found = await request.app[SESSIONS].find(secret)
        if found is None:
            return await self.new_session()
        request[ACCOUNT], kept = found
        return Session(secret, data={"created": kept["created"], "session": kept}, new=False)

    async def save_session(self, request: web.Request, response: web.StreamResponse, session: Session) -> None:
        if session.empty:
            await request.app[SESSIONS].revoke(session.identity or "")
            # browsers ignore a `__Host-` cookie that is not Secure, its deletion included
            response.del_cookie(self.cookie_name, secure=self.cookie_params["secure"], httponly=True, samesite="Lax")
        elif session.new:
            now = int(time.time())
            assert self.max_age is not None
            values = {"created": now, "csrf": session["csrf"]}
            secret = await request.app[SESSIONS].issue(session["user_id"], now + self.max_age, **values)
            self.save_cookie(response, secret, max_age=self.max_age)
        else:
            raise RuntimeError("a session never changes after login")
