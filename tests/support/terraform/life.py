"""A deployment's life in an emulator, step by step: each is a plan of real Terraform core, and most are applied."""

from __future__ import annotations

import base64
import json
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import boto3

from tests.support.terraform.kinds import KINDS
from tests.support.terraform.kinds.kind import Missing
from tests.support.terraform.kinds.shape import agrees, declared

REBUILT = "module.gas.module.portal.aws_autoscaling_group.this"
HOOK = 'module "fleet" {\n  boot_seconds = 1800\n}\n\nmodule "portal" {\n  boot_seconds = 1800\n}\n'
DRAIN = 'module "gas" {\n  timing = { drain = 95 }\n}\n'


@dataclass(frozen=True)
class Life:
    """`plans` by step, as `terraform show -json`; `compared` is how many attributes of each thing were read back and
    compared with the plan, `different` what AWS has otherwise; `seen` what the emulator had after a step; `asked` what was asked
    of fleets in a step, and of which; `refused` what an apply said that failed, by step; `seconds` by step."""

    deployment: Any
    plans: dict[str, dict[str, Any]]
    compared: dict[str, int]
    different: dict[str, list[str]]
    seen: dict[str, Any]
    asked: dict[str, list[list[str]]]
    refused: dict[str, str]
    left: list[str]
    seconds: dict[str, float]

    def actions(self, step: str) -> dict[str, list[str]]:
        """What a plan does to each managed thing that it does not leave alone."""
        return {
            change["address"]: change["change"]["actions"]
            for change in self.plans[step]["resource_changes"]
            if change["mode"] == "managed" and change["change"]["actions"] != ["no-op"]
        }

    def change(self, step: str, address: str) -> dict[str, Any]:
        """Before, after and what is only known after the apply, of one thing."""
        return next(one["change"] for one in self.plans[step]["resource_changes"] if one["address"] == address)


