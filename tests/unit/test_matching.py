"""The order of the records of a result: by any column, either way, as far as it is asked for."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from app.engine.formats.columns import decoded, encoded
from app.explorer.expression import Table
from app.explorer.matching import SORTS, ordered

GENES = ("", "brca1", "BRCA2", "MT-ND1", "ABCA4")
FLOATS = [float("nan"), 0.0, -0.0, 1e-30, 0.25, 0.25, 0.5, -1.5, float("inf"), float("-inf"), 3e38]
COUNT = 300


def table() -> Table:
    dice = random.Random(5)
    floats = {name: np.array(dice.choices(FLOATS, k=COUNT), "<f4") for name in ("frequency", "quality", "fraction")}
    codes = {name: np.array(dice.choices(range(9), k=COUNT), "u1") for name in ("consequence", "significance")}
    rest = {
        "stars": np.array(dice.choices(range(5), k=COUNT), "u1"),
        "depth": np.array(dice.choices([0, 1, 7, 2**31 - 1], k=COUNT), "<i4"),
        "gene": np.array(dice.choices(range(len(GENES)), k=COUNT), "<u4"),
    }
    return Table(floats | codes | rest, {"gene": GENES})


def key(name: str, one: int, asked: Table) -> tuple[bool, float | str]:
    """Whether nothing is known, and what is: as a person would sort."""
    values = [asked.columns[column][one].item() for column in SORTS[name]]
    if name == "gene":
        return not GENES[values[0]], GENES[values[0]].upper()
    if name == "significance":
        return not values[0], values[0] * 8 + values[1]
    unknown = math.isnan(values[0]) if isinstance(values[0], float) else not values[0]
    return unknown, 0.0 if unknown else values[0]


@pytest.mark.parametrize("name", [name for name in SORTS if name != "position"])
def test_the_first_of_any_order_are_what_sorting_all_would_give(name: str) -> None:
    asked, found = table(), np.arange(0, COUNT, 2)
    known = [one for one in found.tolist() if not key(name, one, asked)[0]]
    unknown = [one for one in found.tolist() if key(name, one, asked)[0]]
    for sort, backwards in ((name, False), (f"-{name}", True)):
        # sorted is stable in both directions: equal ones stay in the order of the file
        expected = sorted(known, key=lambda one: key(name, one, asked)[1], reverse=backwards) + unknown
        for most in (0, 1, 2, 50, len(known), len(known) + 1, len(found), 1000):
            assert ordered(found, sort, asked, most).tolist() == expected[:most], (sort, most)


@pytest.mark.parametrize("dtype", ["u1", "<i4", "<u4", "<f4", "<u8"])
def test_a_chunk_is_read_as_it_was_written(dtype: str) -> None:
    values = np.random.default_rng(1).integers(0, 200, 1000).astype(dtype)
    assert (decoded(encoded(values), dtype, 1000) == values).all()
