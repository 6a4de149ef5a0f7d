"""What is made once and kept: never twice, never too much, and no failure."""

from __future__ import annotations

import pytest

from app.services.kept import Kept


async def test_things_are_made_once_and_the_one_least_asked_for_is_forgotten() -> None:
    kept, made = Kept[str](2), list[str]()

    async def ask(key: str) -> str:
        async def make() -> str:
            made.append(key)
            return key.upper()

        return await kept.once(key, make)

    assert [await ask(key) for key in "abacab"] == list("ABACAB")
    assert made == ["a", "b", "c", "b"]


async def test_what_could_not_be_made_is_tried_again() -> None:
    kept = Kept[int](2)

    async def fail() -> int:
        raise ConnectionError

    async def make() -> int:
        return 7

    with pytest.raises(ConnectionError):
        await kept.once("a", fail)
    assert await kept.once("a", make) == 7
