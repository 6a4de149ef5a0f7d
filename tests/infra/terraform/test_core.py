"""What Terraform itself says of every root module, module and example: well formatted, valid, and planned as written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent.parent.parent / "terraform"
FOLDERS = sorted(str(path.relative_to(SOURCE)) for path in {file.parent for file in SOURCE.rglob("*.tf")})
STANDARD_FILES = {"main.tf", "variables.tf", "outputs.tf", "versions.tf", "README.md", "tests"}


def test_files_are_formatted(core) -> None:
    core.run(SOURCE, "fmt", "-check", "-diff", "-recursive")


@pytest.mark.parametrize("folder", FOLDERS)
def test_configuration_is_valid(any_core, checkout: Callable[[], Path], folder: str) -> None:
    here = checkout() / folder
    any_core.prepare(here)
    answer = any_core.json(here, "validate", "-json")
    assert answer["valid"] and not answer["diagnostics"]


@pytest.mark.parametrize(("environment", "backend"), [("dev", "s3"), ("prod", "glacier")])
def test_environment_is_planned(any_core, core, deploy, checkout: Callable[[], Path], environment: str, backend: str) -> None:
    if any_core is core:
        plan = deploy(environment, backend).plan
    else:
        here = checkout() / "environments" / environment
        any_core.prepare(here)
        any_core.run(here, "plan", "-input=false", "-out=plan", f"-var=archive_backend={backend}")
        plan = any_core.json(here, "show", "-json", "plan")
    actions = {tuple(change["change"]["actions"]) for change in plan["resource_changes"] if change["mode"] == "managed"}
    assert actions == {("create",)}


@pytest.mark.parametrize("folder", [folder for folder in FOLDERS if folder.startswith(("examples/", "bootstrap"))])
def test_example_is_planned(any_core, checkout: Callable[[], Path], folder: str) -> None:
    here = checkout() / folder
    any_core.prepare(here)
    variables = ["-var=account_id=123456789012"] if folder == "bootstrap" else []
    any_core.run(here, "plan", "-input=false", *variables)


def test_second_plan_finds_nothing_to_do(core, deployment) -> None:
    again = ["plan", "-input=false", "-detailed-exitcode", f"-var=archive_backend={deployment.backend}"]
    assert core.try_run(Path(deployment.folder), *again).returncode == 0


def test_seeded_mistakes_are_caught(core, checkout: Callable[[], Path]) -> None:
    """The stand-in is worth its name only if a wrong attribute, block or type is an error."""
    mistakes = {
        "delay_seconds              =": "delay_secs =",
        "sqs_managed_sse_enabled    = true": "sqs_managed_sse_enabled = [true]",
        'resource "aws_sqs_queue" "dead"': 'resource "aws_sqs_que" "dead"',
        "receive_wait_time_seconds  = 20": "redrive {}",
    }
    folder = checkout() / "modules" / "messaging"
    core.prepare(folder)
    main = folder / "main.tf"
    right = main.read_text()
    for found, mistake in mistakes.items():
        assert found in right
        main.write_text(right.replace(found, mistake))
        assert not core_says(core, folder), mistake
    main.write_text(right)
    assert core_says(core, folder)


def core_says(core, folder: Path) -> bool:
    return core.try_run(folder, "validate", "-json").returncode == 0


def test_environments_differ_only_in_their_numbers() -> None:
    """What is tried in dev is what runs in prod: code is the same, tfvars, state and name differ."""
    dev, prod = SOURCE / "environments" / "dev", SOURCE / "environments" / "prod"
    assert {file.name for file in dev.glob("*.tf*")} == {file.name for file in prod.glob("*.tf*")}
    for file in dev.glob("*.tf"):
        assert file.read_text().replace('"dev"', '"prod"').replace("gas-dev", "gas-prod") == (prod / file.name).read_text(), (
            file.name
        )


@pytest.mark.parametrize("module", sorted(path.name for path in (SOURCE / "modules").iterdir()))
def test_module_has_the_standard_files(module: str) -> None:
    assert {path.name for path in (SOURCE / "modules" / module).iterdir()} >= STANDARD_FILES


def test_nothing_outside_is_referred_to() -> None:
    """`terraform/` can be copied elsewhere as it is."""
    for file in SOURCE.rglob("*.tf"):
        depth = len(file.relative_to(SOURCE).parts) - 1
        assert "../" * (depth + 1) not in file.read_text(), file
