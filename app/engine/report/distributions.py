"""How depth, quality and the share of reads are spread over the records of a result."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from app.engine.report.rows import Rows

EDGES: Mapping[str, tuple[float, ...]] = {
    "quality": (0, 10, 20, 30, 50, 100, 200, 500, 1000),
    "depth": (1, 5, 10, 20, 30, 50, 100, 500, 1000, 5000),
    "fraction": (0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95),
}
"""Where the bins of each column begin; the last one has no end."""


def bins(column: str) -> list[tuple[str, float, float | None]]:
    """Words, least value and the value that is too much, of each bin of a column."""
    edges = EDGES[column]
    form = "{:.0%}".format if column == "fraction" else "{:,g}".format
    closed = [(f"{form(first)} to {form(last)}", first, last) for first, last in pairwise(edges)]
    return [*closed, (f"{form(edges[-1])} or more", edges[-1], None)]


@dataclass
class Distributions:
    """Counts of the records in each bin of each column."""

    counts: dict[str, Counter[int]] = field(default_factory=lambda: {column: Counter() for column in EDGES})

    def add(self, rows: Rows) -> None:
        """Count these records; one without a value is in no bin."""
        for column, edges in EDGES.items():
            values = rows[column][np.greater_equal(rows[column], edges[0])]
            found = np.searchsorted(np.array(edges, rows[column].dtype), values, "right") - 1
            numbers, counts = np.unique(found, return_counts=True)
            self.counts[column].update(dict(zip(numbers.tolist(), counts.tolist(), strict=True)))

    def summary(self) -> dict[str, dict[str, int]]:
        """Counts by the words of the bins, from the first that has any to the last; nothing of a column that is empty."""
        found = {}
        for column, counts in self.counts.items():
            if counts:
                named = [(words, counts[number]) for number, (words, _, _) in enumerate(bins(column))]
                found[column] = dict(named[min(counts) : max(counts) + 1])
        return found
