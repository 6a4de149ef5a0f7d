"""How heteroplasmic the mitochondrion of each sample is, counted of the alleles that passed the filters."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from statistics import median
from typing import Any

from app.engine.report.rows import reads_of, zygosity

HOMOPLASMIC = 0.95
"""From this share of the reads on, an allele is homoplasmic."""

MOST_SAMPLES = 50
"""Of whom something is said; the first of the file."""

UNKNOWN = 0.0
"""The level of an allele that is heteroplasmic by its genotype, where nothing says which share of the reads has it."""

_PASSED = (b"PASS", b".", b"")
_NOT_CARRIED = (b"0/0", b"0|0", b"./.", b".|.")  # of many samples nearly all
_DIGITS, _NAME = 4, 200
_zygosity = lru_cache(1000)(zygosity)


def level(genotype: str, share: float) -> float | None:
    """The share of a sample's reads that have an allele; None if it does not carry it.

    `genotype` is a word of GENOTYPES, and has the last word on who carries an allele; `share` is what the sample's fields
    say (NaN: nothing). Without a share the genotype decides between 1 and UNKNOWN.
    """
    if genotype == "reference" or not (genotype or share > 0):
        return None
    if 0 <= share <= 1:
        return round(share, _DIGITS)
    return UNKNOWN if genotype == "heterozygous" else 1.0


@dataclass
class Heteroplasmy:
    """Counts of a result, or a part of it; `levels` has for the number of a sample how many alleles it has at each level."""

    records: int = 0
    not_passed: int = 0
    levels: defaultdict[int, Counter[float]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, lines: Iterable[bytes]) -> None:
        """Takes whole lines of the mitochondrion, of one allele each; those of a file without samples say nothing."""
        calls: dict[bytes, list[tuple[int, bytes]]] = defaultdict(list)
        for line in lines:
            fields = line.rstrip(b"\n").split(b"\t", 9)
            if len(fields) < 10:
                return
            self.records += 1
            if fields[6] in _PASSED:
                columns = enumerate(fields[9].split(b"\t", MOST_SAMPLES)[:MOST_SAMPLES])
                calls[fields[8]] += [one for one in columns if not one[1].startswith(_NOT_CARRIED)]
            else:
                self.not_passed += 1
        for form, found in calls.items():
            shares, _ = reads_of(form, [call for _, call in found])
            called = form.startswith(b"GT")
            for (sample, call), share in zip(found, shares, strict=True):
                one = level(_zygosity(call.partition(b":")[0]) if called else "", share)
                if one is not None:
                    self.levels[sample][one] += 1

    def merge(self, other: "Heteroplasmy") -> None:
        """Takes the counts of another part."""
        self.records += other.records
        self.not_passed += other.not_passed
        for sample, counts in other.levels.items():
            self.levels[sample].update(counts)

    def summary(self, samples: Sequence[str]) -> dict[str, Any]:
        """As it is kept and shown, of a file with these samples; nothing where no line came."""
        if not self.records:
            return {}
        return {
            "records": self.records,
            "not_passed": self.not_passed,
            "homoplasmic_from": HOMOPLASMIC,
            "samples": [_said(name, self.levels[number]) for number, name in enumerate(samples[:MOST_SAMPLES])],
            "samples_left_out": max(0, len(samples) - MOST_SAMPLES),
        }


def _said(name: str, counts: Counter[float]) -> dict[str, Any]:
    whole = sum(count for share, count in counts.items() if share >= HOMOPLASMIC)
    levels = sorted(share for share in counts.elements() if UNKNOWN < share < HOMOPLASMIC)
    return {
        "sample": name[:_NAME],
        "homoplasmic": whole,
        "heteroplasmic": counts.total() - whole,
        "lowest_level": levels[0] if levels else None,
        "median_level": round(median(levels), _DIGITS) if levels else None,
        "highest_level": levels[-1] if levels else None,
    }
