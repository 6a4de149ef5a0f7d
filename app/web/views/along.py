"""Where on each contig the variants of a result are: a picture whose parts open the explorer at what lies there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

MOST_CONTIGS = 30
PARTS = ((4, 25), (MOST_CONTIGS, 10))
"""Into how many parts a picture is cut that open something, by the number of contigs: few enough for a small page."""


@dataclass(frozen=True)
class Part:
    """A part of a picture of 100 by 20, which leads to the variants there. `words`: first and last position."""

    left: float
    width: float
    words: str
    link: str


@dataclass(frozen=True)
class Along:
    """A contig: its name, the path of its picture, the part with the most variants in it, and all parts with any."""

    name: str
    path: str
    most: Part
    parts: Sequence[Part]


def drawn(density: Mapping[str, tuple[int, list[float]]], address: str) -> list[Along]:
    """Pictures of the first contigs that have variants. `density`: of each contig its length, and how many variants each of
    its equal bins has, or how dense they are. `address`: the explorer's."""
    shown = [(name, length, bins) for name, (length, bins) in density.items() if any(bins)][:MOST_CONTIGS]
    count = next(parts for most, parts in PARTS if len(shown) <= most)
    found = []
    for name, length, bins in shown:
        step = max(1, len(bins) // count)
        cuts = [(at, min(at + step, len(bins))) for at in range(0, len(bins), step)]
        parts = [_part(name, length, len(bins), cut, address) for cut in cuts if any(bins[slice(*cut)])]
        fullest = bins.index(max(bins))
        found.append(Along(name, _path(bins), _part(name, length, len(bins), (fullest, fullest + 1), address), parts))
    return found


def _part(name: str, length: int, bins: int, cut: tuple[int, int], address: str) -> Part:
    # a position belongs to the bin (position - 1) * bins // length
    first, last = -(-cut[0] * length // bins) + 1, -(-cut[1] * length // bins)
    link = f"{address}?{urlencode({'region': f'{name}:{first}-{last}'})}"
    return Part(100 * cut[0] / bins, 100 * (cut[1] - cut[0]) / bins, f"{first:,} and {last:,}", link)


def _path(bins: list[float]) -> str:
    top = max(bins)
    return "M0 20" + "".join(f"V{20 - (20 * one / top):.3g}h{100 / len(bins):g}" for one in bins) + "V20Z"
