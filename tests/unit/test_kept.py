"""What is made once and kept: never twice, never too much, and no failure."""

from __future__ import annotations

import asyncio

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


class Slow:
    """Something whose making waits until it may go on, and ends as it is meant to."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.made, self.failure, self.go_on = 0, failure, asyncio.Event()

    async def __call__(self) -> int:
        self.made += 1
        await self.go_on.wait()
        if self.failure:
            raise self.failure
        return self.made


async def test_twenty_who_ask_at_once_get_the_one_thing_that_is_made() -> None:
    kept, make = Kept[int](2), Slow()
    askers = [asyncio.create_task(kept.once("a", make)) for _ in range(20)]
    await asyncio.sleep(0)
    make.go_on.set()
    assert await asyncio.gather(*askers) == [1] * 20
    assert await kept.once("a", make) == 1


async def test_one_who_leaves_takes_nothing_from_the_others() -> None:
    kept, make = Kept[int](2), Slow()
    askers = [asyncio.create_task(kept.once("a", make)) for _ in range(20)]
    await asyncio.sleep(0)
    askers[0].cancel()  # who asked first, and began the making
    make.go_on.set()
    first, *others = await asyncio.gather(*askers, return_exceptions=True)
    assert isinstance(first, asyncio.CancelledError) and others == [1] * 19


async def test_a_failure_is_told_to_all_who_asked_and_to_none_after_them() -> None:
    kept, make = Kept[int](2), Slow(ConnectionError())
    askers = [asyncio.create_task(kept.once("a", make)) for _ in range(20)]
    await asyncio.sleep(0)
    make.go_on.set()
    said = await asyncio.gather(*askers, return_exceptions=True)
    assert {type(one) for one in said} == {ConnectionError} and make.made == 1
    make.failure = None
    assert await kept.once("a", make) == 2


async def test_a_failure_that_everyone_has_left_is_no_noise() -> None:
    kept, make, noise = Kept[int](2), Slow(ConnectionError()), list[dict[str, object]]()
    asyncio.get_running_loop().set_exception_handler(lambda _, said: noise.append(said))
    asker = asyncio.create_task(kept.once("a", make))
    await asyncio.sleep(0)
    asker.cancel()
    make.go_on.set()
    await asyncio.sleep(0.01)
    assert make.made == 1 and noise == []


async def test_what_could_not_be_made_is_tried_again() -> None:
    kept = Kept[int](2)

    async def fail() -> int:
        raise ConnectionError

    async def make() -> int:
        return 7

    with pytest.raises(ConnectionError):
        await kept.once("a", fail)
    assert await kept.once("a", make) == 7
