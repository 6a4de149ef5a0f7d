"""What the values of a VCF look like, how many of them an allele count asks for, and how messages show them."""

import re

_INTEGER = rb"(?:[-+]?+[0-9]{1,9}+|\.)"
_NO_NUMBER = rb"[-+]?+(?:[nN][aA][nN]|[iI][nN][fF](?:[iI][nN][iI][tT][yY])?+)"
FLOAT = rb"(?:[-+]?+(?:[0-9]++(?:\.[0-9]*+)?+|\.[0-9]++)(?:[eE][-+]?+[0-9]++)?+|\.|%b)" % _NO_NUMBER
GENOTYPE = rb"[/|]?(?:[0-9]++|\.)(?:[/|](?:[0-9]++|\.))*+"
_ONE = {b"Integer": _INTEGER, b"Float": FLOAT, b"Character": rb"[^,;:=\s]"}
UNPRINTABLE = rb"\x01-\x08\x0b-\x1f\x7f"  # the inside of a class
CONTROLS = re.compile(b"[%b]+" % UNPRINTABLE)
VALID = {type_: re.compile(b"%b(?:,%b)*+" % (one, one)).fullmatch for type_, one in _ONE.items()}
WIDER = {b"Integer": b"Float", b"Float": b"String", b"Character": b"String"}
_MOST = 100  # parts that a pattern spells out


def pattern(type_: bytes, number: bytes, characters: bytes) -> bytes:
    """The pattern of a value of this declaration; `characters` is the inside of the class that no text may have, commas apart."""
    if not number.isdigit():
        one = _ONE.get(type_)
        return b"%b(?:,%b)*+" % (one, one) if one else b"[^%b]++" % characters
    one = _ONE.get(type_, b"[^,%b]++" % characters)
    return one if number == b"1" else rb"(?:\.(?![^%b])|%b(?:,%b){%d})" % (characters, one, one, min(int(number), _MOST) - 1)


def counts(number: bytes, value: bytes, alleles: int) -> bool:
    """Whether a value has as many parts as its declared Number asks for; A, R and G matter where alleles will be split."""
    if value == b".":
        return True
    parts = value.count(b",") + 1
    if number.isdigit():
        return parts == int(number)
    if alleles < 2:
        return True
    if number == b"G":
        return parts in (alleles + 1, (alleles + 1) * (alleles + 2) // 2)
    return {b"A": alleles, b"R": alleles + 1}.get(number, parts) == parts


SHOWN_LETTERS = 80
"""Of what a file says, in messages and notes."""

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def many(count: int, what: str) -> str:
    """Returns a count with its noun, in the plural where it is one."""
    return f"{count} {what}{'s' if count != 1 else ''}"


def text(value: bytes) -> str:
    """For people: whatever has no picture is replaced, and what is long is cut."""
    decoded = cut(value[: 4 * SHOWN_LETTERS + 4].decode("utf-8", "replace"))
    return decoded if decoded.isprintable() else "".join(one if one.isprintable() else REPLACEMENT for one in decoded)


def shown(value: bytes) -> str:
    """The value in quotes, cut where it gets long."""
    return f'"{text(value)}"'


def cut(words: str) -> str:
    """The first SHOWN_LETTERS, and a mark if there are more."""
    return words if len(words) <= SHOWN_LETTERS else words[:SHOWN_LETTERS] + "…"
