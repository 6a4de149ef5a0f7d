"""Many connections that ask one portal for pages, at next to no cost of their own."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast


@dataclass
class Visits:
    """Latencies in seconds of the answers so far, what was not a page, and how late the latest request was sent."""

    latencies: list[float] = field(default_factory=list)
    late: float = 0
    refusals: list[bytes] = field(default_factory=list)

    def whole(self) -> Visits:
        """These visits, if every one got its page."""
        if self.refusals:
            raise RuntimeError(f"{len(self.refusals)} answers were no page, the first {self.refusals[0]!r}")
        return self

    def percentile(self, percent: int) -> float:
        return statistics.quantiles(self.latencies, n=100)[percent - 1]


class Browser(asyncio.Protocol):
    """One connection. It sends when asked to, and reports each whole answer to `done`."""

    def __init__(self, request: bytes, visits: Visits, done: Callable[[Browser], None]) -> None:
        self.request = request
        self.visits = visits
        self.done = done
        self.buffer = bytearray()
        self.asked = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def ask(self) -> None:
        self.asked = time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self.buffer[:end]).lower()
        if not head.startswith(b"http/1.1 200"):
            self.visits.refusals.append(head[:200])
        if b"transfer-encoding: chunked" in head:
            whole = self.buffer.endswith(b"\r\n0\r\n\r\n")
        else:
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            whole = len(self.buffer) >= end + 4 + length
        if whole:  # one request at a time: nothing of another answer is behind
            self.buffer.clear()
            self.done(self)


async def saturate(port: int, requests: list[bytes], connections: int, seconds: float) -> Visits:
    """Every connection asks again as soon as it is answered; each asks for the next of `requests`, always the same."""
    visits, until = Visits(), time.perf_counter() + seconds
    idle = asyncio.Semaphore(0)

    def done(browser: Browser) -> None:
        now = time.perf_counter()
        visits.latencies.append(now - browser.asked)
        if now < until:
            browser.ask()
        else:
            idle.release()

    browsers = await _connect(port, requests, connections, visits, done)
    for browser in browsers:
        browser.ask()
    for _ in browsers:
        await idle.acquire()
    for browser in browsers:
        browser.transport.close()
    return visits.whole()


async def pace(port: int, requests: list[bytes], connections: int, rate: float, seconds: float) -> Visits:
    """`rate` requests a second in all, each connection in its turn; counted from then, also where it still waits for an answer.

    What comes late because this process waited for a core is counted by itself.
    """
    visits, left = Visits(), round(rate * seconds)
    idle = asyncio.Semaphore(0)
    due: dict[Browser, list[float]] = {}

    def done(browser: Browser) -> None:
        visits.latencies.append(time.perf_counter() - due[browser].pop(0))
        if due[browser]:
            browser.ask()
        idle.release()

    browsers = await _connect(port, requests, connections, visits, done)
    due |= {browser: [] for browser in browsers}
    began = time.perf_counter()
    for number in range(left):
        turn = began + number / rate
        if (wait := turn - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        now = time.perf_counter()
        visits.late = max(visits.late, now - turn)
        browser = browsers[number % connections]
        due[browser].append(now)
        if len(due[browser]) == 1:
            browser.ask()
    for _ in range(left):
        await idle.acquire()
    for browser in browsers:
        browser.transport.close()
    return visits.whole()


async def _connect(
    port: int, requests: list[bytes], connections: int, visits: Visits, done: Callable[[Browser], None]
) -> list[Browser]:
    loop = asyncio.get_running_loop()
    browsers = [Browser(requests[number % len(requests)], visits, done) for number in range(connections)]
    for browser in browsers:
        await loop.create_connection(lambda browser=browser: browser, "127.0.0.1", port)  # type: ignore[misc]
    return browsers
