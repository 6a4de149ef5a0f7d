"""Closes connections whose request does not come: a header or a body that stops half-way holds a connection for a while only.

aiohttp bounds the time between two requests, and none within one. What a load balancer does of this is not relied on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler
from aiohttp.web_protocol import RequestHandler

from app.domain import limits

HEADER_SECONDS = float(limits.HEADER_SECONDS.most)
"""From the first byte of a request, or from the connection, to the end of its header."""

BODY_SECONDS = float(limits.BODY_SECONDS.most)
"""From the end of the header to the end of the body."""

IDLE_SECONDS = 75.0
"""That a connection waits for another request: longer than the load balancer keeps it, which would else meet a closed one."""

LOOKS_AT_ONCE = 4
"""Times that connections are looked at within the shorter of the two."""


@dataclass
class Connection:
    """What one connection waits for."""

    since: float | None  # as `time.monotonic` counts; None: for nothing
    request: web.BaseRequest | None = None  # under way


_connections: dict[RequestHandler, Connection] = {}
_MADE, _RECEIVED, _LOST = RequestHandler.connection_made, RequestHandler.data_received, RequestHandler.connection_lost


def watch() -> None:
    """From now on, connections of this process are known with what they wait for."""
    RequestHandler.connection_made = _made  # type: ignore[method-assign]
    RequestHandler.data_received = _received  # type: ignore[method-assign]
    RequestHandler.connection_lost = _lost  # type: ignore[method-assign,assignment]


@web.middleware
async def know_requests(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Knows that the header has come, and which body is to come."""
    connection = _connections.setdefault(request.protocol, Connection(None))
    connection.since, connection.request = time.monotonic(), request
    try:
        return await handler(request)
    finally:
        connection.since = connection.request = None


def close_overdue(header_seconds: float = HEADER_SECONDS, body_seconds: float = BODY_SECONDS) -> int:
    """Closes connections that wait for longer than this. Returns how many they were."""
    now = time.monotonic()
    overdue = [
        protocol
        for protocol, one in _connections.items()
        if one.since is not None
        and now - one.since > (body_seconds if one.request else header_seconds)
        and not (one.request and one.request.content.is_eof())
    ]
    for protocol in overdue:
        protocol.force_close()
    return len(overdue)


async def watching(app: web.Application) -> AsyncIterator[None]:
    """For `cleanup_ctx`: looks at connections all the time that the application runs."""

    async def look() -> None:
        while True:
            await asyncio.sleep(min(HEADER_SECONDS, BODY_SECONDS) / LOOKS_AT_ONCE)
            close_overdue(HEADER_SECONDS, BODY_SECONDS)

    task = asyncio.create_task(look(), name="half-sent requests")
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def close_unfinished(_: web.Application) -> None:
    """For `on_shutdown`: requests whose body is not there do not delay the end."""
    close_overdue(0, 0)


def _made(self: RequestHandler, transport: Any) -> None:
    _connections[self] = Connection(time.monotonic())
    _MADE(self, transport)


def _received(self: RequestHandler, data: bytes) -> None:
    connection = _connections.get(self)
    if connection and connection.since is None:
        connection.since = time.monotonic()
    _RECEIVED(self, data)


def _lost(self: RequestHandler, error: BaseException | None) -> None:
    _connections.pop(self, None)
    _LOST(self, error)
