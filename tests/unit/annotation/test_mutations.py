"""Whatever is done to a VCF: a result in which nothing is lost, or a sentence; never anything else."""

import random
import subprocess
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from app.annotation import reference
from app.annotation.engine import annotate
from app.annotation.errors import InputError
from app.annotation.intake import feed, survey
from app.annotation.source import Source

SURVEYED = range(1500)
ANNOTATED = range(50_000, 50_025)


def _mutate() -> Callable[[random.Random], bytes]:
    spec = spec_from_file_location("annotation_mutations", Path(__file__).with_name("mutations.py"))
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.mutate


mutate = _mutate()


def test_the_intake_loses_nothing(tmp_path: Path, rcrs: reference.Bundle) -> None:
    path = tmp_path / "in"
    for seed in SURVEYED:
        path.write_bytes(mutate(random.Random(seed)))
        try:
            found = survey(Source(path), rcrs, lambda *_: None)
        except InputError as fault:
            assert fault.message.endswith((".", "?")), (seed, fault.message)
            continue
        fed: list[bytes] = []
        feed(found, rcrs, fed.append)
        records = [line for line in b"".join(fed).split(b"\n") if line and not line.startswith(b"#")]
        assert len(records) == found.records, seed


def test_results_are_whole_and_readable(tmp_path: Path, rcrs: reference.Bundle) -> None:
    path = tmp_path / "in"
    for seed in ANNOTATED:
        path.write_bytes(mutate(random.Random(seed)))
        try:
            result = annotate(path, tmp_path / str(seed), name="x", bundle=rcrs)
        except InputError:
            continue
        summary = result.summary
        assert summary["records_out"] == summary["records_in"] + summary["splits"], seed
        read = [sys.executable, "-c", "import sys, pysam; print(sum(1 for _ in pysam.VariantFile(sys.argv[1])))", str(result.vcf)]
        assert int(subprocess.run(read, capture_output=True, text=True, check=True).stdout) == summary["records_out"], seed
