"""Builds a release: VERSION.tar.gz, with all that a host needs to become a GAS node without asking a package registry.

release.json       version, and the reference bundles that annotators fetch
requirements.txt   every package, pinned, with the hashes of its wheels
wheelhouse/        the wheels, GAS's own among them
packages/          Debian packages to install: the CloudWatch and SSM agents, which no mirror of Debian has
ansible/           what installs all of it
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = ("app", "workers", "setup.cfg", "pyproject.toml", "README.md")
PYTHON = "3.13"
"""Debian 13's."""

AGENTS = {
    "amazon-cloudwatch-agent": "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/download-cloudwatch-agent-commandline.html",
    "amazon-ssm-agent": "https://docs.aws.amazon.com/systems-manager/latest/userguide/agent-install-deb.html",
}
"""What every instance runs beside GAS, by the beginning of its package's name, and where AWS has it."""

PLATFORMS = {"amd64": "x86_64", "arm64": "aarch64"}
GLIBC = ("2_39", "2_34", "2_31", "2_28", "2_17")
"""Of the manylinux wheels that Debian 13 (glibc 2.41) runs."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("version", help="as pip writes versions: 1.2.0, 1.3.0.dev4")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder for the archive (dist/)")
    parser.add_argument("--architecture", action="append", choices=PLATFORMS, help="of the hosts; amd64 if none is given")
    parser.add_argument("--wheels", type=Path, help="wheelhouse of another release: its versions are taken, no registry is asked")
    parser.add_argument("--bundle", action="append", default=[], metavar="ID=VERSION", help="a reference bundle to fetch")
    parser.add_argument("--package", action="append", default=[], type=Path, metavar="DEB", help="a Debian package to install")
    parser.add_argument(
        "--without-agents", action="store_true", help="for hosts that are not at AWS: no logs, metrics or sessions"
    )
    chosen = parser.parse_args()
    if not chosen.without_agents and (lacking := missing_agents(chosen.package)):
        sys.exit(
            f"the release lacks {' and '.join(lacking)}, which Debian has not: instances would show no logs and let nobody in. "
            f"Name each by --package, or say --without-agents. Where they are: {', '.join(AGENTS[agent] for agent in lacking)}"
        )
    with tempfile.TemporaryDirectory() as folder:
        release = Path(folder)
        wheels = release / "wheelhouse"
        wheel = build_wheel(chosen.version, wheels)
        for architecture in chosen.architecture or ["amd64"]:
            download(wheel, wheels, architecture, chosen.wheels)
        (release / "requirements.txt").write_text(requirements(wheels.iterdir()))
        bundles = [dict(zip(("id", "version"), bundle.split("=", 1), strict=True)) for bundle in chosen.bundle]
        (release / "release.json").write_text(json.dumps({"version": chosen.version, "bundles": bundles}, indent=2) + "\n")
        (release / "packages").mkdir()
        for package in chosen.package:
            shutil.copy(package, release / "packages")
        shutil.copytree(ROOT / "ansible", release / "ansible", ignore=shutil.ignore_patterns(".*", "__pycache__"))
        print(pack(release, chosen.out / f"{chosen.version}.tar.gz"))


def missing_agents(packages: Iterable[Path]) -> list[str]:
    """The agents of AWS that no file among these packages is."""
    names = [package.name for package in packages]
    return [agent for agent in AGENTS if not any(name.startswith(agent) for name in names)]


def build_wheel(version: str, wheels: Path) -> Path:
    """GAS's wheel, whose version is the release's: so a process can say which release it is."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        for name in SOURCE:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, tree / name)
        config = (tree / "setup.cfg").read_text()
        (declared,) = (line for line in config.splitlines() if line.startswith("version = "))
        (tree / "setup.cfg").write_text(config.replace(declared, f"version = {version}", 1))
        pip("wheel", "--no-deps", "--wheel-dir", wheels, tree)
    (wheel,) = wheels.iterdir()
    if wheel.name.split("-")[1] != version:
        sys.exit(f"{version} is no version as pip writes it: {wheel.name.split('-')[1]} is")
    return wheel


def download(wheel: Path, wheels: Path, architecture: str, source: Path | None) -> None:
    """All that GAS needs, as wheels for one architecture; versions that are there already are kept."""
    platforms = [f"manylinux_{glibc}_{PLATFORMS[architecture]}" for glibc in GLIBC]
    options = [word for platform in (*platforms, f"manylinux2014_{PLATFORMS[architecture]}") for word in ("--platform", platform)]
    options += ["--no-index", "--find-links", str(source)] if source else []
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        constraints.writelines(f"{name}=={version}\n" for name, version in sorted({split(found) for found in wheels.iterdir()}))
        constraints.flush()
        options += ["--only-binary", ":all:", "--python-version", PYTHON, "--constraint", constraints.name]
        pip("download", *options, "--dest", wheels, wheel)


def split(wheel: Path) -> tuple[str, str]:
    name, version = wheel.name.split("-")[:2]
    return name.replace("_", "-").lower(), version


def requirements(wheels: Iterable[Path]) -> str:
    """Each package with the hashes of all of its wheels, as `pip install --require-hashes` wants them."""
    hashes: dict[tuple[str, str], list[str]] = defaultdict(list)
    for wheel in sorted(wheels):
        hashes[split(wheel)].append(hashlib.sha256(wheel.read_bytes()).hexdigest())
    return "".join(
        f"{name}=={version} {' '.join(f'--hash=sha256:{digest}' for digest in digests)}\n"
        for (name, version), digests in sorted(hashes.items())
    )


def pack(release: Path, archive: Path) -> Path:
    """The archive; it appears only when it is whole."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    partial = archive.with_name(f".{archive.name}.partial")
    # wheels are compressed already
    with tarfile.open(partial, "w:gz", compresslevel=1) as tar:
        for path in sorted(release.rglob("*")):
            tar.add(path, path.relative_to(release), recursive=False, filter=without_owner)
    return partial.rename(archive)


def without_owner(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = "root"
    return entry


def pip(*arguments: str | Path) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments], check=True)


if __name__ == "__main__":
    main()
