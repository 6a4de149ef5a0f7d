"""A warmed engine that is forked for each job: one child a job, on its own, under limits, killed and reaped alone."""

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.engine.bundles.manifest import EMBEDDED
from app.engine.limits import DEFAULT
from app.engine.warmed import Child, Warmed

HEADER = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
RECORD = "MT\t3460\t.\tG\tA\t.\t.\t.\n"
MANY = 300_000


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bundles")


@pytest.fixture(scope="module")
def warmed(bundles: Path) -> Iterator[Warmed]:
    made = Warmed(bundles)
    yield made
    made.close()


def asked(warmed: Warmed, folder: Path, records: int = 1, *more: str) -> Child:
    """A job of so many records that was asked for."""
    folder.mkdir(exist_ok=True)
    (folder / "in").write_text(HEADER + RECORD * records)
    return warmed.start([str(folder / "in"), str(folder / "out"), "--name-from-stdin", "--jobs=1", *more], "é.vcf".encode())


def begun(child: Child) -> int:
    """Waits until there is a process. Returns its id."""
    word, number = child.life.recv(20).split()
    assert word == b"pid"
    return int(number)


def ended(child: Child) -> tuple[str, list[dict[str, object]]]:
    """Waits for the end. Returns what was said of it, and what the child said."""
    with child.life, os.fdopen(child.stdout) as out, os.fdopen(child.stderr) as err:
        events = [json.loads(line) for line in out]
        err.read()
        last = ""
        while said := child.life.recv(100).decode():
            last = said
        return last, events


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(pid: int) -> bool:
    """Whether a process ends within ten seconds."""
    deadline = time.monotonic() + 10
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not alive(pid)


def test_a_job_is_done_as_by_the_command(warmed: Warmed, tmp_path: Path) -> None:
    child = asked(warmed, tmp_path)
    pid = begun(child)
    said, events = ended(child)
    assert (said, events[-1]["event"], events[-1]["bundle"]) == ("exit 0\n", "done", "rcrs")
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["name"] == "é.vcf"
    assert pid != warmed.process and not alive(pid)


def test_rejected_and_failed_have_the_codes_of_the_command(warmed: Warmed, tmp_path: Path) -> None:
    (tmp_path / "in").write_text(HEADER + "MT\t1\n")
    assert ended(warmed.start([str(tmp_path / "in"), str(tmp_path / "out"), "--name=x"]))[0].endswith("exit 1\n")
    assert ended(asked(warmed, tmp_path, 1, "--bundle=nothing"))[0].endswith("exit 3\n")
    assert ended(warmed.start(["--nonsense"]))[0].endswith("exit 2\n")


def test_a_job_has_a_group_and_limits_of_its_own(warmed: Warmed, tmp_path: Path) -> None:
    child = asked(warmed, tmp_path, MANY)
    pid = begun(child)
    assert os.getpgid(pid) == pid
    unlimited = [f"Max {kind}".ljust(26) + "unlimited" for kind in ("data size", "cpu time", "file size")]
    limits = "\n".join(unlimited)
    while any(one in limits for one in unlimited) and alive(pid):  # it takes them on one after the other
        time.sleep(0.001)
        limits = Path(f"/proc/{pid}/limits").read_text()
    assert f"Max data size             {DEFAULT.memory_bytes}" in limits and not any(one in limits for one in unlimited)
    child.life.close()
    assert gone(pid)
    os.close(child.stdout)
    os.close(child.stderr)


ROOM_FOR_ONE = """
import os, resource, socket
from app.engine.fork_server import Server, warm
warm([])
if not os.geteuid():
    os.setuid(65534)  # root is under no such limit
class RoomForOne(Server):
    def _request(self):
        more = super()._request()
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
        return more
RoomForOne(socket.socket(fileno=os.dup(0))).serve()
"""


def test_a_server_that_cannot_fork_says_so_and_keeps_its_jobs(tmp_path: Path) -> None:
    limited = Warmed()
    limited._command = [sys.executable, "-c", ROOM_FOR_ONE]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "out").mkdir()
        for one in (folder, folder / "out"):
            one.chmod(0o777)  # the server is no owner of it
        running = asked(limited, folder, MANY)
        begun(running)
        assert ended(asked(limited, tmp_path)) == (f"unable {errno.EAGAIN}\n", [])
        assert ended(running)[0] == "exit 0\n"
        assert limited.process and alive(limited.process)
    limited.close()


def test_a_job_that_is_killed_hurts_no_other(warmed: Warmed, tmp_path: Path) -> None:
    victim, other = asked(warmed, tmp_path / "a", MANY), asked(warmed, tmp_path / "b", 1000)
    server = warmed.process
    os.kill(begun(victim), signal.SIGKILL)
    assert ended(victim)[0] == "exit -9\n"
    begun(other)
    assert ended(other)[0] == "exit 0\n"
    assert ended(asked(warmed, tmp_path / "c"))[0].endswith("exit 0\n")
    assert warmed.process == server


def test_a_warmed_process_that_dies_takes_its_jobs_along_and_is_renewed(warmed: Warmed, tmp_path: Path) -> None:
    child = asked(warmed, tmp_path, MANY)
    pid, server = begun(child), warmed.process
    assert server
    os.kill(server, signal.SIGKILL)
    assert ended(child)[0] == ""
    assert gone(pid)
    assert ended(asked(warmed, tmp_path))[0].endswith("exit 0\n")
    assert warmed.process not in (None, server)


def test_it_is_renewed_when_a_bundle_is_put_there(warmed: Warmed, bundles: Path, tmp_path: Path) -> None:
    running = asked(warmed, tmp_path / "a", 20_000)
    begun(running)
    server = warmed.process
    (bundles / "other").mkdir()
    text = (EMBEDDED / "rcrs" / "manifest.toml").read_text().replace('id = "rcrs"', 'id = "other"', 1)
    (bundles / "other" / "manifest.toml").write_text(text)
    for file in (EMBEDDED / "rcrs").iterdir():
        if file.name != "manifest.toml":
            (bundles / "other" / file.name).symlink_to(file)
    _, events = ended(asked(warmed, tmp_path / "b", 1, "--bundle=other", f"--bundles={bundles}"))
    assert events[-1]["bundle"] == "other"
    assert warmed.process != server
    assert ended(running)[0] == "exit 0\n"
    assert server and gone(server)


@pytest.mark.slow
def test_nothing_outlives_who_asked(tmp_path: Path) -> None:
    (tmp_path / "in").write_text(HEADER + RECORD * MANY)
    code = (
        "import sys, time; from app.engine.warmed import Warmed; made = Warmed(); "
        "child = made.start([sys.argv[1], sys.argv[2], '--name=x', '--jobs=2']); "
        "print(made.process, child.life.recv(20).split()[1].decode(), flush=True); time.sleep(600)"
    )
    owner = subprocess.Popen([sys.executable, "-c", code, tmp_path / "in", tmp_path / "out"], stdout=subprocess.PIPE, text=True)
    assert owner.stdout
    server, job = map(int, owner.stdout.readline().split())
    owner.kill()
    owner.wait()
    owner.stdout.close()
    assert gone(job) and gone(server)
