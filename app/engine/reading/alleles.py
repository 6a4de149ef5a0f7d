"""What an allele is, by its text."""

import re
from collections.abc import Callable

from app.engine.reading.values import shown

_SEQUENCE = re.compile(rb"[ACGTNRYSWKMBDHVU]+", re.IGNORECASE)
_BASES = rb"[ACGTNRYSWKMBDHVUacgtnryswkmbdhvu]"
_END = rb"(?:%b*|\.)" % _BASES
_BREAKEND = re.compile(rb"%b[\[\]][^\[\]\s,]+:[0-9]+[\[\]]%b|\.%b+|%b+\." % (_END, _END, _BASES, _BASES))
_SYMBOLIC = re.compile(rb"<[^<>\s,]+>")


def problem(ref: bytes, alts: list[bytes]) -> str:
    """Why these cannot be alleles, in words; empty if they can."""
    if not _SEQUENCE.fullmatch(ref):
        hint = (
            " An insertion or deletion needs the base before it (see the VCF specification)." if ref in (b"-", b".", b"") else ""
        )
        return f"REF is {shown(ref)}, expected bases.{hint}"
    for alt in alts:
        if not (_SEQUENCE.fullmatch(alt) or alt in (b".", b"*") or _SYMBOLIC.fullmatch(alt) or _BREAKEND.fullmatch(alt)):
            hint = " An insertion or deletion needs the base before it (see the VCF specification)." if alt == b"-" else ""
            return f"ALT is {shown(alt)}, expected bases, a symbolic allele like <DEL>, a breakend or a dot.{hint}"
    if b"." in alts and len(alts) > 1:
        return "ALT mixes a dot with alleles."
    return ""


def expand_old(fields: list[bytes], sequence: Callable[[int, int], bytes]) -> None:
    """Rewrite the I… and D… alleles of VCF 3.x in place: an insertion after POS, a deletion of so many bases from POS on."""
    start = int(fields[1]) - 1
    alts = [alt.upper() for alt in fields[4].split(b",")]
    longest = max((int(alt[1:] or b"0") for alt in alts if re.fullmatch(rb"D[0-9]+", alt)), default=0)
    if longest and not start:
        return
    if not longest:
        base = sequence(start, start + 1)
        fields[3], fields[4] = base, b",".join(base + alt[1:] if alt.startswith(b"I") else alt for alt in alts)
        return
    ref = sequence(start - 1, start + longest)
    anchor = ref[:1]
    rewritten = []
    for alt in alts:
        if alt.startswith(b"D"):
            rewritten.append(anchor + ref[1 + int(alt[1:] or b"0") :])
        elif alt.startswith(b"I"):
            rewritten.append(ref[:2] + alt[1:] + ref[2:])
        else:
            rewritten.append(anchor + alt + ref[2:])
    fields[1], fields[3], fields[4] = b"%d" % start, ref, b",".join(rewritten)


def kind(ref: bytes, alt: bytes) -> str:
    """The type of a variant: SNV, MNV, insertion, deletion, indel, symbolic, breakend, spanning deletion, reference or other."""
    if alt in (b".", b"<*>", b"<NON_REF>", b"<X>") or alt == ref:
        return "reference"
    if alt == b"*":
        return "spanning deletion"
    if alt.startswith(b"<"):
        return "symbolic"
    if not alt.isalpha():
        return "breakend"
    if len(ref) == len(alt):
        return "SNV" if len(ref) == 1 else "MNV"
    if len(ref) < len(alt):
        return "insertion" if alt.startswith(ref) or alt.endswith(ref) else "indel"
    return "deletion" if ref.startswith(alt) or ref.endswith(alt) else "indel"
