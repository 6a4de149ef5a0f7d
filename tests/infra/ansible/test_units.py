"""The daemons' units as Ansible renders them, judged by systemd itself; and the one vocabulary of daemons."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from app.local.topology import load
from tests.support.ansible import ANSIBLE, ROOT
from workers import VERBS

Run = Callable[..., subprocess.CompletedProcess[str]]
KNOWN = yaml.safe_load((ANSIBLE / "group_vars/all.yml").read_text())["gas_known_daemons"]
ODD = {"GAS_JSON": '{"a": "b c"}', "GAS_ODD": "it's $HOME, `id` and a \\ backslash"}
PLAY = """
- hosts: localhost
  gather_facts: false
  vars:
    gas_group: gas-test-annotate
    gas_hooks: {{terminate: drained}}
    gas_region: us-east-1
    gas_release: 1.0.0
    gas_release_bucket: releases
    gas_settings: {settings}
    gas_secret: null
    gas_daemons: {daemons}
  tasks:
    - ansible.builtin.include_tasks: {tasks}
"""


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every unit and environment file, written by the role that hosts run, with its paths moved here."""
    folder = tmp_path_factory.mktemp("units")
    for name in ("group_vars", "roles", "tasks"):
        for source in (path for path in (ANSIBLE / name).rglob("*") if path.is_file()):
            target = folder / source.relative_to(ANSIBLE)
            target.parent.mkdir(parents=True, exist_ok=True)
            text = source.read_text()
            if source.suffix == ".yml":
                text = text.replace("/etc/systemd/system", str(folder)).replace(
                    "/opt/gas/releases/{{ daemon_release }}", str(folder)
                )
                text = re.sub(r"    validate: >-\n(      .*\n)+", "", text)
            target.write_text(text)
    (folder / "etc").mkdir()
    play = PLAY.format(settings=json.dumps(ODD), daemons=json.dumps(list(KNOWN)), tasks="tasks/daemons.yml")
    (folder / "play.yml").write_text(play)
    command = [str(ROOT / ".venv-ansible/bin/ansible-playbook"), "--inventory", "localhost,", "--connection", "local", "play.yml"]
    command += ["--extra-vars", f"ansible_python_interpreter={sys.executable}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    return folder


def test_daemons_are_called_as_everywhere() -> None:
    consumers = {queue["consumer"] for queue in load()["queues"].values()}
    assert consumers == set(VERBS)
    assert set(KNOWN) == {"web", *VERBS, "doctor"}
    for verb in VERBS:
        assert KNOWN[verb]["command"] == f"worker {verb}"


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_every_daemon_of_a_fleet_is_known(environment: str) -> None:
    written = (ROOT / "terraform/environments" / environment / "terraform.tfvars").read_text()
    daemons = {name for listed in re.findall(r"daemons\s*=\s*\[(.*?)\]", written) for name in re.findall(r'"(\w+)"', listed)}
    assert daemons == set(KNOWN)


@pytest.mark.parametrize("daemon", [*KNOWN, "drain", "renew"])
def test_exposure_is_at_most_two(units: Path, daemon: str) -> None:
    unit = units / f"gas-{daemon}.service"
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", unit], capture_output=True, text=True
    )
    assert judged.returncode == 0, judged.stdout + judged.stderr


@pytest.mark.parametrize("daemon", [*KNOWN, "drain", "renew"])
def test_systemd_understands_the_unit(units: Path, tmp_path: Path, daemon: str) -> None:
    unit = tmp_path / f"gas-{daemon}.service"
    unit.write_text((units / unit.name).read_text().replace("/opt/gas/current/venv/bin/gas", sys.executable))
    judged = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True)
    ours = [line for line in judged.stderr.splitlines() if unit.name in line]
    assert judged.returncode == 0 and not ours, judged.stderr


@pytest.mark.parametrize("daemon", [*KNOWN, "drain"])
def test_a_unit_waits_longer_than_its_daemon_drains(units: Path, daemon: str) -> None:
    unit = dict(
        line.split("=", 1) for line in (units / f"gas-{daemon}.service").read_text().splitlines() if re.match(r"\w+=", line)
    )
    assert unit["Type"] == "notify" and unit["KillMode"] == "mixed"
    assert int(unit["WatchdogSec"]) > 0 and unit["MemoryMax"] and int(unit["TasksMax"]) > 0
    assert int(unit["TimeoutStopSec"]) > (90 if daemon != "drain" else 5)
    assert unit["StartLimitIntervalSec"] == "0" and unit["Restart"] in ("always", "on-failure")
    assert ("User" in unit, unit["User"]) == (True, "root" if daemon == "drain" else "gas")


def test_renewal_is_scheduled_once_a_day_and_made_up_for(units: Path, tmp_path: Path) -> None:
    timer = (units / "gas-renew.timer").read_text()
    assert {"OnCalendar=daily", "Persistent=true", "RandomizedDelaySec=21600"} <= set(timer.splitlines())
    service = (units / "gas-renew.service").read_text()
    assert "Type=oneshot\n" in service and "User=gas\n" in service and "StateDirectory=gas/renew\n" in service
    run = "/opt/gas/current/venv/bin/gas reference renew ${STATE_DIRECTORY}"
    assert f"ExecStart={run}\n" in service and f"ExecStopPost={run} --ended ${{SERVICE_RESULT}}\n" in service
    (tmp_path / "gas-renew.service").write_text(service.replace("/opt/gas/current/venv/bin/gas", sys.executable))
    (tmp_path / "gas-renew.timer").write_text(timer)
    judged = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / "gas-renew.timer"], capture_output=True, text=True
    )
    assert judged.returncode == 0 and "gas-renew" not in judged.stderr, judged.stderr
    assert (units / "etc/renew.env").read_text() == (units / "etc/doctor.env").read_text()


def test_only_an_annotator_writes_to_the_folder_of_the_bundles(units: Path) -> None:
    """There a newer version of a reference comes by itself."""
    writing = {file.stem for file in units.glob("gas-*.service") if "ReadWritePaths=" in file.read_text()}
    assert writing == {"gas-annotate"}
    assert "ReadWritePaths=/var/lib/gas/bundles\n" in (units / "gas-annotate.service").read_text()


def test_an_environment_is_read_as_it_was_written(units: Path) -> None:
    file = units / "etc/annotate.env"
    assert file.stat().st_mode & 0o077 == 0
    for name, value in ODD.items():
        read = subprocess.run(["sh", "-c", f"set -a; . {file}; printenv {name}"], capture_output=True, text=True, check=True)
        assert read.stdout == value + "\n"


def test_daemons_and_portal_know_where_bundles_come_from(units: Path) -> None:
    for daemon in ("web", "annotate"):
        assert "GAS_BUNDLE_STORE='s3://releases/bundles'" in (units / f"etc/{daemon}.env").read_text().replace('"', "'")


def test_only_an_annotator_asks_for_another_host(units: Path) -> None:
    knowing = {file.stem for file in (units / "etc").glob("*.env") if "GAS_INSTANCE_METADATA" in file.read_text()}
    assert knowing == {"annotate"}


def test_only_the_portal_is_told_of_the_secret(units: Path) -> None:
    assert "GAS_SECRET" not in (units / "etc/annotate.env").read_text()
