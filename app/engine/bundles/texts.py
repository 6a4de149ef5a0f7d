"""The texts of a mapped file, each stored once."""

from bisect import bisect_right
from functools import lru_cache

from app.engine.bundles.mapped import Mapped

KEPT = 4096
"""Decoded texts that are kept: biotypes and the like come again and again."""


class Texts:
    """Texts by index; 0 is the empty one."""

    def __init__(self, mapped: Mapped) -> None:
        self._pages, self._at = mapped.bytes_of("texts")
        self._offsets = memoryview(mapped.array("text_offsets"))  # type: ignore[arg-type]
        self._decoded = lru_cache(KEPT)(self._decode)

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, index: int) -> str:
        return self._decoded(index)

    def find(self, text: str) -> int:
        """The index of a text, which is not empty; -1 if it is not there. Searches the bytes of all texts."""
        wanted, pages = text.encode(), self._pages.obj
        at, end = self._at, self._at + self._offsets[-1]
        while (at := pages.find(wanted, at, end)) >= 0:  # type: ignore[attr-defined]
            index = bisect_right(self._offsets, at - self._at) - 1
            if self.encoded(index) == wanted:
                return index
            at += 1
        return -1

    def encoded(self, index: int) -> bytes:
        """The text as UTF-8, not kept."""
        first, last = self._offsets[index], self._offsets[index + 1]
        return bytes(self._pages[self._at + first : self._at + last])

    def _decode(self, index: int) -> str:
        return self.encoded(index).decode()
