"""Replays a day of jobs through the annotators' autoscaling as Terraform has it: waits, instances, dollars.

`python -m scripts.simulate_fleet --rate 10` plays the policy of prod; `--search` looks for the cheapest that holds the
promise at each rate; `--log jobs.csv` plays what a load test recorded.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from scripts.fleet.arrivals import DAY_SECONDS, busy_slots, day, log
from scripts.fleet.policy import Policy, read, world
from scripts.fleet.simulation import Fleet, Result
from scripts.plots import chart, page, percentile_points, table

PROMISE = 120.0
"""Seconds that 95 of a hundred jobs wait at most."""

RATES = (1.0, 10.0, 100.0)
TARGETS = (1.0, 1.2, 1.5, 1.7, 2.0, 4.0, 10.0, 50.0)
LEAST = (1, 2, 4)
HEAD = ("what", "jobs/s", "target", "least", "most used", "p50", "p95", "p99", "small p95", "instance hours", "$", "begun again")


@dataclass(frozen=True)
class Span:
    """The hours up to noon that are played; all of the day from midnight on, if they are 24."""

    hours: float

    def play(self, policy: Policy, given: dict[str, Any], rate: float, seed: int = 1) -> Result:
        first, last = (0.0, float(DAY_SECONDS)) if self.hours >= 24 else (DAY_SECONDS / 2 - self.hours * 3600, DAY_SECONDS / 2)
        # a span that begins in the middle of the day begins with a fleet that has come so far
        begin = round(busy_slots(given, rate, first) / policy.backlog)
        return Fleet(policy, given).run(day(given, rate, seed, first, last), begin)


def row(what: str, rate: object, policy: Policy, result: Result) -> list[object]:
    waits = [f"{result.wait(share):.1f}" for share in (0.5, 0.95, 0.99)] + [f"{result.wait(0.95, 'small', 'logged'):.1f}"]
    money = [f"{result.instance_hours:.0f}", f"{result.dollars:.2f}", result.again]
    return [what, rate, policy.backlog, policy.least, result.most, *waits, *money]


def holds(result: Result) -> bool:
    return result.wait(0.95) < PROMISE and not result.unfinished


def search(policy: Policy, given: dict[str, Any], rate: float, span: Span) -> tuple[Policy, Result, list[list[object]]]:
    """The cheapest policy that holds the promise at this rate, and every one that was tried."""
    tried: list[list[object]] = []
    best: tuple[Policy, Result] | None = None
    for least in LEAST:
        for target in TARGETS:
            other = replace(policy, least=least, backlog=target)
            result = span.play(other, given, rate, seed=7)
            tried.append(row("holds" if holds(result) else "too slow", rate, other, result))
            if holds(result) and (best is None or result.dollars < best[1].dollars):
                best = other, result
    if best is None:
        raise SystemExit(f"nothing holds the promise at {rate} jobs/s")
    return *best, tried


def figures(name: str, result: Result) -> str:
    fleet = {"instances": [(minute / 60, count) for minute, count, _ in result.minutes]}
    waiting = {"waiting": [(minute / 60, count) for minute, _, count in result.minutes]}
    waits = {kind: percentile_points(found) for kind, found in result.waits.items()}
    return (
        chart(f"{name}: wait", "per cent of jobs", "seconds", waits)
        + chart(f"{name}: instances", "hour", "instances", fleet)
        + chart(f"{name}: messages waiting", "hour", "messages", waiting)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--environment", default="prod", choices=("prod", "dev"))
    parser.add_argument("--rate", type=float, action="append", help="mean jobs a second; may be repeated (1, 10, 100)")
    parser.add_argument("--hours", type=float, default=24, help="hours up to noon that are played (the whole day)")
    parser.add_argument("--log", type=Path, help="jobs.csv of a load test, instead of a day of the mix")
    parser.add_argument("--search", action="store_true", help="look for the cheapest policy at each rate")
    for name, kind in (("least", int), ("most", int), ("backlog", float), ("slots", int), ("giants", int), ("queue", str)):
        parser.add_argument(f"--{name}", type=kind, help="instead of what Terraform or the daemon says")
    parser.add_argument("--out", type=Path, default=Path(".local/fleet.html"))
    chosen = parser.parse_args()
    others = {field.name: getattr(chosen, field.name, None) for field in fields(Policy)}
    policy = replace(read(chosen.environment), **{name: value for name, value in others.items() if value is not None})
    given, span = world(), Span(chosen.hours)
    rows: list[list[object]] = []
    drawn = []
    if chosen.log:
        result = Fleet(policy, given).run(log(given, chosen.log))
        rows.append(row(chosen.environment, "log", policy, result))
        drawn.append(figures("log", result))
    for rate in () if chosen.log else chosen.rate or RATES:
        if chosen.search:
            best, result, tried = search(policy, given, rate, span)
            rows += [*tried, row("CHEAPEST", rate, best, result)]
        else:
            result = span.play(policy, given, rate)
            rows.append(row(chosen.environment, rate, policy, result))
        drawn.append(figures(f"{rate:g} jobs/s", result))
    for line in [HEAD, *rows]:
        print("\t".join(str(cell) for cell in line))
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(page("Fleet simulation", table(HEAD, rows), *drawn))
    print(f"plots: {chosen.out}")


if __name__ == "__main__":
    main()
