"""One table an AWS type, read both ways: attributes of Terraform to parameters of AWS, and AWS's answer to attributes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgpack

Values = dict[str, Any]
UNKNOWN = msgpack.ExtType(0, b"\0")


def same(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class Field:
    """An attribute under its AWS name, whose dots lead into nested structures; `write` and `read` convert the value.
    What is not `kept` the emulator takes and forgets, so that it cannot be read back."""

    aws: str
    write: Callable[[Any], Any] = same
    read: Callable[[Any], Any] = same
    kept: bool = True


@dataclass(frozen=True)
class Block:
    """Nested blocks: a list of structures, or with `one` a single structure, which Terraform has in a list as well."""

    aws: str
    shape: Mapping[str, Field | Block]
    one: bool = True


Shape = Mapping[str, Field | Block]


def text(aws: str) -> Field:
    """A number that AWS takes and gives as a string."""
    return Field(aws, str, int)


def flag(aws: str) -> Field:
    """A boolean that AWS takes and gives as `true` and `false`."""
    return Field(aws, lambda value: str(value).lower(), lambda value: str(value).lower() == "true")


def number(aws: str) -> Field:
    """A number that Terraform keeps as a string, or AWS gives as a float."""
    return Field(aws, lambda value: int(float(value)), lambda value: int(value) if float(value).is_integer() else value)


def document(aws: str) -> Field:
    """JSON, which AWS may give back as an object or spelt otherwise."""
    return Field(aws, same, lambda value: value if isinstance(value, str) else json.dumps(value))


def pairs(aws: str, name: str = "Name", value: str = "Value") -> Field:
    """A map, which is a list of names and values at AWS."""
    return Field(
        aws,
        lambda given: [{name: key, value: said} for key, said in given.items()],
        lambda found: {item[name]: item[value] for item in found},
    )


def known(value: Any) -> bool:
    return not isinstance(value, msgpack.ExtType)


def to_aws(shape: Shape, values: Values) -> dict[str, Any]:
    """Parameters for what the configuration says; what it leaves to AWS is not in them."""
    found: dict[str, Any] = {}
    for name, field in shape.items():
        value = values.get(name)
        if value is None or value == [] or value == "" or not known(value):
            continue
        if isinstance(field, Block):
            inner = [to_aws(field.shape, item) for item in value]
            value = inner[0] if field.one else inner
        else:
            value = field.write(value)
        *path, last = field.aws.split(".")
        place = found
        for step in path:
            place = place.setdefault(step, {})
        place[last] = value
    return found


def from_aws(shape: Shape, answer: Mapping[str, Any]) -> Values:
    """Attributes as AWS has them; None for what it does not say."""
    found: Values = {}
    for name, field in shape.items():
        if isinstance(field, Field) and not field.kept:
            continue
        value: Any = answer
        for step in field.aws.split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
        if isinstance(field, Block):
            items = [] if value is None else [value] if field.one else value
            found[name] = [from_aws(field.shape, item) for item in items]
        else:
            found[name] = None if value is None else field.read(value)
    return found


def declared(shape: Shape, values: Values) -> Values:
    """Of `values` what `shape` is about, in nested blocks too."""
    found: Values = {}
    for name, field in shape.items():
        if isinstance(field, Field) and not field.kept:
            continue
        value = values.get(name)
        found[name] = [declared(field.shape, item) for item in value] if isinstance(field, Block) and value else value
    return found


def agrees(declared: Any, found: Any) -> bool:
    """Whether what AWS has is what was declared: order within lists and the spelling of JSON do not count, nor does what
    was not declared."""
    match declared, found:
        case (None | "", _) | ([], None) | ({}, None):
            return True
        case _, None:
            return False
        case dict(), dict():
            return all(agrees(value, found.get(name)) for name, value in declared.items())
        case list(), list():
            rest = list(found)
            for item in declared:
                match_ = next((other for other in rest if agrees(item, other)), None)
                if match_ is None:
                    return False
                rest.remove(match_)
            return not rest
        case str(), str():
            return declared == found or (declared[:1] in "{[" and _parsed(declared) == _parsed(found))
        case bool(), _:
            return declared is found
        case (int() | float(), _) | (_, int() | float()):
            return str(declared) == str(found) or float(declared) == float(found)
    return declared == found


def _parsed(value: str) -> Any:
    """A JSON text with a list of one written as the one, as AWS may."""
    try:
        return _canonical(json.loads(value))
    except ValueError:
        return value


def _canonical(value: Any) -> Any:
    if isinstance(value, list):
        inner = sorted((_canonical(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
        return inner[0] if len(inner) == 1 else inner
    return {name: _canonical(item) for name, item in value.items()} if isinstance(value, dict) else value
