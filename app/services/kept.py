"""Things that are made once, however many ask at a time, and kept for a while.

It is no decorator, such as async-lru's, because the key says less than what the making needs: a job's record changes where
its result does not, and what is kept must hold on neither to a request nor to a record.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass
class Kept(Generic[T]):
    """The `most` things that were asked for last. Their keys must stand for ever for the same: nothing is looked at again."""

    most: int
    _things: OrderedDict[str, T] = field(default_factory=OrderedDict)
    _making: dict[str, asyncio.Task[T]] = field(default_factory=dict)

    async def once(self, key: str, make: Callable[[], Awaitable[T]]) -> T:
        """Returns what is under the key; what is not there is made once for all who ask meanwhile.

        An asker who leaves stops nothing: the others wait for the same. Raises what `make` raises, to each of them, and
        keeps nothing then.
        """
        if key in self._things:
            self._things.move_to_end(key)
            return self._things[key]
        if key not in self._making:
            self._making[key] = asyncio.create_task(self._make(key, make), name=f"makes {key}")
            self._making[key].add_done_callback(_looked_at)
        return await asyncio.shield(self._making[key])

    async def _make(self, key: str, make: Callable[[], Awaitable[T]]) -> T:
        try:
            self._things[key] = made = await make()
        finally:
            del self._making[key]
        while len(self._things) > self.most:
            self._things.popitem(last=False)
        return made


def _looked_at(task: asyncio.Task[T]) -> None:
    # all who asked may have left: a failure without a waiter is no news
    if not task.cancelled():
        task.exception()
