"""What `make run` says while it starts: each process in a line, and a port that is taken with the one used instead."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

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
