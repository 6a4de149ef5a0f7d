"""The mitochondrion under its own code, judged by the definition of the code and by what the literature says."""

import pytest

from app.engine.consequence import terms
from app.engine.consequence.allele import allele
from app.engine.consequence.caller import consequence
from app.engine.consequence.transcript import Transcript
from tests.support.mitochondrion import BY_SYMBOL, COMPLEMENT, CONTIG, LETTERS, MODELS


def expected(model: Transcript, position: int, alt: str) -> str:
    """The term of a substitution in a gene of one exon, by the definition of the code."""
    if not model.coding_start:
        return "non_coding_transcript_exon_variant"
    places = range(model.start, model.end + 1) if model.strand > 0 else range(model.end, model.start - 1, -1)
    codon, within = divmod(places.index(position), 3)
    if codon * 3 + 3 > len(places):
        return "incomplete_terminal_codon_variant"
    old = "".join(chr(CONTIG[place - 1]) for place in places[codon * 3 : codon * 3 + 3])
    if model.strand < 0:
        old, alt = old.translate(COMPLEMENT), alt.translate(COMPLEMENT)
    new = old[:within] + alt + old[within + 1 :]
    if codon == 0:
        return "start_retained_variant" if new in ("ATT", "ATC", "ATA", "ATG", "GTG") else "start_lost"
    before, after = LETTERS[old], LETTERS[new]
    if before == after:
        return "stop_retained_variant" if before == "*" else "synonymous_variant"
    return "stop_lost" if before == "*" else "stop_gained" if after == "*" else "missense_variant"


@pytest.mark.night
def test_every_substitution_of_every_gene() -> None:
    """As test_known_answers.py has it of whole files."""
    wrong, coding, others = [], 0, 0
    for model in MODELS:
        for position in range(model.start, model.end + 1):
            ref = CONTIG[position - 1 : position]
            for alt in b"ACGT":
                if ref == b"N" or alt == ref[0] or (not model.coding_start and alt != (b"A" if ref != b"A" else b"C")[0]):
                    continue  # one change a base is enough where none is translated
                found = consequence(model, allele(position, ref, bytes([alt]), CONTIG), CONTIG)
                assert found is not None
                told, right = terms.names(found.mask)[0], expected(model, position, chr(alt))
                coding += bool(model.coding_start)
                others += not model.coding_start
                if told != right:
                    wrong.append((model.symbol, position, chr(alt), told, right))
    assert wrong == []
    assert (coding, others) == (34_185, 4_020)


KNOWN = [
    # position, ref, alt, gene, term, protein; sources: MITOMAP, and the definition of the code
    (3460, "G", "A", "MT-ND1", "missense_variant", "p.Ala52Thr"),
    (11778, "G", "A", "MT-ND4", "missense_variant", "p.Arg340His"),
    (14484, "T", "C", "MT-ND6", "missense_variant", "p.Met64Val"),
    (8993, "T", "G", "MT-ATP6", "missense_variant", "p.Leu156Arg"),
    (7445, "A", "G", "MT-CO1", "stop_retained_variant", "p.Ter514="),
    (3307, "A", "G", "MT-ND1", "start_lost", "p.Met1?"),
    (4472, "T", "C", "MT-ND2", "start_retained_variant", "p.Met1="),
    (14673, "T", "C", "MT-ND6", "start_retained_variant", "p.Met1="),
    (7444, "G", "A", "MT-CO1", "stop_lost", "p.Ter514LysextTer?"),
    (3462, "CA", "TG", "MT-ND1", "missense_variant", "p.Met53Val"),
    (3461, "CCATAAA", "C", "MT-ND1", "inframe_deletion", "p.Met53_Lys54del"),
    (3459, "CG", "C", "MT-ND1", "frameshift_variant", "p.Ala52ProfsTer2"),
    (4259, "CCT", "C", "MT-ND1", "frameshift_variant", "p.?"),
    (4261, "T", "C", "MT-ND1", "incomplete_terminal_codon_variant", ""),
    (4260, "C", "CA", "MT-ND1", "inframe_insertion", ""),  # and incomplete_terminal_codon_variant
    (4253, "CTCAAACCTA", "C", "MT-ND1", "inframe_deletion", "p.Pro316_Thr318del"),
]


@pytest.mark.parametrize("row", KNOWN, ids=[f"{row[0]}{row[1]}>{row[2]}" for row in KNOWN])
def test_known_answers(row: tuple[int, str, str, str, str, str]) -> None:
    position, ref, alt, gene, term, protein = row
    found = consequence(BY_SYMBOL[gene], allele(position, ref.encode(), alt.encode(), CONTIG), CONTIG)
    assert found is not None
    assert (terms.names(found.mask)[0], found.hgvsp) == (term, protein)
