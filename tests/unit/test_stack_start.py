"""What `make run` says while it starts: each process in a line, and a port that is taken with the one used instead."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

import pytest

from app.engine.bundles import manifest
from app.local import stack
from app.local.supervisor import Supervisor


def test_a_port_that_is_taken_is_said_with_the_one_used(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        used = stack._ports(taken, 2)[0]
    assert used != taken
    assert f"port {taken} is taken: the portal gets port {used}" in capsys.readouterr().out


def test_a_free_port_is_used_without_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    assert stack._ports(free, 1) == [free]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("name", "module", "port"),
    [("aws", ["timeit", "--port", "41"], ", port 41"), ("web", ["timeit"], ", port 80"), ("doctor", ["timeit"], "")],
)
async def test_each_process_is_said_in_a_line(
    name: str, module: list[str], port: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    supervisor = Supervisor(lambda line: None)
    addresses = stack.Addresses("http://127.0.0.1:80", "", {"GAS_WEB_PORT": "80"})
    await stack._start(supervisor, name, module, addresses, tmp_path)
    child = supervisor.children[0]
    await supervisor.stop()
    assert child.process
    said = capsys.readouterr().out.splitlines()
    assert said == [f"started {name:<10} pid {child.process.pid}{port}, log {tmp_path / f'{name}.log'}"]


def test_bundles_of_a_folder_are_offered_beside_the_embedded_one(tmp_path: Path) -> None:
    assert stack.references(None) == {}
    shutil.copytree(manifest.EMBEDDED / "rcrs", tmp_path / "mine")
    described = tmp_path / "mine" / manifest.MANIFEST
    described.write_text(described.read_text().replace('id = "rcrs"', 'id = "mine"').replace('"rCRS"\nfasta', '"GRCh99"\nfasta'))
    found = stack.references(tmp_path)
    assert found["GAS_BUNDLES"] == str(tmp_path) and json.loads(found["GAS_REFERENCES"]) == {"GRCh99": "mine", "rCRS": "rcrs"}
