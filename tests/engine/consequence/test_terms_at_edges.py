"""Every term, on both strands and at every edge of a made-up gene, by the definitions of the terms and the genetic code."""

import pytest

from app.engine.consequence import terms
from app.engine.consequence.allele import allele, reverse_complement
from app.engine.consequence.caller import Consequence, consequence
from tests.support.made_up_gene import made_up, place

STRANDS = pytest.mark.parametrize("strand", [1, -1])


def called(strand: int, first: str, ref: str, alt: str, **changed: object) -> Consequence:
    """What a change, written in the direction of the gene, does to it; an insertion (no `ref`) stands before base `first`."""
    contig, transcript = made_up(strand, **changed)
    position = place(strand, first)
    if strand < 0:
        position -= len(ref) - 1 if ref else -1
        ref, alt = (reverse_complement(bases.encode()).decode() for bases in (ref, alt))
    anchor = contig[position - 2 : position - 1]
    assert contig[position - 1 : position - 1 + len(ref)] == ref.encode()
    if not (ref and alt):
        one = allele(position - 1, anchor + ref.encode(), anchor + alt.encode(), contig)
    else:
        one = allele(position, ref.encode(), alt.encode(), contig)
    found = consequence(transcript, one, contig, 50)
    assert found is not None
    return found


PLACES = [
    # first base, ref, alt, terms, HGVS c.
    ("-10-1", "C", "A", "upstream_gene_variant", ""),
    ("-10", "C", "A", "5_prime_UTR_variant", "c.-10C>A"),
    ("-1", "G", "A", "5_prime_UTR_variant", "c.-1G>A"),
    ("1", "A", "C", "start_lost", "c.1A>C"),
    ("3", "G", "A", "start_lost", "c.3G>A"),
    ("6", "T", "C", "synonymous_variant", "c.6T>C"),
    ("7", "T", "C", "missense_variant", "c.7T>C"),
    ("9", "G", "A", "stop_gained", "c.9G>A"),
    ("27", "A", "G", "synonymous_variant", "c.27A>G"),
    ("28", "C", "T", "splice_region_variant&synonymous_variant", "c.28C>T"),
    ("30", "G", "A", "splice_region_variant&synonymous_variant", "c.30G>A"),
    ("30+1", "G", "A", "splice_donor_variant", "c.30+1G>A"),
    ("30+2", "T", "C", "splice_donor_variant", "c.30+2T>C"),
    ("30+3", "A", "C", "splice_donor_region_variant&intron_variant", "c.30+3A>C"),
    ("30+4", "A", "C", "splice_donor_region_variant&intron_variant", "c.30+4A>C"),
    ("30+5", "G", "C", "splice_donor_5th_base_variant&intron_variant", "c.30+5G>C"),
    ("30+6", "T", "C", "splice_donor_region_variant&intron_variant", "c.30+6T>C"),
    ("30+7", "C", "T", "splice_region_variant&intron_variant", "c.30+7C>T"),
    ("30+8", "T", "C", "splice_region_variant&intron_variant", "c.30+8T>C"),
    ("30+9", "C", "T", "intron_variant", "c.30+9C>T"),
    ("30+26", "A", "C", "intron_variant", "c.30+26A>C"),
    ("31-18", "C", "T", "intron_variant", "c.31-18C>T"),
    ("31-17", "T", "C", "splice_polypyrimidine_tract_variant&intron_variant", "c.31-17T>C"),
    ("31-9", "T", "C", "splice_polypyrimidine_tract_variant&intron_variant", "c.31-9T>C"),
    ("31-8", "C", "T", "splice_region_variant&splice_polypyrimidine_tract_variant&intron_variant", "c.31-8C>T"),
    ("31-3", "C", "T", "splice_region_variant&splice_polypyrimidine_tract_variant&intron_variant", "c.31-3C>T"),
    ("31-2", "A", "G", "splice_acceptor_variant", "c.31-2A>G"),
    ("31-1", "G", "A", "splice_acceptor_variant", "c.31-1G>A"),
    ("31", "A", "G", "missense_variant&splice_region_variant", "c.31A>G"),
    ("33", "T", "C", "splice_region_variant&synonymous_variant", "c.33T>C"),
    ("34", "G", "A", "missense_variant", "c.34G>A"),
    ("58", "T", "C", "stop_lost", "c.58T>C"),
    ("60", "A", "G", "stop_retained_variant", "c.60A>G"),
    ("*1", "C", "A", "3_prime_UTR_variant", "c.*1C>A"),
    ("*32", "C", "A", "3_prime_UTR_variant", "c.*32C>A"),
    ("*32+1", "C", "A", "downstream_gene_variant", ""),
]


