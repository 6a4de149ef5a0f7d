"""Names in a file are short, so that none of them costs more than it says; what is shown of a file is cut."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from app.engine.errors import InputError
from app.engine.limits import DEFAULT
from tests.support.annotated import HEADER, Annotated, vcf

LONGEST = "Q" * DEFAULT.name_bytes
LONG = LONGEST + "Q"
WITH_SAMPLE = HEADER.rstrip("\n") + "\tFORMAT\t{}\n"
DECLARED = '##{}=<ID={},Number=1,Type=String,Description="d">\n' + HEADER.split("\n", 1)[1]
PLAIN = "MT 3243 . A G . . ."

NAMED = {
    "an INFO tag": ("Line 5", lambda name: vcf(f"MT 3243 . A G . . {name}=1")),
    "an INFO tag without a value": ("Line 5", lambda name: vcf(f"MT 3243 . A G . . {name}")),
    "a FILTER": ("Line 5", lambda name: vcf(f"MT 3243 . A G . {name} .")),
    "a FORMAT tag": ("Line 5", lambda name: vcf(f"MT 3243 . A G . . . GT:{name} 0/1:1", header=WITH_SAMPLE.format("s"))),
    "a contig": ("Line 6", lambda name: vcf(PLAIN, f"{name} 3243 . A G . . .", PLAIN, PLAIN)),
    "a symbolic allele": ("Line 5", lambda name: vcf(f"MT 3243 . A <{name}> . . SVLEN=9")),
    "the sample in column 10": ("Line 4", lambda name: vcf(PLAIN + " GT 0/1", header=WITH_SAMPLE.format(name))),
    "an INFO tag of the header": ("Line 1", lambda name: vcf(PLAIN, header=DECLARED.format("INFO", name))),
    "a FORMAT tag of the header": ("Line 1", lambda name: vcf(PLAIN, header=DECLARED.format("FORMAT", name))),
    "a FILTER of the header": ("Line 1", lambda name: vcf(PLAIN, header=DECLARED.format("FILTER", name))),
    "a contig of the header": ("Line 1", lambda name: vcf(PLAIN, header=DECLARED.format("contig", name))),
}


@pytest.mark.parametrize("what", NAMED)
def test_a_long_name_is_refused_with_its_line_and_its_beginning(what: str, run: Callable[..., Annotated]) -> None:
    line, made = NAMED[what]
    run(made(LONGEST))
    with pytest.raises(InputError) as caught:
        run(made(LONG))
    named = what.removesuffix(" of the header").removesuffix(" without a value")
    assert caught.value.message == (
        f"{line}: the name of {named} has 257 bytes, more than the 256 that are accepted: "
        f'"{"Q" * 80}…". Please give it a shorter one.'
    )


@pytest.mark.slow
def test_a_key_of_megabytes_costs_little_and_its_sentence_is_short(
    child: Callable[..., tuple[int, list[dict[str, object]], str]], tmp_path: Path
) -> None:
    (tmp_path / "in.vcf").write_text(vcf(f"MT 3243 . A G . . {'Q' * 15_000_000}=1"))
    status, events, _ = child(tmp_path / "in.vcf", tmp_path / "out", "--name=in.vcf")  # compiled to a pattern, it took minutes
    assert status == 1
    assert len(json.dumps(events[-1])) < 2000 and "15,000,000 bytes" in str(events[-1]["message"])


def test_examples_are_cut(run: Callable[..., Annotated]) -> None:
    name = "Ä" * 120
    found = run(vcf(f"MT 3243 . A G . . {name}=1;{name}=2", f"MT 3300 . {'N' * 50} A . . {'#' * 200}"))
    examples = [example for note in found.summary["notes"] for example in note["examples"]]
    assert f"{'Ä' * 80}…" in examples
    assert max(map(len, examples)) == 81


def test_tags_that_no_pattern_holds_are_kept(run: Callable[..., Annotated]) -> None:
    """The names are larger together than what clean records are recognised by."""
    tags = [f"{'Q' * 240}{number:03d}" for number in range(700)]
    lines = "".join(f'##INFO=<ID={tag},Number=1,Type=Integer,Description="d">\n' for tag in tags)
    filters = "".join(f'##FILTER=<ID=F{tag},Description="d">\n' for tag in tags)
    rows = [
        f"MT {3243 + at} . {ref} C . {one} {info}" for at, (ref, one, info) in enumerate(zip("AGC", *_rows(tags), strict=True))
    ]
    found = run(vcf(*rows, header="##fileformat=VCFv4.2\n" + lines + filters + HEADER.split("\n", 1)[1]))
    assert [(row[6], row[7].split(";GAS")[0]) for row in found.records] == list(zip(*_rows(tags), strict=True))
    assert "undeclared" not in found.notes()


def _rows(tags: list[str]) -> tuple[list[str], list[str]]:
    """FILTER and INFO of a few records: of the first tags, of the last, of both."""
    return ["PASS", f"F{tags[-1]}", f"F{tags[0]}"], [f"{tags[0]}=7", f"{tags[0]}=1;{tags[-1]}=2", f"{tags[-1]}=3"]
