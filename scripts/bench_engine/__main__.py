"""How much CPU the engine takes, in one run beside others: `python -m scripts.bench_engine [ROW…] [--records N] [--turns N]`.

Each row is measured beside the *floor*, which is `bcftools view` of the input and the compression of the engine's own output
text by the same library at the same level, and beside the *pipeline* `bcftools norm | csq | annotate | bgzip`. The CPU of every
process counts. The data are made from seeds, in a folder that `--folder` keeps. It ends with 1 where a bar is missed.
"""

import argparse
import json
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from statistics import median

from app.engine.formats import bgzf
from scripts.bench_engine import small
from scripts.bench_engine.rows import ROWS, Found, Row, measured

MIB = 1 << 20


def show(row: Row, found: Found) -> bool:
    """Prints what a row took beside its bars. Returns whether all are met."""
    print(f"\n{row.title}: {found.records:,} records, level {bgzf.LEVEL}, {found.seconds:.1f} s, load {os.getloadavg()[0]:.1f}")
    print(f"  CPU seconds: engine {found.engine:.2f}, floor {found.floor:.2f}, pipeline {found.pipeline:.2f}")
    print(f"  {1e6 * found.engine / found.records:.1f} µs a record, {found.own_bytes / MIB:.0f} MiB of its own")
    facts = {
        "× floor": found.engine / found.floor,
        "× pipeline": found.engine / found.pipeline,
        "MiB of its own": found.own_bytes / MIB,
    }
    return all([_bar(what, facts[what], most) for what, most in row.bars.items()])


def _bar(what: str, value: float, most: float) -> bool:
    met = value <= most
    print(f"  {'met   ' if met else 'MISSED'} {value:8.2f} {what} (bar: at most {most:g})")
    return met


def main() -> int:
    """Measures the rows that are named, or all. Returns 1 if a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench_engine", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("rows", nargs="*", help=f"{', '.join((*ROWS, *small.ROWS))} (default: all)")
    parser.add_argument("--records", type=int, default=1_000_000, help="of the rows that are large")
    parser.add_argument("--turns", type=int, default=3, help="how often each is measured, in turns; the median counts")
    parser.add_argument("--folder", type=Path, help="where the data are kept for the next time")
    parser.add_argument("--human", type=Path, help="a folder of bundles with human_size (scripts/studies/human_size.py)")
    parser.add_argument("--json", type=Path, help="write the numbers there, too")
    options = parser.parse_args()
    if unknown := set(options.rows) - {*ROWS, *small.ROWS}:
        parser.error(f"there is no row {', '.join(unknown)}")
    wanted = options.rows or [*ROWS, *small.ROWS]
    met, kept = True, {}
    with tempfile.TemporaryDirectory() as made:
        folder = options.folder or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        for name in (name for name in ROWS if name in wanted):
            turns = [measured(ROWS[name], folder, options.records) for _ in range(options.turns)]
            numbers = {key: [asdict(turn)[key] for turn in turns] for key in asdict(turns[0])}
            found = Found(**{key: max(values) if key == "own_bytes" else median(values) for key, values in numbers.items()})
            kept[name] = asdict(found)
            met = show(ROWS[name], found) and met
        for name in (name for name in small.ROWS if name in wanted):
            met = all([_bar(what, value, most) for what, value, most in small.ROWS[name](folder, options)]) and met
    if options.json:
        options.json.write_text(json.dumps({"level": bgzf.LEVEL, "cores": os.cpu_count(), "rows": kept}, indent=1) + "\n")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
