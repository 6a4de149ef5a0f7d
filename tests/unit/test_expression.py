"""Filters over columns: what they keep, what an unknown value means, and what is said of one that cannot be read."""

from __future__ import annotations

import numpy as np
import pytest

from app.engine.report.rows import CODED
from app.explorer.expression import PRESETS, BadFilter, Table, parse

NAN = float("nan")


def coded(column: str, *words: str) -> np.ndarray:
    return np.array([CODED[column].index(word) for word in words], "u1")


TABLE = Table(
    {
        "position": np.array([10, 20, 30, 40]),
        "impact": coded("impact", "HIGH", "MODERATE", "LOW", "MODIFIER"),
        "consequence": coded("consequence", "stop_gained", "missense_variant", "synonymous_variant", "intron_variant"),
        "significance": coded("significance", "", "benign", "", "pathogenic"),
        "frequency": np.array([NAN, 0.0005, 0.5, 0.002], "f4"),
        "fraction": np.array([0.5, 0.02, 1, NAN], "f4"),
        "depth": np.array([0, 10, 20, 30]),
        "genes": np.array([1, 2, 0, 1]),
        "filter": np.array([1, 2, 1, 1]),
        "known": np.array([0, 1, 0, 1], "u1"),
    },
    {"genes": ["", "MT-ND4,MT-ND4L", "MT-CO1"], "filter": ["", "PASS", "q10;s50"]},
)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("impact=HIGH", [10]),
        ("impact>=moderate", [10, 20]),
        ("impact=HIGH|LOW", [10, 30]),
        ("impact!=HIGH", [20, 30, 40]),
        ("consequence=missense", [20]),
        ("consequence<='missense variant'", [10, 20]),
        ("frequency<0.001", [20]),
        ("not frequency>=0.001", [10, 20]),
        ("frequency<=0.2%", [20, 40]),
        ("frequency!=0.5", [20, 40]),
        ("depth<20", [20]),
        ("gene=mt-nd4l", [10, 40]),
        ("filter=s50", [20]),
        ("filter=PASS", [10, 30, 40]),
        ("known and not significance=benign", [40]),
        ("impact=HIGH or impact=LOW and depth>=20", [10, 30]),
        ("(impact=HIGH or impact=LOW) and depth>=20", [30]),
        ("heteroplasmy>=0.02 and heteroplasmy<0.95", [10, 20]),
        ("position>15 and position<=30", [20, 30]),
    ],
)
def test_what_a_filter_keeps(text: str, kept: list[int]) -> None:
    assert TABLE.columns["position"][parse(text).keeps(TABLE)].tolist() == kept


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("impct=HIGH", "Did you mean impact"),
        ("impact=HGH", "Did you mean high"),
        ("consequence=missens", "Did you mean missense_variant"),
        ("depth=many", "depth is a number"),
        ("(impact=HIGH", "parenthesis is not closed"),
        ("impact=HIGH depth>3", "goes on where it should end"),
        ("impact", "has to be compared, as in impact=HIGH"),
        ("gene>A", "only be compared with = or !="),
        ("depth>1|2", "Several values"),
        ("impact=", "A value is missing"),
        ("", "is no field"),
        ("impact=HIGH and " * 900 + "known", "too long"),
    ],
)
def test_a_filter_that_cannot_be_read_says_what_is_wrong(text: str, words: str) -> None:
    with pytest.raises(BadFilter, match=words):
        parse(text)


def test_the_presets_can_be_read() -> None:
    assert all(parse(text).columns for _, text in PRESETS)
