"""Records of DynamoDB: how our dataclasses become items, and how one conditional write is spelled."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import fields
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar, get_type_hints

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

R = TypeVar("R")
_serialize, _deserialize = TypeSerializer().serialize, TypeDeserializer().deserialize


def to_wire(values: Mapping[str, Any]) -> dict[str, Any]:
    """An item in DynamoDB's JSON; None and empty sets are left out, for an absent attribute says the same."""
    return {name: _serialize(_plain(value)) for name, value in values.items() if not _absent(value)}


def from_wire(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _whole(_deserialize(value)) for name, value in item.items()}


def record(kind: type[R], item: Mapping[str, Any]) -> R:
    """The dataclass that this item stands for. Attributes that it does not know (such as index keys) are ignored."""
    values, converters = from_wire(item), _converters(kind)
    return kind(**{name: converters[name](value) for name, value in values.items() if name in converters})


def update(values: Mapping[str, Any], condition: str = "", **given: Any) -> dict[str, Any]:
    """Arguments of UpdateItem: SET what has a value, REMOVE what has none, under `condition` over #names and :given."""
    sets = [f"#{name} = :{name}" for name, value in values.items() if not _absent(value)]
    removes = [f"#{name}" for name, value in values.items() if _absent(value)]
    expression = " ".join(f"{word} {', '.join(parts)}" for word, parts in (("SET", sets), ("REMOVE", removes)) if parts)
    names = {*values, *re.findall(r"#(\w+)", condition)}
    marks = to_wire({f":{name}": value for name, value in {**values, **given}.items()})
    write = {
        "UpdateExpression": expression,
        "ExpressionAttributeNames": {f"#{name}": name for name in sorted(names)},
        "ConditionExpression": condition,
        "ExpressionAttributeValues": marks,
    }
    return {name: value for name, value in write.items() if value}  # DynamoDB takes nothing that is empty


async def pages(client: Any, operation: str, **arguments: Any) -> AsyncIterator[list[dict[str, Any]]]:
    """Every page of a Query or Scan, until DynamoDB says that there is no more."""
    while True:
        answer = await getattr(client, operation)(**arguments)
        yield answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        arguments["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _absent(value: Any) -> bool:
    return value is None or (isinstance(value, (set, frozenset)) and not value)


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else set(value) if isinstance(value, frozenset) else value


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, Decimal) else value


def _converters(kind: type[Any]) -> dict[str, Any]:
    if kind not in _KNOWN:
        hints = get_type_hints(kind)
        _KNOWN[kind] = {field.name: _converter(hints[field.name]) for field in fields(kind)}
    return _KNOWN[kind]


def _converter(hint: Any) -> Any:
    options = [hint, *getattr(hint, "__args__", ())]
    enum = next((option for option in options if isinstance(option, type) and issubclass(option, Enum)), None)
    return enum or (frozenset if getattr(hint, "__origin__", None) is frozenset else lambda value: value)


_KNOWN: dict[type[Any], dict[str, Any]] = {}
