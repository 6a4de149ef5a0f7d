"""The whole service in another region, on an emulator that enforces more of AWS than moto does."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.stack import GAS, OWN


@pytest.mark.skipif("GAS_SECOND_EMULATOR" not in os.environ, reason="`make test-slow` runs it on a second emulator")
def test_the_demo_sees_every_step_in_another_region(tmp_path: Path) -> None:
    region, address = os.environ["AWS_DEFAULT_REGION"], os.environ["AWS_ENDPOINT_URL"]
    assert region == "eu-central-1"
    options = ["--demo", "--aws", address, "--port", "0", "--retention", "3s", "--retrieval", "2s", "--folder", str(tmp_path)]
    environment = {**OWN, "AWS_DEFAULT_REGION": region}
    played = subprocess.run([GAS, "stack", *options], env=environment, capture_output=True, text=True, timeout=300)
    assert played.returncode == 0, played.stdout + played.stderr
    assert "Every step was seen to happen." in played.stdout
