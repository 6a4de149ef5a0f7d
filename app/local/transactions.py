"""Transactions of moto's DynamoDB that remember the items they write, where moto copies whole tables first."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from moto.dynamodb import models
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table


@functools.cache
def install() -> None:
    """Makes it so in this process."""
    # what moto puts back after a failure is then the table that there is
    models.copy = SimpleNamespace(deepcopy=_copied)
    DynamoDBBackend.transact_write_items = _undone(DynamoDBBackend.transact_write_items)


def _copied(one: Any) -> Any:
    return one if isinstance(one, Table) else copy.deepcopy(one)


def _undone(write: Callable[[Any, list[dict[str, Any]]], None]) -> Callable[[Any, list[dict[str, Any]]], None]:
    """`transact_write_items`, which leaves every item as it was where it fails."""

    @functools.wraps(write)
    def written(backend: Any, transact_items: list[dict[str, Any]]) -> None:
        before = [(table, key, copy.deepcopy(table.get_item(*key))) for table, key in _places(backend, transact_items)]
        try:
            write(backend, transact_items)
        except Exception:
            for table, (partition, sort), item in before:
                if item is None:
                    table.delete_item(partition, sort)
                elif sort is None:
                    table.items[partition] = item
                else:
                    table.items[partition][sort] = item
            raise

    return written


def _places(backend: Any, transact_items: list[dict[str, Any]]) -> list[tuple[Any, tuple[DynamoType, DynamoType | None]]]:
    """Table and key of each item that is written; one without its key is left to moto, which says what is wrong with it."""
    places = []
    for asked in (one[what] for one in transact_items for what in one if what != "ConditionCheck"):
        table, given = backend.tables.get(asked.get("TableName")), asked.get("Key") or asked.get("Item") or {}
        names = [table.hash_key_attr, *([table.range_key_attr] if table.range_key_attr else [])] if table else []
        if names and all(name in given for name in names):
            partition, *sort = (DynamoType(given[name]) for name in names)
            places.append((table, (partition, sort[0] if sort else None)))
    return places
