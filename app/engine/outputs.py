"""What the engine writes of a file: how the outputs are called, and what they hold."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

VCF, INDEX, SUMMARY, REJECTED = "annot.vcf.gz", "annot.vcf.gz.tbi", "summary.json", "rejected.tsv"


@dataclass(frozen=True)
class Result:
    """Where the outputs of one file are, and its summary."""

    folder: Path
    summary: dict[str, Any]

    @property
    def vcf(self) -> Path:
        """The annotated VCF."""
        return self.folder / VCF
