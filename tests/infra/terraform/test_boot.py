"""The user data, run: it configures the instance by the release's Ansible and tells the group, for good or ill."""

from __future__ import annotations

import base64
import json
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
esac
[ "$name" != "$FAILING" ]
"""


@pytest.fixture
def machine(tmp_path: Path) -> Any:
    """Runs a boot script with its folders moved below `tmp_path`; returns its exit status and the calls that it made."""
    programs, calls = tmp_path / "bin", tmp_path / "calls"
    programs.mkdir()
    for name in ("aws", "cloud-init", "apt-get", "ansible-playbook", "sleep"):
        (programs / name).write_text(PROGRAM)
        (programs / name).chmod(0o755)
    (tmp_path / "ansible").mkdir()
    subprocess.run(["tar", "--create", "--gzip", f"--file={tmp_path}/release.tar.gz", "-C", tmp_path, "ansible"], check=True)

    def boot(script: str, failing: str = "") -> tuple[int, list[str]]:
        for folder in ("/etc/gas", "/opt/gas"):
            script = script.replace(folder, f"{tmp_path}{folder}")
        environment = {
            "PATH": f"{programs}:/usr/bin:/bin",
            "CALLS": str(calls),
            "RELEASE": f"{tmp_path}/release.tar.gz",
            "FAILING": failing,
        }
        calls.write_text("")
        done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, timeout=60)
        return done.returncode, calls.read_text().splitlines()

    return boot


def script(deployment: Any, tier: str) -> str:
    (template,) = (values for a, values in deployment.applied("aws_launch_template").items() if f'["{tier}"]' in a)
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
    assert "--lifecycle-action-result ABANDON" in calls[-1]


def test_stock_image_tries_again_for_its_packages(dev: Any, machine: Any) -> None:
    _, calls = machine(script(dev, "annotate"), "apt-get")
    assert sum(call.startswith("apt-get update") for call in calls) == 5
