"""Real systemd hosts, and a world around them. Where a machine can't run such hosts, the tests are skipped with the reason."""

from __future__ import annotations

import fcntl
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.hosts import host as hosts
from tests.support.hosts import world as worlds
from tests.support.hosts.host import Host
from tests.support.hosts.world import World

REASON = hosts.missing()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if REASON:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=REASON))


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of the release 1.0.0, made once for all workers of the run."""
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if os.environ.get("PYTEST_XDIST_WORKER") else shared
    archive = shared / "releases" / "1.0.0.tar.gz"
    archive.parent.mkdir(exist_ok=True)
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not archive.exists():
            worlds.build(archive.parent, "1.0.0")
    return archive


@pytest.fixture(scope="session")
def wheels(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheelhouse of 1.0.0 without GAS itself, for releases that only differ in that."""
    folder = tmp_path_factory.mktemp("wheels")
    with tarfile.open(release) as archive:
        archive.extractall(folder, [member for member in archive if member.name.startswith("wheelhouse/")], filter="data")
    for wheel in (folder / "wheelhouse").glob("gas-*"):
        wheel.unlink()
    return folder / "wheelhouse"


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, release: Path) -> Iterator[World]:
    """Stand-ins and a deployment of its own for each worker of the run."""
    world, running = worlds.processes(tmp_path_factory.mktemp("world"))
    try:
        worlds.deploy(world)
        world.publish(release)
        yield world
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(30)


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Host]]:
    """Makes hosts; they are gone at the end."""
    folder, made = tmp_path_factory.mktemp("hosts"), list[Host]()

    def make(name: str, address: str, *layers: Path) -> Host:
        host = Host(name, address, folder / name, [*layers, hosts.base()])
        made.append(host)
        host.up()
        return host

    try:
        yield make
    finally:
        if keep := os.environ.get("GAS_HOSTS_LOGS"):
            for host in made:
                if (host.root / "var/log").exists():
                    shutil.copytree(host.root / "var/log", Path(keep) / host.name, dirs_exist_ok=True)
        for host in reversed(made):
            host.remove()
