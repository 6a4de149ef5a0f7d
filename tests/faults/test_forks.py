"""A process that begins as a fork is one as if it had been started from a shell."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.support.forks import Forks

pytestmark = pytest.mark.slow


WAITS = ["drain", "--group", "group", "--hook", "hook", "--metadata", "http://127.0.0.1:9", "gas-web"]
"""Without an instance metadata service, this waits for one."""


async def test_each_has_an_environment_an_output_and_an_end_of_its_own(forks: Forks, tmp_path: Path) -> None:
    well = await forks.start(["settings"], os.environ, tmp_path / "well")
    wrong = await forks.start(["worker", "notify"], {**os.environ, "GAS_POLL_SECONDS": "no number"}, tmp_path / "wrong")
    assert await well.wait() == 0
    assert await wrong.wait() == 1
    assert "GAS_POLL_SECONDS" in (tmp_path / "well").read_text()
    assert "no number" in (tmp_path / "wrong").read_text()


async def test_one_that_is_killed_leaves_the_others(forks: Forks, tmp_path: Path) -> None:
    one, other = [await forks.start(WAITS, os.environ, tmp_path / "log") for _ in range(2)]
    one.kill()
    assert await one.wait() == one.returncode == -signal.SIGKILL
    assert other.returncode is None
    other.kill()
    assert await other.wait() == -signal.SIGKILL
