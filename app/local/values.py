"""moto's DynamoDB with less work for each value: what it writes into an answer, and how it goes through an expression."""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable
from typing import Any

from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb.parsing.ast_nodes import DepthFirstTraverser


def install() -> None:
    """Makes moto's servers of this process work so. What they answer stays what it was."""
    _write_values_at_once()
    _know_nodes()


@functools.cache
def _write_values_at_once() -> None:
    # moto 5.2 looks in each value for all ten types that one may have, and for each of them under all names that an attribute
    # of an object of Python might have
    BaseJSONSerializer._serialize_type_structure = _at_once(BaseJSONSerializer._serialize_type_structure)


def _at_once(serialize: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(serialize)
    def serialized(serializer: Any, into: Any, value: Any, shape: Any, key: str) -> None:
        if shape.name == "AttributeValue" and key and type(value) is dict and len(value) == 1:
            serializer._default_serialize(into, written(value), shape, key)
        else:
            serialize(serializer, into, value, shape, key)

    return serialized


def written(value: dict[str, Any]) -> dict[str, Any]:
    """Returns a value, which has one type, as it stands in an answer: bytes in base 64."""
    ((kind, inner),) = value.items()
    return {kind: WRITERS[kind](inner)}


def _encoded(inner: str | bytes) -> str:
    return base64.b64encode(inner.encode() if isinstance(inner, str) else inner).decode()


WRITERS: dict[str, Callable[[Any], Any]] = {
    "S": str,
    "N": str,
    "B": _encoded,
    "BOOL": bool,
    "NULL": bool,
    "SS": lambda inner: [*map(str, inner)],
    "NS": lambda inner: [*map(str, inner)],
    "BS": lambda inner: [*map(_encoded, inner)],
    "L": lambda inner: [*map(written, inner)],
    "M": lambda inner: {name: written(one) for name, one in inner.items()},
}
"""By the type of a value. Source: AttributeValue, API reference of DynamoDB."""


@functools.cache
def _know_nodes() -> None:
    # moto 5.2 makes the table of the nodes that a walk through an expression changes anew at each of its nodes
    made: Callable[[Any], tuple[type, ...]] = DepthFirstTraverser.nodes_to_be_processed
    known: dict[type, tuple[type, ...]] = {}

    @functools.wraps(made)
    def nodes(walk: Any) -> tuple[type, ...]:
        kind = type(walk)
        if kind not in known:
            known[kind] = made(walk)
        return known[kind]

    DepthFirstTraverser.nodes_to_be_processed = nodes
