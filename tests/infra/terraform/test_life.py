"""What an apply makes is what the plan said, and every change that an operator makes does what the documentation promises."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from tests.support.terraform.kinds import KINDS, RECORDED
from tests.support.terraform.life import kind_of

TIERS = ("annotate", "utility", "web")
UPDATED = {tier: ["update"] for tier in TIERS}
GROUP = re.compile(r'module\.gas\.module\.(?:fleet\["(\w+)"\]|portal)\.(\w+)\.(\w+)(\[.*\])?')
REPLACED = "module.gas.terraform_data.replaced"
"""What waits until the daemons' instances are of the new release."""


def fleet(actions: dict[str, list[str]]) -> dict[str, dict[str, list[str]]]:
    """Of a plan's actions those on the fleets: by type and name of the thing, then by tier."""
    found: dict[str, dict[str, list[str]]] = {}
    for address, what in actions.items():
        if match := GROUP.fullmatch(address):
            found.setdefault(f"{match[2]}.{match[3]}", {})[match[1] or "web"] = what
    return found


def module(tier: str) -> str:
    return "module.gas.module.portal" if tier == "web" else f'module.gas.module.fleet["{tier}"]'


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
    for step in ("release", "by hand", "drain", "rebuild", "back", "unprotect", "destroy"):
        counted += kinds(life.actions(step)) if step in life.plans else Counter()
    told = {
        "deployment": "-".join((life.deployment.environment, life.deployment.backend)),
        "created": len(really),
        "recorded": len(applied) - len(really) - 1,
        "read back": len(life.compared),
        "attributes": sum(life.compared.values()),
        **{word: counted[word] for word in ("changed", "replaced", "destroyed")},
        "seconds": round(life.deployment.seconds + sum(life.seconds.values())),
    }
    record_property("infrastructure", told)


def test_every_type_is_made_or_recorded_for_a_reason(deployment: Any, record_property: Any) -> None:
    used = {kind_of(address) for address in deployment.planned("") if address != REPLACED}
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
    assert life.actions("release")[REPLACED] == ["delete", "create"]
    assert len(life.actions("release")) == 2 * len(TIERS) + 1
    for tier in TIERS:
        template = life.change("release", f"{module(tier)}.aws_launch_template.this")
        assert template["after_unknown"]["latest_version"] is True
        changed = {name for name, value in template["after"].items() if template["before"].get(name) != value}
        assert changed == {"user_data"}
        group = life.change("release", f"{module(tier)}.aws_autoscaling_group.this")
        (policy,) = group["after_unknown"]["mixed_instances_policy"]
        assert policy["launch_template"][0]["launch_template_specification"][0]["version"] is True
        assert group["after"]["instance_refresh"][0]["strategy"] == "Rolling"
        seen = life.seen["release"][f"gas-{life.deployment.environment}-{tier}"]
        assert (seen["latest"], seen["default"], seen["launched"]) == (2, 2, "2")


def test_new_release_reaches_the_portal_after_the_daemons(life: Any) -> None:
    """In one apply: both tiers of daemons at once; the portal's is not touched before the last of their refreshes has ended."""
    tiers = {f"gas-{life.deployment.environment}-{tier}": tier for tier in TIERS}
    asked = [(operation, tiers[group]) for operation, group in life.asked["release"]]
    looks = [n for n, call in enumerate(asked) if call == ("DescribeInstanceRefreshes", "utility")]
    assert len(looks) == 3  # Pending, InProgress, Successful
    changes = ("CreateLaunchTemplateVersion", "UpdateAutoScalingGroup", "StartInstanceRefresh")
    for operation in changes:
        for tier in ("annotate", "utility"):
            assert asked.index((operation, tier)) < looks[0]
        assert asked.index((operation, "web")) > looks[-1]
    # a fleet that sleeps is there at once, and nothing waits for the portal
    assert asked.count(("DescribeInstanceRefreshes", "annotate")) == 1
    assert ("DescribeInstanceRefreshes", "web") not in asked


def test_a_release_that_fails_on_the_daemons_never_reaches_the_portal(life: Any) -> None:
    if life.deployment.environment == "prod":
        assert "bad release" not in life.refused
        return
    said = " ".join(life.refused["bad release"].replace("│", " ").split())
    assert "The instance refresh of gas-dev-utility is Failed: Instances failed to launch." in said
    assert "aws autoscaling start-instance-refresh --region us-east-1 --auto-scaling-group-name gas-dev-utility" in said
    of_portal = [operation for operation, group in life.asked["bad release"] if group == "gas-dev-web"]
    assert "UpdateAutoScalingGroup" not in of_portal and "CreateLaunchTemplateVersion" not in of_portal
    before, after = life.seen["rebuild"], life.seen["bad release"]
    assert after["gas-dev-web"] == before["gas-dev-web"]
    assert int(after["gas-dev-utility"]["launched"]) == int(before["gas-dev-utility"]["launched"]) + 1


