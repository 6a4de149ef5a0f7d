"""Small VCFs on the mitochondrial reference, and the engine run on them."""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.engine.bundles import manifest
from app.engine.pipeline.annotate import annotate
from tests.support import genome
from tests.support.annotated import Annotated


@pytest.fixture(scope="session")
def rcrs() -> manifest.Bundle:
    return manifest.find("rcrs")


@pytest.fixture(scope="session")
def nuclear(tmp_path_factory: pytest.TempPathFactory) -> manifest.Bundle:
    return genome.bundle(tmp_path_factory.mktemp("bundles") / "nuclear")


@pytest.fixture
def run(tmp_path: Path, rcrs: manifest.Bundle) -> Callable[..., Annotated]:
    """Annotate a text or bytes; gives back what was written."""

    def run(content: str | bytes, name: str = "input.vcf") -> Annotated:
        path = tmp_path / "input"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        result = annotate(path, tmp_path / "out", name=name, bundle=rcrs)
        lines = gzip.decompress(result.vcf.read_bytes()).decode().splitlines()
        header = [line for line in lines if line.startswith("#")]
        records = [line.split("\t") for line in lines if not line.startswith("#")]
        return Annotated(header, records, json.loads((result.folder / "summary.json").read_text()), result.folder)

    return run


@pytest.fixture
def child(tmp_path: Path) -> Callable[..., tuple[int, list[dict[str, Any]], str]]:
    """Run the engine as the daemon does; exit code, events, standard error."""

    def child(*arguments: str | Path) -> tuple[int, list[dict[str, Any]], str]:
        done = subprocess.run(
            [sys.executable, "-m", "app.engine", *map(str, arguments)], capture_output=True, text=True, timeout=60
        )
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr

    return child
