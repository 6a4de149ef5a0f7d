"""Reads that are asked for at the same moment go in one request, and nobody notices but AWS's bill."""

from __future__ import annotations

import asyncio

import pytest

from app.aws.batch_loader import BatchLoader


class Shelf:
    """Answers keys by their squares, without odd ones; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.fails = False
        self.waits = asyncio.Event()
        self.waits.set()

    async def read(self, keys: list[int]) -> dict[int, int]:
        self.asked.append(keys)
        await self.waits.wait()
        if self.fails:
            raise ConnectionError("no answer")
        return {key: key * key for key in keys if key % 2 == 0}


async def test_what_is_asked_for_in_one_moment_is_one_request() -> None:
    shelf = Shelf()
    together = BatchLoader(shelf.read, 100)
    assert await asyncio.gather(*map(together.get, (2, 3, 4, 2))) == [4, None, 16, 4]
    assert shelf.asked == [[2, 3, 4]]
    assert await together.get(2) == 4
    assert shelf.asked == [[2, 3, 4], [2]], "what was read is not kept"


async def test_no_request_asks_for_more_than_it_may() -> None:
    shelf = Shelf()
    await asyncio.gather(*map(BatchLoader(shelf.read, 3).get, range(7)))
    assert [len(keys) for keys in shelf.asked] == [3, 3, 1]


async def test_a_read_begins_after_it_was_asked_for() -> None:
    shelf = Shelf()
    together = BatchLoader(shelf.read, 100)
    shelf.waits.clear()
    first = asyncio.create_task(together.get(2))
    await asyncio.sleep(0.01)
    second = asyncio.create_task(together.get(2))
    await asyncio.sleep(0.01)
    shelf.waits.set()
    assert [await first, await second] == [4, 4] and shelf.asked == [[2], [2]]


async def test_everybody_hears_of_a_failure_and_the_next_read_is_a_new_one() -> None:
    shelf = Shelf()
    together = BatchLoader(shelf.read, 100)
    shelf.fails = True
    heard = await asyncio.gather(*map(together.get, (2, 4)), return_exceptions=True)
    assert [type(error) for error in heard] == [ConnectionError] * 2
    shelf.fails = False
    assert await together.get(2) == 4


async def test_who_gives_up_takes_nothing_from_others() -> None:
    shelf = Shelf()
    together = BatchLoader(shelf.read, 100)
    shelf.waits.clear()
    impatient, patient = asyncio.create_task(together.get(2)), asyncio.create_task(together.get(2))
    await asyncio.sleep(0.01)
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    shelf.waits.set()
    assert await patient == 4
