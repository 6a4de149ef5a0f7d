"""Mails of one kind to one account that come thick and fast: the first go at once, the rest wait and go together.

What is remembered here is in one process and may be lost: then an account gets a few mails more. Nothing that keeps a mail from
being lost, or sent twice, depends on it; that is each event's own mark and message.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")

AT_ONCE = 3
"""Events of one kind in a window that are mailed as they come."""

GATHER_SECONDS = 2.0
"""How long what has waited is gathered: messages that were put off to one moment arrive within it."""


@dataclass
class _Open:
    items: list[Any] = field(default_factory=list)
    waiting: int = 0
    sending: asyncio.Task[None] | None = None


@dataclass
class Digests:
    """Says what waits, and gathers what has waited; a key is whom a mail goes to, and its kind.

    `window_seconds` is how long mails wait for more of their kind; 0: none does.
    """

    window_seconds: float = 0
    gather_seconds: float = GATHER_SECONDS
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep
    _mailed: dict[Hashable, deque[float]] = field(default_factory=dict)
    _open: dict[Hashable, _Open] = field(default_factory=dict)

    def wait_seconds(self, key: Hashable) -> float:
        """How long this event is to wait: until a window after the last mail, once AT_ONCE events in one were mailed. One that
        need not wait counts as mailed."""
        if not self.window_seconds:
            return 0
        times = self._recent(key)
        if len(times) >= AT_ONCE:
            return times[-1] + self.window_seconds - self.clock()
        self.mailed(key, 1)
        return 0

    def mailed(self, key: Hashable, events: int) -> None:
        """Notes that a mail about so many events, at least one, went out."""
        self._mailed.setdefault(key, deque(maxlen=AT_ONCE)).extend([self.clock()] * events)

    async def together(self, key: Hashable, item: T, send: Callable[[list[T]], Awaitable[None]]) -> None:
        """Has `send` called once, with all items of this key that come within `gather_seconds`; returns, or raises what it
        raises, for each of them. Sending is stopped when all who wait for it are: those of a process that stops."""
        group = self._open.setdefault(key, _Open())
        group.items.append(item)
        group.waiting += 1
        group.sending = group.sending or asyncio.create_task(self._close(key, group, send))
        try:
            await asyncio.shield(group.sending)
        finally:
            group.waiting -= 1
            if not group.waiting:
                group.sending.cancel()

    async def _close(self, key: Hashable, group: _Open, send: Callable[[list[Any]], Awaitable[None]]) -> None:
        try:
            await self.pause(self.gather_seconds)
        finally:
            del self._open[key]
        await send(group.items)

    def _recent(self, key: Hashable) -> deque[float]:
        oldest = self.clock() - self.window_seconds
        # a deque ends with its newest: who had no mail for a window is forgotten
        self._mailed = {one: times for one, times in self._mailed.items() if times[-1] > oldest}
        return deque(at for at in self._mailed.get(key, ()) if at > oldest)
