"""Symbolic alleles and breakends have VEP 115's consequences of their extent, and the genes of the same change written out."""

from collections.abc import Callable

import numpy as np
import pysam
import pytest

from app.engine.bundles.manifest import Bundle
from app.engine.consequence import structural_alleles
from app.engine.consequence.csq_fields import parsed
from app.engine.consequence.structural import kind, mate, spans
from app.engine.formats.fasta import Sequences
from tests.support.annotated import Annotated, vcf

Run = Callable[..., Annotated]

HEADER = (
    "##fileformat=VCFv4.2\n##contig=<ID=MT,length=16569>\n"
    '##INFO=<ID=END,Number=1,Type=Integer,Description="e">\n##INFO=<ID=SVLEN,Number=.,Type=Integer,Description="l">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
)


def entries(found: Annotated, index: int) -> dict[str, dict[str, str]]:
    return {entry["SYMBOL"]: entry for entry in parsed(found.info(index)["CSQ"])}


def test_the_common_deletion_names_the_same_genes_however_it_is_written(run: Run, rcrs: Bundle) -> None:
    """m.8470_13446del, the 4,977 bp deletion of the mitochondrion."""
    written = Sequences(rcrs.path(rcrs.fasta)).get("MT", 8468, 13446).decode()
    found = run(
        vcf(f"MT 8469 a {written} T . . .", "MT 8469 b T <DEL> . . END=13446", "MT 8469 c T <DEL> . . SVLEN=-4977", header=HEADER)
    )
    explicit, *symbolic = (entries(found, index) for index in range(3))
    lost = {gene for gene, entry in explicit.items() if entry["Consequence"] == "transcript_ablation"}
    assert {"MT-ATP6", "MT-CO3", "MT-ND3", "MT-ND4L", "MT-ND4", "MT-TG", "MT-TR", "MT-TH", "MT-TS2", "MT-TL2"} <= lost
    for one in symbolic:
        assert {gene for gene, entry in one.items() if entry["Consequence"] == "transcript_ablation"} == lost
        assert one.keys() == explicit.keys()
        for gene in ("MT-ATP8", "MT-ND5"):
            assert one[gene]["Consequence"].startswith("feature_truncation&coding_sequence_variant")
        assert one["MT-ND5"]["CDS_position"] == "?-1110/1812" and one["MT-ATP6"]["VARIANT_CLASS"] == "deletion"
    assert [found.info(index)["GAS_IMPACT"] for index in range(3)] == ["HIGH"] * 3
    assert all(found.info(index).get("GAS_FLAG") is None for index in range(3))


def test_one_whose_base_is_not_the_references_has_no_consequence(run: Run) -> None:
    """As the note says of it; a REF of N says nothing, and the file may be of another assembly."""
    found = run(vcf("MT 8469 a G <DEL> . . END=13446", "MT 8469 b N <DEL> . . END=13446", *ENOUGH, header=HEADER))
    assert (found.info(0).get("GAS_FLAG"), found.info(0).get("CSQ")) == ("ref_mismatch", None)
    assert found.notes()["ref_mismatch"] == 1
    assert found.info(1).get("GAS_FLAG") is None and "MT-ND4" in entries(found, 1)


ENOUGH = ("MT 14484 . T C . . .",) * 4
"""Good records, so that one bad base is not taken for another assembly."""

KINDS = {
    "<DEL> END=8800": ("feature_truncation&coding_sequence_variant", "HIGH", "deletion"),
    "<DUP> END=8800": ("feature_elongation&coding_sequence_variant", "HIGH", "duplication"),
    "<DUP:TANDEM> SVLEN=100": ("feature_elongation&coding_sequence_variant", "HIGH", "tandem_duplication"),
    "<INV> END=8800": ("coding_sequence_variant", "MODIFIER", "inversion"),
    "<INS> SVLEN=100": ("feature_elongation&coding_sequence_variant", "HIGH", "insertion"),
    "<INS:ME:ALU> SVLEN=100": ("feature_elongation&coding_sequence_variant", "HIGH", "mobile_element_insertion"),
    "<CNV> END=8800": ("coding_sequence_variant", "MODIFIER", "copy_number_variation"),
    "<CN0> END=8800": ("feature_truncation&coding_sequence_variant", "HIGH", "deletion"),
    "<CN3> END=8800": ("feature_elongation&coding_sequence_variant", "HIGH", "duplication"),
    "C[MT:12000[ .": ("feature_truncation&coding_sequence_variant", "HIGH", "chromosome_breakpoint"),
}


@pytest.mark.parametrize("case", KINDS)
def test_each_kind_has_its_terms(run: Run, case: str) -> None:
    alt, info = case.split()
    found = run(vcf(f"MT 8700 . N {alt} . . {info}", header=HEADER))
    entry = entries(found, 0)["MT-ATP6"]
    assert (entry["Consequence"], entry["IMPACT"], entry["VARIANT_CLASS"]) == KINDS[case]
    assert entry["EXON"] == "1/1" and found.records[0][3:5] == ["N", alt]


