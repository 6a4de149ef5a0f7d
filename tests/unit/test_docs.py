"""What the documentation names exists, and what it draws is so."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from app.engine.bundles import manifest, tags
from app.settings import Settings

ROOT = Path(__file__).parents[2]
TOP = ("app", "workers", "terraform", "ansible", "scripts", "tests", "docs", "setup.cfg", "Makefile")
FOLDERS = ("app", "workers", "terraform", "ansible", "scripts", "tests", "docs")
"""Those of the tree, as it is drawn; of all but `app` only the top is."""

MOST_WORDS = {"docs/architecture.md": 800, "docs/engine.md": 900}
PLACEHOLDERS = re.compile(r"[A-Z]{3,}|[*…{]")
"""What stands for a name, as in `dist/VERSION.tar.gz`."""


def pages() -> list[str]:
    """Every Markdown page of the repository."""
    skipped = {".venv", ".venv-checkov", ".venv-ansible", ".venv-audit", ".venv-ministack", ".local", "build", "dist"}
    found = [path.relative_to(ROOT) for path in ROOT.rglob("*.md")]
    return sorted(str(path) for path in found if skipped.isdisjoint(path.parts))


def code(page: str) -> list[str]:
    """What a page has in backticks, and the lines of its blocks of code."""
    text = (ROOT / page).read_text()
    blocks = re.findall(r"^\s*```\w*\n(.*?)^\s*```", text, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^\s*```.*?^\s*```", "", text, flags=re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()] + re.findall(r"`([^`]+)`", prose)


def missing_paths(page: str) -> list[str]:
    """The paths in a page's code that begin in this repository and are not there."""
    named = {word.partition("::")[0] for text in code(page) for word in re.findall(r"[\w./:*{…-]+", text)}
    inside = {word.rstrip("/.:") for word in named if word.split("/")[0] in TOP and "/" in word and not PLACEHOLDERS.search(word)}
    return sorted(word for word in inside if not (ROOT / word).exists())


def missing_links(page: str) -> list[str]:
    """The links of a page to files that are not there, or to headings that are not."""
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", (ROOT / page).read_text()):
        path, _, heading = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        if re.match(r"[a-z]+:", target):
            continue
        if not file.exists() or (heading and heading not in headings(file)):
            wrong.append(target)
    return wrong


def headings(file: Path) -> set[str]:
    """The anchors of a page's headings."""
    titles = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def known_variables() -> set[str]:
    """Settings, INFO tags of the embedded bundle, and what tests and scripts read from the environment."""
    found = {f"GAS_{name.upper()}" for name in Settings.model_fields}
    found |= {column.tag for column in tags.added(manifest.load(manifest.EMBEDDED / "rcrs"))}
    for folder in ("tests", "scripts"):
        for path in (ROOT / folder).rglob("*.py"):
            found |= set(re.findall(r"environ(?:\.get\(|\[)\"(GAS_[A-Z_]+)\"", path.read_text()))
    return found


def test_generated_pages_are_current() -> None:
    checked = subprocess.run(
        [sys.executable, "scripts/generate_docs.py", "--check"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_inputs_and_outputs_of_the_modules_are_current() -> None:
    checked = subprocess.run(
        [sys.executable, "scripts/terraform_readmes.py", "--check"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert checked.returncode == 0, f"run python scripts/terraform_readmes.py: {checked.stdout}{checked.stderr}"


@pytest.mark.parametrize("page", pages())
def test_every_path_that_a_page_names_exists(page: str) -> None:
    assert missing_paths(page) == []
    assert missing_links(page) == []


def test_every_make_target_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        (page, target)
        for page in pages()
        for text in code(page)
        for target in re.findall(r"(?:^|[;&] *|[A-Z_]+=\S+ )make ([a-z][a-z-]*)", text)
    }
    assert len(named) > 10
    assert {(page, target) for page, target in named if target not in targets} == set()


def test_every_variable_that_a_page_names_exists() -> None:
    named = {(page, name) for page in pages() for name in re.findall(r"\bGAS_[A-Z][A-Z_]*[A-Z]\b", (ROOT / page).read_text())}
    assert len(named) > 50
    known = known_variables()
    assert {(page, name) for page, name in named if name not in known} == set()


def test_every_word_of_the_glossary_has_its_class() -> None:
    named = re.findall(r"`((?:app|workers)\.[\w.]+)`", (ROOT / "docs/glossary.md").read_text())
    assert len(named) > 40
    for name in named:
        module, _, attribute = name.rpartition(".")
        assert hasattr(import_module(module), attribute), name


def test_the_tree_of_the_architecture_is_the_tree() -> None:
    start = "|".join(FOLDERS)
    drawn = re.findall(rf"^((?:{start})/\S*) +\S", (ROOT / "docs/architecture.md").read_text(), re.MULTILINE)
    listed = subprocess.run(["git", "ls-files", "app"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    inside = {"/".join(parts[:3]) for path in listed if (parts := Path(path).parts[:-1])} - {"app/engine/bundles/embedded"}
    wanted = {f"{name}/" for name in (*inside, *(path.name for path in ROOT.iterdir() if path.name in FOLDERS))}
    assert sorted(drawn) == sorted(wanted)


@pytest.mark.parametrize("page", MOST_WORDS)
def test_pages_that_one_reads_first_are_short(page: str) -> None:
    words = [word for word in (ROOT / page).read_text().split() if re.search(r"\w", word)]  # not the bars of tables
    assert len(words) <= MOST_WORDS[page]
