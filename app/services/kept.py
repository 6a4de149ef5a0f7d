"""Things that are made once and kept for a while."""

from __future__ import annotations

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

    async def once(self, key: str, make: Callable[[], Awaitable[T]]) -> T:
        """What is under the key, made now if it is not. What cannot be made is not kept."""
        if key not in self._things:
            self._things[key] = await make()
            while len(self._things) > self.most:
                self._things.popitem(last=False)
        self._things.move_to_end(key)
        return self._things[key]
