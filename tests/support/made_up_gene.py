"""A made-up gene of three exons, on either strand of a contig, whose every edge is known."""

import re
from dataclasses import replace

from app.engine.consequence.allele import reverse_complement
from app.engine.consequence.transcript import Transcript

#       ATG GCT TGG TTT AAA CCA GAA GAA CAA CTG|ACT GAT TCC CGA TGC AT|A TTA CAT GTC TAA
CODING = b"ATGGCTTGGTTTAAACCAGAAGAACAACTGACTGATTCCCGATGCATATTACATGTCTAA"
PROTEIN = "MAWFKPEEQLTDSRCILHV*"
LEADER = b"CCTTAGCAGG"  # the 5' UTR
TRAILER = b"CGTAGCTCCATCATAGTTGGCACATAAATTGC"  # the 3' UTR
INTRON = b"GTAAGTCTCATCGTACCATTCTAGCATGTTGGAACTTGCCTTTTCCTTTCAG"
BEFORE = b"GATTACTCTGACGGCTATCC" * 5
AFTER = b"CCATTGAACGCAGATTCCGA" * 5
CUTS = 30, 47  # bases of the coding sequence before each intron


def made_up(strand: int = 1, **changed: object) -> tuple[bytes, Transcript]:
    """Returns the contig and the transcript, on a strand. `changed`: fields of the transcript that are other than here."""
    first, second = CUTS
    pieces = [LEADER + CODING[:first], CODING[first:second], CODING[second:] + TRAILER]
    sense = BEFORE + INTRON.join(pieces) + AFTER
    exons, position = [], len(BEFORE) + 1
    for piece in pieces:
        exons.append((position, position + len(piece) - 1))
        position += len(piece) + len(INTRON)
    contig = sense
    if strand < 0:
        contig = reverse_complement(sense)
        exons = [(len(sense) - end + 1, len(sense) - start + 1) for start, end in exons]
    transcript = Transcript(
        index=0,
        contig="1",
        start=min(exons)[0],
        end=max(exons)[1],
        strand=strand,
        identifier="T1.1",
        gene="G1",
        symbol="MADE",
        symbol_source="",
        hgnc="",
        biotype="protein_coding",
        protein="P1.1",
        source="made_up",
        code=1,
        exons=tuple(exons),
        coding_start=len(LEADER) + 1,
        coding_end=len(LEADER) + len(CODING),
        phase=0,
        bases=b"".join(pieces),
        selenocysteines=(),
        incomplete_start=False,
        incomplete_end=False,
        canonical=False,
        mane_select="",
        mane_plus_clinical="",
        appris="",
        level=0,
        ccds="",
        basic=False,
        micro_rna=(),
    )
    return contig, replace(transcript, **changed)  # type: ignore[arg-type]


def place(strand: int, name: str) -> int:
    """Returns the position on the contig of a base by its HGVS number: `12`, `-3`, `*7`, `30+1`, `31-2`, `-10-5` or `*32+4`."""
    match = re.fullmatch(r"(\*?-?\d+)([+-]\d+)?", name)
    assert match, name
    base, offset = match[1], int(match[2] or 0)
    if base.startswith("*"):
        cdna = len(LEADER) + len(CODING) + int(base[1:])
    else:
        number = int(base)
        cdna = len(LEADER) + number + (number < 0)
    first, second = (cut + len(LEADER) for cut in CUTS)
    introns = (cdna > first) + (cdna > second)
    position = len(BEFORE) + cdna + introns * len(INTRON) + offset
    total = len(BEFORE) + len(LEADER) + len(CODING) + len(TRAILER) + 2 * len(INTRON) + len(AFTER)
    return position if strand > 0 else total - position + 1
