"""Pasted names of transcripts of an installed reference: each leads to the place on the contig that it names."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.engine.bundles.manifest import Bundle
from app.engine.bundles.sequence import Sequence
from app.engine.bundles.transcripts import Transcripts
from app.explorer.pasted import convert
from app.explorer.transcript_places import ByName, NoPlace
from app.services.references import at_hand
from app.settings import Settings
from scripts.truth import bundle_of
from tests.support import genome

GENERATED = Path(__file__).parents[1] / "truth" / "generated"


@pytest.fixture(scope="module")
def nuclear(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return genome.bundle(tmp_path_factory.mktemp("pasted") / "nuclear")


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("pasted") / "bundle"
    return bundle_of(GENERATED / "genome.fa.gz", GENERATED / "genes.gff3.gz", folder)


def rows(text: str, installed: Bundle) -> list[str]:
    found = convert(text, installed)
    assert found.faults == [], found.faults
    return [" ".join(line.split("\t")[:5]) for line in found.vcf.splitlines() if not line.startswith("#")]


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("ENST1:c.4G>A", "1 504 . G A"),
        ("enst1:c.4G>A", "1 504 . G A"),
        ("GENE1:c.1_3del", f"1 500 . {genome.CHROMOSOME[499]}ATG {genome.CHROMOSOME[499]}"),
        ("ENST1:c.3_4insA", "1 503 . G GA"),
        ("1:g.504G>A", "1 504 . G A"),
        ("chr1:g.504_505del", "chr1 503 . GGC G"),
        ("MT-ND4:c.1019G>A", "MT 11778 . G A"),
    ],
)
def test_a_name_of_an_installed_transcript_or_contig_becomes_its_record(text: str, row: str, nuclear: Bundle) -> None:
    assert rows(text, nuclear) == [row]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ENST1:c.4C>A", "GRCh99 has G at 1:504, not C"),
        ("chr1 504 C A", "GRCh99 has G at chr1:504, not C"),
        ("NM_000059.4:c.68_69del", "at hand here (rCRS, GRCh99) do not know the transcript NM_000059.4: please name"),
        ("ENST1:c.9999A>G", "has 150 bases, and none is c.9999"),
        ("chr17:g.43045700del", "not at hand here"),
    ],
)
def test_what_it_does_not_have_is_said_by_line(text: str, reason: str, nuclear: Bundle) -> None:
    found = convert(f"m.73A>G\n{text}\n", nuclear)
    assert [(fault.line, fault.text) for fault in found.faults] == [(2, text)] and reason in found.faults[0].reason


def test_the_file_says_how_long_its_contigs_are_so_that_it_is_not_taken_for_another_assembly(nuclear: Bundle) -> None:
    header = [line for line in convert("ENST1:c.4G>A\nm.73A>G\n", nuclear).vcf.splitlines() if line.startswith("##")]
    assert header == ["##fileformat=VCFv4.2", "##contig=<ID=1,length=2000>"]
    assert "##contig" not in convert("ENST1:c.4G>A\nm.73A>G\n").vcf


def test_a_reference_that_is_damaged_keeps_nothing_else_from_being_understood(tmp_path: Path) -> None:
    bundle = genome.bundle(tmp_path / "damaged")
    transcripts = bundle.path(bundle.transcripts)
    os.truncate(transcripts, transcripts.stat().st_size - 1)
    found = convert("m.73A>G\nENST1:c.4G>A\n17-9-A-G\n", bundle)
    assert [fault.line for fault in found.faults] == [2] and "at hand here (rCRS)" in found.faults[0].reason
    assert "MT\t73\t" in found.vcf and "17\t9\t" in found.vcf


def test_a_transcript_in_another_version_is_named_and_not_taken_for_it(generated: Bundle) -> None:
    name = next(name for name, _ in _named() if name.startswith("T1many.1:c.") and ">" in name)
    assert convert(f"{name}\n{name.replace('.1:', ':')}\n", generated).faults == []
    (fault,) = convert(name.replace(".1:", ".9:"), generated).faults
    assert fault.reason == "T1many.9 is not at hand here, and T1many.1 is: its places may be others."


def test_the_reference_at_hand_is_that_of_the_assembly_or_the_first(nuclear: Bundle) -> None:
    offered = {"rCRS": "rcrs", "GRCh98": "absent/1", "GRCh99": "nuclear/latest"}
    settings = Settings(references=offered, bundles=str(nuclear.folder.parent))
    found = at_hand(settings, "GRCh99")
    assert found and found.id == "nuclear"
    assert at_hand(settings, "GRCh98") is None and at_hand(settings, "rCRS") is None and at_hand(settings, "") is None
    only = settings.model_copy(update={"references": {"rCRS": "rcrs", "GRCh99": "nuclear/latest"}})
    for assembly in ("", "unheard of"):
        found = at_hand(only, assembly)
        assert found and found.id == "nuclear"
    assert at_hand(only.model_copy(update={"bundles": ""}), "GRCh99") is None


def test_what_is_kept_of_a_reference_is_a_hash_and_a_row_a_name(generated: Bundle) -> None:
    transcripts = Transcripts.open(generated.path(generated.transcripts))
    names = ByName(transcripts)
    kept = sum(one.nbytes for one in vars(names).values() if hasattr(one, "nbytes"))
    assert kept <= 8 * 4 * len(transcripts)
    for row in range(len(transcripts)):
        identifier = transcripts[row].identifier
        found = names.find(identifier)
        assert found and found.model.transcript.identifier == identifier
        with pytest.raises(NoPlace):
            names.find(identifier.partition(".")[0] + ".999")


@pytest.mark.slow
def test_what_vep_names_in_a_transcript_leads_back_to_its_allele(generated: Bundle) -> None:
    """Both strands, introns, untranslated ends, insertions and duplications: the changed sequence is the same."""
    sequence = Sequence.open(generated.path(generated.sequence))
    wanted = list(_named())[::8]
    assert len(wanted) > 4_000
    wrong: list[str] = []
    for name, allele in wanted:
        found = convert(name, generated, chosen=True)
        contig, position, _, ref, alt, *_ = found.vcf.splitlines()[-1].split("\t")
        if found.faults or not _same(sequence, allele, (contig, int(position), ref, alt)):
            wrong.append(f"{name} {allele} {found}")
    assert wrong == []


Allele = tuple[str, int, str, str]


def _named() -> Iterator[tuple[str, Allele]]:
    """What VEP names in transcripts, with the allele that it was asked for; without c.*-1, which is no place of HGVS, and without
    transcripts at the ends of contigs, some of whose names have bases that the contig does not have there."""
    for line in gzip.decompress((GENERATED / "vep.vcf.gz").read_bytes()).decode().splitlines():
        if not line.startswith("#"):
            contig, position, _, ref, alt, *_, info = line.split("\t")
            for entry in info.removeprefix("CSQ=").split(","):
                if (name := entry.split("|")[10]) and not re.search(r"\*-|^T\d(first|last)\.", name):
                    yield name, (contig, int(position), ref, alt)


def _same(sequence: Sequence, *alleles: Allele) -> bool:
    """Whether all change the contig to the same."""
    first, last = min(one[1] for one in alleles), max(one[1] + len(one[2]) for one in alleles)
    view = bytes(sequence.view(alleles[0][0]))[first - 1 : last - 1].decode()
    changed = {view[: at - first] + alt + view[at - first + len(ref) :] for _, at, ref, alt in alleles}
    return len(changed) == 1 and len({contig for contig, *_ in alleles}) == 1
