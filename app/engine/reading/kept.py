"""Consequences that another program has written into a file: which of their entries are about which allele of a record."""

import re

from app.engine.consequence.allele import trimmed
from app.engine.reading.headers import Field

_FORMAT = re.compile(rb"Format:\s*'?\s*([^'\"]+)")
NAMES = frozenset({b"CSQ_original", b"ANN_original"})
"""The tags, as a result calls them."""


def apart(name: bytes, declared: Field, value: bytes, ref: bytes, alts: list[bytes]) -> list[bytes]:
    """Returns for each allele its entries of a value, empty where there is none; an entry that names none goes to all.

    An entry names its allele by ALLELE_NUM, else by Allele, in whichever spelling explains most entries: VEP leaves out the first
    base that all alleles share (with --minimal, all that REF and ALT share), SnpEff writes ALT as it is.
    """
    entries = value.split(b",")
    described = _FORMAT.search(declared.description)
    names = [one.strip() for one in (described[1] if described else b"Allele").split(b"|")]
    column = names.index(b"Allele") if b"Allele" in names else 0
    spellings = [_without_anchor(ref, alts), _minimal(ref, alts), _as_they_are(alts)]
    if name != b"CSQ_original" and b"VEP" not in declared.description:
        spellings.reverse()
    readings = [_owners(entries, column, spelling) for spelling in spellings]
    if b"ALLELE_NUM" in names:
        readings.insert(0, _owners(entries, names.index(b"ALLELE_NUM"), _numbers(alts)))
    best = min(readings, key=lambda owners: owners.count(None))  # the first of equals
    return _given(entries, best, len(alts))


def _owners(entries: list[bytes], column: int, table: dict[bytes, int]) -> list[int | None]:
    """The index of the allele that each entry names."""
    return [table.get(b"".join(entry.split(b"|")[column : column + 1]).strip().upper()) for entry in entries]


def _given(entries: list[bytes], owners: list[int | None], count: int) -> list[bytes]:
    owned = list(zip(entries, owners, strict=True))
    return [b",".join(entry for entry, owner in owned if owner in (None, allele)) for allele in range(count)]


def _numbers(alts: list[bytes]) -> dict[bytes, int]:
    return {b"%d" % (number + 1): number for number in range(len(alts))}


def _as_they_are(alts: list[bytes]) -> dict[bytes, int]:
    return {alt.upper(): number for number, alt in enumerate(alts)}


def _without_anchor(ref: bytes, alts: list[bytes]) -> dict[bytes, int]:
    """As VEP writes them: without the first base, if REF and all ALTs have it and not all are of one length."""
    plain = [ref, *(alt for alt in alts if alt.isalpha())]
    if len({one[:1] for one in plain}) > 1 or len(set(map(len, plain))) < 2:
        return _as_they_are(alts)
    return {(alt[1:] or b"-") if alt.isalpha() else alt.upper(): number for number, alt in enumerate(alts)}


def _minimal(ref: bytes, alts: list[bytes]) -> dict[bytes, int]:
    """As VEP writes them with --minimal. Those that share a spelling are left out."""
    spelled = [trimmed(1, ref, alt).alt or b"-" if alt.isalpha() else alt.upper() for alt in alts]
    return {one: number for number, one in enumerate(spelled) if spelled.count(one) == 1}
