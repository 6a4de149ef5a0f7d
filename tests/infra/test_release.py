"""A release brings the agents of AWS, or says that it does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "build_release.py"


@pytest.mark.parametrize(
    ("packages", "lacking"),
    [
        ([], "amazon-cloudwatch-agent and amazon-ssm-agent"),
        (["amazon-cloudwatch-agent.deb"], "amazon-ssm-agent"),
        (["amazon-ssm-agent_3.3_amd64.deb"], "amazon-cloudwatch-agent"),
    ],
)
def test_a_release_without_an_agent_is_not_built(tmp_path: Path, packages: list[str], lacking: str) -> None:
    options = [word for name in packages for word in ("--package", name)]
    command = [sys.executable, str(SCRIPT), "1.0.0", "--out", str(tmp_path), *options]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"the release lacks {lacking}, which Debian has not" in done.stderr
    assert "https://docs.aws.amazon.com/" in done.stderr
    assert not list(tmp_path.iterdir())
