"""Lines that are no records: the first twenty are named at once, and a few are set aside if their owner wants that."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli.main import app
from app.engine.bundles import manifest
from app.engine.errors import InputError
from app.engine.outputs import Result
from app.engine.pipeline.annotate import annotate
from tests.support.annotated import HEADER, vcf
from tests.support.genome import CHROMOSOME

GOOD = "MT 3243 . A G . PASS ."
BAD: dict[str, tuple[str, str]] = {
    "MT pos123 . A G . PASS .": ("POS", 'POS is "pos123", expected a whole number.'),
    "MT 3300 . T *G . PASS .": ("ALT", 'ALT is "*G", expected bases, a symbolic allele like <DEL>, a breakend or a dot.'),
    "MT 3300 . C A PASS PASS .": ("QUAL", 'QUAL is "PASS", expected a number or a dot.'),
    "MT 3300 . G": ("", "has 4 columns, at least 8 expected."),
    "MT 99999 . G A . PASS .": (
        "POS", "MT:99999 lies beyond the end of MT (16569 bases). Was the file called against another assembly?",
    ),
    "MT 3300 . T A . PASS DP=1;~AF=2": ("INFO", 'INFO contains spaces ("DP=1; AF=2").'),
}  # fmt: skip


@pytest.fixture
def run(tmp_path: Path, rcrs: manifest.Bundle) -> Callable[..., Result]:
    def run(text: str, bundle: manifest.Bundle = rcrs, **chosen: Any) -> Result:
        (tmp_path / "in").write_text(text.replace("~", " "))
        return annotate(tmp_path / "in", tmp_path / "out", name="in.vcf", bundle=bundle, **chosen)

    return run


def refused(run: Callable[..., Result], text: str, **chosen: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        run(text, **chosen)
    return caught.value


def test_every_fault_is_named_at_once_with_line_and_column(run: Callable[..., Result], tmp_path: Path) -> None:
    fault = refused(run, vcf(*(row for bad in BAD for row in (GOOD, bad))))
    assert [(one.column, one.reason) for one in fault.faults] == list(BAD.values())
    assert [one.line for one in fault.faults] == [6, 8, 10, 12, 14, 16] and fault.line == 6
    assert fault.message.startswith('Line 6: POS is "pos123", expected a whole number. 5 more lines cannot be read: 8, 10')
    assert fault.skippable == 6 and list((tmp_path / "out").iterdir()) == []


def test_of_many_faults_twenty_are_named(run: Callable[..., Result]) -> None:
    fault = refused(run, vcf(*[GOOD] * 5000, *["MT x . A G . . ."] * 30))
    assert (len(fault.faults), fault.skippable) == (20, 30)
    assert "29 more lines cannot be read" in fault.message and fault.message.endswith(" ….")


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("sort", ["sorted", "unsorted"])
def test_lines_are_set_aside_and_counted(run: Callable[..., Result], jobs: int, sort: str) -> None:
    last = "MT 73 . A G,T . PASS ." if sort == "unsorted" else "MT 8993 . T C,G . PASS ."
    result = run(vcf(GOOD, *BAD, last), skip_bad=True, jobs=jobs)
    summary = result.summary
    assert (summary["records_in"], summary["splits"], summary["set_aside"], summary["records_out"]) == (8, 1, 6, 3)
    head, *rows = (result.folder / "rejected.tsv").read_text().splitlines()
    assert head == "#line\treason\ttext"
    assert [row.split("\t", 2)[:2] for row in rows] == [[str(6 + i), reason] for i, (_, reason) in enumerate(BAD.values())]
    assert [row.split("\t", 2)[2] for row in rows] == [bad.replace(" ", "\t").replace("~", " ") for bad in BAD]
    assert [one["line"] for one in summary["rejected"]] == [6, 7, 8, 9, 10, 11]


def test_nothing_is_set_aside_of_a_good_file(run: Callable[..., Result]) -> None:
    result = run(vcf(GOOD), skip_bad=True)
    assert result.summary["set_aside"] == 0 and not (result.folder / "rejected.tsv").exists()


@pytest.mark.parametrize(("good", "bad", "kept"), [(0, 20, True), (2079, 21, True), (2078, 21, False), (30, 21, False)])
def test_more_than_twenty_and_more_than_one_percent_are_too_many(
    run: Callable[..., Result], good: int, bad: int, kept: bool
) -> None:
    text = vcf(*[GOOD] * good, *["MT x . A G . . ."] * bad)
    if kept:
        assert run(text, skip_bad=True).summary["set_aside"] == bad
    else:
        fault = refused(run, text, skip_bad=True)
        assert fault.skippable == 0 and "more than 1 %" in fault.message


def test_a_file_of_nothing_but_faults_is_not_read_to_its_end(run: Callable[..., Result]) -> None:
    lines = "MT\tx\t.\tA\tG\t.\t.\t.\n" * 200_000
    fault = refused(run, HEADER + lines, skip_bad=True)
    assert len(fault.faults) == 20 and fault.skippable == 0


def test_another_assembly_is_named_before_its_lines(run: Callable[..., Result], nuclear: manifest.Bundle) -> None:
    wrong = next(base for base in "ACGT" if base != CHROMOSOME[503])
    fault = refused(run, vcf(f"chr1 504 . {wrong} AC . . .", "chr1 x . A G . . ."), bundle=nuclear)
    assert "REF that disagrees" in fault.message and fault.skippable == 0


def test_the_child_says_what_could_be_set_aside(child: Callable, tmp_path: Path) -> None:
    (tmp_path / "in").write_text(vcf(GOOD, "MT x . A G . . ."))
    status, events, _ = child(tmp_path / "in", tmp_path / "out", "--name=x")
    assert (status, events[-1]["skippable"]) == (1, 1)
    assert events[-1]["faults"][0] == {
        "line": 6, "column": "POS", "reason": 'POS is "x", expected a whole number.', "text": "MT\tx\t.\tA\tG\t.\t.\t.",
    }  # fmt: skip
    status, events, _ = child(tmp_path / "in", tmp_path / "out", "--name=x", "--skip-bad")
    assert (status, events[-1]["set_aside"], events[-1]["records_out"]) == (0, 1, 1)


def test_the_command_names_them_and_sets_them_aside(tmp_path: Path) -> None:
    path, out = tmp_path / "in.vcf", tmp_path / "out"
    path.write_text(vcf(GOOD, "MT x . A G . . .", "MT y . A G . . ."))
    said = CliRunner().invoke(app, ["annotate", str(path), "-o", str(out)])
    assert said.exit_code == 1
    assert 'POS is "y"' in said.stderr and "--skip-bad" in said.stderr
    said = CliRunner().invoke(app, ["annotate", str(path), "-o", str(out), "--skip-bad"])
    assert said.exit_code == 0 and "2 lines that are no records were set aside" in said.stdout
    assert len((out / "in.rejected.tsv").read_text().splitlines()) == 3
    assert "set aside 2, written 1" in (out / "in.vcf.count.log").read_text()
    assert json.loads((out / "in.summary.json").read_text())["set_aside"] == 2


def test_a_record_that_would_grow_beyond_measure_is_none(run: Callable[..., Result]) -> None:
    """Each of its alleles would take the whole value with it; in a block of lines, or as the file has them."""
    alts, value = ",".join("G" * n for n in range(2, 202)), "x" * 1_000_000
    for ref in ("G", "g"):
        fault = refused(run, vcf(GOOD, f"MT 3460 . {ref} {alts} . . X={value}"))
        assert "alleles with" in fault.message and fault.line == 6
    assert run(vcf(GOOD, f"MT 3460 . G {alts} . . X={value[:9000]}")).summary["splits"] == 199
