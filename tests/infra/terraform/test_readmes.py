"""What the documentation says is so: every module, and the cost of dev at rest, part by part."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent.parent
README = ROOT / "terraform" / "README.md"
ROW = re.compile(r"^\| ([^|]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", re.MULTILINE)
HOURS = 730


def test_every_module_is_named() -> None:
    linked = set(re.findall(r"\]\(modules/(\w+)\)", README.read_text()))
    assert linked | {"gas"} == {path.name for path in (ROOT / "terraform" / "modules").iterdir()}


def section(environment: str) -> str:
    return README.read_text().partition(f"## What {environment} costs at rest")[2].partition("\n## ")[0]


def parts(environment: str) -> dict[str, tuple[float, float, float]]:
    """Quantity, unit price and month's price of each part."""
    return {part: (float(many), float(price), float(month)) for part, many, price, month in ROW.findall(section(environment))}


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_costs_add_up(environment: str) -> None:
    costs = parts(environment)
    for part, (many, price, month) in costs.items():
        assert month == pytest.approx(many * price, abs=0.006), part
    (together,) = re.findall(r"\*\*together\*\* \| \| \| \*\*([\d.]+)\*\*", section(environment))
    assert float(together) == pytest.approx(sum(month for _, _, month in costs.values()), abs=0.001)


def test_costs_of_prod_count_what_is_planned(deploy: Any) -> None:
    prod, costs = deploy("prod", "s3"), parts("prod")
    gateways, groups = len(prod.planned("aws_nat_gateway")), prod.planned("aws_autoscaling_group").values()
    said = {
        start: sum(many for part, (many, _, _) in costs.items() if part.startswith(start)) for start in ("NAT", "public", "inst")
    }
    assert said == {
        "NAT": HOURS * gateways,
        "public": HOURS * (len(prod.planned("aws_subnet")) // 2 + gateways),
        "inst": HOURS * sum(group["min_size"] for group in groups),
    }


def test_costs_of_dev_count_what_is_planned(deploy: Any) -> None:
    costs = parts("dev")
    dev = deploy("dev", "s3")
    groups = dev.planned("aws_autoscaling_group").values()
    instances = sum(group["min_size"] for group in groups)
    (balancer,) = dev.applied("aws_lb").values()
    alarms = dev.planned("aws_cloudwatch_metric_alarm").values()
    metrics = sum(len([query for query in alarm.get("metric_query", []) if query["metric"]]) or 1 for alarm in alarms)
    # a target tracking policy makes two alarms of its own
    for policy in dev.planned("aws_autoscaling_policy").values():
        for tracking in policy["target_tracking_configuration"]:
            metrics += 2 * len([m for m in tracking["customized_metric_specification"][0]["metrics"] if m["metric_stat"]])
    volumes = sum(
        group["min_size"] * template["block_device_mappings"][0]["ebs"][0]["volume_size"]
        for group in groups
        for template in dev.planned("aws_launch_template").values()
        if template["name"] == group["name"]
    )
    expected = {
        "load balancer": HOURS,
        "public IPv4": HOURS * (len(dev.planned("aws_subnet")) // 2 + instances),
        "instances": HOURS * instances,
        "their gp3 volumes": volumes,
        "alarms": metrics - 10,
        "secrets": len(dev.planned("aws_secretsmanager_secret")),
    }
    assert not dev.planned("aws_nat_gateway") and balancer
    said = {start: many for start in expected for part, (many, _, _) in costs.items() if part.startswith(start)}
    assert said == expected, json.dumps(expected)
