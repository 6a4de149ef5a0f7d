"""What the stand-in does with a resource type that the emulator knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .shape import Shape, Values, from_aws, known

GONE = ("NotFound", "NoSuch", "NonExistent", "DoesNotExist", "ResourceNotFoundException", "(404)")
"""Parts of the error codes by which AWS says that a thing is not there."""


class Missing(LookupError):
    """AWS has no such thing (any more)."""


def only(found: list[Any]) -> Any:
    """The one thing that was found. Raises Missing."""
    if not found:
        raise Missing
    return found[0]


@dataclass(frozen=True)
class Tags:
    """How a service writes and reads tags. `target` makes the parameters that name the thing; without `write` they are given
    with its creation."""

    service: str
    write: str
    read: str
    target: Callable[[Values], dict[str, Any]]
    given: str = "Tags"
    got: str = "Tags"
    pairs: tuple[str, str] | None = ("Key", "Value")
    put: Callable[[Any], Any] | None = None

    def set(self, aws: Any, values: Values, tags: Mapping[str, str]) -> None:
        if not self.write:
            return
        said: Any = dict(tags)
        if self.pairs:
            said = [dict(zip(self.pairs, pair, strict=True)) for pair in tags.items()]
        getattr(aws(self.service), self.write)(**self.target(values), **{self.given: self.put(said) if self.put else said})

    def get(self, aws: Any, values: Values) -> dict[str, str]:
        found = getattr(aws(self.service), self.read)(**self.target(values))
        for step in self.got.split("."):
            found = found[int(step) if step.isdigit() else step]
        return {item[self.pairs[0]]: item[self.pairs[1]] for item in found} if self.pairs else dict(found)


Act = Callable[[Any, Values], Any]


@dataclass(frozen=True)
class Kind:
    """A resource type. `aws(service)` gives a boto3 client.

    `create` makes the thing and returns attributes that only AWS knows; `read` returns AWS's description of it, which
    `shape` turns into attributes; `facts` are attributes that AWS decides, from the same description. `update` gets the
    new values; None means that no change in place was needed so far, and one is an error.
    """

    shape: Shape
    create: Act
    read: Act
    delete: Act
    update: Act | None = None
    facts: Shape = field(default_factory=dict)
    tags: Tags | None = None

    def attributes(self, aws: Any, values: Values) -> Values:
        """Everything of the shape as AWS has it now, and tags. Raises Missing."""
        try:
            answer = self.read(aws, values)
            found = from_aws({**self.shape, **self.facts}, answer)
            if self.tags:
                found["tags_all"] = self.tags.get(aws, values)
        except Exception as error:
            if any(part in type(error).__name__ or part in str(error) for part in GONE):
                raise Missing from error
            raise
        return found

    def made(self, aws: Any, values: Values) -> Values:
        """Creates the thing with its tags; returns what AWS decided about it."""
        facts = self.create(aws, values) or {}
        if self.facts:
            facts |= from_aws(self.facts, self.read(aws, {**values, **facts}))
        if self.tags and known(values.get("tags_all")) and values["tags_all"]:
            self.tags.set(aws, {**values, **facts}, values["tags_all"])
        return facts

    def changed(self, aws: Any, before: Values, after: Values) -> Values:
        """Changes the thing in place; returns what AWS decided about it. Raises NotImplementedError."""
        facts: Values = {}
        touched = {name for name in after if name not in ("tags", "tags_all") and before.get(name) != after[name]}
        if touched:
            if self.update is None:
                raise NotImplementedError(f"no change in place of {', '.join(sorted(touched))}")
            facts = self.update(aws, after) or {}
        if self.tags and before.get("tags_all") != after.get("tags_all"):
            self.tags.set(aws, after, after["tags_all"])
        if self.facts:
            facts |= from_aws(self.facts, self.read(aws, {**after, **facts}))
        return facts


def nothing(aws: Any, values: Values) -> None:
    """For what goes with the thing that it belongs to."""
