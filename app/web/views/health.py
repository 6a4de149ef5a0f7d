"""Health: `/healthz` says that this process answers and its release, `/readyz` that it can serve."""

from __future__ import annotations

import asyncio

from aiohttp import web

from app.process.systemd import RELEASE
from app.web.app_keys import BACKEND

ABSENT = "00000000-0000-0000-0000-000000000000"
PROBE_SECONDS = 3
"""Seconds that DynamoDB may take, below the load balancer's own."""


async def alive(request: web.Request) -> web.Response:
    """Says that the process runs."""
    return web.Response(text=f"ok {RELEASE}\n")


async def ready(request: web.Request) -> web.Response:
    """Says whether the process can do its work."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            await request.app[BACKEND].accounts.get(ABSENT)
    except Exception as error:
        return web.Response(status=503, text=f"DynamoDB does not answer: {type(error).__name__}\n")
    return web.Response(text="ready\n")