def test_both_ends_of_a_breakend_name_their_genes(run: Run) -> None:
    found = run(vcf("MT 8700 . N N[MT:12000[ . . .", header=HEADER))
    assert entries(found, 0).keys() == {"MT-ATP6", "MT-ND4"}


def test_an_unknown_kind_is_flagged(run: Run) -> None:
    found = run(vcf("MT 8700 . N <FOO> . . END=8800", header=HEADER))
    assert (found.info(0)["GAS_FLAG"], found.notes()["symbolic"]) == ("symbolic", 1)


def test_a_deletion_goes_round_the_origin(run: Run) -> None:
    found = run(vcf("MT 15900 . N <DEL> . . END=700", "MT 15900 . N <DEL> . . SVLEN=-1369", header=HEADER))
    for index in range(2):
        said = {gene: entry["Consequence"] for gene, entry in entries(found, index).items()}
        assert said["MT-TF"] == said["MT-TP"] == "transcript_ablation"
        assert said["MT-RNR1"].startswith("feature_truncation") and said["MT-TT"].startswith("feature_truncation")
        assert "MT-ND4" not in said


def test_confidence_intervals_are_kept_and_move_nothing(run: Run) -> None:
    """As VEP 115 has it: CIPOS and CIEND stand beside POS and END, which the consequences are of."""
    found = run(
        vcf("MT 8600 . N <DEL> . . END=9100", "MT 8600 . N <DEL> . . END=9100;CIPOS=-500,500;CIEND=-300,900", header=HEADER)
    )
    assert found.info(0)["CSQ"] == found.info(1)["CSQ"]
    assert (found.info(1)["CIPOS"], found.info(1)["CIEND"]) == ("-500,500", "-300,900")


def test_alleles_of_one_record_have_extents_of_their_own(run: Run) -> None:
    found = run(vcf("MT 8600 . N <DEL>,<DUP> . . END=9300;SVLEN=50,700", header=HEADER))
    assert [set(entries(found, index)) for index in range(2)] == [{"MT-ATP6"}, {"MT-ATP6", "MT-CO3"}]


def test_extents_and_kinds() -> None:
    def of(alt: bytes, info: bytes, *, position: int = 10, circular: bool = False) -> list[tuple[int, int]]:
        return spans(position, alt, info, 100, circular=circular)

    assert of(b"<DEL>", b"END=30") == of(b"<DEL>", b"SVLEN=-20") == of(b"<DEL>", b"END=50;SVLEN=20") == [(11, 30)]
    assert of(b"<DEL>", b".") == of(b"<INS>", b"END=10") == of(b"A]1:5]", b"END=90") == [(11, 10)]
    assert of(b"<INS>", b"SVLEN=30") == [(11, 40)]
    assert of(b"<DUP>", b"END=300") == [(11, 100)]
    assert of(b"<DUP>", b"END=5", position=90, circular=True) == [(91, 100), (1, 5)]
    assert of(b"<DUP>", b"SVLEN=200", circular=True) == [(11, 100), (1, 10)]
    assert of(b"<DEL>", b"END=7", position=0) == [(1, 7)]
    assert kind(b"<INS:ME:LINE1>") == ("mobile_element_insertion", "insertion") and kind(b"<X>") is None
    assert mate(b"]chr2:17]A") == (b"chr2", 17) and mate(b"A.") is None


def test_beyond_fifty_genes_the_worst_are_listed_and_the_rest_is_counted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structural_alleles, "MOST_GENES", 5)
    found = run(
        vcf("MT 3500 . N <DEL> . . END=12500", "MT 3500 . N <INV> . . END=12500", "MT 3500 . N <DEL> . . END=3700", header=HEADER)
    )
    info = found.info(0)
    listed = parsed(info["CSQ"])
    assert len({entry["Gene"] for entry in listed}) == len(listed) == 5
    assert {entry["Consequence"] for entry in listed} == {"transcript_ablation"}
    assert (info["GAS_GENES"], info["GAS_GENES_LEFT_OUT"]) == ("27", "22")
    assert {entry["SYMBOL"] for entry in parsed(found.info(1)["CSQ"])} >= {"MT-ND1", "MT-ND5"}  # what is cut suffers most
    assert "GAS_GENES" not in found.info(2)


def test_beyond_ten_megabases_little_is_decoded(monkeypatch: pytest.MonkeyPatch, rcrs: Bundle) -> None:
    from app.engine.bundles.transcripts import Transcripts

    monkeypatch.setattr(structural_alleles, "MOST_BASES", 1000)
    transcripts = Transcripts.open(rcrs.path(rcrs.transcripts))
    key = (b"1", b"N", b"<DEL>", b"2", b"16569")
    found, _, genes, left_out = structural_alleles.consequences(transcripts, "MT", key, {"MT": 0}, lambda name: None)
    assert (len(found), genes, left_out) == (37, len(np.unique(transcripts.columns["genes"])), 0)


def test_the_index_leads_to_them(run: Run) -> None:
    found = run(vcf("MT 500 a N <DEL> . . END=16000", "MT 8700 b C T . . .", header=HEADER))
    with pysam.VariantFile(str(found.folder / "annot.vcf.gz")) as file:
        assert [row.id for row in file.fetch("MT", 15_990, 15_999)] == ["a"]
