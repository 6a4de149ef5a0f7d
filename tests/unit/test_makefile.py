"""What somebody without the right Python reads from `make`: one sentence, before anything is made; and each test has its lane."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from _pytest.mark.expression import Expression

ROOT = Path(__file__).parents[2]

FAKE = """#!/bin/sh
case "$1" in
    --version) echo "Python {version}" ;;
    -c) exec {python} -c "import sys; {first}
$2" ;;
    *) echo "$@" > began; exit 9 ;;
esac
"""
"""A Python that is made to look like another one, and only notes what else it is asked for."""


def make(folder: Path, version: str, *, first: str = "", python: str = "./fake") -> subprocess.CompletedProcess[str]:
    """`make run` on a fresh clone with a Python of `version`; `first` is what it does before any code."""
    for name in ("Makefile", "setup.cfg", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    (folder / "fake").write_text(
        FAKE.format(
            version=version, python=sys.executable, first=f"sys.version_info = tuple(map(int, '{version}'.split('.'))); {first}"
        )
    )
    (folder / "fake").chmod(0o755)
    command = ["make", "run", f"PYTHON={python}"]
    # these tests may themselves be started by make, which tells the ones below
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKELEVEL", "MAKEFLAGS", "MFLAGS")}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


def sentence(made: subprocess.CompletedProcess[str]) -> str:
    """The only line besides make's own about its target."""
    (line,) = [line for line in made.stderr.splitlines() if not line.startswith("make")]
    return line


@pytest.mark.parametrize("version", ["3.9.2", "3.10.12", "3.14.0"])
def test_a_wrong_python_is_one_sentence(version: str, tmp_path: Path) -> None:
    made = make(tmp_path, version)
    assert made.returncode and not made.stdout
    assert sentence(made).startswith(f"GAS needs Python 3.11, 3.12 or 3.13, and ./fake is Python {version}: name another one")
    assert not (tmp_path / "began").exists()


def test_no_python_is_the_same_sentence(tmp_path: Path) -> None:
    made = make(tmp_path, "3.11.2", python="./none")
    assert made.returncode and not made.stdout
    assert "and ./none is not to be found: name another one" in sentence(made)


def test_a_python_without_venv_is_one_sentence(tmp_path: Path) -> None:
    made = make(tmp_path, "3.11.2", first="sys.modules['ensurepip'] = None")
    assert made.returncode and not made.stdout
    assert "'apt-get install python3-venv' mends that" in sentence(made)
    assert not (tmp_path / "began").exists()


@pytest.mark.parametrize("version", ["3.11.2", "3.12.1", "3.13.0"])
def test_a_right_python_goes_on_to_the_virtual_environment(version: str, tmp_path: Path) -> None:
    make(tmp_path, version)
    assert (tmp_path / "began").read_text() == "-m venv .venv\n"


@pytest.mark.parametrize("marks", [set(), {"slow"}, {"night"}, {"slow", "night"}], ids=lambda marks: " and ".join(sorted(marks)))
def test_each_test_is_run_by_one_lane(marks: set[str]) -> None:
    recipes = dict(re.findall(r"^([a-z-]+):.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE))
    (quick,) = re.findall(r"^QUICK +:= -m '(.+)'$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert "$(TESTS) $(QUICK)" in recipes["test-quick"]
    for lanes, place in (
        ({"test-slow", "test-night"}, "$(TESTS)"),
        ({"test-plans", "test-night"}, "tests/infra"),
        ({"test-hosts", "test-night"}, "tests/infra"),
        ({"test-browser", "test-night"}, "tests/web/browser"),
    ):
        asked = [(lane, one or other) for lane in sorted(lanes) for one, other in _asked(recipes[lane], place)]
        asked += [("test-quick", quick)] if place == "$(TESTS)" else []
        chosen = [lane for lane, said in asked if Expression.compile(said).evaluate(lambda name, **_: name in marks)]
        assert {*chosen} == {"test-night" if "night" in marks else chosen[0]}, (place, asked)


def _asked(recipe: str, place: str) -> list[tuple[str, str]]:
    """The expressions of the marks by which a recipe runs tests of a folder."""
    return re.findall(rf" {re.escape(place)}.* -m (?:'([^']+)'|(\w+))", recipe)
