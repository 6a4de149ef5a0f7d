"""Jobs that a warmed engine does before the first one comes, so that what every job needs is imported, remembered and quick."""

import tempfile
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

from app.engine.bundles.manifest import Bundle
from app.engine.bundles.sequence import Sequence as Bases
from app.engine.pipeline.annotate import annotate
from app.engine.reading.choice import choose

TURNS = 3
"""So often the same is done: Python makes code quick that has run several times."""

_CONTIG = "MT"
_STEP_BASES = 29  # between two records; not a multiple of three, so that all bases of codons are changed
_DECLARED = (
    *("INFO=<ID=DP,Number=1,Type=Integer", "INFO=<ID=AF,Number=A,Type=Float", "INFO=<ID=DB,Number=0,Type=Flag"),
    *("FORMAT=<ID=GT,Number=1,Type=String", "FORMAT=<ID=AD,Number=R,Type=Integer", "FORMAT=<ID=DP,Number=1,Type=Integer"),
)
_HEADER = "##fileformat=VCFv4.2\n" + "".join(f'##{line},Description="">\n' for line in _DECLARED)
_COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
_OTHER = dict(zip("ACGTN", "CGTAA", strict=True))


def run(mitochondrion: Bundle, installed: Sequence[Bundle]) -> None:
    """Annotates small files on the embedded mitochondrion, with and without a sample, as jobs do."""
    with tempfile.TemporaryDirectory(prefix="gas-engine-") as name, redirect_stdout(None):
        source = Path(name) / "rehearsal.vcf"
        for turn in range(TURNS):
            source.write_text(text(mitochondrion, sample=turn == 0))
            choose(source, mitochondrion, installed)
            annotate(source, Path(name) / "out", name=source.name, bundle=mitochondrion)


def text(mitochondrion: Bundle, *, sample: bool) -> str:
    """Returns a VCF with substitutions, insertions, deletions, two ALTs and symbolic alleles all over the contig."""
    bases = bytes(Bases.open(mitochondrion.path(mitochondrion.sequence)).view(_CONTIG)).decode()
    lines = [_HEADER + _COLUMNS + ("\tFORMAT\tS" if sample else "")]
    for number, index in enumerate(range(_STEP_BASES, len(bases) - _STEP_BASES, _STEP_BASES)):
        ref, other = bases[index], _OTHER[bases[index]]
        alt, calls = other, "GT:AD:DP\t0/1:5,7:12"
        match number % 20:
            case 0:
                alt = ref + other
            case 5:
                ref, alt = bases[index : index + 3], ref
            case 10:
                alt, calls = f"{other},{_OTHER[other]}", "GT\t1/2"
            case 15:
                alt = "<DEL>"
        line = f"{_CONTIG}\t{index + 1}\t.\t{ref}\t{alt}\t{number}.5\tPASS\tDP={number};DB"
        lines.append(f"{line}\t{calls}" if sample else line)
    return "\n".join(lines) + "\n"
