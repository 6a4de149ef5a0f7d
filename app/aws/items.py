"""Items of any table that are asked for by their keys at the same moment, in one request: a session, its account, a job."""

from __future__ import annotations

from typing import Any, NamedTuple

from app.aws.batch_loader import BatchLoader
from app.aws.dynamodb import BATCH_KEYS, batch_get_tables, to_wire

Item = dict[str, Any]
"""In DynamoDB's JSON."""

MOST_TOGETHER = 2
"""Items that one reader asks for."""


class ItemKey(NamedTuple):
    """Where an item is: its table, its partition, and the attribute that sorts it there with its value."""

    table: str
    user_id: str
    attribute: str
    value: str

    @property
    def wire(self) -> Item:
        """The key as DynamoDB takes it."""
        return to_wire({"user_id": self.user_id, self.attribute: self.value})


Items = BatchLoader[tuple[ItemKey, ...], tuple[Item | None, ...]]
"""For up to MOST_TOGETHER keys, what is there under each, read strongly."""


def items(client: Any) -> Items:
    """A loader that reads for all who have it."""

    async def read(asked: list[tuple[ItemKey, ...]]) -> dict[tuple[ItemKey, ...], tuple[Item | None, ...]]:
        tables: dict[str, list[ItemKey]] = {}
        for key in dict.fromkeys(key for keys in asked for key in keys):
            tables.setdefault(key.table, []).append(key)
        answered = await batch_get_tables(client, {table: [key.wire for key in keys] for table, keys in tables.items()})
        found = {
            ItemKey(table, item["user_id"]["S"], keys[0].attribute, item[keys[0].attribute]["S"]): item
            for table, keys in tables.items()
            for item in answered.get(table, ())
        }
        return {keys: tuple(map(found.get, keys)) for keys in asked}

    return BatchLoader(read, BATCH_KEYS // MOST_TOGETHER)
