"""A request that stops half-way holds a connection for a while only, and says nothing in the log; a long answer goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from structlog.testing import capture_logs

from app.web import half_sent
from tests.support.portal import Portal

HALF = {
    "nothing": b"",
    "a line": b"GET / HTTP/1.1\r\n",
    "a header": b"GET / HTTP/1.1\r\nHost: gas\r\nX: " + b"y" * 500,
    "a header behind a whole request": b"GET /healthz HTTP/1.1\r\nHost: gas\r\n\r\n",  # and then `SECOND`
    "a body": b"POST /logout HTTP/1.1\r\nHost: gas\r\nContent-Length: 100\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\ncsrf=",
    "a chunk": b"POST /billing/events HTTP/1.1\r\nHost: gas\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
}
SECOND = b"GET /healthz HTTP/1.1\r\nHo"


@pytest.fixture
async def quick(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setattr(half_sent, "HEADER_SECONDS", 0.2)
    monkeypatch.setattr(half_sent, "BODY_SECONDS", 0.2)
    yield


async def opened(portal: Portal, sent: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    address = urlsplit(portal.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(sent)
    await writer.drain()
    return reader, writer


async def rest(reader: asyncio.StreamReader) -> bytes:
    """What still comes before the connection ends: with a reset, where the portal ends it before it has read all of it."""
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize("half", HALF)
async def test_what_stops_half_way_is_closed(half: str, quick: None, portal: Portal) -> None:
    with capture_logs() as logged:
        reader, writer = await opened(portal, HALF[half])
        if half.endswith("whole request"):
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")
            writer.write(SECOND)
        async with asyncio.timeout(20):
            await reader.read()
        writer.close()
        await asyncio.sleep(0.05)
    assert [one for one in logged if one["log_level"] in ("error", "warning")] == []


async def test_many_are_closed_while_others_are_answered(quick: None, portal: Portal) -> None:
    held = [await opened(portal, HALF["a header"]) for _ in range(300)]
    reader, writer = await opened(portal, b"GET /healthz HTTP/1.1\r\nHost: gas\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 200")
    async with asyncio.timeout(20):
        assert set(await asyncio.gather(*(rest(one) for one, _ in held))) == {b""}
    for _, one in (*held, (reader, writer)):
        one.close()


async def test_a_whole_request_may_take_its_time(portal: Portal) -> None:
    reader, writer = await opened(portal, b"GET /healthz HTTP/1.1\r\nHost: gas\r\n\r\n")
    assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")
    await asyncio.sleep(0.05)
    assert half_sent.close_overdue(0, 0) == 0  # an idle connection waits for its next request
    writer.write(SECOND)
    await asyncio.sleep(0.05)
    assert half_sent.close_overdue(0, 0) == 1
    writer.close()


async def test_the_end_is_not_delayed(portal: Portal) -> None:
    reader, writer = await opened(portal, HALF["a body"])
    await asyncio.sleep(0.05)
    await half_sent.close_unfinished(portal.app)
    async with asyncio.timeout(20):
        await reader.read()
    writer.close()
