"""Whether two alleles of one file are on the same chromosome, as the genotypes of its samples tell.

Source: VCF 4.3, GT and PS: alleles are phased where | separates them, with each other if their phase sets (PS) are the same;
those without a phase set are all of one.
"""

import re
from dataclasses import dataclass

IN_CIS, POSSIBLE, APART = 2, 1, 0
"""What can be said of two alleles: on one chromosome in a sample; perhaps in one; in none."""

_SEPARATORS = re.compile(rb"[/|]")


@dataclass(frozen=True, slots=True)
class Call:
    """A sample that has the allele: for each of its chromosomes `1`, `0` or a dot, and whether their order says something."""

    alleles: tuple[bytes, ...]
    phased: bool
    phase_set: bytes

    @property
    def copies(self) -> int:
        return self.alleles.count(b"1")


Calls = dict[int, Call]
"""The samples that have an allele, by their number."""


def calls(samples: bytes) -> Calls | None:
    """Returns who has the one ALT allele of a record, from the tab before its FORMAT on; None where there are no genotypes."""
    form, *columns = samples.rstrip(b"\n").split(b"\t")[1:] or [b""]
    keys = form.split(b":")
    if keys[0] != b"GT":
        return None
    place = keys.index(b"PS") if b"PS" in keys else 0
    found = {}
    for number, column in enumerate(columns):
        genotype, _, rest = column.partition(b":")
        if b"1" in genotype:
            values = rest.split(b":")
            phase_set = values[place - 1] if place and len(values) >= place else b"."
            alleles = tuple(_SEPARATORS.split(genotype.lstrip(b"/|")))
            found[number] = Call(alleles, b"/" not in genotype, phase_set)
    return found


def together(one: Calls | None, other: Calls | None) -> int:
    """Returns what the samples say of two alleles: IN_CIS, POSSIBLE or APART; POSSIBLE where they cannot say anything."""
    if one is None or other is None:
        return POSSIBLE
    fewer, more = sorted((one, other), key=len)
    verdict = APART
    for sample, call in fewer.items():
        if sample in more:
            verdict = max(verdict, _in_sample(call, more[sample]))
            if verdict == IN_CIS:
                break
    return verdict


def _in_sample(one: Call, other: Call) -> int:
    """What a sample says that has both."""
    alike = len(one.alleles) == len(other.alleles)
    for call in (one, other):
        if call.copies == len(call.alleles):
            return IN_CIS  # on every chromosome, so also where the other is
    if alike and one.copies + other.copies > len(one.alleles):
        return IN_CIS
    if not (alike and one.phased and other.phased and one.phase_set == other.phase_set):
        return POSSIBLE
    pairs = {frozenset(pair) for pair in zip(one.alleles, other.alleles, strict=True)}
    if frozenset((b"1",)) in pairs:
        return IN_CIS
    return POSSIBLE if frozenset((b"1", b".")) in pairs else APART
