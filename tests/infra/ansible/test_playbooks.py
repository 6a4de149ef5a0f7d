"""What can be said of the playbooks without a host."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest
import yaml

from tests.support.ansible import ANSIBLE

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_lint(run: Run) -> None:
    """It has Ansible check the syntax of each playbook first."""
    done = run("ansible-lint", "--profile", "production", "--offline", "--nocolor")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("role", [path.name for path in sorted((ANSIBLE / "roles").iterdir())])
def test_every_entry_of_a_role_has_a_contract_and_every_default_is_in_it(role: str) -> None:
    folder = ANSIBLE / "roles" / role
    specs = yaml.safe_load((folder / "meta/argument_specs.yml").read_text())["argument_specs"]
    entries = {path.stem for path in (folder / "tasks").iterdir()}
    assert set(specs) <= entries
    # the others are imported by an entry of the same role
    tasks = "".join(path.read_text() for path in (folder / "tasks").iterdir())
    assert all(f"import_tasks: {entry}.yml" in tasks for entry in entries - set(specs))
    options = {name: option for spec in specs.values() for name, option in spec.get("options", {}).items()}
    assert all(name.startswith(f"{role}_") and option["description"] for name, option in options.items())
    file = folder / "defaults/main.yml"
    defaults = yaml.safe_load(file.read_text()) if file.exists() else {}
    assert defaults == {name: option["default"] for name, option in options.items() if "default" in option}
