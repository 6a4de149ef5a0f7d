"""The reference that a file is annotated with: the one that was asked for, unless the file is certainly on another."""

import gzip
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.engine.bundles import manifest, sequence
from app.engine.reading.assembly import match_assembly
from app.engine.reading.choice import choose
from tests.support.genome import CHROMOSOME

COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
MITOCHONDRIAL = "MT\t3460\t.\tG\tA\t.\t.\t.\n"
NUCLEAR = "".join(f"chr1\t{at}\t.\t{CHROMOSOME[at - 1]}\t<DEL>\t.\t.\t.\n" for at in range(600, 640))
ELSEWHERE = "".join(f"chr1\t{at}\t.\t{CHROMOSOME[at]}\t<DEL>\t.\t.\t.\n" for at in range(600, 640))
LENGTH = "##contig=<ID=1,length=2000>\n"


@pytest.fixture
def shifted(nuclear: manifest.Bundle, tmp_path: Path) -> manifest.Bundle:
    """The same chromosome without its first base, as in another assembly."""
    folder = tmp_path / "shifted"
    shutil.copytree(nuclear.folder, folder)
    text = (folder / "genome.fa").read_text().replace(CHROMOSOME, CHROMOSOME[1:] + "A")
    (folder / "genome.fa").write_text(text)
    sequence.build(folder / "genome.fa", folder / nuclear.sequence)
    return replace(nuclear, folder=folder, id="shifted", assembly="GRCh98")


@pytest.fixture
def chosen(tmp_path: Path, rcrs: manifest.Bundle, nuclear: manifest.Bundle, shifted: manifest.Bundle) -> Callable:
    installed = {bundle.id: bundle for bundle in (rcrs, nuclear, shifted)}

    def chosen(text: str, wanted: str = "") -> tuple[str, str]:
        path = tmp_path / "in"
        path.write_bytes(gzip.compress(("##fileformat=VCFv4.2\n" + text).encode()))
        bundle, why = choose(path, installed.get(wanted), list(installed.values()))
        return bundle.id, why

    return chosen


def test_what_was_chosen_stands_where_the_file_allows_it(chosen: Callable) -> None:
    assert chosen(COLUMNS + MITOCHONDRIAL, "nuclear") == ("nuclear", "")
    assert chosen(COLUMNS + MITOCHONDRIAL, "rcrs") == ("rcrs", "")
    assert chosen(COLUMNS + NUCLEAR, "nuclear") == ("nuclear", "")
    assert chosen(COLUMNS, "shifted") == ("shifted", "")
    assert chosen("nothing\n", "shifted") == ("shifted", "")


def test_the_file_overrules_a_wrong_choice(chosen: Callable) -> None:
    nuclear = "GRCh98 was chosen, but the file is on GRCh99: "
    assert chosen(COLUMNS + NUCLEAR, "rcrs")[0] == "nuclear"
    bundle, why = chosen(COLUMNS + NUCLEAR, "shifted")
    assert bundle == "nuclear" and why.startswith(nuclear) and why.endswith("of its first 40 records agree with GRCh98")
    assert chosen(COLUMNS + ELSEWHERE, "nuclear")[0] == "shifted"


def test_a_length_overrules_without_a_record(chosen: Callable, rcrs: manifest.Bundle) -> None:
    assert chosen(LENGTH + COLUMNS, "rcrs") == ("rcrs", "")  # it says nothing of that contig
    bundle, why = chosen("##contig=<ID=MT,length=16571>\n" + COLUMNS, "rcrs")
    assert (bundle, why) == ("rcrs", "")  # nothing installed is better: the intake refuses


def test_without_a_choice_the_first_that_fits_is_taken(chosen: Callable) -> None:
    assert chosen(COLUMNS + MITOCHONDRIAL) == ("rcrs", "")
    assert chosen(COLUMNS + NUCLEAR) == ("nuclear", "")
    assert chosen(COLUMNS + ELSEWHERE) == ("shifted", "")


def test_a_mistake_in_a_small_file_is_no_other_assembly(chosen: Callable) -> None:
    assert chosen(COLUMNS + f"1\t600\t.\t{CHROMOSOME[600]}\tT\t.\t.\t.\n", "nuclear") == ("nuclear", "")


def test_names_of_assemblies() -> None:
    offered = ("rCRS", "GRCh37", "GRCh38")
    meant = {
        "hg38": "GRCh38",
        "grch38.p14": "GRCh38",
        " B37 ": "GRCh37",
        "NC_012920.1": "rCRS",
        "rcrs": "rCRS",
        "hg18": None,
        "": None,
    }
    assert {name: match_assembly(name, offered) for name in meant} == meant


def test_the_log_says_what_was_chosen(child: Callable, tmp_path: Path, nuclear: manifest.Bundle) -> None:
    (tmp_path / "in").write_text("##fileformat=VCFv4.2\n" + COLUMNS + NUCLEAR)
    folder = ["--bundles", nuclear.folder.parent]
    status, events, _ = child(tmp_path / "in", tmp_path / "out", "--name", "x", "--bundle", "rcrs", *folder)
    assert (status, events[-1]["bundle"]) == (0, "nuclear")
    summary = (tmp_path / "out" / "summary.json").read_text()
    assert "rCRS was chosen, but the file is on GRCh99" in summary
    only = ["--bundle", "rcrs", "--among", "rcrs"]
    status, events, _ = child(tmp_path / "in", tmp_path / "out", "--name", "x", *folder, *only)
    assert status == 1 and "not part of the installed reference rCRS" in events[-1]["message"]
