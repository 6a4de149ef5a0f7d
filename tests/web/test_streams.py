"""Streams of events: what is written past the answer of aiohttp is what it would have written itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from aiohttp import web

from app.web.streams import PING, PING_CHUNK, EventStream, streamed

EVENT = b"event: panel\ndata: one\n\n"


async def received(send: Callable[[EventStream], Awaitable[None]], version: str = "1.1") -> bytes:
    """The body that a client gets of what `send` writes to a stream."""

    async def handler(request: web.Request) -> web.StreamResponse:
        return await streamed(request, send)

    app = web.Application()
    app.router.add_get("/", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await (site := web.TCPSite(runner, "127.0.0.1", 0)).start()
        reader, writer = await asyncio.open_connection(*site._server.sockets[0].getsockname())  # type: ignore[union-attr]
        writer.write(f"GET / HTTP/{version}\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        async with asyncio.timeout(60):
            body = (await reader.read()).partition(b"\r\n\r\n")[2]
        writer.close()
    finally:
        await runner.cleanup()
    return body


@pytest.mark.parametrize(
    ("version", "expected"),
    [("1.0", EVENT + 2 * PING), ("1.1", b"%x\r\n%b\r\n" % (len(EVENT), EVENT) + 2 * PING_CHUNK + b"0\r\n\r\n")],
)
async def test_every_second_beat_is_what_a_ping_is_after_the_first_event(version: str, expected: bytes) -> None:
    async def send(stream: EventStream) -> None:
        assert stream.beat() and stream.beat()
        await stream.send("panel", "one")
        await stream.ping()
        assert stream.beat() and stream.beat()

    assert await received(send, version) == expected


async def test_who_does_not_take_what_was_sent_is_sent_no_beats() -> None:
    sizes: list[int] = []

    async def send(stream: EventStream) -> None:
        await stream.send("panel", "one")
        transport = stream._request.transport
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(bytes(32 << 20))
        sizes.append(transport.get_write_buffer_size())
        assert stream.beat() and stream.beat()
        sizes.append(transport.get_write_buffer_size())
        transport.abort()
        assert not stream.beat()

    with suppress(ConnectionResetError):  # as the client may see it, or an answer that just ends
        await received(send)
    assert sizes[0] == sizes[1] > 0
