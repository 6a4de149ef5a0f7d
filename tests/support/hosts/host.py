"""Throw-away systemd hosts: a tree of Debian 13, an overlay for each host, booted by systemd-nspawn.

Hosts share this machine's network, each with a loopback address of its own: what runs on them cannot be reached from
elsewhere. The base tree is made once, in a cache folder outside of the project.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gas-hosts"
PACKAGES = ("systemd", "systemd-sysv", "dbus", "python3", "python3-apt", "ca-certificates")
"""What a cloud's Debian image has at least."""

SUITE = "trixie"
TOOLS = ("mmdebstrap", "systemd-nspawn", "nsenter", "mount")
HIERARCHIES = ("/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup")
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}
BOOT_SECONDS = 600


def missing() -> str:
    """Why this machine can't run such hosts; empty if it can."""
    if os.geteuid() != 0:
        return "systemd hosts need root"
    if absent := [tool for tool in TOOLS if not shutil.which(tool)]:
        return f"systemd hosts need {', '.join(absent)}: apt-get install mmdebstrap systemd-container"
    if not any(os.access(f"{hierarchy}/cgroup.procs", os.W_OK) for hierarchy in HIERARCHIES):
        return "systemd hosts need a cgroup hierarchy that can be written"
    if not _overlays():
        return "systemd hosts need overlay mounts (Linux 5.10)"
    return ""


def _overlays() -> bool:
    CACHE.mkdir(parents=True, exist_ok=True)
    probe = CACHE / f"probe-{os.getpid()}"
    for name in ("lower", "upper", "work", "root"):
        (probe / name).mkdir(parents=True)
    try:
        done = subprocess.run(_overlay(probe, [probe / "lower"]), capture_output=True)
        if done.returncode == 0:
            subprocess.run(["umount", probe / "root"], check=True)
        return done.returncode == 0
    finally:
        shutil.rmtree(probe)


def _overlay(folder: Path, layers: Sequence[Path]) -> list[str | Path]:
    lower = ":".join(map(str, layers))
    # volatile: nothing is synced to the disk
    options = f"lowerdir={lower},upperdir={folder}/upper,workdir={folder}/work,volatile"
    return ["mount", "-t", "overlay", "gas-host", "-o", options, folder / "root"]


def base() -> Path:
    """The tree of a bare Debian 13; made where it is not there yet, by one process at a time."""
    CACHE.mkdir(parents=True, exist_ok=True)
    tree = CACHE / f"{SUITE}-{hashlib.sha256(' '.join(PACKAGES).encode()).hexdigest()[:8]}"
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not tree.exists():
            _make(tree)
    return tree


def _make(tree: Path) -> None:
    partial = tree.with_name(f".{tree.name}")
    shutil.rmtree(partial, ignore_errors=True)
    command = ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
    command += ["--aptopt=Acquire::Check-Valid-Until false", "--aptopt=Acquire::Check-Date false"]
    # a tree that lives for minutes needs no fsync
    command += ["--dpkgopt=force-unsafe-io", SUITE, str(partial), *_sources()]
    subprocess.run(command, check=True, timeout=600)
    (partial / "etc/machine-id").write_text("")
    for name in ("getty.target", "console-getty.service", "systemd-networkd.service", "systemd-timesyncd.service"):
        (partial / "etc/systemd/system" / name).symlink_to("/dev/null")
    for name in ("apt-daily.timer", "apt-daily-upgrade.timer"):
        # they would hold apt's lock just when the test wants it
        (partial / "etc/systemd/system" / name).symlink_to("/dev/null")
    partial.rename(tree)


def _sources() -> list[str]:
    """Where this machine gets Debian from; where it does not say, mmdebstrap knows."""
    files = Path("/etc/apt/sources.list.d").glob("debian.sources")
    urls = [line.split()[1] for file in files for line in file.read_text().splitlines() if line.startswith("URIs:")]
    mirrors, security = [url for url in urls if "security" not in url][:1], [url for url in urls if "security" in url][:1]
    parts = [(url, part) for url in mirrors for part in ("", "-updates")] + [(url, "-security") for url in security]
    return [f"deb {url} {SUITE}{part} main" for url, part in parts]


