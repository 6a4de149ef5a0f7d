"""Exons and introns of a few bases, incomplete codons, repeats at the end of a transcript: what Ensembl VEP says there."""

from dataclasses import replace

import pytest

from app.engine.consequence import terms
from app.engine.consequence.allele import allele, reverse_complement
from app.engine.consequence.caller import Consequence, consequence
from app.engine.consequence.transcript import Transcript
from tests.support.made_up_gene import made_up, place

STRANDS = pytest.mark.parametrize("strand", [1, -1])


def cut(strand: int, *introns: tuple[str, int]) -> tuple[bytes, Transcript]:
    """The made-up gene without a protein, and with more introns: each from a base on, of so many bases."""
    contig, transcript = made_up(strand, coding_start=0, coding_end=0, biotype="lncRNA")
    exons = list(transcript.exons)
    for name, size in introns:
        first = place(strand, name) - (size - 1 if strand < 0 else 0)
        [(start, end)] = [exon for exon in exons if exon[0] < first and first + size <= exon[1]]
        exons.remove((start, end))
        exons += [(start, first - 1), (first + size, end)]
    exons.sort(reverse=strand < 0)
    pieces = [contig[start - 1 : end] for start, end in exons]
    bases = b"".join(pieces if strand > 0 else map(reverse_complement, pieces))
    return contig, replace(transcript, exons=tuple(exons), bases=bases)


def called(strand: int, contig: bytes, transcript: Transcript, name: str, ref: str, alt: str) -> Consequence:
    """What a change, written in the direction of the gene, does; an insertion (no `ref`) stands before the base `name`."""
    position = place(strand, name)
    old, new = ref.encode(), alt.encode()
    if strand < 0:
        position -= len(ref) - 1 if ref else -1
        old, new = reverse_complement(old), reverse_complement(new)
    if not (ref and alt):
        position, anchor = position - 1, contig[position - 2 : position - 1]
        old, new = anchor + old, anchor + new
    assert contig[position - 1 : position - 1 + len(old)] == old
    found = consequence(transcript, allele(position, old, new, contig), contig)
    assert found is not None
    return found


@STRANDS
@pytest.mark.parametrize(
    ("name", "ref", "told"),
    [
        ("12", "T", "non_coding_transcript_exon_variant"),  # nine bases before the intron
        ("13", "A", "splice_region_variant&non_coding_transcript_exon_variant"),  # counted back from its last base
        ("15", "A", "splice_region_variant&non_coding_transcript_exon_variant"),
        ("24", "A", "splice_donor_5th_base_variant&non_coding_transcript_exon_variant"),  # counted on from its first
        ("25", "C", "splice_donor_region_variant&non_coding_transcript_exon_variant"),
        ("27", "A", "splice_region_variant&non_coding_transcript_exon_variant"),
    ],
)
def test_the_splice_region_of_an_intron_of_one_base_goes_on_in_its_exons(strand: int, name: str, ref: str, told: str) -> None:
    contig, transcript = cut(strand, ("20", 1))
    assert terms.text(called(strand, contig, transcript, name, ref, "G").mask) == told


@STRANDS
@pytest.mark.parametrize(("name", "within"), [("14", False), ("15", True), ("16", True)])
def test_of_two_introns_beside_a_short_exon_the_last_in_its_direction_decides(strand: int, name: str, within: bool) -> None:
    """Before base 14 the first intron is near enough, and the second is not: both strands say the same."""
    contig, transcript = cut(strand, ("5", 8), ("17", 8))
    mask = called(strand, contig, transcript, name, "", "GATTACA").mask
    assert bool(mask & terms.SPLICE_REGION) is within


@STRANDS
@pytest.mark.parametrize(("coding_end", "total"), [(69, 19), (68, 19), (67, 19), (66, 18)])
def test_a_protein_has_as_many_amino_acids_as_whole_codons(strand: int, coding_end: int, total: int) -> None:
    contig, transcript = made_up(strand, coding_end=coding_end, incomplete_end=True)
    assert called(strand, contig, transcript, "5", "C", "G").protein == f"2/{total}"


@STRANDS
def test_a_repeat_of_the_last_bases_of_a_transcript_is_named(strand: int) -> None:
    """It comes in behind the last base, which is no place within the transcript."""
    contig, transcript = made_up(strand)
    repeated = called(strand, contig, transcript, "*31", "", "GC")
    assert (repeated.hgvsc, abs(repeated.offset)) == ("c.*31_*32dup", 2)
    beyond = called(strand, contig, transcript, "*32+1", "", "T")
    assert (beyond.hgvsc, terms.text(beyond.mask)) == ("", "downstream_gene_variant")
