"""The result of the engine is compared with Ensembl VEP's, as `make truth` does; see scripts/truth.py."""

from pathlib import Path

import pytest

from app.engine.bundles import manifest
from scripts.truth import WANTED_SHARE, compared

MITOCHONDRION = Path(__file__).parents[1] / "truth" / "mitochondrion.vep.vcf.gz"


@pytest.mark.slow
def test_the_mitochondrion_as_vep_has_it(rcrs: manifest.Bundle, tmp_path: Path) -> None:
    """2,600 small variants; VEP's run knows the protein genes only."""
    found = compared(MITOCHONDRION, rcrs, 5000, tmp_path)
    assert (found.records, found.missing) == (2600, 0)
    assert {field: right for field, (_, right) in found.shares(extra_ok=True).items() if right < WANTED_SHARE} == {}
    assert {field: lines[:3] for field, lines in found.others.items() if lines} == {}
