"""What is said of alleles: the same in columns and one by one, flat tags of the pick, names with the accession."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.engine.bundles import manifest
from app.engine.consequence import columns
from app.engine.consequence.annotation import AlleleAnnotator
from app.engine.consequence.csq_fields import parsed
from app.engine.reading.allele_batch import Key
from tests.support import genome
from tests.support.annotated import Annotated, vcf


def substitutions(bases: bytes, places: range) -> list[Key]:
    return [
        (b"%d" % position, bases[position - 1 : position], bytes([alt]))
        for position in places
        for alt in b"ACGT"
        if alt != bases[position - 1]
    ]


@pytest.mark.parametrize(
    ("contig", "places"), [("1", range(1, 2001)), pytest.param("MT", range(1, 16_570, 8), marks=pytest.mark.slow)]
)
def test_columns_say_what_the_caller_says(
    contig: str, places: range, nuclear: manifest.Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = AlleleAnnotator(nuclear)
    keys = substitutions(bytes(answers._sequence.view(contig)), places)
    quick = answers.of(contig, keys)
    known = columns.substitutions
    monkeypatch.setattr(columns, "substitutions", lambda *asked: replace(known(*asked), left=np.ones(len(asked[1]), bool)))
    assert answers.of(contig, keys) == quick
    assert len(quick) == len(keys) > 5000


def test_most_pairs_are_answered_by_the_columns(nuclear: manifest.Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    answers, left, known = AlleleAnnotator(nuclear), [], columns.substitutions

    def counted(*asked: Any) -> columns.Columns:
        found = known(*asked)
        left.extend(found.left.tolist())
        return found

    monkeypatch.setattr(columns, "substitutions", counted)
    answers.of("1", substitutions(bytes(answers._sequence.view("1")), range(1, 2001)))
    assert len(left) > 5000 and sum(left) < len(left) / 50


def test_an_edge_within_the_run_of_places_is_flagged(nuclear: manifest.Bundle) -> None:
    """GENE1 begins at 501 with ATGGCT: an A more is beside it or in it, two of its GCT are in it wherever they are spelled."""
    base = genome.CHROMOSOME[499].encode()
    keys: list[Key] = [(b"500", base, base + b"A"), (b"501", b"A", b"AA"), (b"506", b"T", b"TGCTGCT"), (b"507", b"G", b"GCTGCTG")]
    answers = AlleleAnnotator(nuclear).of("1", keys)
    assert [(answers[key].term, b"GAS_FLAG=spelling" in answers[key].tags) for key in keys] == [
        ("upstream_gene_variant", True),
        ("frameshift_variant", True),
        ("inframe_insertion", False),
        ("inframe_insertion", False),
    ]


def test_names_have_the_accession_in_the_flat_tag_and_the_contig_in_csq(run: Callable[..., Annotated]) -> None:
    info = run(vcf("MT 3243 . A G . . .")).info(0)
    assert info["GAS_HGVSG"] == "NC_012920.1:m.3243A>G" and info["GAS_HGVSC"] == "n.14A>G"
    [entry] = parsed(info["CSQ"])
    assert entry["HGVSg"] == "MT:m.3243A>G" and entry["HGVSc"] == "MT-TL1-201:n.14A>G"


def test_the_bundle_says_how_far_beside_a_gene_is_and_may_be_overruled(rcrs: manifest.Bundle, tmp_path: Path) -> None:
    key: Key = (b"73", b"A", b"G")
    assert AlleleAnnotator(rcrs).of("MT", [key])[key].term == "intergenic_variant"
    assert AlleleAnnotator(rcrs, 5000).of("MT", [key])[key].term == "upstream_gene_variant"
    assert AlleleAnnotator(rcrs, 503).of("MT", [key])[key].term == "intergenic_variant"
    assert AlleleAnnotator(rcrs, 504).of("MT", [key])[key].term == "upstream_gene_variant"
