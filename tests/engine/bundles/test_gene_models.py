"""Which transcripts are left out, and which files refused, and in which words."""

import gzip
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.engine.bundles.compiling import compile_models
from app.engine.bundles.mapped import BundleError
from tests.support.gff3 import bases, gff3, made

GENOME = {"1": bases(1000)}
GOOD = gff3(
    "1 x gene 1 90 . + . ID=gene:G0;Name=GOOD",
    "1 x mRNA 1 90 . + . ID=transcript:GOOD;Parent=gene:G0",
    "1 x exon 1 90 . + . Parent=transcript:GOOD",
)


def model(*parts: str, place: str = "101 400 . + .", attributes: str = "") -> str:
    """A gene with one transcript, T, and these parts of it, beside a good one."""
    lines = [f"1 x gene {place} ID=gene:G", f"1 x mRNA {place} ID=transcript:T;Parent=gene:G{attributes}"]
    return GOOD + gff3(*lines, *(f"1 x {part} Parent=transcript:T" for part in parts))


EXONS = "exon 101 200 . + .", "exon 301 400 . + ."


@pytest.mark.parametrize(
    ("models", "reason"),
    [
        (model(), "it has no exon"),
        (model("five_prime_UTR 101 400 . + ."), "it has no exon"),
        (model("exon 101 300 . + .", "exon 300 400 . + ."), "two of its exons overlap at 300"),
        (model("exon 101 200 . + .", "exon 301 390 . + ."), "its exons go from 101 to 390, and it from 101 to 400"),
        (model("exon 91 200 . + .", "exon 301 400 . + ."), "its exons go from 91 to 400, and it from 101 to 400"),
        (model("exon 101 200 . + .", "exon 301 400 . - ."), "line 9 is not on its strand"),
        (model(*EXONS, place="101 400 . . ."), "it has no strand"),
        (model("exon 101 1001 . + .", place="101 1001 . + ."), "it ends at 1001, and the contig has 1000 bases"),
        (model(*EXONS, "CDS 150 210 . + 0"), "the coding sequence on line 10 is not within an exon"),
        (model(*EXONS, "CDS 250 260 . + 0"), "the coding sequence on line 10 is not within an exon"),
        (
            model(*EXONS, "CDS 111 150 . + 0", "CDS 152 200 . + 1"),
            "its coding sequence leaves bases of an exon out before line 11",
        ),
        (model(*EXONS, "CDS 111 150 . + 0", "CDS 150 200 . + 0"), "its coding sequence overlaps with line 11"),
        (
            model(*EXONS, "CDS 111 199 . + 0", "CDS 301 390 . + 1"),
            "its coding sequence leaves bases of an exon out before line 11",
        ),
        (model(*EXONS, "CDS 111 200 . + 0", "CDS 301 390 . + 1"), "the coding sequence on line 11 has phase 1, where 0 follows"),
        (model(*EXONS, "CDS 112 200 . + 0", "CDS 301 390 . + 2"), "the coding sequence on line 11 has phase 2, where 1 follows"),
        (model(*EXONS, "CDS 111 200 . + 2", "CDS 301 390 . + 0"), "the coding sequence on line 11 has phase 0, where 2 follows"),
        (model(*EXONS) + gff3("1 x mRNA 101 400 . + . ID=transcript:T;Parent=gene:G;Name=again"), "another line has the same ID"),
    ],
)
def test_a_transcript_that_contradicts_itself_is_left_out_and_listed(tmp_path: Path, models: str, reason: str) -> None:
    found = made(tmp_path, models, GENOME)
    assert found.identifiers == ["GOOD"]
    (left_out,) = found.compiled.left_out
    assert (left_out.line, left_out.transcript, left_out.reason) == (7, "T", reason)


@pytest.mark.parametrize(
    ("phases", "phase"),
    [(("0", "0"), 0), (("2", "2"), 1), (("1", "1"), 2), ((".", "."), 0), (("2", "."), 1)],
)
def test_the_phase_is_what_is_missing_before_the_first_codon(tmp_path: Path, phases: tuple[str, str], phase: int) -> None:
    """GFF3 says how many bases stand before the first whole codon, of the three that a codon has."""
    parts = f"CDS 111 200 . + {phases[0]}", f"CDS 301 400 . + {phases[1]}"
    found = made(tmp_path, model(*EXONS, *parts), GENOME)["T"]
    assert (found.phase, found.coding_start, found.coding_end) == (phase, 11, 200)
    assert (found.incomplete_start, found.incomplete_end) == (False, False)  # only a tag says so, as for VEP


def test_on_the_other_strand_the_last_line_of_the_contig_has_the_first_phase(tmp_path: Path) -> None:
    parts = "exon 101 200 . - .", "exon 301 400 . - .", "CDS 111 200 . - 1", "CDS 301 400 . - 2"
    found = made(tmp_path, model(*parts, place="101 400 . - ."), GENOME)["T"]
    assert (found.phase, found.coding_start, found.coding_end) == (1, 1, 190)


