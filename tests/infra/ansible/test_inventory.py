"""The dynamic inventory against an emulated EC2: the instances of one deployment that run, by tier."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import boto3
import pytest

from tests.support.ansible import BIN

Run = Callable[..., subprocess.CompletedProcess[str]]
IMAGE = "ami-0123456789abcdef0"
"""Any will do: to ask the emulator for one of its own takes longer than the inventory."""


def launch(deployment: str, tier: str, count: int = 1, region: str = "us-east-1") -> list[str]:
    ec2 = boto3.client("ec2", region_name=region)
    tags = [{"Key": "Deployment", "Value": deployment}, {"Key": "Tier", "Value": tier}, {"Key": "Project", "Value": "gas"}]
    made = ec2.run_instances(
        ImageId=IMAGE, MinCount=count, MaxCount=count, TagSpecifications=[{"ResourceType": "instance", "Tags": tags}]
    )
    return [instance["InstanceId"] for instance in made["Instances"]]


@pytest.mark.parametrize(("environment", "other"), [("dev", "prod"), pytest.param("prod", "dev", marks=pytest.mark.night)])
def test_instances_of_a_deployment_by_tier(aws_endpoint: str, run: Run, environment: str, other: str) -> None:
    before = json.loads(listed(run, aws_endpoint, environment).stdout)
    web, utility = launch(f"gas-{environment}", "web", 2), launch(f"gas-{environment}", "utility")
    launch(f"gas-{other}", "web")
    stopped = launch(f"gas-{environment}", "web")
    boto3.client("ec2").terminate_instances(InstanceIds=stopped)
    found = json.loads(listed(run, aws_endpoint, environment).stdout)
    assert set(hosts(found, "tier_web")) - set(hosts(before, "tier_web")) == set(web)
    assert set(hosts(found, "tier_utility")) - set(hosts(before, "tier_utility")) == set(utility)
    told = found["_meta"]["hostvars"]
    assert plain(told[web[0]]["gas_instance"]) == web[0]
    assert plain(told[web[0]]["gas_target_group"]) == f"gas-{environment}"
    assert plain(told[utility[0]]["gas_target_group"]) == ""
    assert plain(told[web[0]]["ansible_connection"]) == "amazon.aws.aws_ssm"
    assert plain(told[web[0]]["ansible_aws_ssm_bucket_name"]).startswith("gas-ansible-")


def test_instances_are_found_in_the_region_of_the_environment(aws_endpoint: str, run: Run) -> None:
    launched = launch("gas-dev", "web", region="eu-central-1")
    found = json.loads(listed(run, aws_endpoint, "dev", "eu-central-1").stdout)
    assert set(hosts(found, "tier_web")) == set(launched)
    assert plain(found["_meta"]["hostvars"][launched[0]]["ansible_aws_ssm_region"]) == "eu-central-1"


def test_without_a_region_nothing_is_guessed(run: Run) -> None:
    done = run(*LIST, "-i", "inventory/dev.aws_ec2.yml", AWS_REGION="", AWS_DEFAULT_REGION="")
    assert "export AWS_REGION" in done.stderr


LIST = (str(BIN / "ansible-inventory"), "--list")


def listed(run: Run, endpoint: str, environment: str, region: str = "us-east-1") -> subprocess.CompletedProcess[str]:
    done = run(*LIST, "-i", f"inventory/{environment}.aws_ec2.yml", AWS_ENDPOINT_URL=endpoint, AWS_REGION=region)
    assert done.returncode == 0 and "[WARNING]: Unable to parse" not in done.stderr, done.stderr
    return done


def plain(value: str | dict[str, str]) -> str:
    """Ansible marks what came from elsewhere as unsafe."""
    return value["__ansible_unsafe"] if isinstance(value, dict) else value


def hosts(inventory: dict[str, dict[str, list[str]]], group: str) -> list[str]:
    return inventory.get(group, {}).get("hosts", [])
