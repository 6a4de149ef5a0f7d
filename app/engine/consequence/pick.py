"""Which one of an allele's consequences stands for it: the order in which VEP's --pick chooses.

Source: VEP's documentation, "Filtering results" (--pick_order): MANE Select, MANE Plus Clinical, canonical, APPRIS, transcript
support level, biotype, CCDS, rank of the worst term, length of the translated or whole transcript. What the models do not say
decides nothing, so that without MANE canonical and the rest stand in.
"""

import re
from functools import lru_cache

from app.engine.consequence import terms
from app.engine.consequence.caller import Consequence
from app.engine.consequence.transcript import Transcript

_UNKNOWN = 100
_PART_BITS, _LENGTH_BITS = 8, 32
_RANK = 1 << _LENGTH_BITS
_ALTERNATIVE = 10  # an alternative transcript of APPRIS comes after every principal one
_APPRIS = re.compile(r"(?P<kind>[A-Za-z])[A-Za-z_]*(?P<grade>\d+)$")


def order(found: Consequence) -> int:
    """Returns what consequences of one allele are compared by: the lowest is picked, of equals the first."""
    return _comparable(found.transcript) + ranked(found.mask)


@lru_cache(maxsize=1024)
def _comparable(transcript: Transcript) -> int:
    first, last = transcript.coding_start, transcript.coding_end
    coding = transcript.phase + len(transcript.bases[first - 1 : last]) if first else 0
    known = bool(transcript.mane_select), bool(transcript.mane_plus_clinical), transcript.canonical, bool(transcript.ccds)
    before = preference(*known, transcript.appris, transcript.level, transcript.biotype)
    return unranked(before, coding or sum([end - start + 1 for start, end in transcript.exons]))


@lru_cache(maxsize=4096)
def preference(mane: bool, mane_plus: bool, canonical: bool, ccds: bool, appris: str, level: int, biotype: str) -> int:
    """Returns what transcripts are compared by before their worst terms, as one number."""
    number = 0
    grade = _appris(appris)
    for part in (not mane, not mane_plus, not canonical, grade, level or _UNKNOWN, biotype != "protein_coding", not ccds):
        number = number << _PART_BITS | part
    return number


def unranked(before: int, length: int) -> int:
    """Returns what a transcript of this `preference` and translated length, or whole length without one, adds to the order."""
    return (before << _PART_BITS + _LENGTH_BITS) - length


@lru_cache(maxsize=4096)
def ranked(mask: int) -> int:
    """Returns what terms add to the order."""
    return terms.rank(mask) * _RANK


def _appris(text: str) -> int:
    """The grade of an APPRIS label: principal1 to principal5 or P1 to P5, then alternative1 and 2 or ALT1 and 2."""
    match = _APPRIS.match(text)
    if not match:
        return _UNKNOWN
    return int(match["grade"]) + (_ALTERNATIVE if match["kind"] in "aA" else 0)