@settings(max_examples=40, deadline=None)
@given(st.data(), st.sampled_from("+-"))
def test_the_coding_sequence_is_what_its_lines_span(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, strand: str
) -> None:
    lengths = data.draw(st.lists(st.integers(1, 20), min_size=1, max_size=6))
    gaps = data.draw(st.lists(st.integers(0, 9), min_size=len(lengths), max_size=len(lengths)))
    exons, at = [], 1
    for length, gap in zip(lengths, gaps, strict=True):
        exons.append(range(at + gap, at + gap + length))
        at += gap + length
    places = [place for exon in exons for place in exon][:: 1 if strand == "+" else -1]  # in the direction of transcription
    start = data.draw(st.integers(0, len(places) - 1))
    end = data.draw(st.integers(start + 1, len(places)))
    missing = data.draw(st.integers(0, 2))
    coding = places[start:end]
    parts = [f"exon {exon[0]} {exon[-1]} . {strand} ." for exon in exons]
    for exon in exons:
        if inside := [place for place in exon if place in coding]:
            first = coding.index(inside[0] if strand == "+" else inside[-1])
            parts.append(f"CDS {inside[0]} {inside[-1]} . {strand} {-(missing + first) % 3}")
    text = model(*data.draw(st.permutations(parts)), place=f"{min(places)} {max(places)} . {strand} .")
    found = made(tmp_path_factory.mktemp("coding"), text, GENOME)["T"]
    letters = "".join(GENOME["1"][place - 1] for place in places)
    assert found.bases.decode() == (letters if strand == "+" else letters.translate(str.maketrans("ACGT", "TGCA")))
    assert (found.coding_start, found.coding_end, found.phase) == (start + 1, end, missing)


def test_a_coding_sequence_that_ends_in_mid_codon_is_kept(tmp_path: Path) -> None:
    found = made(tmp_path, model(*EXONS, "CDS 111 190 . + 0"), GENOME)["T"]
    assert (found.coding_start, found.coding_end) == (11, 90)


def test_a_stop_codon_of_its_own_belongs_to_the_coding_sequence(tmp_path: Path) -> None:
    parts = *EXONS, "CDS 111 199 . + 0", "stop_codon 200 200 . + 0", "stop_codon 301 302 . + 2"
    found = made(tmp_path, model(*parts), GENOME)["T"]
    assert (found.coding_start, found.coding_end) == (11, 102)


def test_without_exons_the_coding_sequence_and_untranslated_regions_make_them(tmp_path: Path) -> None:
    found = made(tmp_path, model("five_prime_UTR 121 130 . + .", "CDS 131 200 . + 0", "CDS 301 350 . + 2"), GENOME)["T"]
    assert found.exons == ((121, 200), (301, 350))
    assert (found.start, found.end, found.coding_start, found.coding_end) == (121, 350, 11, 130)


def test_a_line_that_stands_twice_counts_once_and_neighbours_stay_two_exons(tmp_path: Path) -> None:
    found = made(tmp_path, model("exon 101 200 . + .", "exon 101 200 . + .", "exon 201 400 . + ."), GENOME)["T"]
    assert found.exons == ((101, 200), (201, 400))


def test_an_exon_of_several_transcripts(tmp_path: Path) -> None:
    models = GOOD + gff3(
        "1 x mRNA 1 90 . + . ID=transcript:T;Parent=gene:G0", "1 x exon 1 90 . + . Parent=transcript:T,transcript:U"
    )
    found = made(tmp_path, models + gff3("1 x mRNA 1 90 . + . ID=transcript:U;Parent=gene:G0"), GENOME)
    assert found.identifiers == ["GOOD", "T", "U"]


def test_blanks_and_coded_letters_in_attributes(tmp_path: Path) -> None:
    models = gff3(
        "1 x gene 1 90 . + . Name=a%3Bb; ID=gene:G%2C1", "1 x mRNA 1 90 . + . Parent=gene:G%2C1; ID=transcript:T%3D1",
        "1 x exon 1 90 . + . rank=1; Parent=transcript:T%3D1; Name=E",
    )  # fmt: skip
    found = made(tmp_path, models, GENOME)
    assert (found["T=1"].gene, found["T=1"].symbol) == ("G,1", "a;b")


def test_a_transcript_without_a_gene_of_its_own_has_the_one_that_it_names(tmp_path: Path) -> None:
    models = gff3(
        "1 x transcript 11 90 . + . ID=A;gene_id=G1;gene_name=ONE", "1 x exon 11 90 . + . Parent=A",
        "1 x transcript 1 80 . + . ID=B;gene_id=G1;gene_name=ONE", "1 x exon 1 80 . + . Parent=B",
        "1 x transcript 1 80 . + . ID=C", "1 x exon 1 80 . + . Parent=C",
    )  # fmt: skip
    found = made(tmp_path, models, GENOME)
    assert [(found[name].gene, found[name].symbol) for name in "ABC"] == [("G1", "ONE"), ("G1", "ONE"), ("C", "")]
    gene = found.transcripts.genes.find("one")
    assert gene is not None
    assert (gene.start, gene.end) == (1, 90)


