"""The account: who, which plan, where signed in."""

from __future__ import annotations

from aiohttp import web
from aiohttp_session import get_session

from app.web.keys import BILLING, SESSIONS, SETTINGS, account
from app.web.pages import page, see_other


async def profile(request: web.Request) -> web.Response:
    user, billing = account(request), request.app[BILLING]
    return page(
        request,
        "profile.html",
        limits=request.app[SETTINGS].limits(user.plan),
        subscription=await billing.subscription(user) if billing else None,
        sessions=[kept async for kept in request.app[SESSIONS].list(user.user_id)],
    )


async def revoke_sessions(request: web.Request) -> web.Response:
    await request.app[SESSIONS].revoke_all(account(request).user_id)
    (await get_session(request)).invalidate()
    return see_other("/")
