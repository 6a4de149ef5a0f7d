"""A known variant is found however a file spells it: padded, shifted, in a record of its own or joined with others."""

import gzip
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.engine.bundles import build, manifest, sequence
from app.engine.bundles.region_writer import write_regions
from app.engine.bundles.track_writer import AlleleTrack, ValueColumn
from app.engine.pipeline.annotate import annotate
from tests.support.annotated import Annotated, vcf
from tests.support.gff3 import gff3

dice = random.Random(3)
SEQUENCE = "GATC" + "".join(
    "".join(dice.choices("ACGT", k=25)) + dice.choice(("A", "CA", "GAT", "TTCC")) * dice.randint(2, 9) for _ in range(60)
)
MANIFEST = f"""
id = "spelled"
version = "1"
title = "A made-up contig of repeats"
assembly = "made-up"
fasta = "genome.fa"
genes = []
[[contigs]]
name = "1"
length = {len(SEQUENCE)}
"""
GENE = gff3(
    "1 x gene 1 60 . + . ID=gene:G;Name=G;biotype=lncRNA",
    "1 x lnc_RNA 1 60 . + . ID=transcript:T;Parent=gene:G;biotype=lncRNA",
    "1 x exon 1 60 . + . Parent=transcript:T",
)
TRACK = """
[[tracks]]
id = "{0}"
title = "{0}"
file = "{0}.track"
kind = "{1}"
columns = [ {{ tag = "GAS_{2}", number = ".", type = "String", description = "d" }} ]
"""


@dataclass(frozen=True)
class Change:
    """Bases from a place (from 0) on that are replaced by others, one of both possibly without any."""

    start: int
    old: str
    new: str

    @property
    def result(self) -> str:
        return SEQUENCE[: self.start] + self.new + SEQUENCE[self.start + len(self.old) :]

    @property
    def placements(self) -> list["Change"]:
        """The change at every place where it gives the same sequence, the leftmost first."""
        if self.old and self.new:
            return [self]
        found = []
        for start in range(max(self.start - 60, 1), min(self.start + 60, len(SEQUENCE) - len(self.old))):
            moved = Change(start, SEQUENCE[start : start + len(self.old)], self.result[start : start + len(self.new)])
            if moved.result == self.result:
                found.append(moved)
        return found

    def padded(self, before: int, behind: int) -> tuple[int, str, str]:
        """Position (from 1), REF and ALT with so many unchanged bases around it."""
        begin, end = max(self.start - before, 0), self.start + len(self.old)
        left, right = SEQUENCE[begin : self.start], SEQUENCE[end : end + behind]
        return begin + 1, left + self.old + right, left + self.new + right

    @property
    def trimmed(self) -> tuple[int, str, str]:
        first = self.placements[0]
        return first.padded(0 if first.old and first.new else 1, 0)


def change(start: int) -> Change:
    """A substitution, a deletion or an insertion, the latter two often of a repeat's unit."""
    size = dice.choice((1, 1, 2, 3, 4, 6))
    old = SEQUENCE[start : start + size]
    kind = dice.choice(("snv", "deletion", "copy", "insertion", "both"))
    if kind == "snv":
        return Change(start, old[0], dice.choice("ACGT".replace(old[0], "")))
    if kind == "deletion":
        return Change(start, old, "")
    if kind == "both":  # no base in common at either end
        return Change(start, "".join(old), "".join(dice.choice("ACGT".replace(base, "")) for base in (old[0], *old[-1:])))
    return Change(start, "", old if kind == "copy" else "".join(dice.choices("ACGT", k=size)))


KNOWN = list({made.result: made for made in map(change, range(20, len(SEQUENCE) - 40, 5))}.values())
REPEATS = [made for made in KNOWN if len(made.placements) > 3]


