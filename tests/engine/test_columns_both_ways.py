"""The columns of a result are the same, whether they are read from its lines or taken from what the lines were made of."""

import random
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from app.engine.bundles import manifest
from app.engine.consequence.annotation import SILENT, AlleleAnnotator
from app.engine.consequence.tracks import ColumnSaid, TrackSaid
from app.engine.pipeline.annotator import BlockAnnotator
from app.engine.reading.allele_batch import AlleleBatch
from app.engine.report.batch_rows import values_of_batch
from app.engine.report.counts import Counts
from app.engine.report.piece_rows import piece_rows
from app.engine.report.rows import DTYPES, Values, coded, fresh_names, values_of_lines
from tests.support.annotated import Annotated

HEADER = """##fileformat=VCFv4.2
##contig=<ID=MT,length=16569>
##FILTER=<ID=low,Description="Low">
##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">
##INFO=<ID=ADP,Number=1,Type=Integer,Description="Another depth">
##INFO=<ID=AF,Number=A,Type=Float,Description="Frequency">
##INFO=<ID=CLNSIG,Number=.,Type=String,Description="Of another program">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Depths">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">
##FORMAT=<ID=HF,Number=A,Type=Float,Description="Share"
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"""
INFOS = (".", "DP=30", "AF=0.25;DP=7", "ADP=5", "ADP=9;DP=3;AF=.", "CLNSIG=Benign;AF=1e-5", "DP=0;AF=0.1", "AF=.5")
IDENTIFIERS = (".", "rs12", "a;rs7", "xrs5", "rs99999999999")
CALLS = ("GT:AD:DP\t0/1:3,9:12\t1/1:0,4:4", "GT\t0/0\t./.", "GT:HF\t0|0:0\t1:0.97", "DP\t5\t.", "GT:AD\t1|0:7,\t0/1:1,2")


def compared(got: Values, lines: list[bytes], starts: list[int], ends: list[int]) -> None:
    """Both name their words in the same order, too, so that the file of columns is the same."""
    one, other = fresh_names(), fresh_names()
    quick, slow = (coded([(b"MT", len(lines))], starts, ends, *of) for of in ((got, one), (values_of_lines(lines), other)))
    assert one == other and list(one["genes"]) == list(other["genes"])
    assert list(quick) == [column for column in DTYPES if column != "place"]
    for column, values in quick.items():
        assert values.dtype == slow[column].dtype == np.dtype(DTYPES[column])
        np.testing.assert_array_equal(values, slow[column], column)


def records(bundle: manifest.Bundle, *, samples: bool) -> str:
    """Substitutions, insertions, deletions, several ALTs, and what has no consequence, all over the mitochondrion."""
    dice, made = random.Random(5), [HEADER + ("\tFORMAT\tS1\tS2" if samples else "")]
    bases = bytes(AlleleAnnotator(bundle)._sequence.view("MT")).decode()
    for position in range(1, 16_500, 40):
        ref, other = bases[position - 1], dice.choice("ACGT")
        pairs = (ref, other), (ref, ref + "CA"), (bases[position - 1 : position + 2], ref), (ref, "<DEL>"), (ref, "*")
        for one, alt in (*pairs, (ref, f"{ref}A,{ref}TT")):
            fields = dice.choice(IDENTIFIERS), one, alt, dice.choice((".", "5", "1e3")), dice.choice(("PASS", ".", "low"))
            made.append("\t".join(("MT", str(position), *fields, dice.choice(INFOS), *[dice.choice(CALLS)] * samples)))
    return "\n".join(made) + "\n"


