"""Places of the mitochondrion that are no genes have the names that the field knows them by."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from app.engine.bundles import manifest
from app.engine.formats.fasta import Sequences
from app.engine.pipeline.annotate import annotate
from scripts import make_mito_bundle
from tests.support.annotated import vcf
from tests.support.genome import CHROMOSOME

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


@pytest.mark.parametrize(("distance", "genes"), [(None, {"MT-TL1"}), (5000, {"MT-TL1", "MT-ND1", "MT-RNR2", "MT-CO1"})])
def test_an_allele_in_a_gene_is_not_of_its_neighbours_in_a_bundle_of_a_genome(
    nuclear: manifest.Bundle, tmp_path: Path, distance: int | None, genes: set[str]
) -> None:
    """By their distance alone they would stand for it: --pick prefers genes of proteins, and MELAS would be of MT-CO1."""
    (tmp_path / "in.vcf").write_text(
        vcf("MT 3243 . A G . . .", "MT 3229 . N <DEL> . . SVTYPE=DEL;END=3240", f"1 300 . {CHROMOSOME[299]} <DEL> . . END=310")
    )
    result = annotate(tmp_path / "in.vcf", tmp_path / "out", name="in", bundle=nuclear, distance=distance)
    lines = [line.split("\t") for line in gzip.decompress(result.vcf.read_bytes()).decode().splitlines() if line[0] != "#"]
    info = {line[1]: line[7] for line in lines}
    for at in ("3243", "3229"):
        entries = info[at].partition(";CSQ=")[2].split(";")[0].split(",")
        said = {entry.split("|")[3] for entry in entries}
        assert (said >= genes) if distance else (said <= genes | {"MT-RNR2"}), at
    assert distance or ";GAS_GENE=MT-TL1;" in f";{info['3243']};"
    assert "upstream_gene_variant" in info["300"]