def test_the_release_before_takes_a_bad_one_back(life: Any) -> None:
    if life.deployment.environment == "prod":
        return
    daemons = {"annotate": ["update"], "utility": ["update"]}
    assert fleet(life.actions("back")) == {"aws_launch_template.this": daemons, "aws_autoscaling_group.this": daemons}
    assert life.actions("back")[REPLACED] == ["delete", "create"]
    assert life.seen["back"]["gas-dev-web"] == life.seen["rebuild"]["gas-dev-web"]


def test_change_by_hand_is_seen_and_taken_back(life: Any) -> None:
    """And nothing else has drifted."""
    address = 'module.gas.module.observability.aws_cloudwatch_log_group.tier["web"]'
    assert life.actions("by hand") == {address: ["update"]}
    change = life.change("by hand", address)
    declared = life.deployment.planned("aws_cloudwatch_log_group")[address]["retention_in_days"]
    assert (change["before"]["retention_in_days"], change["after"]["retention_in_days"]) == (14, declared)
    assert life.seen["by hand"] == declared != 14


def test_a_longer_boot_changes_a_hook_and_nothing_else(life: Any) -> None:
    """Given with the creation of a group alone, the hook would replace the group and take every instance of a tier away."""
    launch = {f'{module(tier)}.aws_autoscaling_lifecycle_hook.this["launch"]': ["update"] for tier in TIERS}
    assert life.actions("hook") == launch


def test_a_new_group_has_its_hooks_before_its_first_instance(life: Any) -> None:
    """In the same call that makes the group; a hook that comes after it races the instances that the group launches."""
    groups = life.deployment.planned("aws_autoscaling_group").values()
    hooks = list(life.deployment.planned("aws_autoscaling_lifecycle_hook").values())
    assert len(groups) == len(TIERS)
    names = ("name", "lifecycle_transition", "default_result", "heartbeat_timeout")
    for group in groups:
        of_group = [hook for hook in hooks if hook["autoscaling_group_name"] == group["name"]]
        given = [{name: hook[name] for name in names} for hook in group["initial_lifecycle_hook"]]
        assert sorted(given, key=repr) == sorted(({name: hook[name] for name in names} for hook in of_group), key=repr)
        assert {hook["name"] for hook in given} == {"configured", "drained"}


def test_changed_drain_reaches_hooks_and_daemons_in_place(life: Any) -> None:
    """A drain is a setting of the daemons, so templates change too; instances get a minute more than the daemons."""
    assert fleet(life.actions("drain")) == {
        "aws_launch_template.this": UPDATED,
        "aws_autoscaling_group.this": UPDATED,
        "aws_autoscaling_lifecycle_hook.this": UPDATED,
    }
    assert len(life.actions("drain")) == 3 * len(TIERS) + 1
    for tier in TIERS:
        seen = life.seen["drain"][f"gas-{life.deployment.environment}-{tier}"]
        assert seen["hooks"]["drained"] == 155
        assert (seen["latest"], seen["launched"]) == (3, "3")


def test_a_group_that_is_replaced_gets_its_hooks_and_policies_again(life: Any) -> None:
    """AWS deletes both with a group, and Terraform would not notice before the next apply."""
    actions = life.actions("rebuild")
    web = [address for address in life.deployment.applied("") if address.startswith(module("web"))]
    gone = {address for address in web if kind_of(address).startswith("aws_autoscaling")}
    assert set(actions) == gone and len(gone) >= 3
    assert {tuple(what) for what in actions.values()} == {("delete", "create")}
    seen = life.seen["rebuild"][f"gas-{life.deployment.environment}-web"]
    assert seen["hooks"] == {"configured": 900, "drained": 155}


def test_protected_data_outlives_a_destroy(life: Any) -> None:
    if life.deployment.environment == "dev":
        assert "destroy" not in life.refused
        return
    assert life.refused["destroy"].count("DeletionProtectionEnabled") >= 2
    assert "the load balancer is protected" in life.refused["destroy"]
    actions = life.actions("unprotect")
    kept = [address for address in actions if "aws_dynamodb_table" in address or address.endswith("aws_lb.this")]
    assert len(kept) == 3
    assert all(actions[address] == ["update"] for address in kept)


def test_destroy_takes_everything(life: Any) -> None:
    assert {tuple(what) for what in life.actions("destroy").values()} == {("delete",)}
    assert set(life.actions("destroy")) == set(life.deployment.applied(""))
    assert life.left == []
