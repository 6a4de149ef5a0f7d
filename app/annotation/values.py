"""What the values of a VCF look like, how many of them an allele count asks for, and how messages show them."""

import re

_INTEGER = rb"(?:[-+]?+[0-9]{1,9}+|\.)"
_FLOAT = rb"(?:[-+]?+(?:[0-9]++(?:\.[0-9]*+)?+|\.[0-9]++)(?:[eE][-+]?+[0-9]++)?+|\.|[nN]a[nN]|-?[iI]nf)"
INTEGERS = _INTEGER + b"(?:," + _INTEGER + b")*+"
FLOATS = _FLOAT + b"(?:," + _FLOAT + b")*+"
GENOTYPE = rb"[/|]?(?:[0-9]++|\.)(?:[/|](?:[0-9]++|\.))*+"
PATTERNS = {b"Integer": INTEGERS, b"Float": FLOATS}
VALID = {type_: re.compile(pattern).fullmatch for type_, pattern in PATTERNS.items()}
WIDER = {b"Integer": b"Float", b"Float": b"String"}


def counts(number: bytes, value: bytes, alleles: int) -> bool:
    """Whether a value has as many parts as its declared Number (A, R or G) asks for."""
    if value == b"." or alleles < 2:
        return True
    parts = value.count(b",") + 1
    if number == b"G":
        return parts in (alleles + 1, (alleles + 1) * (alleles + 2) // 2)
    return {b"A": alleles, b"R": alleles + 1}.get(number, parts) == parts


def many(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count != 1 else ''}"


def text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def shown(value: bytes) -> str:
    """The value in quotes, cut where it gets long."""
    whole = text(value)
    return f'"{whole if len(whole) <= 60 else whole[:57] + "…"}"'
