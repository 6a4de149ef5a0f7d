"""Whatever the region, everything is there: names, ARNs, addresses and the partition; and what cannot be is a sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TERRAFORM = Path(__file__).parents[3] / "terraform"


def network(region: str) -> str:
    return json.dumps({"zones": [f"{region}a", f"{region}b"], "nat": "none"})


@pytest.fixture
def dev(core: Any, checkout: Callable[[], Path]) -> Path:
    folder = checkout() / "environments" / "dev"
    core.prepare(folder)
    return folder


@pytest.mark.parametrize(
    ("region", "partition"),
    [pytest.param("eu-central-1", "aws", marks=pytest.mark.night), ("us-gov-west-1", "aws-us-gov")],
)
def test_everything_is_in_the_region_and_its_partition(core: Any, dev: Path, region: str, partition: str) -> None:
    core.run(dev, "apply", "-auto-approve", "-input=false", f"-var=region={region}", f"-var=network={network(region)}")
    made = core.run(dev, "show", "-json")
    assert set(re.findall(r"arn:([a-z-]+):", made)) == {partition}
    assert set(re.findall(r"\b(?:us|eu|ap|sa|ca|af|me|il|mx)(?:-gov)?-[a-z]+-\d\b", made)) == {region}
    settings = json.loads(made)["values"]["outputs"]["settings"]["value"]
    assert all(f".{region}." in url for url in json.loads(settings["GAS_QUEUE_URLS"]).values())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["-var=region=eu-west-1"], "Each zone must lie in the deployment's region, eu-west-1"),
        (["-var=region=eu-west-1", f"-var=network={network('eu-west')}"], "Each zone must lie in the deployment's region"),
        (["-var=region=europe"], "A region is named as AWS names it"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(core: Any, dev: Path, options: list[str], says: str) -> None:
    done = core.try_run(dev, "plan", "-input=false", "-no-color", *options)
    assert done.returncode != 0
    assert says in " ".join(done.stderr.replace("│", " ").split())


def test_backends_leave_the_region_to_init() -> None:
    """A backend knows no variables: a region that stands there would be every deployment's."""
    for file in TERRAFORM.glob("environments/*/backend.tf"):
        assert not re.search(r"^ +region", file.read_text(), re.MULTILINE), file
    commands = re.findall(r"^ +terraform init (.*-backend-config.*)$", (TERRAFORM / "README.md").read_text(), re.MULTILINE)
    assert commands and all('"region=' in command for command in commands)