@pytest.mark.parametrize("samples", [False, True])
def test_of_a_file(run: Callable[..., Annotated], rcrs: manifest.Bundle, samples: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    annotated, seen = BlockAnnotator.annotated, list[bytes]()

    def watched(self: BlockAnnotator, batch: AlleleBatch, totals: Any) -> Any:
        lines, values, edges = annotated(self, batch, totals)
        compared(values, lines, batch.starts, batch.ends)
        seen.extend(values["genes"])
        return lines, values, edges

    monkeypatch.setattr(BlockAnnotator, "annotated", watched)
    made = run(records(rcrs, samples=samples))
    assert len(made.records) == len(seen) > 2000
    assert sum(b"," in genes for genes in seen) > 10, "alleles that lie in two genes"


@pytest.mark.parametrize("identifiers", [ColumnSaid([b";GAS_RSID=rs%d" % one if one else b"" for one in (7, 0, 1 << 31)],
                                                    np.array([7, 0, 1 << 31]), "rs"),
                                         ColumnSaid([b";GAS_RSID=rs999999999", b"", b";GAS_RSID=rs007"]),
                                         ColumnSaid([b";GAS_RSID=rs7", b"", b";GAS_RSID=rs1000000000"]),
                                         ColumnSaid([b";GAS_RSID=rs7,rs8", b"", b";GAS_RSID=x"])])  # fmt: skip
def test_of_tracks(identifiers: ColumnSaid, rcrs: manifest.Bundle) -> None:
    significance = ColumnSaid([b";GAS_CLNSIG=Likely_pathogenic", b"", b";GAS_CLNSIG=Benign"])
    stars = ColumnSaid([b";GAS_CLNSTARS=2", b"", b""])
    shares = ColumnSaid([b";GAS_GNOMAD_AF=0.5", b";GAS_GNOMAD_AF=0.25", b";GAS_GNOMAD_AF=1e-6"])
    columns = {"GAS_RSID": identifiers, "GAS_CLNSIG": significance, "GAS_CLNSTARS": stars, "GAS_GNOMAD_AF": shares}
    said = list(map(b"".join, zip(*(column.texts for column in columns.values()), strict=True)))
    texts = [said[0], b"", said[1], said[2]]
    tracks = [
        TrackSaid(texts, 3, {}, np.array([0, 2, 3]), columns),
        TrackSaid([b"", b"", b";GAS_DISEASE=x", b";GAS_DISEASE=y"], 2, {}),
    ]
    keys = [(b"3243", b"A", b"G"), (b"3460", b"G", b"A"), (b"8563", b"A", b"G"), (b"8993", b"T", b"G")]
    batch = AlleleBatch("MT", b"MT", [b"MT\t%b\t.\t%b\t%b\t.\t.\tDP=1" % key for key in keys])
    batch.refs, batch.alts = [key[1] for key in keys], [key[2] for key in keys]
    batch.starts, batch.ends = [int(key[0]) - 1 for key in keys], [int(key[0]) for key in keys]
    batch.tails = [b"\n"] * 4
    answers = AlleleAnnotator(rcrs).of("MT", keys)
    for silent in range(4):
        found = [SILENT if index == silent else answers[key] for index, key in enumerate(keys)]
        columns_of_lines = batch.heads, [one.tags for one in found], *(track.texts for track in tracks), batch.tails
        lines = list(map(b"".join, zip(*columns_of_lines, strict=True)))
        compared(values_of_batch(batch, found, tracks), lines, batch.starts, batch.ends)


def test_frequencies_are_counted_alike_where_all_are_plain_numbers_and_where_one_is_not() -> None:
    values = [b"0", b"0.001", b"0.0011", b"0.01", b"0.05", b"0.1", b"0.25", b"0.5", b"1", b"1.0", b"7", b"0.05000000001"]
    plain, other = Counts(), Counts()
    plain.add_frequencies(values)
    other.add_frequencies([*values, b"1x"])
    plain.add_frequencies([])
    assert plain.frequencies == other.frequencies and plain.frequencies.total() == len(values)


def test_thousands_of_contigs_with_a_line_each_share_their_columns() -> None:
    line = b"c\t3460\t.\tG\tA\t.\t.\tGAS_CSQ=missense_variant;GAS_IMPACT=MODERATE\n"
    parts = [(f"c{number}".encode(), [number], [number + 1], [line], None) for number in range(3_000)]
    tracemalloc.start()
    try:
        made = piece_rows([*parts, (b"empty", [], [], [], None)])
        assert tracemalloc.get_traced_memory()[1] < 1_000 * len(parts), "arrays of each contig would take 3,500 bytes"
    finally:
        tracemalloc.stop()
    assert made.columns["contig"].tolist() == [made.names["contig"][name] for name, *_ in parts]
    assert made.columns["position"].tolist() == [*range(1, 3_001)]
    assert made.columns["place"].tolist() == [number * len(line) for number in range(3_000)]
