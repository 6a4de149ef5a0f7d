"""One allele a record: records split into their alleles, each allele trimmed and moved as far left as its sequence allows."""

import re
from collections.abc import Callable
from itertools import repeat

from app.engine.reading import kept
from app.engine.reading.headers import Header

REACH = 1000
"""Bases that an allele moves at most; what lies in longer repeats stays where this takes it."""

_INDEX = re.compile(rb"[0-9]+").sub
_COUNTED = (b"A", b"R", b"G")


def leftmost(bases: Callable[[int, int], bytes], start: int, ref: bytes, alt: bytes) -> tuple[int, bytes, bytes]:
    """Position (from 0), REF and ALT of the same change, trimmed and moved left; `bases` reads the contig by interval."""
    floor = max(start - REACH, 0)
    while ref[-1:] == alt[-1:] and ref != alt:
        common = 1
        while common < min(len(ref), len(alt)) and ref[-common - 1] == alt[-common - 1]:
            common += 1
        ref, alt, tail = ref[:-common], alt[:-common], ref[-common:]
        if not ref or not alt:
            if start <= floor:  # nothing is left of it: the base that follows has to hold the place
                ref, alt = ref + tail[:1], alt + tail[:1]
                break
            start -= 1
            anchor = bases(start, start + 1)
            ref, alt = anchor + ref, anchor + alt
    spare = 0
    while spare < min(len(ref), len(alt)) - 1 and ref[spare] == alt[spare]:
        spare += 1
    return start + spare, ref[spare:], alt[spare:]


def movable(ref: bytes, alt: bytes) -> bool:
    """Whether `leftmost` would change anything about this pair."""
    return ref != alt and (ref[-1] == alt[-1] or (ref[0] == alt[0] and len(ref) > 1 and len(alt) > 1))


class Splitter:
    """Splits the INFO and the samples of records of one file, as the header declares their values."""

    def __init__(self, header: Header) -> None:
        self._header = header

    def split(
        self, info: bytes, form: bytes, samples: list[bytes], ref: bytes, alts: list[bytes], *, strict: bool = False
    ) -> list[tuple[bytes, list[bytes]]]:
        """INFO and samples for each of the alternative alleles.

        Values that are not one for each of them stay together; ValueError if that is not to be (`strict`).
        """
        declared, count = self._header.fields["INFO"], len(alts)
        parts: list[list[bytes]] = [[] for _ in range(count)]
        for item in info.split(b";") if info else ():
            name, equals, value = item.partition(b"=")
            number = declared[name].per if equals else b""
            if name in kept.NAMES and equals:
                for part, entries in zip(parts, kept.apart(name, declared[name], value, ref, alts), strict=True):
                    part += [b"%b=%b" % (name, entries)] if entries else []
            elif number in _COUNTED and (values := _by_allele(number, value, count, strict)):
                for part, one in zip(parts, values, strict=True):
                    part.append(b"%b=%b" % (name, one))
            else:
                for part in parts:
                    part.append(item)
        keys = form.split(b":") if samples else []
        kinds = [b"GT" if key == b"GT" else self._header.fields["FORMAT"][key].per for key in keys if key != b"."]
        calls = [samples] * count
        if any(kind in (b"GT", *_COUNTED) for kind in kinds):
            calls = _calls(samples, kinds, count, strict)
        return [(b";".join(part), call) for part, call in zip(parts, calls, strict=True)]


def _calls(samples: list[bytes], kinds: list[bytes], count: int, strict: bool) -> list[list[bytes]]:
    """The samples as they are about each of the alleles."""
    memo: dict[bytes, list[bytes]] = {}
    for sample in set(samples):
        parts: list[list[bytes]] = [[] for _ in range(count)]
        for kind, value in zip(kinds, sample.split(b":"), strict=False):
            values = None
            if kind == b"GT":
                values = [_genotype(value, allele) for allele in range(1, count + 1)]
            elif kind in _COUNTED:
                values = _by_allele(kind, value, count, strict)
            for part, one in zip(parts, values or repeat(value), strict=False):
                part.append(one)
        memo[sample] = list(map(b":".join, parts))
    return [[memo[sample][allele] for sample in samples] for allele in range(count)]


def _genotype(value: bytes, allele: int) -> bytes:
    """The genotype with this allele as 1 and every other as the reference."""
    return _INDEX(lambda index: b"1" if int(index[0]) == allele else b"0", value)


def _by_allele(number: bytes, value: bytes, count: int, strict: bool) -> list[bytes] | None:
    """Values an allele (A), allele and reference (R) or genotype (G), those that are about each allele; None if not so many."""
    parts = value.split(b",")
    if number == b"A" and len(parts) == count:
        return parts
    if number != b"A" and len(parts) == count + 1:  # R, or G of one copy
        return [b"%b,%b" % (parts[0], part) for part in parts[1:]]
    if number == b"G" and len(parts) == (count + 1) * (count + 2) // 2:
        mixed = [allele * (allele + 1) // 2 for allele in range(1, count + 1)]
        return [b",".join((parts[0], parts[i], parts[i + allele])) for allele, i in enumerate(mixed, 1)]
    if strict and value != b".":
        raise ValueError(value)
    return None
