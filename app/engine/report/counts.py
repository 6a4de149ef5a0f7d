"""What a result holds, counted while it is written; the only source of the count log and the HTML page."""

import re
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any

import numpy as np

from app.engine.consequence.annotation import AlleleAnnotation
from app.engine.consequence.terms import BIT, IMPACTS
from app.engine.reading.alleles import kind

TRANSITIONS = frozenset({(b"A", b"G"), (b"G", b"A"), (b"C", b"T"), (b"T", b"C")})
GENOTYPES = {
    "homozygous reference": (b"0/0", b"0|0"),
    "heterozygous": (b"0/1", b"0|1", b"1/0", b"1|0"),
    "homozygous alternative": (b"1/1", b"1|1"),
    "haploid reference": (b"0",),
    "haploid alternative": (b"1",),
    "missing": (b"./.", b".|.", b"."),
}
FREQUENCIES = (
    (0.001, "≤ 0.1%"),
    (0.01, "≤ 1%"),
    (0.05, "≤ 5%"),
    (0.1, "≤ 10%"),
    (0.25, "≤ 25%"),
    (0.5, "≤ 50%"),
    (1.0, "≤ 100%"),
)
_SPELLINGS = [
    (b" " + spelling + end, name)
    for end in (b":", b"\t", b"\n")
    for name, spellings in GENOTYPES.items()
    for spelling in spellings
]
_BOUNDS = [bound for bound, _ in FREQUENCIES]
_PLAIN_NUMBERS = re.compile(rb"[0-9]++(?:\.[0-9]++)?(?:,[0-9]++(?:\.[0-9]++)?)*+").fullmatch
_COUNTED = attrgetter("term", "impact", "gene")
SHORT = 4  # alleles up to this length are counted by text first and classified at the end


class _Intervals(dict[bytes, str]):
    """The interval of FREQUENCIES that a number falls into, by its text; empty if it is no number."""

    def __missing__(self, value: bytes) -> str:
        if len(self) > 100_000:
            self.clear()
        try:
            self[value] = FREQUENCIES[min(bisect_left(_BOUNDS, float(value)), len(FREQUENCIES) - 1)][1]
        except ValueError:
            self[value] = ""
        return self[value]


_INTERVALS = _Intervals()


@dataclass
class Counts:
    """Running counts over the records of a result."""

    records: int = 0
    consequences: Counter[str] = field(default_factory=Counter)
    impacts: Counter[str] = field(default_factory=Counter)
    genes: Counter[str] = field(default_factory=Counter)
    tracks: Counter[str] = field(default_factory=Counter)
    tags: Counter[str] = field(default_factory=Counter)
    genotypes: Counter[str] = field(default_factory=Counter)
    frequencies: Counter[str] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)
    contigs: Counter[bytes] = field(default_factory=Counter)
    _alleles: Counter[tuple[bytes, bytes]] = field(default_factory=Counter)
    _types: Counter[str] = field(default_factory=Counter)

    def add_alleles(self, refs: list[bytes], alts: list[bytes]) -> None:
        for (ref, alt), count in Counter(zip(refs, alts, strict=True)).items():
            if len(ref) <= SHORT and len(alt) <= SHORT:
                self._alleles[ref, alt] += count
            else:
                self._types[kind(ref, alt)] += count

    def add_consequences(self, found: list[AlleleAnnotation]) -> None:
        for (term, impact, gene), count in Counter(map(_COUNTED, found)).items():
            if not term:
                continue
            self.consequences[term] += count
            self.impacts[impact] += count
            if gene:
                self.genes[gene] += count

    def add_samples(self, columns: list[bytes], samples: int) -> None:
        """Count the genotypes of these records, each given from the tab before FORMAT to the end of the line."""
        called = [column for column in columns if column.startswith(b"\tGT")]
        # a blank before each call and a tab or colon behind it, so that neighbours do not share what ends them
        text, left = b"".join(called).replace(b"\n", b"\t").replace(b"\t", b"\t "), samples * len(called)
        seen: list[tuple[int, tuple[bytes, str]]] = []
        for one in _SPELLINGS:
            spelling, name = one
            count = text.count(spelling) if left else 0  # most files know few of them, and those come first
            self.genotypes[name] += count
            left -= count
            seen.append((count, one))
        _SPELLINGS[:] = [one for _, one in sorted(seen, reverse=True)]

    def add_frequencies(self, values: list[bytes]) -> None:
        """Count allele frequencies, given as text."""
        if _PLAIN_NUMBERS(b",".join(values)):
            numbers = np.array(list(map(float, values)))
            found = np.minimum(np.searchsorted(_BOUNDS, numbers), len(FREQUENCIES) - 1)
            counts = np.bincount(found, minlength=len(FREQUENCIES)).tolist()
            self.frequencies.update({name: count for (_, name), count in zip(FREQUENCIES, counts, strict=True) if count})
            return
        for interval, count in Counter(map(_INTERVALS.__getitem__, values)).items():
            if interval:
                self.frequencies[interval] += count

    def merge(self, other: "Counts") -> None:
        """Add the counts of other records."""
        for one in fields(self):
            mine, theirs = getattr(self, one.name), getattr(other, one.name)
            if isinstance(mine, int):
                setattr(self, one.name, mine + theirs)
            else:
                mine.update(theirs)

    def types(self) -> Counter[str]:
        types = self._types.copy()
        for (ref, alt), count in self._alleles.items():
            types[kind(ref, alt)] += count
        return types

    def substitutions(self) -> dict[str, int]:
        """Counts of single-base changes, as in `A>G`."""
        bases = (b"A", b"C", b"G", b"T")
        return {f"{r.decode()}>{a.decode()}": self._alleles[r, a] for r in bases for a in bases if r != a}

    def summary(self) -> dict[str, Any]:
        changes = self.substitutions()
        transitions = sum(changes[f"{r.decode()}>{a.decode()}"] for r, a in TRANSITIONS)
        transversions = sum(changes.values()) - transitions
        return {
            "types": dict(self.types().most_common()),
            "substitutions": changes,
            "transitions": transitions,
            "transversions": transversions,
            "ts_tv": round(transitions / transversions, 4) if transversions else None,
            "consequences": dict(sorted(self.consequences.items(), key=lambda item: BIT[item[0]])),
            "impacts": {impact: self.impacts[impact] for impact in IMPACTS},
            "genes": dict(self.genes.most_common(1000)),
            "gene_count": len(self.genes),
            "tracks": dict(self.tracks),
            "tags": dict(self.tags),
            "flags": {name: count for name, count in sorted(self.flags.items()) if count},
            "genotypes": {name: self.genotypes[name] for name in GENOTYPES if self.genotypes[name]},
            "frequencies": {name: self.frequencies[name] for _, name in FREQUENCIES} if self.frequencies else {},
            "contigs": {name.decode("utf-8", "replace"): count for name, count in self.contigs.items()},
        }
