"""A region of the result holds every record that reaches into it, as far as htslib lets records reach."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pysam

from app.engine.formats.vcf import INDEXABLE, extent, reach
from tests.support.annotated import Annotated, vcf

HEADER = """##fileformat=VCFv4.5
##contig=<ID=decoy,length=1000000>
##INFO=<ID=SVLEN,Number=A,Type=Integer,Description="Length">
##INFO=<ID=END,Number=1,Type=Integer,Description="End">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=LEN,Number=1,Type=Integer,Description="Length of a block">
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO	FORMAT	S1	S2
"""

RECORDS = (
    "decoy 1000 dup_end T <DUP> . PASS END=300000 GT 0/1 0/0",
    "decoy 1000 dup_svlen T <DUP> . PASS SVLEN=200000 GT 0/1 0/0",
    "decoy 1000 deletion T <DEL> . PASS SVLEN=-200000 GT 0/1 0/0",
    "decoy 1000 subtype T <DEL:ME> . PASS SVLEN=200000 GT 0/1 0/0",
    "decoy 1000 inversion T <INV> . PASS SVLEN=200000 GT 0/1 0/0",
    "decoy 1000 copies T <CNV:TR> . PASS SVLEN=200000 GT 0/1 0/0",
    "decoy 1000 both T <DEL>,<DUP> . PASS SVLEN=10,200000 GT 0/1 0/2",
    "decoy 1000 insertion T <INS> . PASS SVLEN=200000 GT 0/1 0/0",
    "decoy 1000 snv_end T C . PASS END=300000 GT 0/1 0/0",
    "decoy 1000 snv_svlen T C . PASS SVLEN=200000 GT 0/1 0/0",
    "decoy 1001 block_end C . . PASS END=300000 GT 0/0 0/0",
    "decoy 1001 block_len C <*> . PASS . GT:LEN 0/0:5 0/0:200000",
    "decoy 1001 gvcf_len C <NON_REF> . PASS . GT:LEN 0/0:200000 .",
    "decoy 1001 gvcf_end C <NON_REF> . PASS END=300000 GT 0/0 0/0",
    "decoy 1001 snv_len C A . PASS . GT:LEN 0/1:200000 0/0",
    "decoy 200000 here C A . PASS . GT 0/1 0/0",
)
USUAL = ("MT 3243 usual A G . PASS . GT 0/1 0/0",) * 200  # most of a file has to be on contigs of the reference


def names(path: Path) -> list[str]:
    """Of the records at a place whose window in the index is another than that where most of them begin."""
    with pysam.TabixFile(str(path)) as file:
        return [line.split("\t")[2] for line in file.fetch("decoy", 199_999, 200_000)]


def test_the_index_and_the_extents_hold_what_htslib_says(run: Callable[..., Annotated], tmp_path: Path) -> None:
    found = run(vcf(*USUAL, *RECORDS, header=HEADER))
    copy = tmp_path / "copy.vcf.gz"
    copy.write_bytes((found.folder / "annot.vcf.gz").read_bytes())
    pysam.tabix_index(str(copy), preset="vcf")
    there = names(copy)
    assert len(there) == 13 and not {"insertion", "snv_svlen", "snv_len"} & {*there}
    assert names(found.folder / "annot.vcf.gz") == there
    extents = [(row[2], extent("\t".join(row).encode())) for row in found.records]
    assert [name for name, (contig, first, last) in extents if contig == b"decoy" and first <= 200_000 <= last] == there


def test_how_far_a_record_reaches_is_known_without_keeping_all_that_it_says() -> None:
    line = b"MT\t100\t.\tG\t<DEL>\t.\t.\tSVLEN=" + b"-7,.," * 50_000 + b"12000\n"
    assert extent(line) == (b"MT", 100, 12_100)
    tracemalloc.start()
    try:
        extent(line)
        assert tracemalloc.get_traced_memory()[1] < 4 * len(line)
    finally:
        tracemalloc.stop()


def test_the_index_leads_to_a_far_block(run: Callable[..., Annotated]) -> None:
    """The block stands in another part of the file than all else that is near the place."""
    block = next(row for row in RECORDS if "block_len" in row)
    between = ("decoy 5000 between A G . PASS . GT 0/1 0/0",) * 3000
    found = run(vcf(*USUAL * 20, block, *between, RECORDS[-1], header=HEADER))
    assert names(found.folder / "annot.vcf.gz") == ["block_len", "here"]


def test_nothing_reaches_behind_what_an_index_can_hold() -> None:
    assert reach(INDEXABLE - 5, b"A", b"<*>", b"", b"\tLEN\t99999999\n") == INDEXABLE
    assert reach(7, b"ACG", b"A", b"END=999999999999") == INDEXABLE
    assert reach(7, b"ACG", b"A", b".") == 10
