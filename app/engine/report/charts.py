"""The charts of a result: one table of what is drawn and how it is called, for the portal and for the page that is taken away."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any


def spaced(label: str) -> str:
    """A term of the Sequence Ontology and the like, without its underscores."""
    return label.replace("_", " ")


def impact(word: str) -> str:
    """How people read a class of impact, of which HIGH is the value in files and filters: High."""
    return word.capitalize()


@dataclass(frozen=True)
class Chart:
    """Title, key of the summary, how many rows, what is usual, and how its labels are read."""

    title: str
    key: str
    most: int
    usual: str = ""
    words: Callable[[str], str] = spaced


CHARTS = (
    Chart("Impact", "impacts", 4, words=impact),
    Chart("Consequences", "consequences", 12, "Of each allele the most severe one."),
    Chart("Genes with the most variants", "genes", 12, words=str),
    Chart("Kinds of variants", "types", 10),
    Chart("Contigs", "contigs", 30, words=str),
    Chart("Allele frequency in the file", "frequencies", 10),
    Chart(
        "Share of the reads with the allele",
        "fraction",
        12,
        "Usual in a person: hills at 50 % (one of two copies) and near 100 %; a few per cent is heteroplasmy, a mosaic or noise.",
    ),
    Chart("Genotypes", "genotypes", 8, "Of all samples together."),
    Chart(
        "Single-base changes",
        "substitutions",
        12,
        "Usual for Ts/Tv: about 2.0 over a whole human genome, 3 in its exons, above 10 on the mitochondrion.",
    ),
    Chart("Depth", "depth", 10, "Usual: one hill around the depth that was sequenced; a long tail is doubled sequence."),
    Chart("Quality", "quality", 9, "Below 20, more than one call in a hundred is expected to be wrong."),
)
"""In the order in which they are shown, but for `packed`."""

COLUMN_PIXELS, GAP_PIXELS = 608, 12
"""How high a column of charts is on a phone, and what is between two of one column. As app/web/static/gas.css has it."""

_FRAME_PIXELS, _ROW_PIXELS, _LINE_PIXELS = 74, 27, 22
_LABEL_LETTERS, _HINT_LETTERS = 14, 34  # of a line, about

Drawn = tuple[Chart, dict[str, int]]


def drawn(summary: Mapping[str, Any]) -> list[Drawn]:
    """Each chart that has something to compare, with its counts by label."""
    found = []
    for chart in CHARTS:
        counts = summary.get(chart.key) or summary.get("distributions", {}).get(chart.key, {})
        shown = dict(list(counts.items())[: chart.most])
        if len(list(filter(None, shown.values()))) > 1:
            found.append((chart, shown))
    return packed(found)


def packed(charts: Sequence[Drawn]) -> list[Drawn]:
    """The same charts; where the next one does not fit into what is left of a column, a later one that does comes before it."""
    waiting, order, left = list(charts), list[Drawn](), 0
    while waiting:
        fitting = next((one for one in waiting if _pixels(*one) <= left), None)
        if fitting is None:
            fitting, left = waiting[0], COLUMN_PIXELS
        waiting.remove(fitting)
        order.append(fitting)
        left -= _pixels(*fitting) + GAP_PIXELS
    return order


def _pixels(chart: Chart, counts: Mapping[str, int]) -> int:
    """How high a chart is on a phone, about."""
    rows = sum(_ROW_PIXELS + _LINE_PIXELS * (len(wrap(chart.words(label), _LABEL_LETTERS)) - 1) for label in counts)
    return _FRAME_PIXELS + rows + _LINE_PIXELS * len(wrap(chart.usual, _HINT_LETTERS))
