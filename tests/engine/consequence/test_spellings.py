"""One change has one name and one place to be looked up, however it is spelled; and one set of terms, unless it is flagged."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.engine.consequence import hgvs
from app.engine.consequence.allele import NOWHERE, Allele, Run, allele, reverse_complement
from app.engine.consequence.caller import consequence, depends_on_spelling, mask_at
from app.engine.consequence.spliced import spliced
from app.engine.consequence.transcript import Transcript
from tests.support.gff3 import gff3, made
from tests.support.made_up_gene import made_up, place

MODELS = {strand: made_up(strand) for strand in (1, -1)}
DISTANCE_BASES = 50


def spellings(position: int, ref: bytes, alt: bytes, contig: bytes) -> list[tuple[int, bytes, bytes]]:
    """All records of one base of padding, and a few of more, by which the contig becomes the same: found by trying each."""
    changed = contig[: position - 1] + alt + contig[position - 1 + len(ref) :]
    found = []
    for start in range(max(position - 15, 1), min(position + 15, len(contig) - len(ref) - 3)):
        for padding in (0, 2):
            old, size = contig[start - 1 : start - 1 + len(ref) + padding], len(alt) + padding
            if changed[: start - 1] == contig[: start - 1] and changed[start - 1 + size :] == contig[start - 1 + len(old) :]:
                found.append((start, old, changed[start - 1 : start - 1 + size]))
    return found


@st.composite
def records(draw: st.DrawFn) -> tuple[int, int, bytes, bytes]:
    """A strand and an insertion, deletion or substitution anywhere on its contig, with an anchor base; runs are made likely."""
    strand = draw(st.sampled_from([1, -1]))
    contig, transcript = MODELS[strand]
    position = draw(st.integers(transcript.start - 55, transcript.end + 45))
    anchor = contig[position - 1 : position]
    kind = draw(st.sampled_from(["deletion", "insertion", "copy", "substitution"]))
    size = draw(st.integers(1, 7))
    if kind == "deletion":
        return strand, position, contig[position - 1 : position + size], anchor
    if kind == "copy":
        return strand, position, anchor, anchor + contig[position : position + size]
    bases = bytes(draw(st.lists(st.sampled_from(b"ACGT"), min_size=size, max_size=size)))
    if kind == "insertion":
        return strand, position, anchor, anchor + bases
    return strand, position, contig[position - 1 : position - 1 + size], bases


@settings(max_examples=150, deadline=None)
@given(records())
@example((1, place(1, "30"), b"GG", b"G"))
@example(
    (
        -1,
        place(-1, "31") - 1,
        MODELS[-1][0][place(-1, "31") - 2 : place(-1, "31")],
        MODELS[-1][0][place(-1, "31") - 2 : place(-1, "31") - 1],
    )
)
def test_every_spelling_has_one_name(record: tuple[int, int, bytes, bytes]) -> None:
    strand, position, ref, alt = record
    contig, _ = MODELS[strand]
    if contig[position - 1 : position - 1 + len(ref)] != ref or ref == alt:
        return
    told = [_told(allele(*spelled, contig), contig, MODELS[strand][1]) for spelled in spellings(position, ref, alt, contig)]
    assert told
    names, terms, flags = zip(*told, strict=True)
    assert len(set(names)) == 1
    assert len(set(flags)) == 1
    if not flags[0]:
        assert len(set(terms)) == 1


def _told(one: Allele, contig: bytes, transcript: Transcript) -> tuple[tuple[object, ...], int, bool]:
    found = consequence(transcript, one, contig, DISTANCE_BASES)
    looked_up = one.leftmost
    names = hgvs.genomic(one, contig), found and found.hgvsc, found and found.hgvsp
    flag = depends_on_spelling(transcript, one, DISTANCE_BASES)
    if found is None and not flag:
        return (looked_up, names[0]), 0, flag
    if flag:  # beyond the distance there is no entry, and no name
        return (looked_up, names[0]), found.mask if found else 0, flag
    return (looked_up, *names), found.mask if found else 0, flag


def test_a_run_over_an_edge_is_flagged() -> None:
    """One G more, at the end of an exon: in the codon before the intron, or between the exon and its intron."""
    for strand in (1, -1):
        contig, transcript = MODELS[strand]
        last = place(strand, "30")
        first, ref = (last, b"GG") if strand > 0 else (last - 1, b"CC")
        assert contig[first - 1 : first + 1] == ref
        one = allele(first, ref, ref[:1], contig)
        assert depends_on_spelling(transcript, one)
        found = consequence(transcript, one, contig)
        assert found is not None
        assert found.hgvsc == "c.30+1del"
        within = place(strand, "12")
        base = contig[within - 1 : within]
        assert not depends_on_spelling(transcript, allele(within, base, base * 2, contig), 50)


def test_the_leftmost_place_is_that_of_a_normalised_vcf() -> None:
    contig = b"GATTTTTTACACACACG"
    assert allele(8, b"TA", b"A", contig).leftmost == allele(2, b"AT", b"A", contig).leftmost
    assert allele(12, b"CAC", b"C", contig).leftmost.start == 9
    assert allele(16, b"C", b"CT", contig).run == NOWHERE


def test_mask_of_a_place_is_that_of_the_entry() -> None:
    contig, transcript = MODELS[1]
    one = allele(place(1, "9"), b"G", b"A", contig)
    found = consequence(transcript, one, contig)
    assert found is not None
    assert mask_at(spliced(transcript), one.change) == found.mask


@pytest.mark.parametrize("strand", ["+", "-"])
def test_only_a_run_near_an_edge_depends_on_the_spelling(strand: str, tmp_path: Path) -> None:
    """A base more or less in a repeat of three, at every place around and within a transcript with a wide intron."""
    letters = "".join(base * 3 for base in "ACGT" * 60)
    lines = ("mRNA 201 500 . {0} . ID=transcript:T;Parent=gene:G;biotype=protein_coding", "gene 201 500 . {0} . ID=gene:G")
    exons = ("exon 201 290 . {0} . Parent=transcript:T", "exon 401 500 . {0} . Parent=transcript:T")
    found = made(tmp_path, gff3(*(f"1 x {line.format(strand)}" for line in (*lines, *exons))), {"1": letters})
    transcript, contig = found["T"], letters.encode()
    told, right = [], []
    for position in range(100, 620):
        base = contig[position - 1 : position]
        for ref, alt in ((base, base * 2), (contig[position - 1 : position + 1], base)):
            one = allele(position, ref, alt, contig)
            places = range(-one.run.left, one.run.right + 1)
            told.append((position, alt, depends_on_spelling(transcript, one, 50)))
            masks = {mask_at(spliced(transcript), one.change.moved(bases), 50) for bases in places}
            right.append((position, alt, len(masks) > 1))
    assert told == right and 0 < sum(flag for *_, flag in told) < len(told) / 2


@pytest.mark.parametrize("strand", [1, -1])
def test_at_every_edge_all_spellings_have_one_name_and_one_set_of_terms_unless_flagged(strand: int, tmp_path: Path) -> None:
    """A base or two more or less, at every place of a gene whose bases all stand in runs of three, and around it.

    Its edges: the distance, both ends, the UTRs, start and stop, and an intron on either side; in the middle of runs and between.
    """
    sense = list("".join(base * 3 for base in "ACGT" * 40))
    for first, codon in ((150, "ATG"), (279, "TAA")):
        sense[first : first + 3] = codon
    exons, coding = [(131, 190), (251, 310)], [(151, 190), (251, 282)]  # in the direction of the gene
    contig = "".join(sense).encode() if strand > 0 else reverse_complement("".join(sense).encode())

    def here(span: tuple[int, int]) -> tuple[int, int]:
        return span if strand > 0 else (len(sense) + 1 - span[1], len(sense) + 1 - span[0])

    sign, (low, high) = "+" if strand > 0 else "-", here((131, 310))
    lines = [f"1 x gene {low} {high} . {sign} . ID=gene:G;biotype=protein_coding"]
    lines += [f"1 x mRNA {low} {high} . {sign} . ID=transcript:T;Parent=gene:G;biotype=protein_coding"]
    lines += ["1 x exon {} {} . {} . Parent=transcript:T".format(*here(exon), sign) for exon in exons]
    lines += [
        "1 x CDS {} {} . {} {} Parent=transcript:T".format(*here(part), sign, phase)
        for part, phase in zip(coding, (0, 2), strict=True)
    ]
    transcript = made(tmp_path, gff3(*lines), {"1": contig.decode()})["T"]
    assert (transcript.strand, spliced(transcript).sequence[:3], spliced(transcript).sequence[-3:]) == (strand, b"ATG", b"TAA")
    flags, told = set(), 0
    for position in range(low - 56, high + 56):
        base, two = contig[position - 1 : position], contig[position - 1 : position + 1]
        for ref, alt in ((base, base * 2), (two, base), (base, base + two), (contig[position - 1 : position + 2], base)):
            one = allele(position, ref, alt, contig)
            moved = [Allele(one.change.moved(by), Run(one.run.left + by, one.run.right - by)) for by in _places(one)]
            said = [_told(spelled, contig, transcript) for spelled in moved]
            names, terms, flagged = zip(*said, strict=True)
            assert len(set(names)) == len(set(flagged)) == 1, (position, ref, alt)
            assert flagged[0] or len(set(terms)) == 1, (position, ref, alt)
            if flagged[0]:
                flags.add(position)
            told += len(moved)
    edges = [low - 50, low, *here((150, 151)), *here((190, 191)), *here((250, 251)), *here((282, 283)), high, high + 50]
    assert told > 3000 and all(any(abs(at - edge) < 6 for at in flags) for edge in edges)


def _places(one: Allele) -> range:
    return range(-one.run.left, one.run.right + 1)
