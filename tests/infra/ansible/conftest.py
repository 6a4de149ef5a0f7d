"""Ansible as `make test-infra` installs it, apart from the rest: it pins versions of what we use in others."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.ansible import ANSIBLE, BIN


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command of Ansible's in `ansible/`."""

    def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        assert BIN.exists(), "make test-infra installs Ansible"
        own = {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "ANSIBLE_NOCOLOR": "1",
            "NO_COLOR": "1",
            "ANSIBLE_HOME": str(tmp_path / "home"),
            "ANSIBLE_LOCAL_TEMP": str(tmp_path / "local"),
        }
        return subprocess.run(
            [str(BIN / command[0]), *command[1:]],
            cwd=ANSIBLE,
            env={**os.environ, **own, **environment},
            capture_output=True,
            text=True,
        )

    return run