def clients(endpoint: str, region: str = "us-east-1") -> Callable[[str], Any]:
    """boto3 clients by service on an emulator."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": region}
    return cache(lambda service: boto3.client(service, endpoint_url=endpoint, **keys))


def kind_of(address: str) -> str:
    """The resource type in an address, whose keys may have dots in them."""
    return re.sub(r"\[[^\]]*\]", "", address).split(".")[-2]


def read_back(aws: Callable[[str], Any], planned: dict[str, Any], applied: dict[str, Any]) -> tuple[dict, dict]:
    """Compares what AWS has of each thing that was made with what the plan said of it.

    Returns how many attributes were compared, by address, and the names of those that differ.
    """
    compared: dict[str, int] = {}
    different: dict[str, list[str]] = {}
    for address, values in applied.items():
        kind = KINDS.get(kind_of(address))
        if kind is None:
            continue
        found = kind.attributes(aws, values)
        said = declared(kind.shape, planned[address])
        said |= {"tags_all": planned[address].get("tags_all")} if kind.tags else {}
        looked = [name for name, value in said.items() if value not in (None, [], {})]
        compared[address] = len(looked)
        if wrong := [name for name in looked if not agrees(said[name], found[name])]:
            different[address] = wrong
    return compared, different


def remaining(aws: Callable[[str], Any], applied: dict[str, Any]) -> list[str]:
    """Addresses of things that AWS still has."""
    found = []
    for address, values in applied.items():
        kind = kind_of(address)
        # a group that came with the VPC goes with it; a flow log and a NAT gateway stay in the answers for a while
        if kind in KINDS:
            try:
                KINDS[kind].attributes(aws, values)
            except Missing:
                continue
            found.append(address)
    return found


def live(core: Any, folder: Path, made: Any) -> dict[str, Any]:
    """Goes through the steps. `folder` is a copy of the deployment's, with its state."""
    aws = clients(made.endpoint)
    plans: dict[str, Any] = {}
    seconds: dict[str, float] = {}
    seen: dict[str, Any] = {}
    asked: dict[str, Any] = {}
    refused: dict[str, str] = {}
    utility = f"gas-{made.environment}-utility"
    always = ("-input=false", f"-var=archive_backend={made.backend}")

    def plan(step: str, *options: str, apply: bool = False) -> None:
        began = time.monotonic()
        core.run(folder, "plan", f"-out={step}", *always, *options)
        plans[step] = {"resource_changes": core.json(folder, "show", "-json", step)["resource_changes"]}
        if apply:
            core.run(folder, "apply", "-input=false", step)
        seconds[step] = time.monotonic() - began

    began = time.monotonic()
    compared, different = read_back(aws, made.planned(""), made.applied(""))
    seconds["read back"] = time.monotonic() - began
    plan("again")
    # an instance that the release has to replace; the annotators sleep
    aws("autoscaling").set_desired_capacity(AutoScalingGroupName=utility, DesiredCapacity=1)
    _refreshes(aws, utility, "Pending InProgress Successful")
    with _recorded(made.endpoint) as asked["release"]:
        plan("release", "-refresh=false", "-var=release=0.2.0", apply=True)
    seen["release"] = _templates_and_groups(aws)
    released = "-var=release=0.2.0"
    # not an attribute of a queue: when one is set, the emulator forgets the queue's policy
    group = f"/gas/gas-{made.environment}/web"
    aws("logs").put_retention_policy(logGroupName=group, retentionInDays=14)
    plan("by hand", released, apply=True)
    seen["by hand"] = aws("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["retentionInDays"]
    override = folder.parent.parent / "modules" / "gas" / "hook_override.tf"
    override.write_text(HOOK)
    plan("hook", "-refresh=false", released)
    override.unlink()
    override = folder / "drain_override.tf"
    override.write_text(DRAIN)
    plan("drain", "-refresh=false", released, apply=True)
    seen["drain"] = _templates_and_groups(aws)
    plan("rebuild", "-refresh=false", released, f"-replace={REBUILT}", apply=True)
    seen["rebuild"] = _templates_and_groups(aws)
    if made.environment == "dev":
        _refreshes(aws, utility, "InProgress Failed")
        plan("bad release", "-refresh=false", "-var=release=0.3.0")
        with _recorded(made.endpoint) as asked["bad release"]:
            done = core.try_run(folder, "apply", "-input=false", "-no-color", "bad release")
        refused["bad release"] = done.stdout + done.stderr if done.returncode else ""
        seen["bad release"] = _templates_and_groups(aws)
        _refreshes(aws, utility, "Successful")
        plan("back", "-refresh=false", released, apply=True)
        seen["back"] = _templates_and_groups(aws)
    if made.environment == "prod":
        # with what depends on them; a secret that is destroyed keeps its name for days, so that it could not be made again
        targets = ("-target=module.gas.module.tables", "-target=module.gas.module.web.aws_lb.this")
        done = core.try_run(folder, "destroy", "-auto-approve", "-refresh=false", *always, released, *targets)
        refused["destroy"] = done.stdout + done.stderr if done.returncode else ""
        plan("unprotect", "-refresh=false", released, "-var=protect=false", apply=True)
    applied = _managed(core.json(folder, "show", "-json")["values"]["root_module"])
    plan("destroy", "-destroy", "-refresh=false", released, "-var=protect=false", apply=True)
    return {
        "plans": plans,
        "compared": compared,
        "different": different,
        "seen": seen,
        "asked": asked,
        "refused": refused,
        "left": remaining(aws, applied),
        "seconds": seconds,
    }


def _managed(module: dict[str, Any]) -> dict[str, Any]:
    found = {item["address"]: item["values"] for item in module.get("resources", []) if item["mode"] == "managed"}
    for child in module.get("child_modules", []):
        found |= _managed(child)
    return found


def _refreshes(aws: Callable[[str], Any], group: str, states: str) -> None:
    """Says what the instance refreshes of a group go through from now on."""
    tag = {
        "ResourceId": group,
        "ResourceType": "auto-scaling-group",
        "Key": "refresh",
        "Value": states,
        "PropagateAtLaunch": False,
    }
    aws("autoscaling").create_or_update_tags(Tags=[tag])


@contextmanager
def _recorded(endpoint: str) -> Iterator[list[list[str]]]:
    """A list that has, once its block ends, each call on groups and launch templates: the operation, and the group's name."""

    def recorder(what: str) -> str:
        method = "GET" if what.startswith("download") else "POST"
        with urllib.request.urlopen(urllib.request.Request(f"{endpoint}/moto-api/recorder/{what}", method=method)) as answer:
            return answer.read().decode()

    recorder("reset-recording")
    recorder("start-recording")
    calls: list[list[str]] = []
    try:
        yield calls
    finally:
        recorder("stop-recording")
        templates = clients(endpoint)("ec2").describe_launch_templates()["LaunchTemplates"]
        names = {one["LaunchTemplateId"]: one["LaunchTemplateName"] for one in templates}
        for line in recorder("download-recording").splitlines():
            said = parse_qs(base64.b64decode(json.loads(line)["body"]).decode())
            of = next((said[name][0] for name in said if name.startswith(("AutoScalingGroupName", "LaunchTemplateId"))), "")
            if of:
                calls.append([said["Action"][0], names.get(of, of)])


def _templates_and_groups(aws: Callable[[str], Any]) -> dict[str, Any]:
    """Latest and default version of each launch template, and the version and hooks of each group."""
    templates = aws("ec2").describe_launch_templates()["LaunchTemplates"]
    groups = aws("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    found: dict[str, Any] = {}
    for template in templates:
        found[template["LaunchTemplateName"]] = {
            "latest": template["LatestVersionNumber"],
            "default": template["DefaultVersionNumber"],
        }
    for group in groups:
        name = group["AutoScalingGroupName"]
        launched = group["MixedInstancesPolicy"]["LaunchTemplate"]["LaunchTemplateSpecification"]
        hooks = aws("autoscaling").describe_lifecycle_hooks(AutoScalingGroupName=name)["LifecycleHooks"]
        found[name] |= {
            "launched": launched["Version"],
            "hooks": {hook["LifecycleHookName"]: hook["HeartbeatTimeout"] for hook in hooks},
        }
    return found
