"""What DynamoDB leaves unread of a batch is asked for again, slower each time, and not for ever."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from app.aws import dynamodb
from app.aws.dynamodb import BATCH_READS, LONGEST_PAUSE_SECONDS, Unprocessed, batch_get

KEYS = [{"user_id": {"S": str(n)}} for n in range(4)]


class Throttled:
    """Reads the first of the keys that it is asked for, and leaves the others, as a table that is throttled."""

    def __init__(self, reads: int = 1) -> None:
        self.reads, self.asked = reads, list[int]()

    async def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:
        ((table, request),) = RequestItems.items()
        self.asked.append(len(request["Keys"]))
        read, left = request["Keys"][: self.reads], request["Keys"][self.reads :]
        return {"Responses": {table: read}, "UnprocessedKeys": {table: {**request, "Keys": left}} if left else {}}


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Sequence[float]:
    """The pauses that were made, without making them; each is as long as it can be."""
    made: list[float] = []

    async def sleep(seconds: float) -> None:
        made.append(seconds)

    monkeypatch.setattr(dynamodb.asyncio, "sleep", sleep)
    monkeypatch.setattr(dynamodb.random, "uniform", lambda least, most: most)
    return made


async def test_what_is_left_is_read_after_growing_pauses(pauses: Sequence[float]) -> None:
    table = Throttled()
    assert await batch_get(table, "accounts", KEYS) == KEYS
    assert table.asked == [4, 3, 2, 1]
    assert list(pauses) == sorted(set(pauses)) and len(pauses) == 3


async def test_a_table_that_reads_nothing_is_given_up(pauses: Sequence[float]) -> None:
    table = Throttled(reads=0)
    with pytest.raises(Unprocessed, match="4 of 4 keys of accounts"):
        await batch_get(table, "accounts", KEYS)
    assert len(table.asked) == BATCH_READS
    assert max(pauses) <= LONGEST_PAUSE_SECONDS
