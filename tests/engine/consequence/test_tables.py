"""The tables that the rules stand on: genetic codes, terms, and the order in which one consequence is picked."""

from typing import Any

import numpy as np
import pytest

from app.engine.consequence import csq, terms
from app.engine.consequence.allele import allele, run_of, shown, trimmed
from app.engine.consequence.caller import Consequence, consequence
from app.engine.consequence.csq_fields import NAMES
from app.engine.consequence.genetic_code import BASE_NUMBERS, CODONS, NUMBERS, genetic_code
from app.engine.consequence.pick import order
from tests.support.made_up_gene import made_up, place


@pytest.mark.parametrize("number", NUMBERS)
def test_a_code_reads_every_codon(number: int) -> None:
    code = genetic_code(number)
    assert len(code.amino_acids) == 64
    assert set(code.amino_acids) <= set(b"ACDEFGHIKLMNPQRSTVWY*")
    assert b"ATG" in code.starts
    numbers = BASE_NUMBERS[np.frombuffer(b"".join(CODONS), np.uint8)].reshape(64, 3) @ np.array([16, 4, 1])
    assert bytes(code.array[numbers]) == code.translate(b"".join(CODONS))


def test_where_codes_differ() -> None:
    standard, mitochondrial = genetic_code(1), genetic_code(2)
    assert standard.translate(b"ATATGAAGAAGG") == b"I*RR"
    assert mitochondrial.translate(b"ATATGAAGAAGG") == b"MW**"
    assert standard.initiators == {b"ATG"}
    assert mitochondrial.initiators == {b"ATT", b"ATC", b"ATA", b"ATG", b"GTG"}
    with pytest.raises(KeyError):
        genetic_code(7)


def test_codons_of_ambiguous_bases() -> None:
    code = genetic_code(1)
    assert code.translate(b"CTNATRTAYNNNTAR") == b"LXYX*"
    assert code.translate(b"ATGAC") == b"M"
    assert code.to_stop(b"ATGTAAATG") == b"M*"


def test_masks_of_terms() -> None:
    mask = terms.INTRON | terms.SPLICE_REGION
    assert terms.text(mask) == "splice_region_variant&intron_variant"
    assert (terms.impact(mask), terms.impact(terms.STOP_GAINED | mask), terms.impact(0)) == ("LOW", "HIGH", "MODIFIER")
    assert terms.rank(terms.MISSENSE | terms.STOP_LOST) < terms.rank(terms.MISSENSE) < terms.rank(0)
    assert len(terms.BIT) == len(terms.TABLE)


def test_alleles_as_they_are_written_and_trimmed() -> None:
    assert trimmed(10, b"GAA", b"GA") == trimmed(12, b"A", b"")
    assert trimmed(10, b"CAG", b"CTG") == trimmed(11, b"A", b"T")
    assert [shown(*pair) for pair in ((b"GA", b"G"), (b"G", b"GTT"), (b"GA", b"CT"), (b"GA", b"T"))] == ["-", "TT", "CT", "T"]
    classes = [
        trimmed(5, *pair).variant_class for pair in ((b"A", b"C"), (b"A", b"AC"), (b"AC", b"A"), (b"AC", b"GT"), (b"AC", b"G"))
    ]
    assert classes == ["SNV", "insertion", "deletion", "substitution", "indel"]


def test_a_run_ends_at_bases_that_are_not_known() -> None:
    contig = b"NNNNAAAANNNN"
    assert run_of(trimmed(6, b"A", b""), contig) == run_of(trimmed(6, b"A", b""), b"CCCCAAAACCCC")
    assert run_of(trimmed(2, b"N", b""), contig).right == 0


def _found(**changed: Any) -> Consequence:
    contig, transcript = made_up(1, **changed)
    found = consequence(transcript, allele(place(1, "9"), b"G", b"A", contig), contig)
    assert found is not None
    return found


def test_the_pick_goes_down_the_documented_order() -> None:
    best_last = [
        {"biotype": "nonsense_mediated_decay"},
        {},
        {"ccds": "CCDS1"},
        {"biotype": "nonsense_mediated_decay", "level": 5},
        {"level": 1},
        {"appris": "alternative1"},
        {"appris": "principal2", "level": 5},
        {"appris": "P1"},
        {"canonical": True},
        {"mane_plus_clinical": "1"},
        {"mane_select": "1"},
    ]
    found = [_found(**changed) for changed in best_last]
    for size in range(1, len(found) + 1):
        assert min(found[:size], key=order) is found[size - 1]
    assert min(found[0], found[0]._replace(mask=terms.INTRON), key=order) is found[0]


def test_an_entry_has_every_field_and_no_character_of_info() -> None:
    contig, transcript = made_up(-1, symbol="A;B", canonical=True)
    position = place(-1, "6")
    one = allele(position, b"A", b"G", contig)
    found = consequence(transcript, one, contig)
    assert found is not None
    values = dict(zip(NAMES, csq.entry(found, one, 2, "1:g.5A>G").split("|"), strict=True))
    wanted = {
        "Allele": "G",
        "ALLELE_NUM": "2",
        "HGVSc": "T1.1:c.6T>C",
        "HGVSp": "P1.1:p.Ala2%3D",
        "SYMBOL": "A%3BB",
        "CANONICAL": "YES",
    }
    assert values | wanted == values
    assert len(csq.intergenic(one, 1, "").split("|")) == len(values)