@dataclass
class Host:
    """One host. `address` is the loopback address that its services use; `layers` are trees below it, the topmost first."""

    name: str
    address: str
    folder: Path
    layers: Sequence[Path]
    nspawn: subprocess.Popen[bytes] | None = None
    leader: int = 0
    cgroups: list[Path] = field(default_factory=list)

    @property
    def root(self) -> Path:
        return self.folder / "root"

    def up(self) -> None:
        self.folder.mkdir(parents=True)
        # in memory: made and forgotten in no time
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4g,mode=755", "gas-host", self.folder], check=True)
        for name in ("upper", "work", "root"):
            (self.folder / name).mkdir(parents=True)
        subprocess.run(_overlay(self.folder, self.layers), check=True)
        (self.root / "etc/hostname").write_text(self.name)
        shutil.copy("/etc/resolv.conf", self.root / "etc/resolv.conf")
        (self.root / "etc/hosts").write_text(f"127.0.0.1 localhost {self.name}\n::1 localhost\n")
        for hierarchy in HIERARCHIES:
            if os.access(f"{hierarchy}/cgroup.procs", os.W_OK):
                # two hosts must not share one /payload
                cgroup = Path(hierarchy) / f"gas-{os.getpid()}-{self.name}"
                cgroup.mkdir(exist_ok=True)
                self.cgroups.append(cgroup)

    def boot(self) -> float:
        """Boots, waits until systemd has settled, and returns the seconds that it took."""
        began = time.monotonic()
        joins = "".join(f"echo $$ > {cgroup}/cgroup.procs; " for cgroup in self.cgroups)
        command = ["systemd-nspawn", "--quiet", f"--directory={self.root}", f"--machine={self.name}", "--boot", "--register=no"]
        command += ["--keep-unit", "--resolv-conf=off", "--timezone=off", "--console=pipe"]
        with (self.folder / "console.log").open("ab") as console:
            self.nspawn = subprocess.Popen(
                ["sh", "-c", f'{joins}exec "$@"', "sh", *command],
                env={"PATH": os.environ["PATH"], "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        for _ in patience(BOOT_SECONDS):
            assert self.nspawn.poll() is None, (self.folder / "console.log").read_text()
            children = Path(f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children").read_text().split()
            if children:
                self.leader = int(children[0])
                if self.run("systemctl", "is-system-running", check=False).strip() in ("running", "degraded"):
                    return time.monotonic() - began
        raise AssertionError(f"{self.name} does not boot: {(self.folder / 'console.log').read_text()}")

    def run(self, *command: str, check: bool = True) -> str:
        """What a command on the host printed; the test fails if the command does and `check`."""
        entered = ["nsenter", "-t", str(self.leader), "--mount", "--uts", "--ipc", "--pid", "--cgroup", "--root", "--wdns=/"]
        done = subprocess.run([*entered, *command], env=ENVIRONMENT, capture_output=True, text=True, timeout=900)
        assert not check or done.returncode == 0, f"{self.name}: {command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", "--value", f"--property={name}", unit).strip()

    def write(self, path: str, content: str, mode: int = 0o644) -> None:
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        file.chmod(mode)

    def reboot(self) -> None:
        # nspawn leaves the restart to its caller
        self.run("systemctl", "reboot", check=False)
        self._ended()
        self.boot()

    def layer(self) -> Path:
        """Powers off, and returns what was written to the host, as a layer for others."""
        self.run("systemctl", "poweroff", check=False)
        self._ended()
        (self.root / "etc/machine-id").write_text("")
        subprocess.run(["umount", self.root], check=True)
        return self.folder / "upper"

    def remove(self) -> None:
        """Ends the host at once, and forgets all of it."""
        if self.nspawn and self.nspawn.poll() is None:
            # with its first process goes all that runs on the host
            os.kill(self.leader, signal.SIGKILL)
            self.nspawn.wait(60)
        for mounted in (self.root, self.folder):
            if mounted.is_mount():
                subprocess.run(["umount", mounted], check=True)
        for cgroup in self.cgroups:
            _forget(cgroup)
        self.folder.rmdir()

    def _ended(self) -> None:
        assert self.nspawn
        try:
            self.nspawn.wait(180)
        except subprocess.TimeoutExpired:
            self.nspawn.kill()
            self.nspawn.wait()


def _forget(cgroup: Path) -> None:
    for _ in patience(10):
        try:
            for folder in sorted((path for path in cgroup.rglob("*") if path.is_dir()), reverse=True):
                folder.rmdir()
            cgroup.rmdir()
            return
        except OSError:
            # processes of the host are still dying
            continue


def patience(seconds: float, every: float = 0.25) -> Iterator[None]:
    """Yields now and then until so many seconds have passed."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        yield
        time.sleep(every)
