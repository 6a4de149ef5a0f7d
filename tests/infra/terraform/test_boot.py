"""The user data, run: it configures the instance by the release's Ansible and tells the group, for good or ill."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

TIERS = ("web", "annotate", "utility")

# stands for every program that is called: writes down how, and does the least that the script needs
PROGRAM = """#!/bin/bash
name=$(basename "$0")
printf '%s %s\\n' "$name" "$*" >> "$CALLS"
case "$name $1 $2" in
  "cloud-init query v1.instance_id") echo i-0123456789abcdef0 ;;
  "aws s3 cp") cat "$RELEASE" ;;
  "aws autoscaling complete-lifecycle-action") [ -z "$REFUSAL" ] || { echo "$REFUSAL" >&2; exit 254; } ;;
  "dpkg --install"*) mkdir -p "$AGENT" && cp "$0" "$AGENT/amazon-cloudwatch-agent-ctl" ;;
esac
[ "$name" != "$FAILING" ]
"""


@pytest.fixture
def machine(tmp_path: Path) -> Any:
    """Runs a boot script with its folders moved below `tmp_path`; returns its exit status and the calls that it made."""
    programs, calls = tmp_path / "bin", tmp_path / "calls"
    programs.mkdir()
    for name in ("aws", "cloud-init", "apt-get", "ansible-playbook", "dpkg", "sleep"):
        (programs / name).write_text(PROGRAM)
        (programs / name).chmod(0o755)
    for folder in ("ansible", "packages"):
        (tmp_path / folder).mkdir()
    (tmp_path / "packages/amazon-cloudwatch-agent.deb").touch()
    archive = f"{tmp_path}/release.tar.gz"
    subprocess.run(["tar", "--create", "--gzip", f"--file={archive}", "-C", tmp_path, "ansible", "packages"], check=True)
    agent = tmp_path / "opt/aws/amazon-cloudwatch-agent/bin"

    def boot(
        script: str, failing: str = "", *, absent: str = "", refusal: str = "", baked: bool = False
    ) -> tuple[int, list[str]]:
        for folder in ("/etc/gas", "/opt/gas", "/opt/aws"):
            script = script.replace(folder, f"{tmp_path}{folder}")
        if absent:
            (programs / absent).unlink()
        if baked:
            agent.mkdir(parents=True)
            shutil.copy(programs / "aws", agent / "amazon-cloudwatch-agent-ctl")
        environment = {
            "PATH": f"{programs}:/usr/bin:/bin",
            "CALLS": str(calls),
            "RELEASE": archive,
            "FAILING": failing,
            "REFUSAL": refusal,
            "AGENT": str(agent),
        }
        calls.write_text("")
        done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, timeout=60)
        return done.returncode, calls.read_text().splitlines()

    return boot


def script(deployment: Any, tier: str) -> str:
    module = "module.portal." if tier == "web" else f'module.fleet["{tier}"].'
    (template,) = (values for address, values in deployment.applied("aws_launch_template").items() if module in address)
    return base64.b64decode(template["user_data"]).decode()


@pytest.fixture
def dev(deploy: Any) -> Any:
    return deploy("dev", "s3")


@pytest.mark.parametrize("tier", TIERS)
def test_boot_configures_and_says_so(dev: Any, machine: Any, tmp_path: Path, tier: str) -> None:
    status, calls = machine(script(dev, tier))
    assert status == 0
    assert "aws s3 cp --only-show-errors s3://gas-releases-123456789012/releases/0.1.0.tar.gz -" in calls
    (playbook,) = (call for call in calls if call.startswith("ansible-playbook"))
    assert playbook.startswith("ansible-playbook site.yml --inventory localhost, --connection local --tags install,configure")
    assert calls[-1] == (
        "aws autoscaling complete-lifecycle-action --lifecycle-action-result CONTINUE --instance-id i-0123456789abcdef0 "
        f"--auto-scaling-group-name gas-dev-{tier} --lifecycle-hook-name configured"
    )
    told = json.loads((tmp_path / "etc/gas/deployment.json").read_text())
    assert told == json.loads(dev.output("deployments")[tier])
    assert told["gas_settings"] == dev.output("settings")
    assert bool(told["gas_secret"]) == (tier == "web")
    assert (tmp_path / "etc/gas/deployment.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("failing", ["ansible-playbook", "aws"])
def test_boot_that_fails_gives_the_instance_up(dev: Any, machine: Any, failing: str) -> None:
    """Also when the release is not there."""
    status, calls = machine(script(dev, "annotate"), failing)
    assert status != 0
    assert any("--lifecycle-action-result ABANDON" in call for call in calls)
    assert not any("--lifecycle-action-result CONTINUE" in call for call in calls)
    assert "sleep 10" in calls  # so that the agent has shipped why


@pytest.mark.parametrize("absent", ["aws", "ansible-playbook"])
def test_a_program_that_is_not_there_ends_the_boot(dev: Any, machine: Any, absent: str) -> None:
    """Each is looked for: of several names, `command -v` says whether it knows any."""
    status, calls = machine(script(dev, "annotate"), absent=absent)
    assert status != 0
    assert not any(call.startswith(("aws s3", "ansible-playbook")) for call in calls)


def test_a_boot_for_which_no_group_waits_is_well(dev: Any, machine: Any) -> None:
    refusal = "An error occurred (ValidationError): No active Lifecycle Action found with instance ID i-0123456789abcdef0"
    status, calls = machine(script(dev, "annotate"), refusal=refusal)
    assert status == 0
    assert [call.split()[4] for call in calls if "complete-lifecycle-action" in call] == ["CONTINUE"]


def test_a_group_that_cannot_be_reached_is_asked_again_and_the_boot_fails(dev: Any, machine: Any) -> None:
    status, calls = machine(script(dev, "annotate"), refusal="An error occurred (Throttling): Rate exceeded")
    assert status != 0
    assert [call.split()[4] for call in calls if "complete-lifecycle-action" in call] == ["CONTINUE"] * 5


@pytest.mark.parametrize(("baked", "before"), [(True, "apt-get"), (False, "ansible-playbook")])
def test_the_log_of_the_boot_is_shipped_before_what_may_fail(
    dev: Any, machine: Any, tmp_path: Path, baked: bool, before: str
) -> None:
    """From the first line where the image has the agent, else as soon as the release has brought it."""
    status, calls = machine(script(dev, "web"), "ansible-playbook", baked=baked)
    assert status != 0
    names = [call.split()[0] for call in calls]
    assert names.index("amazon-cloudwatch-agent-ctl") < names.index(before)
    said = json.loads((tmp_path / "etc/gas/boot-log.json").read_text())
    (file,) = said["logs"]["logs_collected"]["files"]["collect_list"]
    assert (file["log_group_name"], file["log_stream_name"]) == ("/gas/gas-dev/web", "{instance_id}/boot")
    assert f"fetch-config -m ec2 -s -c file:{tmp_path}/etc/gas/boot-log.json" in calls[names.index("amazon-cloudwatch-agent-ctl")]


def test_stock_image_tries_again_for_its_packages(dev: Any, machine: Any) -> None:
    _, calls = machine(script(dev, "annotate"), "apt-get")
    assert sum(call.startswith("apt-get update") for call in calls) == 5
