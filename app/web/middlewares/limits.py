"""Holds the API's users to their rate: who asks too often is answered 429, and everyone reads how often they may still ask."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from app.web.app_keys import ACCOUNT, ALLOWANCE, LIMITS


@web.middleware
async def limit_rate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Takes one request of the user's allowance. Raises HTTPTooManyRequests if none is left."""
    user = request[ACCOUNT]
    if user and not user.quota_exempt and request.path.startswith("/api/"):
        allowed, request[ALLOWANCE] = request.app[LIMITS].take(user.user_id)
        if not allowed:
            raise web.HTTPTooManyRequests
    return await handler(request)


async def add_allowance(request: web.Request, response: web.StreamResponse) -> None:
    """For `on_response_prepare`."""
    response.headers.update(request.get(ALLOWANCE, {}))