@pytest.fixture(scope="module")
def spelled(tmp_path_factory: pytest.TempPathFactory) -> manifest.Bundle:
    """A bundle that knows every one of the changes, each by its number, and a landmark every seven bases."""
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "genome.fa").write_text(f">1\n{SEQUENCE}\n")
    pysam.faidx(str(folder / "genome.fa"))
    sequence.build(folder / "genome.fa", folder / sequence.FILE)
    models = tmp_path_factory.mktemp("models") / "genes.gff3"
    models.write_text(GENE)
    build.add_genes(models, folder, {"1": "1"})
    rows = sorted((*made.trimmed, number) for number, made in enumerate(KNOWN, 1))
    lengths = {"1": len(SEQUENCE)}
    with AlleleTrack(folder / "known.track", [ValueColumn("numbers", "n")], lengths) as track:
        track.write(("1", at, ref.encode(), alt.encode(), [b"n%d" % number]) for at, ref, alt, number in rows)
    write_regions(folder / "places.track", [("1", at, at + 7, [b"p%d" % at]) for at in range(0, len(SEQUENCE), 7)], lengths)
    tracks = TRACK.format("known", "allele", "KNOWN") + TRACK.format("places", "region", "PLACE")
    (folder / manifest.MANIFEST).write_text(MANIFEST + tracks + manifest.file_table(folder))
    return manifest.load(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spellings")


@st.composite
def spellings(draw: st.DrawFn) -> tuple[list[int], list[tuple[int, str, str, str]]]:
    """Some of the known changes by number, and records (position, ID, REF, ALT) that spell each in several ways."""
    numbers = draw(st.lists(st.integers(1, len(KNOWN)), min_size=1, max_size=8, unique=True))
    rows = []
    for number in numbers:
        made = KNOWN[number - 1]
        rows.append((*made.trimmed, f"n{number}"))
        for _ in range(3):
            placed = draw(st.sampled_from(made.placements))
            least = 0 if placed.old and placed.new else 1
            at, ref, alt = placed.padded(draw(st.integers(least, 9)), draw(st.integers(0, 9)))
            other = alt + draw(st.sampled_from("ACGT")) if draw(st.booleans()) else ""
            rows.append((at, ref, f"{other},{alt}" if other and other != ref else alt, f"n{number}"))
    return numbers, [(at, name, ref, alt) for at, ref, alt, name in (sorted(rows) if draw(st.booleans()) else rows)]


@settings(max_examples=20, deadline=None)
@given(asked=spellings())
def test_every_spelling_of_a_change_has_the_same_track_tags(
    asked: tuple[list[int], list[tuple[int, str, str, str]]], spelled: manifest.Bundle, folder: Path
) -> None:
    numbers, rows = asked
    (folder / "in.vcf").write_text(vcf(*(f"1 {at} {name} {ref} {alt} . . ." for at, name, ref, alt in rows), header=HEADER))
    result = annotate(folder / "in.vcf", folder / "out", name="in.vcf", bundle=spelled)
    found: dict[int, list[tuple[str, ...]]] = {number: [] for number in numbers}
    for line in gzip.decompress(result.vcf.read_bytes()).decode().splitlines():
        if not line.startswith("#"):
            _, at, name, ref, alt, _, _, info = line.split("\t")
            number = int(name[1:])
            if (int(at), ref, alt) == KNOWN[number - 1].trimmed:
                found[number].append(tuple(item for item in info.split(";") if item.startswith(("GAS_KNOWN", "GAS_PLACE"))))
    for number, tags in found.items():
        assert len(tags) == 4
        assert len(set(tags)) == 1
        assert tags[0][0] == f"GAS_KNOWN=n{number}" and tags[0][1].startswith("GAS_PLACE=")


HEADER = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


def test_the_changes_can_be_spelled_in_many_ways() -> None:
    assert len(KNOWN) > 200 and len(REPEATS) > 50


def test_a_change_of_the_mitochondrion_is_known_in_padded_and_joined_records(run: Callable[..., Annotated]) -> None:
    """m.3460G>A of LHON, as callers write it beside a deletion, and with two bases before it."""
    found = run(vcf("MT 3460 a G A . . .", "MT 3460 b GCC ACC,GC . . .", "MT 3458 c ACG ACA . . ."))
    known = {(row[1], row[2], row[4]): found.info(index) for index, row in enumerate(found.records)}
    for name in "abc":
        assert known["3460", name, "A"]["GAS_RSID"] == "rs199476118"
        assert known["3460", name, "A"]["GAS_DISEASE"]
    assert sum("GAS_RSID" in info for info in known.values()) == 3
    assert found.summary["tracks"]["confirmed"] == 3
