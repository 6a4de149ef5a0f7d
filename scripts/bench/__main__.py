"""Measures: `python -m scripts.bench [AREA…]`; puts two runs side by side: `python -m scripts.bench compare BEFORE AFTER`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from scripts.bench import daemons, looks, portal, seeds, startup
from scripts.bench.answerer import Answerer, answering
from scripts.bench.report import Row, comparison, machine, medians, read, table, write


async def _daemons(aws: Answerer, seconds: float) -> list[Row]:
    rows: list[Row] = []
    for case in seeds.CASES:
        found = await daemons.measure(aws, case, seconds)
        print("\n".join(table(found)), file=sys.stderr)  # each takes minutes
        rows += found
    return rows


async def _streams(aws: Answerer, seconds: float) -> list[Row]:
    return await portal.streams(aws, VIEWERS)


async def _start(aws: Answerer, seconds: float) -> list[Row]:
    rows = await startup.measure(aws)
    for aws.latency in daemons.LATENCIES:
        rows += await startup.prompt(aws, max(3, round(seconds)))
    return rows


AREAS: dict[str, Callable[[Answerer, float], Awaitable[list[Row]]]] = {
    "daemons": _daemons,
    "portal": portal.measure,
    "looks": looks.measure,
    "streams": _streams,
    "start": _start,
}
VIEWERS = 5000


async def measure(areas: list[str], repeat: int, seconds: float) -> list[Row]:
    """The medians of `repeat` runs of these areas."""
    rows: list[Row] = []
    for area in areas:
        runs = []
        for number in range(repeat):
            print(f"{area}, {number + 1} of {repeat}", file=sys.stderr)
            async with answering() as aws:
                runs.append(await AREAS[area](aws, seconds))
        rows += medians(runs)
    return rows


def main() -> int:
    """Prints what was measured. Returns 1 if a target is missed."""
    if sys.argv[1:2] == ["compare"]:
        before, after = (read(Path(name)) for name in sys.argv[2:4])
        print("\n".join(comparison(before, after)))
        return 0
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("areas", nargs="*", choices=[*AREAS, []], help="what to measure; everything, if nothing is named")
    parser.add_argument("--repeat", type=int, default=3, help="runs, of which the medians are shown")
    parser.add_argument("--seconds", type=float, default=5, help="about how long each part measures")
    parser.add_argument("--out", type=Path, default=Path(".local/bench/last.json"), help="where the numbers go as JSON")
    chosen = parser.parse_args()
    rows = uvloop.run(measure(chosen.areas or list(AREAS), chosen.repeat, chosen.seconds))
    print(f"{machine()}")
    print("\n".join(table(rows)))
    write(chosen.out, rows)
    return int(any(row.met is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
