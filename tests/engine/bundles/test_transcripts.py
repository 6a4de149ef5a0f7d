"""Look-ups in the mapped file of transcripts: pairs with alleles, exons of pairs, genes by name, and what they cost."""

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.engine.bundles import layout
from app.engine.bundles.mapped import BundleError
from app.engine.bundles.transcripts import DECODED, Transcripts
from tests.support.gff3 import Made, bases, gff3, made

LENGTH = 40_000  # five bins of the join

Place = tuple[int, int]


def models(places: dict[str, list[Place]]) -> str:
    """A gene with one transcript of one exon at each of these places of each contig."""
    lines = []
    for contig, on_contig in places.items():
        for number, (start, end) in enumerate(on_contig):
            name = f"{contig}_{number:04d}"
            lines += [
                f"{contig} x gene {start} {end} . + . ID=gene:{name};Name=N{number}",
                f"{contig} x mRNA {start} {end} . + . ID=transcript:{name};Parent=gene:{name}",
                f"{contig} x exon {start} {end} . + . Parent=transcript:{name}",
            ]
    return gff3(*lines)


positions = st.integers(1, LENGTH) | st.sampled_from([1, 8191, 8192, 8193, 16383, 16384, LENGTH - 1, LENGTH])
spans = st.tuples(positions, positions).map(lambda place: (min(place), max(place)))
short = st.tuples(positions, st.integers(0, 300)).map(lambda place: (place[0], min(place[0] + place[1], LENGTH)))
alleles = st.lists(st.tuples(positions, st.integers(-1, 20) | st.integers(0, LENGTH)), max_size=60)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(spans | short, min_size=1, max_size=40),
    st.lists(spans, max_size=5),
    alleles,
    st.sampled_from([0, 1, 100, 5_000, 50_000]),
)
def test_pairs_are_those_that_a_look_at_every_pair_finds(
    tmp_path_factory: pytest.TempPathFactory, first: list[Place], second: list[Place], asked: list[tuple[int, int]], distance: int
) -> None:
    found = made(tmp_path_factory.mktemp("join"), models({"1": first, "2": second}), {"1": "A" * LENGTH, "2": "C" * LENGTH})
    starts = np.array([start for start, _ in asked], np.int64)
    ends = np.array([start + more for start, more in asked], np.int64)
    for contig in ("1", "2"):
        expected = [
            (allele, row)
            for allele, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True))
            for row in range(len(found.transcripts))
            if (one := found.transcripts[row]).contig == contig and one.start <= end + distance and one.end >= start - distance
        ]
        got = found.transcripts.overlapping(contig, starts, ends, distance)
        assert list(zip(*(column.tolist() for column in got), strict=True)) == expected


def test_an_insertion_is_within_a_transcript_only_between_its_bases(tmp_path: Path) -> None:
    found = made(tmp_path, models({"1": [(101, 200)]}), {"1": bases(500)})
    starts = np.array([101, 102, 200, 201])  # before each of these bases
    assert found.transcripts.overlapping("1", starts, starts - 1)[0].tolist() == [1, 2]
    assert found.transcripts.overlapping("1", starts, starts - 1, 1)[0].tolist() == [0, 1, 2, 3]


def test_nothing_is_near_on_a_contig_without_transcripts_or_beyond_all(tmp_path: Path) -> None:
    found = made(tmp_path, models({"1": [(101, 200)]}), {"1": bases(500), "2": bases(500)})
    one = np.array([150])
    for contig, at in (("2", one), ("3", one), ("1", np.array([1 << 31])), ("1", np.array([], np.int64))):
        alleles_found, rows = found.transcripts.overlapping(contig, at, at, 20)
        assert alleles_found.tolist() == rows.tolist() == []
    assert found.transcripts.rows("2") == found.transcripts.rows("3") == range(0)


@pytest.fixture
def two_exons(tmp_path: Path) -> Made:
    lines = gff3(
        "1 x gene 101 400 . - . ID=gene:G;Name=abc1", "1 x mRNA 101 400 . - . ID=transcript:T;Parent=gene:G",
        "1 x exon 101 200 . - . Parent=transcript:T", "1 x exon 301 400 . - . Parent=transcript:T",
        "1 x mRNA 151 200 . - . ID=transcript:U;Parent=gene:G", "1 x exon 151 200 . - . Parent=transcript:U",
    )  # fmt: skip
    return made(tmp_path, lines, {"1": bases(500)})


def test_the_exon_of_many_pairs_at_once(two_exons: Made) -> None:
    found = two_exons.transcripts
    rows, at = np.array([0, 0, 0, 0, 0, 1, 1, 1]), np.array([100, 101, 250, 301, 450, 150, 151, 400])
    exons = found.exon_at(rows, at)
    assert exons.tolist() == [-1, 0, 0, 1, 1, 1, 2, 2]
    inside = (exons >= found.exon_offsets[rows]) & (at <= found.exon_ends[exons])
    assert inside.tolist() == [False, True, False, True, False, False, True, False]
    spliced = found.exon_cdna[exons] + found.exon_ends[exons] - at  # on the reverse strand
    assert spliced[inside].tolist() == [200, 100, 50]


