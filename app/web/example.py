"""A result that everybody may look at: of the sample that the upload page offers, annotated by this very release."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from app.engine.bundles import manifest
from app.engine.outputs import SUMMARY, VCF
from app.explorer.record import Variant, parse

SAMPLE = Path(__file__).parent / "static" / "sample.vcf"
BUNDLE = "rcrs"


@dataclass(frozen=True)
class Example:
    """The whole of a small result."""

    summary: dict[str, Any]
    variants: list[Variant]
    vcf: bytes  # compressed, as it is downloaded


def example() -> Example:
    """Annotates the sample: some hundredths of a second."""
    from app.engine.pipeline.annotate import annotate  # half of the engine, which the portal needs only here

    with TemporaryDirectory(prefix="gas-example-") as folder:
        out = Path(folder)
        annotate(SAMPLE, out, name=SAMPLE.name, bundle=manifest.find(BUNDLE), jobs=1)
        vcf = (out / VCF).read_bytes()
        lines = [line for line in gzip.decompress(vcf).split(b"\n") if line and not line.startswith(b"#")]
        return Example(json.loads((out / SUMMARY).read_text()), [parse(at, line) for at, line in enumerate(lines)], vcf)
