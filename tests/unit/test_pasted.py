"""Pasted variants: each notation becomes the record that it names, and what does not is named by its line."""

from __future__ import annotations

import pytest

from app.explorer.pasted import convert


def rows(text: str) -> list[str]:
    found = convert(text)
    assert found.faults == [], found.faults
    return [" ".join(line.split("\t")[:5]) for line in found.vcf.splitlines() if not line.startswith("#")]


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("m.3243A>G", "MT 3243 . A G"),
        ("NC_012920.1:m.3243a>g", "NC_012920.1 3243 . A G"),
        ("m.8271_8279del", "MT 8270 . CACCCCCTCT C"),
        ("m.8271_8279delACCCCCTCT", "MT 8270 . CACCCCCTCT C"),
        ("m.309_310insC", "MT 309 . C CC"),
        ("m.302dup", "MT 301 . A AA"),
        ("m.3243delinsGG", "MT 3243 . A GG"),
        ("m.1del", "MT 1 . GA A"),
        ("MT-3243-A-G", "MT 3243 . A G"),
        ("chrM:8993 T>G", "chrM 8993 . T G"),
        ("MT 3243 A G", "MT 3243 . A G"),
        ("17-43045700-AG-A", "17 43045700 . AG A"),
        ("chr17:43,045,700:AG:A", "chr17 43045700 . AG A"),
        ("NC_012920.1:3242:A:G", "NC_012920.1 3243 . A G"),
        ("NC_012920.1:3242:1:G", "NC_012920.1 3243 . A G"),
        ("NC_012920.1:3242:A:", "NC_012920.1 3242 . GA G"),
        ("rs199474657", "MT 3243 rs199474657 A G"),
        ("MT-ND4:c.1019G>A", "MT 11778 . G A"),
        ("ND4:c.1019G>A", "MT 11778 . G A"),
        ("ENST00000361381.2:c.1019G>A", "MT 11778 . G A"),
        ("MT-TL1-201:n.14A>G", "MT 3243 . A G"),
        ("MT-ND6:c.190A>G", "MT 14484 . T C"),
        ("MT-ND6:c.1_2insA", "MT 14672 . A AT"),
        ("MT  3243  rs1  A  G  50  PASS  AF=0.5", "MT 3243 rs1 A G"),
    ],
)
def test_a_notation_becomes_its_record(text: str, row: str) -> None:
    assert rows(text) == [row]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("what is this?", "is not understood"),
        ("m.3243G>A", "The reference has A at MT:3,243, not G"),
        ("m.99999A>G", "MT has bases 1 to 16,569"),
        ("m.8281_8289delAAA", "not what the reference has there"),
        ("m.309_311insC", "between two neighbouring bases"),
        ("chr17:g.43045700del", "not at hand here"),
        ("g.5A>G", "contig is missing"),
        ("rs1", "do not know rs1"),
        ("m.20_10del", "is no range"),
        ("c.1019G>A", "transcript is missing before c."),
        ("NM_000059.4:c.68_69del", "do not know the transcript NM_000059.4"),
        ("MT-ND4:c.1019C>A", "The reference has G at MT:11,778, not C"),
        ("MT-ND4:c.9999A>G", "has 1,378 bases, and none is c.9999"),
        ("MT-TL1:c.14A>G", "has no coding sequence"),
        ("MT-TL1:n.-14A>G", "is no place"),
        ("MT-ND4:c.20_10del", "is no range"),
        ("MT-ND4:p.Arg340His", "several changes of the DNA"),
    ],
)
def test_what_is_not_understood_is_said_by_line(text: str, reason: str) -> None:
    found = convert(f"# a comment\n\nm.73A>G\n{text}\n")
    assert [(fault.line, fault.text) for fault in found.faults] == [(4, text)] and reason in found.faults[0].reason
    assert "MT\t73\t" in found.vcf


def test_records_are_sorted_within_their_contigs() -> None:
    assert [row.split()[:2] for row in rows("17-9-A-G\nm.3243A>G\n17-5-A-G\nm.73A>G")] == [
        *(["17", "5"], ["17", "9"], ["MT", "73"], ["MT", "3243"]),
    ]
