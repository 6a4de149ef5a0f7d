"""Places of the mitochondrion that are no genes have the names that the field knows them by."""

from collections.abc import Callable

import pytest

from app.engine.bundles import manifest
from app.engine.formats.fasta import Sequences
from scripts import make_mito_bundle
from tests.support.annotated import vcf

KNOWN = [
    # the segments' limits: in use with forensic laboratories and in MITOMAP
    (16023, "G", "A", None),
    (16024, "T", "C", "control_region,hypervariable_segment_1"),
    (16189, "T", "C", "control_region,hypervariable_segment_1,7S_DNA"),
    (16383, "G", "A", "control_region,hypervariable_segment_1,7S_DNA"),
    (16384, "G", "A", "control_region,7S_DNA"),
    (16519, "T", "C", "control_region,7S_DNA"),
    (73, "A", "G", "control_region,7S_DNA,hypervariable_segment_2"),
    (263, "A", "G", "control_region,hypervariable_segment_2,heavy_strand_origin"),
    (373, "A", "G", "control_region,heavy_strand_origin,control_element_4H"),
    (407, "T", "A", "control_region,heavy_strand_origin,light_strand_promoter"),
    (489, "T", "C", "control_region,hypervariable_segment_3"),
    (576, "A", "G", "control_region"),
    (577, "G", "A", None),
    (3243, "A", "G", "transcription_terminator"),
    (3460, "G", "A", None),
    (5744, "G", "A", "light_strand_origin"),
]


def test_every_landmark_is_named_where_it_is(run: Callable, rcrs: manifest.Bundle) -> None:
    bases = Sequences(rcrs.path(rcrs.fasta))
    rows = [(at, bases.get("MT", at - 1, at).decode(), wanted) for at, _, _, wanted in sorted(KNOWN)]
    found = run(vcf(*(f"MT {at} . {ref} {'A' if ref != 'A' else 'G'} . . ." for at, ref, _ in rows)))
    for number, (at, _, wanted) in enumerate(rows):
        said = found.info(number).get("GAS_REGION")
        assert (set(said.split(",")) if said else None) == (set(wanted.split(",")) if wanted else None), at


@pytest.mark.parametrize(("position", "term"), [(73, "intergenic_variant"), (3243, "non_coding_transcript_exon_variant")])
def test_the_term_stays_the_one_of_vep(run: Callable, position: int, term: str) -> None:
    found = run(vcf(f"MT {position} . A G . . ."))
    assert found.info(0)["GAS_CSQ"] == term and found.info(0)["GAS_REGION"]


def test_a_landmark_lies_on_the_mitochondrion_and_the_control_region_goes_round_the_origin() -> None:
    rows = [(int(start), int(end), name) for start, end, name in map(str.split, make_mito_bundle.REGIONS.strip().splitlines())]
    assert rows == sorted(rows) and all(1 <= start <= end <= 16569 for start, end, _ in rows)
    assert sum(end - start + 1 for start, end, name in rows if name == "control_region") == 1122