def test_parts_and_transcripts_without_what_they_belong_to_are_listed(tmp_path: Path) -> None:
    models = GOOD + gff3(
        "1 x mRNA 101 200 . + . ID=transcript:T;Parent=gene:GONE", "1 x exon 101 200 . + . Parent=transcript:T",
        "1 x exon 101 200 . + . Parent=transcript:LOST", "1 x CDS 101 200 . + 0 Parent=transcript:LOST",
        "1 x mRNA 101 200 . + . ID=transcript:U;Parent=transcript:GOOD", "1 x exon 101 200 . + . Parent=transcript:U",
    )  # fmt: skip
    found = made(tmp_path, models, GENOME)
    assert found.identifiers == ["GOOD"]
    assert found.reasons == {
        "T": "no line has its gene, gene:GONE",
        "transcript:LOST": "no line has this ID, only parts name it",
        "U": "its parent, transcript:GOOD, is no gene",
    }
    assert [one.line for one in found.compiled.left_out] == [6, 8, 10]


def test_lines_on_other_contigs_are_counted(tmp_path: Path) -> None:
    found = made(tmp_path, GOOD + GOOD.replace("\n1\t", "\nKI270728.1\t"), GENOME)
    assert found.compiled.elsewhere == {"KI270728.1": 3}
    assert (found.compiled.genes, found.compiled.transcripts) == (1, 1)


def test_a_sequence_at_the_end_of_the_file_is_no_model(tmp_path: Path) -> None:
    assert made(tmp_path, GOOD + "##FASTA\n>1\nACGT\n", GENOME).identifiers == ["GOOD"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1 x exon 1 90", "line 5 has 5 columns, where GFF3 has 9"),
        ("1 x exon one 90 . + . Parent=transcript:GOOD", "line 5 has no whole numbers as start and end"),
        ("1 x exon 91 90 . + . Parent=transcript:GOOD", "line 5 has no place on a contig: it starts at 91 and ends at 90"),
        ("1 x exon 0 90 . + . Parent=transcript:GOOD", "line 5 has no place on a contig"),
        ("1 x exon 1 9999999999 . + . Parent=transcript:GOOD", "line 5 has no place on a contig"),
        ("1 x CDS 1 90 . + 3 Parent=transcript:GOOD", "line 5 has no phase: a CDS has 0, 1 or 2, not 3"),
        ("1 x exon 1 90 . + . ID=e1", "line 5 has no Parent: it has to name the transcript of this exon"),
        ("1 x CDS 1 90 . + 0 ID=c1;Parent=", "line 5 has no Parent: it has to name the transcript of this CDS"),
        ('1 x exon 1 90 . + . gene_id "G0"; transcript_id "GOOD";', "line 5 .* it is GTF, where GFF3 is wanted"),
        ("1 x mRNA 1 90 . + . Name=T;Parent=gene:G0", "line 5 has no ID: no exon can belong to this mRNA"),
    ],
)
def test_a_file_that_cannot_be_used_names_the_line_and_what_is_missing(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(BundleError, match=r"^genes\.gff3, " + said):
        made(tmp_path, GOOD + gff3(line).partition("\n")[2], GENOME)
    assert not (tmp_path / "transcripts.bin").exists()


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ("", "genes.gff3 has no genes on any contig of the sequence"),
        (GOOD.replace("\n1\t", "\nchr1\t"), "genes.gff3 has no genes on any contig of the sequence: its contigs are called chr1"),
        (
            gff3("1 x gene 1 90 . + . ID=gene:G"),
            "genes.gff3 has no transcript that can be used. Wanted are genes, transcripts and exons",
        ),
        (gff3("1 x gene 1 90 . + . ID=gene:G"), "RefSeq; line 2, G: no transcript has it as its Parent"),
        (gff3("1 x gene 1 9 . + . ID=gene:G", "1 x mRNA 1 9 . + . ID=T;Parent=gene:G"), "line 3, T: it has no exon"),
    ],
)
def test_a_file_without_a_transcript_is_refused(tmp_path: Path, models: str, said: str) -> None:
    with pytest.raises(BundleError, match=re.escape(said)):
        made(tmp_path, models, GENOME)
    assert not (tmp_path / "transcripts.bin").exists()


def test_a_compressed_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    found = made(tmp_path, GOOD, GENOME)
    (tmp_path / "cut.gff3.gz").write_bytes(gzip.compress(GOOD.encode() * 50)[:-12])
    with pytest.raises(BundleError, match=r"^cut\.gff3\.gz is cut off"):
        compile_models(tmp_path / "cut.gff3.gz", found.sequence, tmp_path / "cut.bin")
