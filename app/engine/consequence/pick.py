"""Which one of an allele's consequences stands for it: the order in which VEP's --pick chooses.

Source: VEP's documentation, "Filtering results" (--pick_order): MANE Select, MANE Plus Clinical, canonical, APPRIS, transcript
support level, biotype, CCDS, rank of the worst term, length of the translated or whole transcript. What the models do not say
decides nothing, so that without MANE canonical and the rest stand in.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from app.engine.consequence import terms
from app.engine.consequence.caller import Consequence
from app.engine.consequence.transcript import Transcript

_UNKNOWN = 100
_PART_BITS, _LENGTH_BITS = 8, 32
_ALTERNATIVE = 10  # an alternative transcript of APPRIS comes after every principal one
_APPRIS = re.compile(r"(?P<kind>[A-Za-z])[A-Za-z_]*(?P<grade>\d+)$")


def order(found: Consequence) -> tuple[int, ...]:
    """Returns what consequences of one allele are compared by: the lowest is picked."""
    before, length = comparable(found.transcript)
    return (*before, terms.rank(found.mask), length)


@lru_cache(maxsize=1024)
def comparable(transcript: Transcript) -> tuple[tuple[int, ...], int]:
    """Returns what a transcript is compared by before its worst term, and behind it."""
    first, last = transcript.coding_start, transcript.coding_end
    coding = transcript.phase + len(transcript.bases[first - 1 : last]) if first else 0
    before = (
        not transcript.mane_select,
        not transcript.mane_plus_clinical,
        not transcript.canonical,
        _appris(transcript.appris),
        transcript.level or _UNKNOWN,
        transcript.biotype != "protein_coding",
        not transcript.ccds,
    )
    return before, -(coding or sum([end - start + 1 for start, end in transcript.exons]))


def order_number(transcript: Transcript, mask: int) -> int:
    """Returns `order` as one number: of two consequences of one allele, the lower one goes before."""
    before, length = comparable(transcript)
    number = 0
    for part in (*before, terms.rank(mask)):
        number = number << _PART_BITS | part
    return (number << _LENGTH_BITS) + length


def pick(found: Sequence[Consequence]) -> Consequence | None:
    """Returns the consequence that stands for an allele; the first of equals, None of none."""
    return min(found, key=order, default=None) if len(found) != 1 else found[0]


def _appris(text: str) -> int:
    """The grade of an APPRIS label: principal1 to principal5 or P1 to P5, then alternative1 and 2 or ALT1 and 2."""
    match = _APPRIS.match(text)
    if not match:
        return _UNKNOWN
    return int(match["grade"]) + (_ALTERNATIVE if match["kind"] in "aA" else 0)
