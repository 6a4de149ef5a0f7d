"""Reads by key that are asked for at the same moment, in one request: of what a call of AWS costs us, most is the call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


@dataclass
class BatchLoader(Generic[K, V]):
    """`read` answers up to `most` keys at once, without those that are not there.

    What is asked for in one turn of the event loop is read together, and nothing waits for it longer than that turn: a lonely
    read is as quick as ever, and a portal that is busy asks less often. Every read begins after it was asked for.
    """

    read: Callable[[list[K]], Awaitable[Mapping[K, V]]]
    most: int
    _asked: dict[K, asyncio.Future[V | None]] = field(default_factory=dict)
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)  # the loop itself holds no task

    async def get(self, key: K) -> V | None:
        """What is there under the key, or None. Raises what `read` raised."""
        if not self._asked:
            asyncio.get_running_loop().call_soon(self._send)
        # a caller that gives up waiting must not end it for others who asked for the same
        return await asyncio.shield(self._asked.setdefault(key, asyncio.get_running_loop().create_future()))

    def _send(self) -> None:
        asked, self._asked = list(self._asked.items()), {}
        for start in range(0, len(asked), self.most):
            task = asyncio.create_task(self._answer(dict(asked[start : start + self.most])), name="read together")
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _answer(self, asked: dict[K, asyncio.Future[V | None]]) -> None:
        try:
            found = await self.read(list(asked))
        except Exception as error:
            for future in asked.values():
                future.set_exception(error)
                future.exception()  # every caller may have given up
            return
        for key, future in asked.items():
            future.set_result(found.get(key))
