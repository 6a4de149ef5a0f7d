"""Splitting and moving alleles gives what bcftools norm gives, for any record."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from app.engine.bundles import manifest
from app.engine.formats import bcftools
from app.engine.formats.fasta import Sequences
from app.engine.reading.normalize import REACH, leftmost, movable
from tests.support.annotated import HEADER, vcf
from tests.support.records import META, record


def test_as_bcftools_norm_does(run: Callable, rcrs: manifest.Bundle, tmp_path: Path) -> None:
    """The same records, with the same word of what they were before."""
    fasta = rcrs.path(rcrs.fasta)
    sequence = Sequences(fasta).get("MT", 0, 20_000).decode()
    dice = random.Random(7)
    made = [record(dice, sequence) for _ in range(600)]
    records = sorted((one for one in made if "N" not in one.split("\t")[3]), key=lambda one: int(one.split("\t")[1]))
    (tmp_path / "norm.vcf").write_text(META + "".join(records))
    with (tmp_path / "normed.vcf").open("wb") as out, open(os.devnull, "wb") as messages:
        told = ("--old-rec-tag", "GAS_OLD_REC")
        norm = ("norm", "--no-version", "-m", "-any", *told, "-f", str(fasta), "-Ov", str(tmp_path / "norm.vcf"))
        assert bcftools.spawn(*norm, stdout=out, stderr=messages).wait() == 0
    expected = [line.split("\t") for line in (tmp_path / "normed.vcf").read_text().splitlines() if line[0] != "#"]
    found = []
    for columns in run(META + "".join(records)).records:
        own = [item for item in columns[7].split(";") if item.startswith("GAS_OLD_REC=") or not item.startswith(("GAS_", "CSQ="))]
        found.append([*columns[:7], ";".join(own), *columns[8:]])
    assert sorted(found) == sorted(expected)
    assert [int(columns[1]) for columns in found] == sorted(int(columns[1]) for columns in found)


OLD = [
    # ID, POS, REF and ALT, what each allele was before
    ("apart", "3460 a G A,C", ["MT|3460|G|A,C|1", "MT|3460|G|A,C|2"]),
    ("trimmed", "3458 a ACG ACA", ["MT|3458|ACG|ACA"]),
    ("moved", "308 a CC C", ["MT|308|CC|C"]),
    ("symbolic", "3460 a GCC <DEL>,*", ["MT|3460|GCC|<DEL>,*|1", "MT|3460|GCC|<DEL>,*|2"]),
    ("awkward", "3460 a G A,<A=1;B|C>", ["MT|3460|G|A,<A%3D1%3BB%7CC>|1", "MT|3460|G|A,<A%3D1%3BB%7CC>|2"]),
    ("long", f"3460 a G A,G{'ACGT' * 300}", ["MT|3460|.|.|1", "MT|3460|.|.|2"]),
    ("as it was", "3460 a G A", [None]),
]


@pytest.mark.parametrize("ordered", [True, False], ids=["sorted", "unsorted"])
@pytest.mark.parametrize(("record", "told"), [row[1:] for row in OLD], ids=[row[0] for row in OLD])
def test_the_record_before_a_split_or_a_move_is_noted(record: str, told: list[str | None], ordered: bool, run: Callable) -> None:
    row = f"MT {record} . . ."
    found = run(vcf(row, "MT 16000 . G C . . ."), "sorted") if ordered else run(vcf("MT 16000 . G C . . .", row))
    assert any("GAS_OLD_REC" in line for line in found.header)
    said = [found.info(index).get("GAS_OLD_REC") for index, columns in enumerate(found.records) if columns[2] == "a"]
    assert said == told
    assert not any("GAS_ASKED" in columns[7] for columns in found.records)


FORMATS = '##INFO=<ID={0},Number=.,Type=String,Description="{1}">\n'
VEP = "Consequence annotations from Ensembl VEP. Format: Allele|Consequence|ALLELE_NUM"
SNPEFF = "Functional annotations: 'Allele | Annotation | Annotation_Impact'"
KEPT = [
    # tag, description, REF, ALT, value, what each allele keeps
    ("CSQ", VEP, "G", "A,C", "C|x|2,A|y|1,A|z|1", ["A|y|1,A|z|1", "C|x|2"]),
    ("CSQ", VEP, "GCC", "GC,G,GCCC", "CCC|i|,-|d|,C|e|", ["C|e|", "-|d|", "CCC|i|"]),  # the first base left out
    ("CSQ", VEP, "GCC", "GC,ACC", "GC|d|,ACC|m|", ["GC|d|", "ACC|m|"]),  # not one first base: nothing left out
    ("CSQ", VEP, "GCC", "GC,ACC", "-|d|,A|m|", ["-|d|", "A|m|"]),  # --minimal
    ("CSQ", VEP, "GCC", "GC,G", "-|two|2,-|one|1", ["-|one|1", "-|two|2"]),  # only the number tells
    ("CSQ", VEP, "G", "A,C", "T|x|,A|y|", ["T|x|,A|y|", "T|x|"]),  # one that does not tell
    ("CSQ", VEP, "G", "A,C", "A|y|1", ["A|y|1", None]),
    ("CSQ", VEP, "G", "A,<DEL>", "A|y|,<DEL>|x|", ["A|y|", "<DEL>|x|"]),
    ("CSQ", "no format", "G", "A,C", "A|y,C|x", ["A|y", "C|x"]),
    ("ANN", SNPEFF, "GCC", "GC,G", "G|two|HIGH,GC|one|LOW", ["GC|one|LOW", "G|two|HIGH"]),
    ("ANN", SNPEFF, "GC", "G,GCC", "G|d|HIGH", ["G|d|HIGH", None]),
    ("ANN", VEP, "GC", "GCC,GCCC", "CC|one|,CCC|two|", ["CC|one|", "CCC|two|"]),
]


@pytest.mark.parametrize(("tag", "description", "ref", "alts", "value", "kept"), KEPT)
def test_each_allele_keeps_its_own_entries_of_other_programs(
    tag: str, description: str, ref: str, alts: str, value: str, kept: list[str | None], run: Callable
) -> None:
    header = HEADER.replace("#CHROM", FORMATS.format(tag, description) + "#CHROM")
    found = run(header + f"MT\t3460\t.\t{ref}\t{alts}\t.\t.\tDP=1;{tag}={value}\n")
    rows = sorted(range(len(found.records)), key=lambda index: found.info(index)["GAS_OLD_REC"])
    assert [found.info(index).get(f"{tag}_original") for index in rows] == kept
    assert found.notes()["kept_as"] == 1
    again = run("\n".join([*found.header, *("\t".join(record) for record in found.records), ""]))
    assert [again.info(index).get(f"{tag}_original") for index in rows] == kept


def test_entries_that_a_file_kept_before_are_split_too(run: Callable) -> None:
    """Of a result that was annotated, whose alleles were joined by somebody, and that comes again."""
    header = HEADER.replace("#CHROM", FORMATS.format("CSQ_original", VEP) + "#CHROM")
    found = run(header + "MT\t3460\t.\tG\tA,C\t.\t.\tDP=1;CSQ_original=C|x|,A|y|\n")
    assert [found.info(index)["CSQ_original"] for index in range(2)] == ["A|y|", "C|x|"]


def test_the_same_change_is_always_written_the_same() -> None:
    """Wherever in a repeat a change is written, it ends at the same place."""
    sequence = b"GATCA" + b"CA" * 9 + b"TTGC"
    spellings = {
        leftmost(lambda begin, end: sequence[begin:end], at, sequence[at : at + 3], sequence[at : at + 1])
        for at in range(3, 20, 2)
    }
    assert spellings == {(2, b"TCA", b"T")}


def test_a_change_at_the_beginning_of_a_contig_is_held_by_the_base_behind_it() -> None:
    sequence = b"AAAAT"
    assert leftmost(lambda begin, end: sequence[begin:end], 2, b"AA", b"A") == (0, b"AA", b"A")


def test_no_allele_goes_further_than_it_may() -> None:
    sequence = b"G" + b"A" * 5000
    start, ref, alt = leftmost(lambda begin, end: sequence[begin:end], 4000, b"AA", b"A")
    assert (start, ref, alt) == (4000 - REACH, b"AA", b"A")


def test_what_does_not_move_is_known_at_once() -> None:
    assert [movable(*pair) for pair in ((b"A", b"C"), (b"AC", b"A"), (b"A", b"AC"), (b"AC", b"GT"))] == [False] * 4
    assert [movable(*pair) for pair in ((b"AC", b"AT"), (b"CA", b"A"), (b"A", b"CA"), (b"ACT", b"AGT"))] == [True] * 4
