"""Small VCFs on the mitochondrial reference, and what the engine makes of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

HEADER = (
    "##fileformat=VCFv4.2\n"
    "##contig=<ID=MT,length=16569>\n"
    '##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
)


def vcf(*records: str, header: str = HEADER) -> str:
    """A VCF of records written with blanks between the columns."""
    return header + "".join(record.replace(" ", "\t") + "\n" for record in records)


@dataclass
class Annotated:
    header: list[str]
    records: list[list[str]]
    summary: dict[str, Any]
    folder: Path

    def info(self, index: int) -> dict[str, str]:
        return dict(item.partition("=")[::2] for item in self.records[index][7].split(";"))

    def notes(self) -> dict[str, int]:
        return {note["code"]: note["count"] for note in self.summary["notes"]}