@STRANDS
@pytest.mark.parametrize(("first", "ref", "alt", "told", "hgvsc"), PLACES, ids=[row[0] for row in PLACES])
def test_a_substitution_at_every_edge(strand: int, first: str, ref: str, alt: str, told: str, hgvsc: str) -> None:
    found = called(strand, first, ref, alt)
    assert (terms.text(found.mask), found.hgvsc) == (told, hgvsc)


CHANGES = [
    # first base, ref, alt, terms, HGVS c., HGVS p., amino acids, codons, protein position
    ("10", "T", "", "frameshift_variant", "c.12del", "p.Phe4LeufsTer7", "F/X", "Ttt/tt", "4/19"),
    ("12", "T", "", "frameshift_variant", "c.12del", "p.Phe4LeufsTer7", "F/X", "ttT/tt", "4/19"),
    ("10", "TTT", "G", "frameshift_variant", "c.10_12delinsG", "p.Phe4GlufsTer8", "F/X", "TTT/G", "4/19"),
    ("19", "GAA", "", "inframe_deletion", "c.22_24del", "p.Glu8del", "E/-", "GAA/-", "7/19"),
    ("19", "GA", "CTTAC", "protein_altering_variant", "c.19_20delinsCTTAC", "p.Glu7delinsLeuThr", "E/LT", "GAa/CTTACa", "7/19"),
    ("7", "", "GGA", "inframe_insertion", "c.6_7insGGA", "p.Ala2_Trp3insGly", "-/G", "-/GGA", "2-3/19"),
    ("7", "", "GCT", "inframe_insertion", "c.4_6dup", "p.Ala2dup", "-/A", "-/GCT", "2-3/19"),
    ("4", "GCTTGG", "CCAAGC", "missense_variant", "c.4_9inv", "p.Ala2_Trp3delinsProSer", "AW/PS", "GCTTGG/CCAAGC", "2-3/19"),
    ("8", "", "A", "frameshift_variant&stop_gained", "c.7_8insA", "p.Trp3Ter", "W/*", "tgg/tAgg", "3/19"),
    ("2", "T", "", "frameshift_variant&start_lost", "c.2del", "p.Met1?", "M/X", "aTg/ag", "1/19"),
    ("58", "T", "C", "stop_lost", "c.58T>C", "p.Ter20GlnextTer9", "*/Q", "Taa/Caa", "20/19"),
    ("5", "C", "G", "missense_variant", "c.5C>G", "p.Ala2Gly", "A/G", "gCt/gGt", "2/19"),
    ("6", "T", "C", "synonymous_variant", "c.6T>C", "p.Ala2=", "A", "gcT/gcC", "2/19"),
]


@STRANDS
@pytest.mark.parametrize("row", CHANGES, ids=[f"{row[0]}{row[1]}>{row[2]}" for row in CHANGES])
def test_changes_of_the_coding_sequence(strand: int, row: tuple[str, ...]) -> None:
    first, ref, alt, told, *rest = row
    found = called(strand, first, ref, alt)
    assert set(terms.names(found.mask)) == set(told.split("&"))
    assert [found.hgvsc, found.hgvsp, found.amino_acids, found.codons, found.protein] == rest


@STRANDS
def test_deletions_over_the_edges(strand: int) -> None:
    donor = called(strand, "28", "CTGGTA", "")
    assert terms.text(donor.mask) == "splice_donor_variant&splice_donor_region_variant&coding_sequence_variant&intron_variant"
    assert (donor.exon, donor.intron, donor.cdna, donor.cds, donor.protein) == ("1/3", "1/2", "38-?/102", "28-?/60", "10-?/19")
    assert (donor.hgvsc, donor.hgvsp) == ("c.28_30+3del", "")
    acceptor = called(strand, "48-1", "GA", "")
    assert terms.text(acceptor.mask) == "splice_acceptor_variant&coding_sequence_variant"
    assert (acceptor.exon, acceptor.intron, acceptor.cds) == ("3/3", "2/2", "?-48/60")
    start = called(strand, "-2", "GGATG", "")
    assert "start_lost" in terms.names(start.mask)
    assert start.hgvsp == ""


