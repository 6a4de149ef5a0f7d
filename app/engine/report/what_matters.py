"""What matters here: the few alleles of a result that somebody should look at first, by one table of rules.

It orders what is known; it is no medical advice, and says so wherever it is shown.
"""

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from app.engine.bundles.manifest import MITOCHONDRIAL
from app.engine.report.heteroplasmy import HOMOPLASMIC, level
from app.engine.report.not_advice import NOT_ADVICE
from app.engine.report.rows import GENOTYPES, IMPACTS, SIGNIFICANCES, Rows, carrier, number, reads, significance, zygosity

__all__ = ["CLASSES", "MOST", "NOT_ADVICE", "RULES", "Rule", "WhatMatters", "candidates", "entry", "ranks"]

MOST = 20
"""How many are kept."""

RARE = 0.001
"""A protein change in more than this share of any group of people is not shown here."""

_Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Rule:
    """A class of alleles: what it is called, how it is coloured (`bad` red, `waiting` amber), and which belong to it."""

    name: str
    label: str
    tone: str
    meaning: str
    test: Callable[[Rows], _Mask]


def _significant(rows: Rows, *words: str) -> _Mask:
    return np.isin(rows["significance"], [SIGNIFICANCES.index(word) for word in words])


def _pathogenic(rows: Rows) -> _Mask:
    return _significant(rows, "pathogenic", "likely pathogenic")


def _impact(rows: Rows, word: str) -> _Mask:
    harmless = _significant(rows, "benign", "likely benign")
    found: _Mask = (rows["impact"] == IMPACTS.index(word)) & ~harmless
    return found


RULES: tuple[Rule, ...] = (
    Rule(
        "confirmed",
        "Confirmed",
        "bad",
        "the reference lists it as confirmed in a disease",
        lambda r: _significant(r, "confirmed"),
    ),
    Rule(
        "pathogenic",
        "Pathogenic",
        "bad",
        "ClinVar: pathogenic or likely, with a star or more",
        lambda r: _pathogenic(r) & (r["stars"] > 0),
    ),
    Rule("unreviewed", "Pathogenic, no star", "waiting", "ClinVar: pathogenic or likely, without criteria", _pathogenic),
    Rule("high", "High impact", "waiting", "its most severe consequence is of high impact", lambda r: _impact(r, "HIGH")),
    Rule(
        "protein_change",
        "Protein change",
        "waiting",
        "of moderate impact, and not known to be common: at most 0.1 % in every group of people, or of unknown frequency",
        lambda r: _impact(r, "MODERATE") & ~(r["frequency"] >= RARE),
    ),
)
"""The first rule that holds is an allele's class, and the order of the rules is that of the list.

Within a class: those that passed the filters first, then more stars, then pathogenic before likely pathogenic, then the more
severe consequence, then the rarer one (unknown is rarest), then the order of the file. What no sample carries is left out.
"""

CLASSES: Mapping[str, Rule] = {rule.name: rule for rule in RULES}


def ranks(rows: Rows, passed: _Mask) -> npt.NDArray[np.int64]:
    """A number for each record by which it is ordered, the smallest first; -1 for what does not matter."""
    rank = np.full(len(rows["impact"]), -1, "i8")
    for number_, rule in reversed(list(enumerate(RULES))):
        rank[rule.test(rows)] = number_
    rank[rows["genotype"] == GENOTYPES.index("reference")] = -1
    frequency = np.nan_to_num(rows["frequency"].astype("f8"), nan=0.0)
    keys = (
        (1, ~passed),
        (3, 7 - np.minimum(rows["stars"], 7).astype("i8")),
        (4, np.where(_pathogenic(rows), 15 - rows["significance"].astype("i8"), 15)),
        (6, np.where(rows["consequence"] > 0, rows["consequence"], 63).astype("i8")),
        (20, np.minimum(np.round(frequency * 1e6), (1 << 20) - 1).astype("i8")),
    )
    found = rank
    for bits, key in keys:
        found = (found << bits) | key.astype("i8")
    return np.where(rank < 0, -1, found)


@dataclass
class WhatMatters:
    """The first MOST of all records that were added, in whatever pieces."""

    _best: list[tuple[int, int, bytes]] = field(default_factory=list)  # rank, row, line

    def add(self, found: Iterable[tuple[int, int, bytes]]) -> None:
        """Take candidates of a piece: rank, number of the record in the result, its line."""
        self._best = heapq.nsmallest(MOST, [*self._best, *found], key=lambda one: one[:2])

    def summary(self) -> list[dict[str, Any]]:
        """The list as it is kept and shown."""
        return [entry(rank, row, line) for rank, row, line in self._best]


