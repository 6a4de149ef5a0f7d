"""The record that an allele was in before it was split or moved: noted in INFO, and carried through a file that is sorted."""

TAG = b"GAS_OLD_REC="
ASKED = b"GAS_ASKED="  # in a file that was settled: the key of an allele that was moved
_MOST_LETTERS = 1000
"""Letters of REF and ALT beyond which they are not repeated with each allele of a record."""

_ESCAPES = ((b"%", b"%25"), (b";", b"%3B"), (b"=", b"%3D"), (b"|", b"%7C"))


def old_record(fields: list[bytes], number: int) -> bytes:
    """Returns a record as `bcftools norm --old-rec-tag` has it: CHROM|POS|REF|ALT, and |number of the allele if it has several.

    REF and ALT are dots where they are long.
    """
    name, position, _, ref, alt = fields[:5]
    parts = [name, position, ref, alt] if len(ref) + len(alt) <= _MOST_LETTERS else [name, position, b".", b"."]
    for character, escape in _ESCAPES:
        parts = [one.replace(character, escape) for one in parts]
    return b"|".join([*parts, b"%d" % number] if b"," in alt else parts)


def noted(info: bytes, old: bytes) -> bytes:
    """Returns INFO, empty where there is none, with an old record behind it, if there is one."""
    return b"%b;%b%b" % (info, TAG, old) if info and old else TAG + old if old else info


def settled(fields: list[bytes]) -> tuple[tuple[bytes, ...] | None, bytes]:
    """Takes out of a settled record what its INFO was given to carry: the key of its allele, and its old record."""
    key = _taken(fields, ASKED)
    return tuple(key.split(b":")) if key else None, _taken(fields, TAG)


def _taken(fields: list[bytes], tag: bytes) -> bytes:
    """The value of what INFO ends with, if that is this tag; it is taken out."""
    info, found, value = fields[7].rpartition(tag)
    if found:
        fields[7] = info.rstrip(b";") or b"."
    return value if found else b""
