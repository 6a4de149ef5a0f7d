"""What is made of an item: the same as its class would make of the values, in less time."""

from __future__ import annotations

from dataclasses import MISSING, fields
from enum import Enum
from typing import Any, get_type_hints

import pytest

from app.aws.dynamodb import record, to_wire
from app.aws.jobs import _state
from app.domain.accounts import Account
from app.domain.jobs import Job, JobState, Status, Tier


def some(hint: Any) -> Any:
    """A value of this type that is no default."""
    options = [hint, *getattr(hint, "__args__", ())]
    for option in options:
        if isinstance(option, type) and issubclass(option, Enum):
            return list(option)[-1]
    if getattr(hint, "__origin__", None) is frozenset:
        return frozenset({"a", "b"})
    return next(value for kind, value in ((bool, True), (int, 7), (str, "x")) if kind in options)


@pytest.mark.parametrize("kind", [Job, Account])
def test_a_record_is_what_its_class_makes_of_the_values(kind: type[Any]) -> None:
    values = {name: some(hint) for name, hint in get_type_hints(kind).items()}
    needed = {one.name: values[one.name] for one in fields(kind) if one.default is MISSING and one.default_factory is MISSING}
    for given in (values, needed, *({**needed, name: value} for name, value in values.items())):
        assert record(kind, {**to_wire(given), "unknown": {"S": ""}}) == kind(**given)
    for name in needed:
        with pytest.raises(TypeError):
            record(kind, to_wire({other: value for other, value in values.items() if other != name}))


def test_a_state_is_the_record_that_it_stands_for() -> None:
    whole = {"job_id": "j", "status": Status.COMPLETED, "tier": Tier.ARCHIVED, "rev": 5, "percent": 100, "batch": "b"}
    for left_out in ("", *whole):
        item = to_wire({name: value for name, value in whole.items() if name != left_out})
        if left_out != "job_id":
            assert _state(item) == record(JobState, item)
    with pytest.raises(ValueError, match="LOST"):
        _state(to_wire({**whole, "status": "LOST"}))
