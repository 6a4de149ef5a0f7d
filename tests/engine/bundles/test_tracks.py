"""Tracks: every allele that was written is found, in every spelling, and none that was not; as bcftools annotates it."""

import gzip
import random
import subprocess
import tempfile
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.engine.bundles import known_variants, sequence, vcf_columns
from app.engine.bundles.known_variants import KnownColumn, convert
from app.engine.bundles.manifest import Column, Track
from app.engine.bundles.mapped import BundleError, Mapped
from app.engine.bundles.region_writer import write_regions
from app.engine.bundles.sources import text_blocks
from app.engine.bundles.track_format import ALLELES, CODES, OTHERS, REGIONS, VERSION
from app.engine.bundles.track_writer import AlleleTrack, ValueColumn, join_pieces
from app.engine.bundles.vcf_columns import InfoTag, VcfBlock
from app.engine.consequence.tracks import Alleles, Regions
from app.engine.formats import bcftools, bgzf
from app.engine.reading.input_file import BGZF_END
from app.engine.reading.normalize import leftmost

HEADER = "##fileformat=VCFv4.2\n{contigs}#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
IDENTIFIER = KnownColumn("ID", "number", "rs")


def column(tag: str) -> Column:
    return Column(tag, ".", "String", "d")


def opened(path: Path, *tags: str) -> Alleles:
    return Alleles(Track("t", "t", path.name, "allele", tuple(map(column, tags))), Mapped(path, ALLELES, VERSION))


def key(position: int, ref: str, alt: str) -> tuple[bytes, ...]:
    return str(position).encode(), ref.encode(), alt.encode()


def colliding(dice: random.Random) -> tuple[bytes, bytes]:
    """Two insertions that have the same code, and are told apart by their text only."""
    seen: dict[int, bytes] = {}
    while True:
        text = b"A" + bytes(dice.choices(b"ACGT", k=dice.randint(4, 9)))
        one = seen.setdefault(CODES[b"A", text], text)
        if one != text:
            return one, text


@pytest.mark.parametrize("length", [3_000, 3_000_000], ids=["dense", "sparse"])
def test_what_was_written_is_found_and_nothing_else(length: int, tmp_path: Path) -> None:
    dice = random.Random(1)
    one, other = colliding(dice)
    rows: dict[tuple[str, int, bytes, bytes], bytes] = {}
    for contig in ("1", "2"):
        for _ in range(400):
            at, ref = dice.randint(1, length), dice.choice(b"ACGT".decode())
            change = dice.choice((
                (ref, dice.choice("ACGT".replace(ref, ""))), (ref, ref + dice.choice("ACGT") * dice.randint(1, 9)),
                (ref + "".join(dice.choices("ACGT", k=dice.choice((1, 5, 104, 105, 300)))), ref), ("AC", "GT"),
            ))  # fmt: skip
            rows[contig, at, change[0].encode(), change[1].encode()] = b"rs%d" % dice.randint(1, (1 << 32) - 1)
    rows["1", 256, b"A", one], rows["1", 256, b"A", other] = b"rs1", b"rs2"
    rows["1", 512, b"A", other] = b"rs3"  # the next bin, with the same number in it
    ordered = sorted(rows.items(), key=lambda row: row[0][:2])
    target = tmp_path / "known.track"
    with AlleleTrack(target, [ValueColumn("numbers", "rs"), ValueColumn()], {"0": 9, "1": length, "2": length}) as track:
        assert track.write((*place, [value, b"x,y" if place[1] % 2 else b""]) for place, value in ordered) == len(rows)
    assert list(tmp_path.iterdir()) == [target]
    track = opened(target, "GAS_A", "GAS_B")
    for contig, group in groupby(ordered, lambda row: row[0][0]):
        wanted = list(group)
        dice.shuffle(wanted)
        asked = [(b"%d" % place[1], *place[2:]) for place, _ in wanted]
        found = track.texts(track.find(contig, asked))
        assert found == [b";GAS_A=" + value + (b";GAS_B=x,y" if place[1] % 2 else b"") for place, value in wanted]
        absent = [key(at, ref, alt) for at in range(0, length * 2, length // 500) for ref, alt in (("A", "AGATTACA"), ("A", "C"))]
        known = {(str(place[1]).encode(), *place[2:]) for place, _ in wanted}
        # the base before a change is the sequence's, so that a track need not know it; the asker has compared it
        others = [one for one in absent if not any(one[0] == row[0] and one[2] == row[2] for row in known)]
        assert (track.find(contig, others) == -1).all() and len(others) > 900
    assert list(track.find("0", [key(3, "A", "C"), None])) == [-1, -1]
    batch: Any = SimpleNamespace(place="1", known=[None, (b"256", b"A", other), key(256, "A", "AGATTACAGATTACA")])
    assert track.said(batch).texts == [b"", b";GAS_A=rs2", b""]


def test_of_two_rows_about_one_allele_the_first_counts(tmp_path: Path) -> None:
    long = b"A" + b"C" * 40
    with AlleleTrack(tmp_path / "t", [ValueColumn()], {"1": 100}) as track:
        rows = [("1", 5, b"A", alt, [value]) for alt, value in ((b"C", b"a"), (long, b"b"), (b"C", b"c"), (long, b"d"))]
        assert track.write(rows) == 2
    found = opened(tmp_path / "t", "GAS_A")
    assert found.texts(found.find("1", [(b"5", b"A", b"C"), (b"5", b"A", long)])) == [b";GAS_A=a", b";GAS_A=b"]


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20), st.sampled_from(["a", "b", "c,d", ""])), max_size=12),
    asked=st.lists(st.tuples(st.integers(0, 70), st.integers(1, 30)), min_size=1, max_size=8),
)
def test_regions_say_what_overlaps(rows: list[tuple[int, int, str]], asked: list[tuple[int, int]]) -> None:
    rows, asked = sorted(rows), sorted(asked)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "r.track")
        write_regions(path, [("1", at, at + size, [text.encode()]) for at, size, text in rows], {"1": 100})
        track = Regions(Track("r", "r", "r.track", "region", (column("GAS_R"),)), Mapped(path, REGIONS, VERSION))
        batch: Any = SimpleNamespace(place="1", starts=[at for at, _ in asked], ends=[at + size for at, size in asked])
        for (at, size), said in zip(asked, track.said(batch).texts, strict=True):
            there = [text for begin, length, text in rows if begin < at + size and begin + length > at]
            parts = {part for text in there for part in text.split(",") if part}
            assert set(said.decode().removeprefix(";GAS_R=").split(",")) - {""} == parts
        batch.place = "2"
        assert track.said(batch).texts == [b""] * len(asked)


