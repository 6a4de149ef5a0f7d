"""Decides as IAM does whether an identity may do something: the few rules that these policies use.

An explicit deny wins, then an allow; what nothing allows is denied. Source: IAM User Guide, "Policy evaluation logic",
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html. Principals, NotAction, NotResource
and boundaries are not used here, and are refused rather than passed over.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

KNOWN = {"Sid", "Effect", "Action", "Resource", "Condition", "Principal"}
Test = Callable[[str, str], bool]

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
OPERATORS: dict[str, Test] = {
    "StringEquals": lambda said, found: said == found,
    "StringNotEquals": lambda said, found: said != found,
    "StringLike": lambda said, found: bool(wildcard(said).fullmatch(found)),
    "ArnEquals": lambda said, found: bool(wildcard(said).fullmatch(found)),
    "ArnLike": lambda said, found: bool(wildcard(said).fullmatch(found)),
    "Bool": lambda said, found: said.lower() == found.lower(),
}
NEGATED = {"StringNotEquals"}


@dataclass(frozen=True)
class Call:
    """An action on a resource, as the service asks IAM about it; `context` has condition keys."""

    action: str
    resource: str
    context: Mapping[str, str] | None = None


@cache
def wildcard(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """`*` is any characters, `?` is one."""
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), flags | re.DOTALL)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def covers(statement: Mapping[str, Any], call: Call) -> bool:
    """Whether a statement is about a call. Raises ValueError for what this does not know."""
    if unknown := statement.keys() - KNOWN:
        raise ValueError(f"not a part of a statement that is understood here: {sorted(unknown)}")
    # actions are compared without regard to case, resources with
    return (
        any(wildcard(action, re.IGNORECASE).fullmatch(call.action) for action in listed(statement["Action"]))
        and any(wildcard(resource).fullmatch(call.resource) for resource in listed(statement["Resource"]))
        and _conditions_hold(statement.get("Condition", {}), call.context or {})
    )


def _conditions_hold(conditions: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    """All operators and all keys must hold, of a key's values one; a key that the request lacks holds for none but a negated
    operator and `…IfExists`."""
    for operator, keys in conditions.items():
        name = operator.removesuffix("IfExists")
        test = OPERATORS.get(name)
        if test is None:
            raise ValueError(f"not a condition that is understood here: {operator}")
        for key, said in keys.items():
            found = {name.lower(): value for name, value in context.items()}.get(key.lower())
            if found is None:
                if operator == name and name not in NEGATED:
                    return False
                continue
            held = [test(str(value), found) for value in listed(said)]
            if not (all(held) if name in NEGATED else any(held)):
                return False
    return True


def statements(policies: Iterable[str]) -> list[Mapping[str, Any]]:
    return [statement for policy in policies for statement in listed(json.loads(policy)["Statement"])]


def allowed(policies: Iterable[str], call: Call) -> bool:
    """Whether identity policies (JSON) allow a call."""
    said = {statement["Effect"] for statement in statements(policies) if covers(statement, call)}
    return "Allow" in said and "Deny" not in said
