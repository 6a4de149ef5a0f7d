"""The one box: what people write is understood as what they mean, or they are shown what may be meant."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from app.explorer.record import Filter, Region
from app.explorer.search import NotUnderstood, hint, understand


class Genes:
    known = ("MT-ND4", "MT-ND6", "MT-CO1", "BRCA1")

    def symbol(self, name: str) -> str:
        return name.upper() if name.upper() in self.known else ""

    def symbols(self, names: Collection[str]) -> dict[str, str]:
        return {name: found for name in names if (found := self.symbol(name))}

    def near(self, name: str) -> list[str]:
        return [one for one in self.known if name.upper()[:3] in one]


def contigs(name: str) -> str:
    return {"MT": "chrM", "chrM": "chrM", "NC_012920.1": "chrM", "17": "chr17", "chr17": "chr17"}.get(name, "")


def at(contig: str, begin: int, end: int | None = None, **more: object) -> Filter:
    return Filter(region=Region(contig, begin, end or begin), **more)  # type: ignore[arg-type]


A_TO_G = at("chrM", 3243, name="m.3243A>G")
ARG = {"name": "p.Arg340His", "residue": 340}
MEANT = {
    "m.3243A>G": A_TO_G,
    "M.3243a>g": A_TO_G,
    "NC_012920.1:m.3243A>G": A_TO_G,
    "A3243G": A_TO_G,
    "3243A>G": A_TO_G,
    "MT:3243A>G": A_TO_G,
    "m.3243": at("chrM", 3243),
    "3243": at("", 3243),
    "3,000-3,500": at("", 3000, 3500),
    "MT:3,000-3,500": at("chrM", 3000, 3500),
    "chr17:43045700": at("chr17", 43_045_700),
    "chr17:g.43,045,700del": at("chr17", 43_044_700, 43_046_700, name="g.43045700del"),
    "m.8271_8279delACCCCCTCT": at("chrM", 7271, 9279, name="m.8271_8279del"),
    "17-43045700-AG-A": at("chr17", 43_045_700, 43_045_701, alleles=("AG", "A")),
    "NC_012920.1:3242:A:G": at("chrM", 3243, alleles=("A", "G")),
    "NM_000546.6:c.743G>A": Filter(name="c.743G>A", of="NM_000546.6", coding=743),
    "p.Arg340His": Filter(**ARG),  # type: ignore[arg-type]
    "p.(Arg340His)": Filter(**ARG),  # type: ignore[arg-type]
    "R340H": Filter(**ARG),  # type: ignore[arg-type]
    "MT-ND4 R340H": Filter(of="MT-ND4", **ARG),  # type: ignore[arg-type]
    "p.W24*": Filter(name="p.Trp24Ter", residue=24),
    "rs199474657": Filter(rsid=199_474_657),
    "HGNC:1100": Filter(hgnc="HGNC:1100"),
    "hgnc 1100": Filter(hgnc="HGNC:1100"),
    "COX1": Filter(genes=("MT-CO1",)),
    "nd4, MT-ND6": Filter(genes=("MT-ND4", "MT-ND6")),
    "missense": Filter(consequence="missense_variant"),
    "high": Filter(impact="HIGH"),
    "chrM": Filter(region=Region("chrM")),
    "Leigh syndrome": Filter(text="Leigh syndrome"),
}


@pytest.mark.parametrize("text", MEANT)
def test_what_is_written_is_understood(text: str) -> None:
    meant = understand(text, Genes(), contigs)
    assert meant.filter == MEANT[text] and meant.words


def test_a_filter_can_be_written_into_the_box() -> None:
    where = understand("impact=HIGH and depth>20", Genes(), contigs).filter.where
    assert where and where.columns == {"impact", "depth"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("chr7:55,000", "no contig chr7"),
        ("nd4, nosuch", "does not know nosuch"),
    ],
)
def test_what_is_not_there_is_said(text: str, words: str) -> None:
    with pytest.raises(NotUnderstood, match=words):
        understand(text, Genes(), contigs)


def test_the_nearest_right_one_is_offered() -> None:
    assert hint("BRCA3", Genes()) == "Did you mean BRCA1?"
    assert hint("missens", None) == "Did you mean missense?"
    assert hint("zzzzzz", Genes()) == ""
