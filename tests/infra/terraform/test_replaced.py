"""What waits between the daemons' tiers and the portal's, by what the AWS CLI answers it: each end, and its sentence.

That it stands between them, and works with the CLI itself, is seen in test_life.py.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "terraform/modules/gas/replaced.sh"
ARN = "arn:aws:autoscaling:eu-west-1:123456789012:autoScalingGroup:6f2a:autoScalingGroupName/gas-dev-"
UTILITY, ANNOTATE = f"{ARN}utility=7", f"{ARN}annotate=3"
ENDED_BADLY = ("Failed", "Cancelling", "Cancelled", "RollbackInProgress", "RollbackFailed", "RollbackSuccessful")
FAILED = "Failed\t0\tInstances failed to launch"

# stands for the CLI: writes down how it was called, and gives the next line of what is prepared for that operation and group
# (the last stays); a line that begins with ! is an error
PROGRAM = """#!/bin/sh
printf '%s\\n' "$*" >> "$CALLS"
operation=$6
group=${8##*-}
[ "$operation" != get-caller-identity ] || group=me
file="$ANSWERS/$operation.$group"
line=$(head -n 1 "$file")
[ "$(wc -l < "$file")" -le 1 ] || sed -i 1d "$file"
case $line in !*) printf '%s\\n' "${line#!}" >&2; exit 254 ;; esac
printf '%s\\n' "$line"
"""


@pytest.fixture
def wait(tmp_path: Path) -> Callable[..., tuple[int, str, list[str]]]:
    """Runs the script against answers of the CLI; returns its exit status, what it said, and the operations that it asked for."""
    programs, answers = tmp_path / "bin", tmp_path / "answers"
    programs.mkdir()
    answers.mkdir()
    (programs / "aws").write_text(PROGRAM)
    (programs / "aws").chmod(0o755)
    calls = tmp_path / "calls"

    def wait(
        *groups: str,
        refreshes: dict[str, list[str]],
        instances: dict[str, list[str]] | None = None,
        account: str = "123456789012",
        absent: bool = False,
    ) -> tuple[int, str, list[str]]:
        calls.write_text("")
        (answers / "get-caller-identity.me").write_text(f"{account}\n")
        for tier in ("utility", "annotate"):
            said = {"describe-instance-refreshes": refreshes, "describe-auto-scaling-groups": instances or {}}
            for operation, by_tier in said.items():
                lines = by_tier.get(tier, ["None" if "refreshes" in operation else "2\t2\t"])
                (answers / f"{operation}.{tier}").write_text("".join(f"{line}\n" for line in lines))
        environment = {"CALLS": str(calls), "ANSWERS": str(answers), "GAS_LOOK_SECONDS": "0"}
        path = "/usr/bin:/bin"
        if absent:
            # what the script needs beside it, and no `aws` that the machine may have
            (programs / "aws").unlink()
            for name in ("date", "sleep", "cut", "mktemp", "rm", "cat"):
                (programs / name).symlink_to(shutil.which(name, path=path) or name)
            path = ""
        done = subprocess.run(
            ["/bin/sh", SCRIPT, *groups],
            env={**environment, "PATH": f"{programs}:{path}".rstrip(":")},
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.returncode, done.stdout + done.stderr, [line.split()[5] for line in calls.read_text().splitlines()]

    return wait


def test_a_new_group_needs_neither_patience_nor_the_cli(wait: Callable) -> None:
    assert wait(f"{ARN}utility=1", f"{ARN}annotate=1", refreshes={}, absent=True) == (0, "", [])


def test_every_group_is_waited_for_until_its_end(wait: Callable) -> None:
    status, said, asked = wait(
        UTILITY,
        ANNOTATE,
        refreshes={
            "utility": ["Pending\tNone\tNone", "InProgress\t50\tNone", "Successful\t100\tNone"],
            "annotate": ["Successful\t100\tNone"],
        },
        instances={"utility": ["2\t3\ti-1 i-2", "2\t3\ti-1", "2\t2\t"]},
    )
    assert status == 0
    assert said.splitlines()[-1] == "Waiting for the daemons' instances. gas-dev-utility: InProgress, 50 %."
    assert asked.count("describe-instance-refreshes") == 4


def test_a_fleet_that_sleeps_is_there_whatever_its_refresh_was(wait: Callable) -> None:
    assert wait(ANNOTATE, refreshes={"annotate": [FAILED]}, instances={"annotate": ["0\t0\t"]})[0] == 0


@pytest.mark.parametrize(
    "state", ["Failed", "Cancelling", "Cancelled", "RollbackInProgress", "RollbackFailed", "RollbackSuccessful"]
)
def test_a_refresh_that_went_badly_ends_it_with_a_sentence(wait: Callable, state: str) -> None:
    status, said, _ = wait(UTILITY, ANNOTATE, refreshes={"utility": [f"{state}\t40\tInstances failed to launch"]})
    assert status == 1
    assert f"The instance refresh of gas-dev-utility is {state}: Instances failed to launch." in said
    # after a rollback the group launches the version before, and the next apply starts a refresh by itself
    by_hand = "start-instance-refresh --region eu-west-1 --auto-scaling-group-name gas-dev-utility" in said
    assert by_hand != state.startswith("Rollback")


def test_the_refresh_before_is_not_taken_for_the_one_that_was_just_started(wait: Callable) -> None:
    """AWS may show a refresh a moment after it took it."""
    assert wait(UTILITY, refreshes={"utility": [FAILED, FAILED, "InProgress\t0\tNone", "Successful\t100\tNone"]})[0] == 0


def test_instances_that_no_refresh_replaces_are_named(wait: Callable) -> None:
    """As where an apply was killed after it had changed the group, and before it had started a refresh."""
    for refresh in ("None", "Successful\t100\tNone"):
        status, said, _ = wait(UTILITY, refreshes={"utility": [refresh]}, instances={"utility": ["2\t2\ti-1 i-2"]})
        assert status == 1
        assert "No instance refresh of gas-dev-utility replaces i-1 i-2, which do not run version 7" in said


def test_an_error_of_aws_is_outlived_and_one_that_stays_is_said(wait: Callable) -> None:
    throttled = "!An error occurred (Throttling) when calling DescribeInstanceRefreshes: Rate exceeded"
    assert wait(UTILITY, refreshes={"utility": [throttled, throttled, "Successful\t100\tNone"]})[0] == 0
    status, said, asked = wait(UTILITY, refreshes={"utility": [throttled]})
    assert status == 1 and "Rate exceeded" in said
    assert asked.count("describe-instance-refreshes") == 4


def test_other_credentials_than_those_of_the_groups_are_refused(wait: Callable) -> None:
    status, said, asked = wait(UTILITY, refreshes={}, account="999999999999")
    assert status == 1
    assert "are of the account 999999999999, and the groups are in 123456789012. Set AWS_PROFILE" in said
    assert asked == ["get-caller-identity"]
    status, said, _ = wait(UTILITY, refreshes={}, account="!Unable to locate credentials")
    assert status == 1 and "Unable to locate credentials" in said and "Set AWS_PROFILE" in said


def test_a_machine_without_the_cli_is_told_what_it_lacks(wait: Callable) -> None:
    status, said, _ = wait(UTILITY, refreshes={}, absent=True)
    assert status == 1 and said.startswith("The AWS CLI is not on the PATH (aws)")


def test_a_group_that_is_not_there_is_named(wait: Callable) -> None:
    status, said, _ = wait(UTILITY, refreshes={}, instances={"utility": ["None"]})
    assert (status, said) == (1, "There is no autoscaling group gas-dev-utility in eu-west-1.\n")
