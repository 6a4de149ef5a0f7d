"""The order of charts: as they are declared, but where a column of a phone would have a blank."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.engine.report import charts
from app.engine.report.charts import CHARTS, COLUMN_PIXELS, GAP_PIXELS, Chart, Drawn, packed

SOME: st.SearchStrategy[list[Drawn]] = st.lists(
    st.tuples(st.sampled_from(CHARTS), st.integers(2, 30)), max_size=12, unique_by=lambda one: one[0].key
).map(lambda found: [(chart, {f"label {n}": n for n in range(rows)}) for chart, rows in found])


def columns(order: list[Drawn]) -> list[list[Drawn]]:
    """As the style sheet fills them."""
    found: list[list[Drawn]] = []
    left = 0
    for one in order:
        if (height := charts._pixels(*one)) > left:
            found.append([])
            left = COLUMN_PIXELS
        found[-1].append(one)
        left -= height + GAP_PIXELS
    return found


@given(SOME)
def test_no_later_chart_would_fit_where_a_blank_is_left(found: list[Drawn]) -> None:
    order = packed(found)
    assert sorted(chart.key for chart, _ in order) == sorted(chart.key for chart, _ in found)
    assert order[:1] == found[:1]
    made = columns(order)
    for at, column in enumerate(made):
        left = COLUMN_PIXELS - sum(charts._pixels(*one) + GAP_PIXELS for one in column)
        assert all(charts._pixels(*one) > left for later in made[at + 1 :] for one in later)


def test_charts_that_fit_stay_in_their_order() -> None:
    few = [(Chart(key, key, 9), {"a": 1, "b": 2}) for key in "abcdefgh"]
    assert packed(few) == few
