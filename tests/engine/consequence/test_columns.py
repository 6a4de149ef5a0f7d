"""The arrays say of every substitution what the caller, one by one, says."""

import numpy as np
import pytest

from app.engine.consequence import columns, hgvs, terms
from app.engine.consequence.allele import allele
from app.engine.consequence.caller import Consequence, consequence
from app.engine.consequence.genetic_code import CODONS
from app.engine.consequence.spliced import spliced
from app.engine.consequence.transcript import Transcript
from tests.support.made_up_gene import made_up

DISTANCE_BASES = 20
VARIANTS: dict[str, dict[str, object]] = {
    "coding": {},
    "without its start": {"incomplete_start": True},
    "without two bases of a codon": {"coding_start": 13, "phase": 2, "incomplete_start": True},
    "in a codon": {"coding_start": 12, "phase": 1},
    "without its end": {"coding_end": 69, "incomplete_end": True},
    "ends with two bases": {"coding_end": 66, "incomplete_end": True},
    "lncRNA": {"biotype": "lncRNA", "coding_start": 0, "coding_end": 0},
    "no coding sequence": {"coding_start": 0, "coding_end": 0},
    "decayed": {"biotype": "nonsense_mediated_decay"},
    "mitochondrial": {"code": 2},
    "no leader": {"coding_start": 1, "code": 2},
    "miRNA": {"biotype": "miRNA", "coding_start": 0, "coding_end": 0, "micro_rna": ((12, 33),)},
}


@pytest.mark.parametrize("strand", [1, -1])
def test_every_substitution_of_every_kind_of_transcript(strand: int) -> None:
    made = [made_up(strand, **changed) for changed in VARIANTS.values()]
    contig, transcripts = made[0][0], [transcript for _, transcript in made]
    compared(contig, transcripts, range(transcripts[0].start - 25, transcripts[0].end + 26))


def compared(contig: bytes, transcripts: list[Transcript], positions: range) -> None:
    these = columns.models(transcripts)
    cases = [
        (row, position, alt)
        for row in range(len(transcripts))
        for position in positions
        for alt in b"ACGT"
        if alt != contig[position - 1]
    ]
    rows, places, alts = (np.array(values) for values in zip(*cases, strict=True))
    got = columns.substitutions(these, rows, places, alts.astype(np.uint8), DISTANCE_BASES)
    wrong = []
    for i, (row, position, alt) in enumerate(cases):
        if got.left[i]:
            continue
        one = allele(position, contig[position - 1 : position], bytes([alt]), contig)
        found = consequence(transcripts[row], one, contig, DISTANCE_BASES)
        told = _told(got, i, transcripts[row], contig, position, alt)
        if told != _expected(found):
            wrong.append((list(VARIANTS)[row], position, chr(alt), told, _expected(found)))
    assert wrong == []
    assert got.left.mean() < 0.2


def _expected(found: Consequence | None) -> tuple[object, ...]:
    if found is None:
        return (0,)
    positions = found.exon, found.intron, found.cdna, found.cds, found.protein
    return found.mask, found.distance, *positions, found.amino_acids, found.codons.upper(), found.hgvsc, found.hgvsp


def _told(got: columns.Columns, i: int, transcript: Transcript, contig: bytes, position: int, alt: int) -> tuple[object, ...]:
    def part(number: int, total: int) -> str:
        return f"{number}/{total}" if number else ""

    if not got.mask[i]:
        return (0,)
    letters, codons = bytes(got.letters[i]).decode(), ""
    if got.codons[i][0] != columns.NO_CODON:
        codons = "/".join(CODONS[number].decode() for number in got.codons[i])
        letters = letters[0] if letters[0] == letters[1] else "/".join(letters)
    else:
        letters = ""
    name = protein = ""
    if letters:
        protein = hgvs.substituted(*map(int, got.letters[i]), int(got.protein[i]), bool(int(got.mask[i]) & terms.START_LOST))
    if got.distance[i] < 0:
        number = f"{'*' if got.behind[i] else ''}{got.number[i]}{f'{got.offset[i]:+d}' if got.offset[i] else ''}"
        if not (transcript.phase and got.cds[i]):
            assert number == hgvs.numbered(spliced(transcript), position)
        ref, new = chr(contig[position - 1]), chr(alt)
        if transcript.strand < 0:
            ref, new = (base.translate(str.maketrans("ACGT", "TGCA")) for base in (ref, new))
        name = f"{'c' if transcript.coding_start else 'n'}.{number}{ref}>{new}"
    return (
        int(got.mask[i]),
        int(got.distance[i]),
        part(got.exon[i], got.exons[i]),
        part(got.intron[i], got.exons[i] - 1),
        part(got.cdna[i], got.cdna_length[i]),
        part(got.cds[i], got.cds_length[i]),
        part(got.protein[i], got.protein_length[i]),
        letters,
        codons,
        name,
        protein,
    )
