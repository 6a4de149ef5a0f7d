"""Records of DynamoDB: how our dataclasses become items, and how one conditional write is spelled."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import Enum
from operator import itemgetter
from typing import Any, TypeVar, get_type_hints

from botocore.exceptions import ClientError

from app.aws.clients import code

R = TypeVar("R")

BATCH_KEYS = 100
"""Records that one request to DynamoDB reads by their keys."""

BATCH_READS = 8
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 2.0


def to_wire(values: Mapping[str, Any]) -> dict[str, Any]:
    """An item in DynamoDB's JSON; None and empty sets are left out, for an absent attribute says the same."""
    return {name: _wire(value) for name, value in values.items() if not _absent(value)}


def from_wire(item: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values of an item in DynamoDB's JSON."""
    return {name: _READ[kind](value) for name, wire in item.items() for kind, value in wire.items()}


def record(kind: type[R], item: Mapping[str, Any]) -> R:
    """The dataclass or named tuple that an item stands for. Attributes that it does not know, such as index keys, are ignored."""
    if (slots := _SLOTS[kind] if kind in _SLOTS else _slots(kind)) and slots.required <= item.keys():
        return slots.filled(kind, item)
    readers = _READERS.get(kind) or _readers(kind)
    return kind(**{name: readers[name](wire) for name, wire in item.items() if name in readers})


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


CONDITION = "ConditionalCheckFailed"
CONFLICTS = 6
"""How often a write that meets a transaction on the same item is made."""


async def despite_conflicts(write: Callable[[], Awaitable[R]]) -> R:
    """Makes a write, and again while it meets a transaction on the same item. Raises ClientError, the last conflict included."""
    for attempt in range(CONFLICTS - 1):
        try:
            return await write()
        except ClientError as error:
            reasons = _reasons(error)
            met = code(error) == "TransactionConflictException" or (reasons and CONDITION not in reasons)
            if not met:
                raise
        await asyncio.sleep(random.uniform(0, FIRST_PAUSE_SECONDS * 2**attempt))
    return await write()


async def updated(client: Any, table: str, key: Mapping[str, Any], write: Mapping[str, Any]) -> dict[str, Any] | None:
    """Returns the item as a conditional write left it; None where its condition does not hold. Raises ClientError."""
    try:
        answer = await despite_conflicts(lambda: client.update_item(TableName=table, Key=key, ReturnValues="ALL_NEW", **write))
    except ClientError as error:
        if code(error) == "ConditionalCheckFailedException":
            return None
        raise
    return answer["Attributes"]


async def transacted(client: Any, items: Sequence[Mapping[str, Any]]) -> bool:
    """Makes a transaction; False where one of its conditions does not hold. Raises ClientError."""
    try:
        await despite_conflicts(lambda: client.transact_write_items(TransactItems=items))
    except ClientError as error:
        if CONDITION in _reasons(error):
            return False
        raise
    return True


def _reasons(error: ClientError) -> set[str]:
    """Why a transaction was cancelled."""
    return {reason.get("Code", "") for reason in error.response.get("CancellationReasons", [])} - {"None", ""}


async def pages(client: Any, operation: str, **arguments: Any) -> AsyncIterator[list[dict[str, Any]]]:
    """Every page of a Query or Scan, until DynamoDB says that there is no more."""
    while True:
        answer = await getattr(client, operation)(**arguments)
        yield answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        arguments["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


class Unprocessed(RuntimeError):
    """DynamoDB leaves keys of a batch unread, however often it is asked: the table is throttled."""


async def batch_get(client: Any, table: str, keys: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """As `batch_get_tables`, of one table."""
    return (await batch_get_tables(client, {table: keys})).get(table, [])


async def batch_get_tables(client: Any, keys: Mapping[str, Sequence[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Those items of up to BATCH_KEYS keys by table that exist, in no order, read strongly.

    What DynamoDB leaves unread is asked for again, each time after a longer pause with jitter: at once would throttle the
    table further. Raises Unprocessed after BATCH_READS. Source: BatchGetItem in DynamoDB's API reference.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    request: Any = {table: {"Keys": list(these), "ConsistentRead": True} for table, these in keys.items()}
    for attempt in range(BATCH_READS):
        answer = await client.batch_get_item(RequestItems=request)
        for table, items in answer["Responses"].items():
            found.setdefault(table, []).extend(items)
        request = answer.get("UnprocessedKeys")
        if not request:
            return found
        await asyncio.sleep(random.uniform(0, min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**attempt)))
    left = sum(len(unread["Keys"]) for unread in request.values())
    raise Unprocessed(f"{left} of {sum(map(len, keys.values()))} keys of {', '.join(keys)} were not read")


def _absent(value: Any) -> bool:
    return value is None or (isinstance(value, (set, frozenset)) and not value)


def _wire(value: Any) -> dict[str, Any]:
    match value:
        case Enum():
            return {"S": value.value}
        case str():
            return {"S": value}
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case set() | frozenset():
            return {"SS": sorted(value)}
    raise TypeError(f"records hold text, whole numbers, truth and sets of text, not {value!r}")


_READ: dict[str, Callable[[Any], Any]] = {"S": str, "N": int, "BOOL": bool, "SS": set}
"""What is made of each of DynamoDB's types that our records have."""


Reader = Callable[[Mapping[str, Any]], Any]
"""Makes the value of a field of an attribute in DynamoDB's JSON."""


_READERS: dict[type[Any], dict[str, Reader]] = {}


def _readers(kind: type[Any]) -> dict[str, Reader]:
    """By field. What the field holds says the attribute's type, so that no value is asked for it."""
    return _READERS.setdefault(kind, {name: _reader(hint) for name, hint in get_type_hints(kind).items()})


Slot = tuple[Callable[[Any, Any], None], str, Any]
"""What sets it, its name, and its default."""


@dataclass(frozen=True)
class Slots:
    """How the slots of a class are filled from an item.

    Nearly all is text and whole numbers, which are read here and by no call of a function; and what a frozen class does for
    each field of a new instance takes longer than to read it. Defaults are shared, so none may be one that changes.
    """

    required: frozenset[str]
    texts: tuple[Slot, ...]
    numbers: tuple[Slot, ...]
    others: tuple[tuple[Slot, Reader], ...]

    def filled(self, kind: type[R], item: Mapping[str, Any]) -> R:
        """A new instance, as its own `__init__` would make it."""
        new, get = object.__new__(kind), item.get
        for put, name, default in self.texts:
            put(new, wire["S"] if (wire := get(name)) else default)
        for put, name, default in self.numbers:
            put(new, int(wire["N"]) if (wire := get(name)) else default)
        for (put, name, default), read in self.others:
            put(new, read(wire) if (wire := get(name)) else default)
        return new


_SLOTS: dict[type[Any], Slots | None] = {}


def _slots(kind: type[Any]) -> Slots | None:
    """How the slots of a dataclass are filled; None for another class, and for one that does more than to be filled."""
    plain = is_dataclass(kind) and not hasattr(kind, "__post_init__") and {one.name for one in fields(kind)} <= vars(kind).keys()
    plain = plain and "__slots__" in vars(kind)
    return _SLOTS.setdefault(kind, _filling(kind) if plain else None)


def _filling(kind: type[Any]) -> Slots:
    named = {one.name: one for one in fields(kind)}
    required = {name for name, one in named.items() if one.default is MISSING and one.default_factory is MISSING}
    parts = {
        name: (vars(kind)[name].__set__, name, one.default if one.default_factory is MISSING else one.default_factory())
        for name, one in named.items()
    }
    readers = _readers(kind)
    texts = [name for name in parts if readers[name] is _text]
    numbers = [name for name in parts if readers[name] is _number]
    return Slots(
        frozenset(required),
        tuple(parts[name] for name in texts),
        tuple(parts[name] for name in numbers),
        tuple((parts[name], readers[name]) for name in parts if name not in {*texts, *numbers}),
    )


_text: Reader = itemgetter("S")


def _number(wire: Mapping[str, Any]) -> int:
    return int(wire["N"])


def _reader(hint: Any) -> Reader:
    options = [hint, *getattr(hint, "__args__", ())]
    enum = next((option for option in options if isinstance(option, type) and issubclass(option, Enum)), None)
    if enum:
        members = {member.value: member for member in enum}
        return lambda wire: members.get(wire["S"]) or enum(wire["S"])  # which says what is wrong with others
    if getattr(hint, "__origin__", None) is frozenset:
        return lambda wire: frozenset(wire["SS"])
    if bool in options:
        return itemgetter("BOOL")
    return _number if int in options else _text
