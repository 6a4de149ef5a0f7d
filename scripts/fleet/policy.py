"""What Terraform and the daemons say about the annotators: read from them, never written down again."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hcl2

from app.settings import Settings
from workers.annotate import SPEC

HERE = Path(__file__).parent
TERRAFORM = HERE.parents[1] / "terraform"


Measure = Callable[[int, int, int], float]
"""What the group follows, from messages waiting, messages in work, and instances that serve."""


@dataclass(frozen=True)
class Policy:
    """The autoscaling of one fleet of annotators. Seconds, messages, instances."""

    least: int
    most: int
    backlog: float  # messages waiting or in work an instance that the group aims at
    slots: int  # jobs that an instance works on at once
    giants: int  # of these, how many may be giants
    giant_bytes: int
    on_demand: int
    spot: bool
    baked: bool
    warmup: int
    drain: int
    volume_gb: int
    measure: Measure
    queue: str = "fifo"  # "fair": a user who holds much of what is in work waits behind the others


def read(environment: str = "prod") -> Policy:
    """The policy as `environments/…/terraform.tfvars`, modules/fleet and the daemon's own numbers have it."""
    variables = _load(TERRAFORM / "environments" / environment / "terraform.tfvars")
    fleet = variables["fleets"]["annotate"]
    group = next(
        values
        for resource in _load(TERRAFORM / "modules" / "fleet" / "main.tf")["resource"]
        for name, values in resource.get("aws_autoscaling_group", {}).items()
    )
    return Policy(
        least=fleet["min"],
        most=fleet["max"],
        backlog=fleet["scaling"]["backlog_per_instance"],
        slots=SPEC.concurrency,
        giants=max(1, SPEC.concurrency - 1),
        giant_bytes=Settings.model_fields["giant_bytes"].default,
        on_demand=fleet.get("on_demand_base", 0),
        spot=fleet.get("spot", False),
        baked=bool(fleet.get("image_id")),
        warmup=group["default_instance_warmup"],
        drain=Settings.model_fields["drain_seconds"].default,
        volume_gb=fleet.get("volume_gb", 20),
        measure=_measure(),
    )


def _measure() -> Measure:
    """CloudWatch's metric math, as modules/fleet has it. A giant that waits for a slot is delayed there, and waits here."""
    (found,) = _load(TERRAFORM / "modules" / "fleet" / "scaling.tf")["locals"]
    messages, share = (compile(found["backlog_expressions"][name]["expression"], name, "eval") for name in ("v", "backlog"))
    words = {"FILL": lambda value, _: value, "IF": lambda holds, yes, no: yes if holds else no}

    def measure(waiting: int, working: int, serving: int) -> float:
        values = {"waiting": waiting, "working": working, "delayed": 0, "n": serving}
        v = float(eval(messages, words, values))
        return float(eval(share, words, {**values, "v": v})) if serving else v

    return measure


def world() -> dict[str, Any]:
    return tomllib.loads((HERE / "world.toml").read_text())


def _load(path: Path) -> dict[str, Any]:
    with path.open() as file:
        return _plain(hcl2.load(file))


def _plain(value: Any) -> Any:
    """Without the quotes that the parser keeps."""
    if isinstance(value, dict):
        return {_plain(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value.strip('"') if isinstance(value, str) else value