def test_a_file_that_is_no_track_is_named(tmp_path: Path) -> None:
    (tmp_path / "known.track").write_bytes(b"1\t5\tA\tC\trs1\n" * 9)
    with pytest.raises(BundleError, match=r"known\.track is no alleles file of a bundle"):
        opened(tmp_path / "known.track", "GAS_A")


def genome(folder: Path, bases: str) -> Path:
    (folder / "g.fa").write_text(f">1\n{bases}\n>2\nAAAAAA\n")
    pysam.faidx(str(folder / "g.fa"))
    sequence.build(folder / "g.fa", folder / sequence.FILE)
    return folder / sequence.FILE


def bcftools_of(*arguments: str) -> str:
    with tempfile.TemporaryFile() as messages:
        child = bcftools.spawn(*arguments, stdout=subprocess.PIPE, stderr=messages)
        text, _ = child.communicate()
        messages.seek(0)
        assert child.returncode == 0, messages.read()
    return text.decode()


@pytest.mark.parametrize("count", [1_500, pytest.param(100_000, marks=pytest.mark.slow)])
def test_what_is_found_is_what_bcftools_annotates(count: int, tmp_path: Path) -> None:
    """Alleles of a contig of repeats, spelled in one way in the source and in another in the file: padded, and shifted."""
    dice = random.Random(count)
    pieces = [
        "".join(dice.choices("ACGT", k=30)) + dice.choice(("A", "CA", "GAT")) * dice.randint(1, 9) for _ in range(count // 12)
    ]
    bases = "".join(pieces)
    path = genome(tmp_path, bases)

    def spelled(at: int, old: str, new: str) -> tuple[int, str, str]:
        """The change with some bases of the sequence around it; `at` from 0."""
        before, behind = dice.randint(1, 6), dice.randint(0, 6)
        left, right = bases[at - before : at], bases[at + len(old) : at + len(old) + behind]
        return at - before + 1, left + old + right, left + new + right

    def shifted(at: int, old: str, new: str) -> tuple[int, str, str]:
        """The same change somewhere else in its repeat."""
        if old and new:
            return at, old, new
        text = old or new
        while dice.random() < 0.8 and bases[at + len(old)] == text[0]:
            at, text = at + 1, text[1:] + text[0]
        return at, text if old else "", text if new else ""

    changes = []
    for _ in range(count):
        at, size = dice.randint(20, len(bases) - 60), dice.choice((1, 1, 2, 3, 8))
        kind, old = dice.choice("sdicb"), bases[at : at + size]
        inserted = "".join(dice.choices("ACGT", k=size))
        changes.append({"s": (at, old[0], dice.choice("ACGT".replace(old[0], ""))), "d": (at, old, ""), "i": (at, "", inserted),
                        "c": (at, "", old), "b": (at, old, inserted if inserted != old else old[::-1] + "A")}[kind])  # fmt: skip
    known = {}
    for change in changes[::2]:
        spelling = spelled(*change)
        start, ref, alt = leftmost(lambda b, e: bases[b:e].encode(), spelling[0] - 1, spelling[1].encode(), spelling[2].encode())
        known.setdefault((start, ref, alt), spelling)
    contig = f"##contig=<ID=1,length={len(bases)}>\n"
    source, query = tmp_path / "source.vcf", tmp_path / "query.vcf"
    rows = sorted(known.values())
    lines = [f"1\t{at}\trs{n}\t{ref}\t{alt}\t.\t.\t.\n" for n, (at, ref, alt) in enumerate(rows, 1)]
    source.write_text(HEADER.format(contigs=contig) + "".join(lines))
    spots = {}
    for at, ref, alt in (spelled(*shifted(*change)) for change in changes):  # each once: bcftools gives a row to one record
        spots.setdefault(leftmost(lambda b, e: bases[b:e].encode(), at - 1, ref.encode(), alt.encode()), (at, ref, alt))
    asked = sorted(spots.values())
    lines = [f"1\t{at}\tq{n}\t{ref}\t{alt}\t.\t.\t.\n" for n, (at, ref, alt) in enumerate(asked)]
    query.write_text(HEADER.format(contigs=contig) + "".join(lines))
    counts = convert(source, tmp_path / "pieces", path, {"1": "1"}, [IDENTIFIER])
    assert counts["mismatches"] == counts["repeated"] == 0 and counts["rows"] == len(rows)
    join_pieces(tmp_path / "known.track", [tmp_path / "pieces" / "1"], [IDENTIFIER.stored], {"1": len(bases)})
    track = opened(tmp_path / "known.track", "X")
    leftmost_of = {spelling: spot for spot, spelling in spots.items()}
    keys = [(b"%d" % (start + 1), ref, alt) for start, ref, alt in map(leftmost_of.__getitem__, asked)]
    batch: Any = SimpleNamespace(place="1", known=keys)
    found = track.said(batch).texts
    normal = [tmp_path / name for name in ("source.norm.vcf.gz", "query.norm.vcf.gz")]
    for before, after in zip((source, query), normal, strict=True):
        bcftools_of("norm", "-f", str(tmp_path / "g.fa"), "-Oz", "-o", str(after), str(before))
        bcftools_of("index", "-t", str(after))
    said = bcftools_of("annotate", "-a", str(normal[0]), "-c", "INFO/X:=ID", "-h", _declared(tmp_path), str(normal[1]))
    of_bcftools = {}
    for line in said.splitlines():
        if not line.startswith("#"):
            fields = line.split("\t")
            of_bcftools[fields[2]] = fields[7]
    assert [of_bcftools[f"q{n}"] for n in range(len(asked))] == [text.decode()[1:] or "." for text in found]
    assert sum(bool(text) for text in found) > 0.4 * len(asked)


def _declared(folder: Path) -> str:
    (folder / "header").write_text('##INFO=<ID=X,Number=1,Type=String,Description="d">\n')
    return str(folder / "header")


BLOCK = (
    b"##x\n#CHROM\n1\t5\trs1\tA\tC\t.\tPASS\tAF=0.5;DB;N=3\r\n1\t6\t.\tA\tC\t.\t.\tXAF=9;AF=2\n\n"
    b"12\t7\trsX\tA\tC\t.\tq\tDB\tGT\t0/1\n1\t8\trs2;rs3\tA\tC\t.\tq\tN=;AF=x\n"
)


@pytest.mark.parametrize("chunk", [5, 1 << 18])
def test_fields_of_a_block_are_found_by_column(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vcf_columns, "_CHUNK", chunk)
    block = VcfBlock(BLOCK)
    assert len(block) == 4 and [name for name, _ in block.contigs()] == [b"1", b"12", b"1"]
    every = slice(0, 4)
    assert block.numbers(*block.field(1, every)).tolist() == [5, 6, 7, 8]
    assert block.cells(*block.field(6, every)) == [b"PASS", b".", b"q", b"q"]
    assert block.info(InfoTag("AF"), every) == [b"0.5", b"2", b"", b"x"]
    assert block.info(InfoTag("N"), every) == [b"3", b"", b"", b""]
    assert block.info(InfoTag("AF"), slice(1, 2)) == [b"2"]
    with pytest.raises(BundleError, match="less than eight columns"):
        VcfBlock(b"1\t5\t.\tA\tC\t.\tPASS\n1\t5\t.\tA\tC\t.\tPASS\t.\n")
    assert len(VcfBlock(b"#x\n")) == 0


NAMES = ("AF", "F", "AF_joint", "XAF_joint", "A_grpmax_joint_of_all_people", "int", "N")
ITEMS = st.tuples(
    st.sampled_from(NAMES),
    st.sampled_from(("=", "=0.5", "=int=1", "=AF", "=of_fifteen_char", "=of_sixteen_chars", "=of_more_than_sixteen", "")),
)


@given(st.lists(st.lists(ITEMS, max_size=9), min_size=1, max_size=6), st.sampled_from(("", "\tGT\tAF=7;AF_joint=8")))
def test_a_tag_has_the_value_of_its_first_item_in_each_row(rows: list[list[tuple[str, str]]], behind: str) -> None:
    infos = [";".join(name + value for name, value in row) or "." for row in rows]
    block = VcfBlock("".join(f"1\t5\tAF=1;AF=2\tA\tC\t.\tAF=3;N=4\t{info}{behind}\n" for info in infos).encode())
    for name in NAMES:
        wanted = [next((item[len(name) + 1 :] for item in info.split(";") if item.startswith(f"{name}=")), "") for info in infos]
        assert block.info(InfoTag(name), slice(0, len(rows))) == [value.encode() for value in wanted]
        assert block.info(InfoTag(name), slice(1, None)) == [value.encode() for value in wanted[1:]]


@pytest.mark.parametrize("kind", ["plain", "gzip", "bgzf", "no newline"])
@pytest.mark.parametrize("size", [1, 100, 1 << 22])
def test_blocks_are_whole_lines_and_lose_none(kind: str, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.engine.bundles.sources._BLOCK_BYTES", size)
    text = b"".join(b"%d\t%s\n" % (number, b"x" * (number % 97)) for number in range(3000))
    path = tmp_path / "source"
    written = {"plain": text, "gzip": gzip.compress(text), "bgzf": bgzf.compress(text) + BGZF_END, "no newline": text[:-1]}[kind]
    path.write_bytes(written)
    blocks = list(text_blocks(path))
    assert b"".join(blocks) == text and all(block.endswith(b"\n") for block in blocks)
    assert size > len(text) or len(blocks) > 1


def test_a_source_is_converted_whole_whatever_its_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values an allele, mismatches, symbolic alleles, lower case, other contigs; the same as in blocks of a few lines."""
    bases = "".join(random.Random(4).choices("ACGT", k=4000))
    path = genome(tmp_path, bases)
    rows = ['##INFO=<ID=AF,Number=A,Type=Float,Description="d">\n', "#CHROM\n"]
    for at in range(10, 3900, 10):
        ref = bases[at - 1]
        alts = [base for base in "ACGT" if base != ref]
        spelled, shares = ref.lower() if at % 3 else ref, "AF=0.1,0.000123456,1,1;X=1"
        rows.append(f"c1\t{at}\trs{at}\t{spelled}\t{alts[0]},{alts[1]},<DEL>,*\t.\tPASS\t{shares}\n")
        rows.append(f"c1\t{at}\trs{at}\t{alts[0]}\t{ref}\t.\tPASS\tAF=0.3\n")
    rows.append("other\t5\t.\tA\tC\t.\t.\tAF=1\n")
    columns = [IDENTIFIER, KnownColumn("AF", "frequency"), KnownColumn("FILTER", "failed")]
    found = []
    for size in (1 << 22, 3000):
        monkeypatch.setattr("app.engine.bundles.sources._BLOCK_BYTES", size)
        with gzip.open(tmp_path / "s.vcf.gz", "wt") as source:
            source.writelines(rows)
        counts = convert(tmp_path / "s.vcf.gz", tmp_path / str(size), path, {"c1": "1"}, columns)
        assert counts == {"contigs": ["1"], "rows": 778, "repeated": 0, "mismatches": 389, "symbolic": 778}
        join_pieces(tmp_path / f"{size}.track", [tmp_path / str(size) / "1"], [one.stored for one in columns], {"1": 4000})
        found.append((tmp_path / f"{size}.track").read_bytes())
    assert found[0] == found[1]
    track = opened(tmp_path / "3000.track", "A", "B", "C")
    alts = [base for base in "ACGT" if base != bases[19]]
    [text] = track.texts(track.find("1", [key(20, bases[19], alts[1])]))
    assert text == b";A=rs20;B=0.0001235"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["1\tx\t.\tA\tC\t.\t.\t."], "position that is no number"),
        (["1\t5\t.\tA\tC"], "less than eight columns"),
        (["1\t5\trsY\tA\tC\t.\t.\t."], "'rsY' is no number behind 'rs'"),
        (["1\t5\trs1\tA\tC\t.\t.\t.", "2\t5\trs1\tA\tC\t.\t.\t.", "1\t6\trs1\tA\tC\t.\t.\t."], "1 are in two places"),
    ],
)
def test_a_source_that_cannot_be_read_is_named(rows: list[str], words: str, tmp_path: Path) -> None:
    path = genome(tmp_path, "A" * 100)
    (tmp_path / "bad.vcf").write_text("#CHROM\n" + "\n".join(rows) + "\n")
    with pytest.raises(BundleError, match=f"bad.vcf: .*{words}"):
        convert(tmp_path / "bad.vcf", tmp_path / "pieces", path, {"1": "1", "2": "2"}, [IDENTIFIER])


def test_stars_of_review_status() -> None:
    given_stars = {
        "practice_guideline": b"4",
        "reviewed_by_expert_panel": b"3",
        "criteria_provided,_multiple_submitters,_no_conflicts": b"2",
        "criteria_provided,_conflicting_classifications": b"1",
        "criteria_provided,_single_submitter": b"1",
        "no_assertion_criteria_provided": b"0",
        "no_classification_provided": b"0",
        ".": b"",
    }
    assert {status: known_variants.stars(status.encode()) for status in given_stars} == given_stars


def test_codes_below_the_shared_ones_are_of_one_change() -> None:
    """REF's first base aside, which is the sequence's."""
    dice, seen = random.Random(2), dict[int, set[tuple[int, bytes]]]()
    for _ in range(20_000):
        ref = bytes(dice.choices(b"ACGT", k=dice.choice((1, 1, 1, 2, 3, 9, 105, 106))))
        alt = dice.choice(
            (ref[:1], ref[:1] + bytes(dice.choices(b"ACGT", k=dice.randint(1, 3))), bytes(dice.choices(b"ACGT", k=1)))
        )
        if ref != alt and (code := CODES[ref, alt]) < OTHERS:
            seen.setdefault(code, set()).add((len(ref), alt[1:] if len(alt) > 1 else b"" if len(ref) > 1 else alt))
    assert all(len(changes) == 1 for changes in seen.values()) and len(seen) > 24
    assert np.array(list(seen)).max() < OTHERS


def test_every_allele_is_listed_as_it_was_given(tmp_path: Path) -> None:
    bases = b"ACGTTTGACCA" + b"G" * 300
    given = [(2, b"C", b"G"), (2, b"C", b"CA"), (2, b"C", b"CTT"), (3, b"GTT", b"G"), (4, b"TTTGA", b"CC"), (300, b"G", b"A")]
    with AlleleTrack(tmp_path / "x.track", [ValueColumn("texts")], {"1": len(bases)}) as written:
        written.write(("1", at, ref, alt, [b"%d" % number]) for number, (at, ref, alt) in enumerate(given, 1))
    found = list(opened(tmp_path / "x.track", "GAS_X").listed(lambda contig, first, last: bases[first - 1 : last]))
    assert sorted(found) == sorted(("1", at, ref, alt, b";GAS_X=%d" % number) for number, (at, ref, alt) in enumerate(given, 1))