def candidates(rows: Rows, passed: _Mask) -> list[tuple[int, int]]:
    """Rank and number, within these rows, of those that may be among the first MOST of the whole."""
    rank = ranks(rows, passed)
    numbers = np.flatnonzero(rank >= 0)
    if len(numbers) > MOST:
        numbers = numbers[np.argsort(rank[numbers], kind="stable")[:MOST]]
    return [(int(rank[one]), int(one)) for one in numbers]


def entry(rank: int, row: int, line: bytes) -> dict[str, Any]:
    """What is said of one of them: a line of the list, complete in itself."""
    contig, position, identifier, ref, alt, _, filters, info, *calls = line.rstrip(b"\n").split(b"\t", 9)
    tags = {name: value.decode("utf-8", "replace") for name, value in (_item(item) for item in info.split(b";"))}
    get = tags.get
    rule = RULES[rank >> _BELOW]
    frequency = number((get("GAS_GNOMAD_GRPMAX_AF") or get("GAS_GNOMAD_AF") or "").encode())
    stars = get("GAS_CLNSTARS", "")
    return {
        "row": row,
        "class": rule.name,
        "contig": contig.decode("utf-8", "replace")[:_SHOWN],
        "position": int(position),
        "ref": _short(ref),
        "alt": _short(alt),
        "rsid": get("GAS_RSID", "").partition(",")[0] or (_short(identifier) if identifier.startswith(b"rs") else ""),
        "gene": get("GAS_GENE", ""),
        "regions": [one.replace("_", " ") for one in get("GAS_REGION", "").split(",") if one],
        "transcript": get("GAS_TRANSCRIPT", ""),
        "hgvs_genomic": get("GAS_HGVSG", "")[:_SHOWN],
        "hgvs_coding": get("GAS_HGVSC", "")[:_SHOWN],
        "hgvs_protein": get("GAS_HGVSP", "")[:_SHOWN],
        "consequence": get("GAS_CSQ", ""),
        "impact": get("GAS_IMPACT", ""),
        "genotype": _genotype(contig, calls),
        "frequency": None if frequency != frequency else frequency,
        "frequency_group": get("GAS_GNOMAD_GRPMAX", ""),
        "significance": significance(get("GAS_CLNSIG", "").encode(), get("GAS_DISEASE", "").encode()),
        "stars": int(stars) if stars.isdigit() else None,
        "conditions": [one.replace("_", " ")[:_SHOWN] for one in get("GAS_DISEASE", "").replace("|", ",").split(",") if one][
            :_CONDITIONS
        ],
        "filters": "" if filters in (b"PASS", b".") else _short(filters),
    }


_BELOW, _SHOWN, _CONDITIONS = 34, 200, 5


def _item(item: bytes) -> tuple[str, bytes]:
    name, _, value = item.partition(b"=")
    return name.decode("utf-8", "replace"), value


def _short(text: bytes) -> str:
    shown = text.decode("utf-8", "replace")
    return shown if len(shown) <= 50 else f"{shown[:49]}…"


def _genotype(contig: bytes, calls: list[bytes]) -> str:
    """Zygosity, or on the mitochondrion heteroplasmy, in words; of several samples how many carry it."""
    if len(calls) < 2 or not calls[0].startswith(b"GT"):
        return ""
    columns = calls[1].split(b"\t")
    carried = [found for found in (zygosity(column.partition(b":")[0]) for column in columns) if found not in ("", "reference")]
    if len(columns) > 1:
        twice = carried.count("homozygous")
        return f"in {len(carried):,} of {len(columns):,} samples" + (f", {twice:,} homozygous" if twice else "")
    fraction, _ = reads(calls[0], carrier(calls[1]))
    share = "" if fraction != fraction else f", {100 * fraction:.3g} % of the reads"
    if contig.decode("utf-8", "replace") in MITOCHONDRIAL:
        found = level(carried[0], fraction) if carried else None
        return "" if found is None else ("homoplasmic" if found >= HOMOPLASMIC else "heteroplasmic") + share
    return (carried[0] if carried else "") + share