def test_raw_arrays_say_what_a_decoded_transcript_says(two_exons: Made) -> None:
    found = two_exons.transcripts
    for row in range(len(found)):
        one = found[row]
        assert (found.starts[row], found.ends[row], found.strands[row]) == (one.start, one.end, one.strand)
        exons = slice(*found.exon_offsets[row : row + 2].tolist())
        assert list(zip(found.exon_starts[exons].tolist(), found.exon_ends[exons].tolist(), strict=True)) == list(one.exons[::-1])
        assert found.spliced[slice(*found.spliced_offsets[row : row + 2].tolist())].tobytes() == one.bases
        assert found.text[found.columns["identifiers"][row].item()] == one.identifier


def test_a_transcript_is_decoded_once_and_few_are_kept(tmp_path: Path) -> None:
    count = DECODED + 10
    found = made(tmp_path, models({"1": [(n + 1, n + 10) for n in range(count)]}), {"1": bases(count + 10)}).transcripts
    assert found[0] is found[0]
    first = found[0]
    for row in range(count):
        found[row]
    assert found[0] is not first


def test_genes_by_name_and_identifier(tmp_path: Path) -> None:
    lines = gff3(
        "1 x gene 1 90 . + . ID=gene:ENSG1;Name=Abc1;biotype=protein_coding",
        "1 x mRNA 1 90 . + . ID=transcript:A;Parent=gene:ENSG1",
        "1 x exon 1 90 . + . Parent=transcript:A",
        "1 x gene 200 290 . - . ID=gene:ENSG2;Name=ABC1", "1 x ncRNA_gene 300 310 . + . ID=gene:ENSG3",
        "2 x gene 5 9 . + . ID=gene:ENSG4;Name=TWICE", "1 x gene 400 410 . + . ID=gene:ENSG5;Name=TWICE",
        "2 x gene 15 19 . + . ID=gene:ENSG6;Name=XABC12",
    )  # fmt: skip
    genes = made(tmp_path, lines, {"1": bases(500), "2": bases(100)}).transcripts.genes
    first, both, nameless, twice = (genes.find(name) for name in ("ensg1", "abc1", "ENSG3", "TWICE"))
    assert first is not None and both is not None and nameless is not None and twice is not None
    assert (first.name, first.identifier, first.contig, first.start, first.end) == ("Abc1", "ENSG1", "1", 1, 90)
    assert (first.strand, first.biotype) == (1, "protein_coding")
    assert (both.contig, both.start, both.end) == ("1", 1, 290)
    assert (nameless.name, nameless.start, nameless.end) == ("ENSG3", 300, 310)
    assert twice.contig == ""
    assert genes.find("ABC") is genes.find("") is genes.find("ZZZ") is None
    assert genes.near("bc1") == ["ABC1", "Abc1", "XABC12"]
    assert b"".join(genes.table()).splitlines()[:3] == [
        b"Abc1\t1\t1\t90\tENSG1",
        b"ABC1\t1\t200\t290\tENSG2",
        b"ENSG3\t1\t300\t310\tENSG3",
    ]


def test_a_cut_or_damaged_file_is_refused(two_exons: Made, tmp_path: Path) -> None:
    path = tmp_path / "transcripts.bin"
    content = path.read_bytes()
    path.write_bytes(content[:-100])
    with pytest.raises(BundleError, match=r"transcripts\.bin has \d+ bytes of \d+: it was cut off or damaged"):
        Transcripts.open(path)
    at = content.index(two_exons["T"].bases)
    path.write_bytes(content[:at] + b"N" + content[at + 1 :])
    with pytest.raises(BundleError, match="spliced has another checksum"):
        Transcripts.open(path).verify()


MEASURED = """
import sys
from pathlib import Path
import numpy as np
from app.engine.bundles.sequence import Sequence
from app.engine.bundles.transcripts import Transcripts

def private_bytes():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Private_Dirty:"))

folder = Path(sys.argv[1])
small, bases = Transcripts.open(folder / "small" / "transcripts.bin"), Sequence.open(folder / "small" / "genome.seq")
one = np.array([100])
small.overlapping("1", one, one, 5000), small[0], bases.get("1", 1, 9)
before = private_bytes()
large, sequence = Transcripts.open(folder / "large" / "transcripts.bin"), Sequence.open(folder / "large" / "genome.seq")
large.overlapping("1", one, one, 5000), large[0], sequence.get("1", 1, 9)
large.verify(), sequence.verify()
print(private_bytes() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="only Linux tells how much memory is private")
def test_a_mapped_file_adds_no_private_memory(tmp_path: Path) -> None:
    """All pages of ten megabytes are read, and the process has them of the page cache."""
    (tmp_path / "small").mkdir()
    (tmp_path / "large").mkdir()
    made(tmp_path / "small", models({"1": [(1, 100)]}), {"1": bases(1000)})
    wide = 5_000_000
    made(
        tmp_path / "large",
        models({"1": [(1, wide)] + [(n + 1, n + 100) for n in range(300)]}),
        {"1": bases(1000) * (wide // 1000)},
    )
    size = sum((tmp_path / "large" / name).stat().st_size for name in (layout.FILE, "genome.seq"))
    command = [sys.executable, "-c", textwrap.dedent(MEASURED), str(tmp_path)]
    added = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert size > 10_000_000
    assert added < size / 5
