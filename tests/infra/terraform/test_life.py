"""What an apply makes is what the plan said, and every change that an operator makes does what the documentation promises."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

from tests.support.terraform.kinds import KINDS, RECORDED
from tests.support.terraform.life import kind_of

TIERS = ("annotate", "utility", "web")
UPDATED = {tier: ["update"] for tier in TIERS}
REPLACED = {tier: ["delete", "create"] for tier in TIERS}
GROUP = re.compile(r'module\.gas\.module\.fleet\["(\w+)"\]\.(\w+)\.(\w+)(\[.*\])?')


def fleet(actions: dict[str, list[str]]) -> dict[str, dict[str, list[str]]]:
    """Of a plan's actions those on the fleets: by type and name of the thing, then by tier."""
    found: dict[str, dict[str, list[str]]] = {}
    for address, what in actions.items():
        if match := GROUP.fullmatch(address):
            found.setdefault(f"{match[2]}.{match[3]}", {})[match[1]] = what
    return found


def kinds(actions: dict[str, list[str]]) -> Counter[str]:
    """How often a plan does what: created, changed, replaced, destroyed."""
    words = {("create",): "created", ("update",): "changed", ("delete",): "destroyed"}
    return Counter(words.get(tuple(what), "replaced") for what in actions.values())


def test_what_was_made_is_what_was_planned(life: Any, record_property: Any) -> None:
    applied = life.deployment.applied("")
    really = {address for address in applied if kind_of(address) in KINDS}
    assert set(life.compared) == really
    assert life.different == {}
    assert sum(life.compared.values()) > 4 * len(really)
    counted: Counter[str] = Counter()
    for step in ("release", "by hand", "drain", "unprotect", "destroy"):
        counted += kinds(life.actions(step)) if step in life.plans else Counter()
    told = {
        "deployment": "-".join((life.deployment.environment, life.deployment.backend)),
        "created": len(really),
        "recorded": len(applied) - len(really),
        "read back": len(life.compared),
        "attributes": sum(life.compared.values()),
        **{word: counted[word] for word in ("changed", "replaced", "destroyed")},
        "seconds": round(life.deployment.seconds + sum(life.seconds.values())),
    }
    record_property("infrastructure", told)


def test_every_type_is_made_or_recorded_for_a_reason(deployment: Any, record_property: Any) -> None:
    used = {kind_of(address) for address in deployment.planned("")}
    assert used <= KINDS.keys() | RECORDED.keys()
    assert not KINDS.keys() & RECORDED.keys()
    record_property("types", {"made": sorted(KINDS), "recorded": RECORDED})


def test_what_was_made_needs_no_change(life: Any) -> None:
    """Everything was refreshed from the emulator before this plan."""
    assert life.actions("again") == {}


def test_new_release_changes_templates_and_rolls_the_groups(life: Any) -> None:
    """The normal deploy: nothing but launch templates and their groups, in place, and the groups launch the new version."""
    assert fleet(life.actions("release")) == {
        "aws_launch_template.this": UPDATED,
        "aws_autoscaling_group.this": UPDATED,
    }
    assert len(life.actions("release")) == 2 * len(TIERS)
    for tier in TIERS:
        module = f'module.gas.module.fleet["{tier}"]'
        template = life.change("release", f"{module}.aws_launch_template.this")
        assert template["after_unknown"]["latest_version"] is True
        changed = {name for name, value in template["after"].items() if template["before"].get(name) != value}
        assert changed == {"user_data"}
        group = life.change("release", f"{module}.aws_autoscaling_group.this")
        (policy,) = group["after_unknown"]["mixed_instances_policy"]
        assert policy["launch_template"][0]["launch_template_specification"][0]["version"] is True
        assert group["after"]["instance_refresh"][0]["strategy"] == "Rolling"
        seen = life.seen["release"][f"gas-{life.deployment.environment}-{tier}"]
        assert (seen["latest"], seen["default"], seen["launched"]) == (2, 2, "2")


def test_change_by_hand_is_seen_and_taken_back(life: Any) -> None:
    """And nothing else has drifted."""
    address = 'module.gas.module.observability.aws_cloudwatch_log_group.tier["web"]'
    assert life.actions("by hand") == {address: ["update"]}
    change = life.change("by hand", address)
    declared = life.deployment.planned("aws_cloudwatch_log_group")[address]["retention_in_days"]
    assert (change["before"]["retention_in_days"], change["after"]["retention_in_days"]) == (14, declared)
    assert life.seen["by hand"] == declared != 14


@pytest.mark.parametrize("step", ["hook", "drain"])
def test_changed_hook_replaces_every_group_and_what_scales_it(life: Any, step: str) -> None:
    """Nothing else goes with the groups: neither their templates nor the load balancer."""
    changed = fleet(life.actions(step))
    assert changed.pop("aws_autoscaling_group.this") == REPLACED
    # a group that is deleted takes its policies along, so that they have to be made again in the same apply
    replaced = {address for address, what in life.actions(step).items() if what == ["delete", "create"]}
    policies = set(life.deployment.applied("aws_autoscaling_policy"))
    groups = {address for address in replaced if "aws_autoscaling_group" in address}
    assert policies and replaced - groups == policies
    if step == "hook":
        for tier in TIERS:
            change = life.change(step, f'module.gas.module.fleet["{tier}"].aws_autoscaling_group.this')
            assert change["replace_paths"] == [["initial_lifecycle_hook"]]


def test_changed_drain_reaches_hooks_and_daemons(life: Any) -> None:
    """A drain is a setting of the daemons, so templates change too; instances get a minute more than the daemons."""
    changed = fleet(life.actions("drain"))
    assert changed["aws_launch_template.this"] == UPDATED
    for tier in TIERS:
        seen = life.seen["drain"][f"gas-{life.deployment.environment}-{tier}"]
        assert seen["hooks"]["drained"] == 155
        assert (seen["latest"], seen["launched"]) == (3, "3")


def test_protected_data_outlives_a_destroy(life: Any) -> None:
    if life.deployment.environment == "dev":
        assert life.refused == ""
        return
    assert life.refused.count("DeletionProtectionEnabled") >= 2
    assert "the load balancer is protected" in life.refused
    actions = life.actions("unprotect")
    kept = [address for address in actions if "aws_dynamodb_table" in address or address.endswith("aws_lb.this")]
    assert len(kept) == 3
    assert all(actions[address] == ["update"] for address in kept)


def test_destroy_takes_everything(life: Any) -> None:
    assert {tuple(what) for what in life.actions("destroy").values()} == {("delete",)}
    assert set(life.actions("destroy")) == set(life.deployment.applied(""))
    assert life.left == []
