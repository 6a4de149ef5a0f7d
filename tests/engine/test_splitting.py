"""Splitting and moving alleles gives what bcftools norm gives, for any record."""

import os
import random
from collections.abc import Callable
from pathlib import Path

from app.engine.bundles import manifest
from app.engine.formats import bcftools
from app.engine.formats.fasta import Sequences
from app.engine.reading.normalize import REACH, leftmost, movable

META = """##fileformat=VCFv4.2
##contig=<ID=MT,length=16569>
##INFO=<ID=AF,Number=A,Type=Float,Description="f">
##INFO=<ID=AD,Number=R,Type=Integer,Description="d">
##INFO=<ID=XG,Number=G,Type=Integer,Description="g">
##INFO=<ID=DP,Number=1,Type=Integer,Description="d">
##INFO=<ID=DB,Number=0,Type=Flag,Description="f">
##FORMAT=<ID=GT,Number=1,Type=String,Description="g">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="d">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="p">
##FORMAT=<ID=VF,Number=A,Type=Float,Description="v">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="q">
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO	FORMAT	S1	S2
"""


def bases(dice: random.Random, most: int) -> str:
    return "".join(dice.choices("ACGT", k=dice.randint(0, most)))


def allele(dice: random.Random, ref: str) -> str:
    """Another allele: shortened, lengthened by a copy of what is there, or anything."""
    keep = dice.randint(1, len(ref))
    made = dice.choice((ref[:keep], ref + ref[-keep:], ref[:1] + bases(dice, 3) + ref[1:], bases(dice, 3) + ref[-1:]))
    return made if made != ref else ref + "A"


def numbers(dice: random.Random, count: int) -> str:
    return ",".join(str(dice.randint(0, 99)) for _ in range(count))


def record(dice: random.Random, sequence: str, position: int = 0) -> str:
    """A record of one to four alternative alleles, with a value of every kind."""
    position = position or dice.choice((1, 2, 300, 310, 513, 8270, 16180, dice.randint(1, 16_000)))
    ref = sequence[position - 1 : position - 1 + dice.choice((1, 1, 2, 5, 12))]
    alts = list(dict.fromkeys(allele(dice, ref) for _ in range(dice.randint(1, 4))))
    count = len(alts)
    genotypes = (count + 1) * (count + 2) // 2
    info = f"AF={numbers(dice, count)};DP=7;AD={numbers(dice, count + 1)};DB;XG={numbers(dice, genotypes)}"
    calls = []
    for copies in (2, 1):
        call = dice.choice("/|").join(dice.choice(("0", ".", str(dice.randint(0, count)))) for _ in range(copies))
        likelihoods = numbers(dice, genotypes if copies == 2 else count + 1)
        calls.append(f"{call}:{numbers(dice, count + 1)}:{likelihoods}:{numbers(dice, count)}:9")
    columns = ("MT", str(position), ".", ref, ",".join(alts), "50", ".", info, "GT:AD:PL:VF:GQ", *calls)
    return "\t".join(columns) + "\n"


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
