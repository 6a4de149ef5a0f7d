"""Server-sent events: text that a browser or program is sent while it lasts (HTML Living Standard, 9.2)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog
from aiohttp import web

log = structlog.get_logger()

_LINE = re.compile("\r\n|\r|\n")  # no other sign ends a line there


class EventStream(web.StreamResponse):
    """Events to one viewer. Sending raises ConnectionResetError once the viewer has left.

    It is one task with all that it sends: thousands of viewers are held at once, and each further task of theirs counts.
    """

    def __init__(self) -> None:
        # a proxy that buffers would make of it a page that never comes
        super().__init__(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})

    async def send(self, event: str, data: str) -> None:
        """Sends one event. Raises ConnectionResetError once the viewer has left."""
        lines = "".join(f"data: {line}\n" for line in _LINE.split(data))
        await self.write(f"event: {event}\n{lines}\n".encode())

    async def ping(self) -> None:
        """A comment: it keeps proxies from closing the connection, and notices a viewer who left."""
        await self.write(b": ping\n\n")


async def streamed(request: web.Request, send: Callable[[EventStream], Awaitable[None]]) -> EventStream:
    """The stream that `send` writes to, until it ends or the viewer leaves.

    An answer that has begun can't become a page that says what went wrong: broken off, it begins anew.
    """
    await (stream := EventStream()).prepare(request)
    try:
        with suppress(ConnectionResetError, TimeoutError):
            await send(stream)
    except Exception:
        log.exception("live page broke off", path=request.path)
        if request.transport:
            request.transport.abort()
    return stream
