"""Server-sent events: text that a browser or program is sent while it lasts (HTML Living Standard, 9.2)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog
from aiohttp import web

log = structlog.get_logger()

PING = b": ping\n\n"
PING_CHUNK = b"%x\r\n%b\r\n" % (len(PING), PING)
"""As a chunk of an answer whose length is not known (RFC 9112, 7.1)."""

_LINE = re.compile("\r\n|\r|\n")  # no other sign ends a line there


class EventStream(web.StreamResponse):
    """Events to one viewer. Sending raises ConnectionResetError once the viewer has left.

    It is one task with all that it sends: thousands of viewers are held at once, and each further task of theirs counts.
    """

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._begun, self._second = False, True
        # a proxy that buffers would make of it a page that never comes
        super().__init__(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})

    async def send(self, event: str, data: str) -> None:
        """Sends one event. Raises ConnectionResetError once the viewer has left."""
        lines = "".join(f"data: {line}\n" for line in _LINE.split(data))
        await self.write(f"event: {event}\n{lines}\n".encode())
        self._begun = True

    async def ping(self) -> None:
        """A comment: it keeps proxies from closing the connection, and notices a viewer who left."""
        await self.write(PING)

    def beat(self) -> bool:
        """The same at every second time, for many viewers in one turn of the loop whose tasks sleep on: most of it is to send.

        Nothing is written before the first event, nor after something that the viewer has not taken yet. Returns whether the
        viewer is there.
        """
        transport = self._request.transport
        if transport is None or transport.is_closing():
            return False
        self._second = not self._second
        if self._second and self._begun and not transport.get_write_buffer_size():
            transport.write(PING_CHUNK if self.headers.get("Transfer-Encoding") == "chunked" else PING)
        return True


async def streamed(request: web.Request, send: Callable[[EventStream], Awaitable[None]]) -> EventStream:
    """The stream that `send` writes to, until it ends or the viewer leaves.

    An answer that has begun can't become a page that says what went wrong: broken off, it begins anew.
    """
    await (stream := EventStream(request)).prepare(request)
    try:
        with suppress(ConnectionResetError, TimeoutError):
            await send(stream)
    except Exception:
        log.exception("live page broke off", path=request.path)
        if request.transport:
            request.transport.abort()
    return stream