@STRANDS
def test_the_whole_transcript_goes(strand: int) -> None:
    contig, transcript = made_up(strand)
    ref = contig[transcript.start - 2 : transcript.end]
    found = consequence(transcript, allele(transcript.start - 1, ref, ref[:1], contig), contig)
    assert found is not None
    assert terms.text(found.mask) == "transcript_ablation"


@STRANDS
@pytest.mark.parametrize(
    ("first", "told"),
    [
        ("12", "non_coding_transcript_exon_variant"),
        ("30", "splice_region_variant&non_coding_transcript_exon_variant"),
        ("30+1", "splice_donor_variant&non_coding_transcript_variant"),
        ("30+26", "intron_variant&non_coding_transcript_variant"),
    ],
)
def test_a_transcript_without_a_protein(strand: int, first: str, told: str) -> None:
    ref = {"12": "T", "30": "G", "30+1": "G", "30+26": "A"}[first]
    found = called(strand, first, ref, "C", biotype="lncRNA", coding_start=0, coding_end=0)
    assert terms.text(found.mask) == told
    assert found.hgvsc.startswith("n.")
    assert (found.cds, found.hgvsp) == ("", "")


@STRANDS
def test_biotypes_with_words_of_their_own(strand: int) -> None:
    decayed = called(strand, "9", "G", "A", biotype="nonsense_mediated_decay")
    assert terms.text(decayed.mask) == "stop_gained&NMD_transcript_variant"
    mature = {"biotype": "miRNA", "coding_start": 0, "coding_end": 0, "micro_rna": ((12, 33),)}
    assert terms.text(called(strand, "12", "T", "C", **mature).mask) == "mature_miRNA_variant"
    assert terms.text(called(strand, "-10", "C", "A", **mature).mask) == "non_coding_transcript_exon_variant"


@STRANDS
def test_incomplete_ends(strand: int) -> None:
    """Without its first codon the start is not lost; a codon that lacks a base at the end is not read."""
    assert terms.text(called(strand, "3", "G", "A", incomplete_start=True).mask) == "missense_variant"
    end = {"coding_end": 69, "incomplete_end": True}
    last = called(strand, "58", "T", "C", **end)
    assert terms.text(last.mask) == "incomplete_terminal_codon_variant&coding_sequence_variant"
    assert last.flags == "cds_end_NF"
    lacking = {"coding_start": 12, "phase": 1, "incomplete_start": True}
    found = called(strand, "4", "G", "C", **lacking)
    assert (found.cds, found.protein, found.amino_acids, found.codons) == ("4/60", "2/19", "A/P", "Gct/Cct")


@STRANDS
def test_a_selenocysteine_is_no_stop(strand: int) -> None:
    """TGA within the protein is read as U where the model says so: losing it is no loss of the stop."""
    contig, transcript = made_up(strand)
    sec = transcript.bases.replace(b"TGCATA", b"TGAATA")
    position = place(strand, "45")
    contig = contig[: position - 1] + (b"A" if strand > 0 else b"T") + contig[position:]
    _, transcript = made_up(strand, bases=sec, selenocysteines=(15,))
    change = allele(position, b"A" if strand > 0 else b"T", b"G" if strand > 0 else b"C", contig)
    found = consequence(transcript, change, contig)
    assert found is not None
    assert (terms.text(found.mask), found.amino_acids, found.hgvsp) == (
        "missense_variant&splice_region_variant",
        "U/W",
        "p.Sec15Trp",
    )


@STRANDS
def test_distance_counts_from_the_nearest_base(strand: int) -> None:
    contig, transcript = made_up(strand)
    outside = place(strand, "-10-50")
    one = allele(outside, contig[outside - 1 : outside], b"N", contig)
    found = consequence(transcript, one, contig, 50)
    assert found is not None
    assert (found.distance, terms.text(found.mask)) == (50, "upstream_gene_variant")
    assert consequence(transcript, one, contig, 49) is None
