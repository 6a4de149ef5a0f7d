"""Splitting and moving alleles gives what bcftools norm gives, for any record."""

import os
import random
from collections.abc import Callable
from pathlib import Path

from app.engine.bundles import manifest
from app.engine.formats import bcftools
from app.engine.formats.fasta import Sequences
from app.engine.reading.normalize import REACH, leftmost, movable
from tests.support.records import META, record


def test_as_bcftools_norm_does(run: Callable, rcrs: manifest.Bundle, tmp_path: Path) -> None:
    fasta = rcrs.path(rcrs.fasta)
    sequence = Sequences(fasta).get("MT", 0, 20_000).decode()
    dice = random.Random(7)
    made = [record(dice, sequence) for _ in range(600)]
    records = sorted((one for one in made if "N" not in one.split("\t")[3]), key=lambda one: int(one.split("\t")[1]))
    (tmp_path / "norm.vcf").write_text(META + "".join(records))
    with (tmp_path / "normed.vcf").open("wb") as out, open(os.devnull, "wb") as messages:
        norm = ("norm", "--no-version", "-m", "-any", "-f", str(fasta), "-Ov", str(tmp_path / "norm.vcf"))
        assert bcftools.spawn(*norm, stdout=out, stderr=messages).wait() == 0
    expected = [line.split("\t") for line in (tmp_path / "normed.vcf").read_text().splitlines() if line[0] != "#"]
    found = []
    for columns in run(META + "".join(records)).records:
        own = [item for item in columns[7].split(";") if not item.startswith(("GAS_", "CSQ="))]
        found.append([*columns[:7], ";".join(own), *columns[8:]])
    assert sorted(found) == sorted(expected)
    assert [int(columns[1]) for columns in found] == sorted(int(columns[1]) for columns in found)


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
