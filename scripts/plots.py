"""Line charts as inline SVG: no script, no font, no file besides, light and dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import floor, log10

Points = Sequence[tuple[float, float]]
WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 640, 252, 62, 40, 26, 12
COLORS = ("#2563eb", "#d97706", "#059669", "#dc2626", "#7c3aed")
STYLE = """<style>
:root{color-scheme:light dark} body{font:1rem/1.5 system-ui;max-width:70rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse} td,th{padding:.2rem .7rem;text-align:right;border-bottom:1px solid #8885}
td:first-child,th:first-child{text-align:left} .bad{color:#dc2626} .grid{stroke:#8884}
svg{max-width:100%;height:auto} svg text{font:11px system-ui;fill:currentColor}
figure{display:inline-block;margin:.5rem 1rem .5rem 0} figcaption{font-weight:600}
</style>"""


def percentile(values: Sequence[float], share: float) -> float:
    """The value that a `share` (0 to 1) of the sorted `values` does not exceed; 0 of none."""
    return values[min(len(values) - 1, int(share * len(values)))] if values else 0.0


def percentile_points(values: Sequence[float], steps: int = 200) -> Points:
    """(per cent, value) over the whole range."""
    ordered = sorted(values)
    return [(100 * n / steps, percentile(ordered, n / steps)) for n in range(steps + 1)] if ordered else []


def chart(title: str, x_label: str, y_label: str, lines: Mapping[str, Points]) -> str:
    """One figure with a line for each entry; both axes start at the least x and at 0."""
    everything = [point for points in lines.values() for point in points]
    if not everything:
        return f"<figure><figcaption>{escape(title)}</figcaption><p>Nothing was measured.</p></figure>"
    first, last = min(x for x, _ in everything), max(x for x, _ in everything)
    top = max(y for _, y in everything) or 1
    across, up = (WIDTH - LEFT - RIGHT) / ((last - first) or 1), (HEIGHT - TOP - BOTTOM) / top

    def at(x: float, y: float) -> str:
        return f"{LEFT + (x - first) * across:.1f},{HEIGHT - BOTTOM - y * up:.1f}"

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img" aria-label="{escape(title)}">']
    for y in _ticks(0, top):
        x1, y1 = at(first, y).split(",")
        parts.append(f'<line class="grid" x1="{x1}" y1="{y1}" x2="{WIDTH - RIGHT}" y2="{y1}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{float(y1) + 4:.1f}" text-anchor="end">{y:g}</text>')
    parts += [
        f'<text x="{at(x, 0).split(",")[0]}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{x:g}</text>'
        for x in _ticks(first, last)
    ]
    for number, (name, points) in enumerate(lines.items()):
        color = COLORS[number % len(COLORS)]
        drawn = " ".join(at(x, y) for x, y in points)
        parts.append(f'<polyline fill="none" stroke="{color}" stroke-width="1.5" points="{drawn}"/>')
        if len(lines) > 1:
            parts.append(f'<text x="{LEFT + 8}" y="{TOP + 12 + 14 * number}" style="fill:{color}">{escape(name)}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{escape(x_label)}</text>')
    parts.append(f'<text x="12" y="12">{escape(y_label)}</text></svg>')
    return f"<figure><figcaption>{escape(title)}</figcaption>{''.join(parts)}</figure>"


def page(title: str, *parts: str) -> str:
    """A page that needs nothing besides itself."""
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>{STYLE}'
    return f"{head}<h1>{escape(title)}</h1>{''.join(parts)}</html>\n"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    cells = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{cells}</tr>{body}</table>"


def _ticks(low: float, high: float) -> list[float]:
    """About five round numbers from `low` to `high`."""
    if high <= low:
        return [low]
    rough = (high - low) / 5
    size = 10 ** floor(log10(rough))
    step = next(step for step in (size, 2 * size, 5 * size, 10 * size) if step >= rough)
    start = -(-low // step) * step
    return [start + n * step for n in range(int((high - start) / step + 1e-9) + 1)]
