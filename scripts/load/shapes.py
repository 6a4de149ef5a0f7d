"""What a load looks like: how many people are there at a moment, and what they do. Two tables."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

SHAPES: dict[str, tuple[str, Callable[[float], float]]] = {
    "steady": ("all the time as many", lambda share: 1.0),
    "ramp": ("from nobody to everybody, then as many", lambda share: min(1.0, 0.05 + share / 0.7)),
    "spike": (
        "a tenth, everybody at once for a fifth of the time, a tenth again",
        lambda share: 1.0 if 0.4 <= share < 0.6 else 0.1,
    ),
    "soak": ("half of them for long: what leaks shows", lambda share: 0.5),
}
"""By name: in words, and the share of the people who are there when a `share` (0 to 1) of the time has passed."""

MIXES: dict[str, dict[str, int]] = {
    "everyday": {"submit": 6, "list": 4, "look": 4, "download": 2, "journey": 1},
    "submit": {"submit": 1},
    "read": {"submit": 1, "list": 10, "look": 10, "download": 5},
    "journey": {"journey": 1},
}
"""How often people do what. A `journey` is a whole life: submit, watch, archived, upgrade, restored, downloaded."""


def people(shape: str, most: int, passed: float, duration: float) -> int | None:
    """How many people are there after `passed` of `duration` seconds; None when the time is over."""
    return None if passed >= duration else max(1, ceil(most * SHAPES[shape][1](passed / duration)))
