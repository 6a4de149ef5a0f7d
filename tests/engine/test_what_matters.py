"""What matters here: found, classed and ordered by the documented rules, whatever pieces a file is worked on in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.engine.bundles.manifest import find
from app.engine.formats import bgzf
from app.engine.formats.columns import COLUMNS, ColumnsWriter, decoded, directory, encoded, listed
from app.engine.pipeline.annotate import VCF, annotate
from app.engine.report import rows as report_rows
from app.engine.report.what_matters import CLASSES, MOST, WhatMatters, candidates, entry, ranks

HEADER = """##fileformat=VCFv4.2
##contig=<ID=MT,length=16569>
##INFO=<ID=AF,Number=A,Type=Float,Description="f">
##FORMAT=<ID=GT,Number=1,Type=String,Description="g">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="a">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS
"""
RECORDS = (
    "MT 73 . A G 50 PASS AF=0.9 GT:AD 1:0,100",
    "MT 3243 . A G 60 PASS AF=0.3 GT:AD 0/1:70,30",
    "MT 3460 . G A 60 low . GT:AD 1/1:0,9",
    "MT 8860 . A G 60 PASS . GT:AD 1/1:0,9",
    "MT 8993 . T G 60 PASS . GT:AD 0/0:90,0",
    "MT 11778 . G A . PASS . GT:AD 1/1:1,99",
)


def made(folder: Path) -> dict:
    source = folder / "in.vcf"
    source.write_text(HEADER + "".join(record.replace(" ", "\t") + "\n" for record in RECORDS))
    return annotate(source, folder / "out", name="x", bundle=find("rcrs")).summary


def test_known_variants_of_the_sample_come_first(tmp_path: Path) -> None:
    found = made(tmp_path)["what_matters"]
    assert [(one["row"], one["class"]) for one in found] == [
        (5, "confirmed"),
        (1, "confirmed"),
        (2, "confirmed"),
        (3, "protein_change"),
    ]
    best, melas, failed, _ = found
    assert (best["gene"], best["hgvs_protein"], best["genotype"]) == ("MT-ND4", "p.Arg340His", "homoplasmic, 99 % of the reads")
    assert melas["hgvs_genomic"] == "NC_012920.1:m.3243A>G" and melas["genotype"] == "heteroplasmic, 30 % of the reads"
    assert "MELAS" in melas["conditions"] and melas["rsid"] == "rs199474657" and melas["frequency"] is None
    assert failed["filters"] == "low", "what did not pass is behind those that did"


def test_what_no_sample_carries_is_left_out(tmp_path: Path) -> None:
    assert 4 not in [one["row"] for one in made(tmp_path)["what_matters"]]


def test_what_may_be_common_is_not_called_rare(tmp_path: Path) -> None:
    """m.8860A>G, of which this reference has no frequency, is in nearly everybody."""
    (found,) = (one for one in made(tmp_path)["what_matters"] if one["position"] == 8860)
    rule = CLASSES[found["class"]]
    assert found["frequency"] is None
    assert rule.label == "Protein change" and "unknown frequency" in rule.meaning


def line(position: int, tags: str, call: str = "0/1", filters: str = "PASS") -> bytes:
    return f"1\t{position}\t.\tA\tG\t.\t{filters}\t{tags}\tGT\t{call}\n".encode()


NUCLEAR = {  # in the order in which they should come
    1: "GAS_CSQ=missense_variant;GAS_IMPACT=MODERATE;CSQ=x;GAS_CLNSIG=Pathogenic;GAS_CLNSTARS=3;GAS_DISEASE=A|B",
    2: "GAS_CSQ=intron_variant;GAS_IMPACT=MODIFIER;CSQ=x;GAS_CLNSIG=Pathogenic/Likely_pathogenic;GAS_CLNSTARS=2",
    3: "GAS_CSQ=intron_variant;GAS_IMPACT=MODIFIER;CSQ=x;GAS_CLNSIG=Likely_pathogenic;GAS_CLNSTARS=2",
    4: "GAS_CSQ=intron_variant;GAS_IMPACT=MODIFIER;CSQ=x;GAS_CLNSIG=Pathogenic;GAS_CLNSTARS=0",
    5: "GAS_CSQ=stop_gained;GAS_IMPACT=HIGH;CSQ=x",
    6: "GAS_CSQ=frameshift_variant;GAS_IMPACT=HIGH;CSQ=x;GAS_CLNSIG=Conflicting_classifications_of_pathogenicity;GAS_CLNSTARS=0",
    7: "GAS_CSQ=missense_variant;GAS_IMPACT=MODERATE;CSQ=x",
    8: "GAS_CSQ=missense_variant;GAS_IMPACT=MODERATE;CSQ=x;GAS_GNOMAD_AF=0.1;GAS_GNOMAD_GRPMAX_AF=0.0009;GAS_GNOMAD_GRPMAX=afr",
}
LEFT_OUT = {
    9: "GAS_CSQ=missense_variant;GAS_IMPACT=MODERATE;CSQ=x;GAS_GNOMAD_AF=0.0001;GAS_GNOMAD_GRPMAX_AF=0.001",
    10: "GAS_CSQ=stop_gained;GAS_IMPACT=HIGH;CSQ=x;GAS_CLNSIG=Benign/Likely_benign;GAS_CLNSTARS=2",
    11: "GAS_CSQ=synonymous_variant;GAS_IMPACT=LOW;CSQ=x;GAS_CLNSIG=drug_response;GAS_CLNSTARS=3",
}


def test_the_rules_order_what_clinvar_and_gnomad_say() -> None:
    lines = [line(position, tags) for position, tags in sorted({**NUCLEAR, **LEFT_OUT}.items(), reverse=True)]
    starts = [int(one.split(b"\t")[1]) - 1 for one in lines]
    names = report_rows.fresh_names()
    table = report_rows.rows(b"1", starts, [start + 1 for start in starts], lines, names)
    found = candidates(table, np.ones(len(lines), bool))
    assert [int(table["position"][row]) for _, row in sorted(found)] == list(NUCLEAR)
    said = [entry(rank, row, lines[row]) for rank, row in sorted(found)]
    assert [one["class"] for one in said] == ["pathogenic"] * 3 + ["unreviewed"] + ["high"] * 2 + ["protein_change"] * 2
    assert (said[0]["stars"], said[0]["conditions"], said[0]["genotype"]) == (3, ["A", "B"], "heterozygous")
    assert (said[-1]["frequency"], said[-1]["frequency_group"]) == (0.0009, "afr")


def test_the_first_twenty_are_the_same_in_any_pieces() -> None:
    lines = [line(position, NUCLEAR[1 + position % 8]) for position in range(1, 200)]

    def of(size: int) -> list[dict]:
        matters = WhatMatters()
        for first in range(0, len(lines), size):
            part = lines[first : first + size]
            table = report_rows.rows(b"1", range(len(part)), range(1, len(part) + 1), part, report_rows.fresh_names())
            passed = np.ones(len(part), bool)
            matters.add((rank, first + row, part[row]) for rank, row in candidates(table, passed))
        return matters.summary()

    assert of(7) == of(60) == of(1000) and len(of(7)) == MOST


def test_a_rank_orders_filters_before_stars() -> None:
    lines = [line(1, NUCLEAR[1], filters="low"), line(2, NUCLEAR[3])]
    table = report_rows.rows(b"1", [0, 1], [1, 2], lines, report_rows.fresh_names())
    first, second = ranks(table, np.array([False, True]))
    assert second < first


@pytest.mark.parametrize(
    ("samples", "said"), [("0/1 0/0 1/1", "in 2 of 3 samples, 1 homozygous"), ("0/0 ./. 0|1", "in 1 of 3 samples")]
)
def test_several_samples_are_counted(samples: str, said: str) -> None:
    text = line(1, NUCLEAR[5]).rstrip(b"\n").rpartition(b"\t")[0] + b"\t" + samples.replace(" ", "\t").encode() + b"\n"
    assert entry(3 << 34, 0, text)["genotype"] == said


def test_the_columns_say_what_the_records_say(tmp_path: Path) -> None:
    made(tmp_path)
    stored, vcf = (tmp_path / "out" / COLUMNS).read_bytes(), (tmp_path / "out" / VCF).read_bytes()
    found = directory(stored)
    assert found and found.records == len(RECORDS) and found.end == len(stored) and directory(stored[:8]) is None
    values = {
        name: decoded(stored[spans[0][0] : sum(spans[0])], found.dtypes[name], found.records)
        for name, spans in found.spans.items()
    }
    words = {name: listed(stored[at : at + size]) for name, (at, size) in found.words.items()}
    assert values["position"].tolist() == [73, 3243, 3460, 8860, 8993, 11778]
    assert values["residue"].tolist() == [0, 0, 52, 112, 156, 340] and words["filter"] == ["", "PASS", "low"]
    assert [words["gene"][code] for code in values["gene"]] == ["", "MT-TL1", "MT-ND1", "MT-ATP6", "MT-ATP6", "MT-ND4"]
    assert np.allclose(values["fraction"], [1, 0.3, 1, 1, 0, 0.99]) and values["depth"].tolist() == [100, 100, 9, 9, 90, 100]
    assert [report_rows.GENOTYPES[code] for code in values["genotype"]][:2] == ["hemizygous", "heterozygous"]
    assert np.isnan(values["af"][2]) and values["rsid"][1] == 199_474_657
    # each place is where the record begins in the file
    texts = dict(bgzf.inflated(vcf, 0)[0])
    starts = [texts[place >> 16][place & 0xFFFF :].split(b"\t")[1] for place in values["place"].tolist()]
    assert [int(start) for start in starts] == values["position"].tolist()


@pytest.mark.parametrize("dtype", ["u1", "<u4", "<i4", "<u8", "<f4"])
def test_a_column_comes_back_as_it_was(dtype: str) -> None:
    values = np.array([5, 0, 200, 7, 7, 3], dtype)
    assert decoded(encoded(values), dtype, 6).tolist() == values.tolist()


def test_a_long_result_has_several_chunks(tmp_path: Path) -> None:
    writer = ColumnsWriter(tmp_path / "work", {"contig": "<u4", "position": "<i4", "end": "<i4", "place": "<u8"}, ["contig"])
    for first in range(0, 200_000, 30_000):
        at = np.arange(first, first + 30_000)
        writer.add({"contig": at * 0, "position": at, "end": at, "place": at.astype("u8")}, {"contig": {b"1": 0}})
    size = writer.finish(tmp_path / "columns", 100)
    stored = (tmp_path / "columns").read_bytes()
    found = directory(stored)
    assert found and found.records == 210_000 and [chunk.records for chunk in found.chunks] == [65_536] * 3 + [13_392]
    assert size == len(stored) == found.end and not (tmp_path / "work").exists()
    begin, length = found.spans["place"][3]
    assert decoded(stored[begin : begin + length], "<u8", 13_392)[-1] == 209_999 + (100 << 16)
