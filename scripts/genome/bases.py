"""Bases with runs and repeats, coding sequences, introns: the words that generated genes are made of."""

import random

COMPLEMENT = str.maketrans("ACGTN", "TGCAN")
STOPS = {1: ("TAA", "TAG", "TGA"), 2: ("TAA", "TAG", "AGA", "AGG")}
_CODONS = tuple(a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT")
_REPEAT_SHARE = 0.08  # of the steps in which bases are chosen


def flipped(bases: str) -> str:
    """Returns the other strand, in its own direction."""
    return bases.translate(COMPLEMENT)[::-1]


def filler(dice: random.Random, size: int) -> str:
    """Returns bases with a run or a repeat every few dozen of them."""
    pieces, made = [], 0
    while made < size:
        if dice.random() < _REPEAT_SHARE:
            piece = "".join(dice.choices("ACGT", k=dice.choice((1, 1, 2, 3, 4)))) * dice.randint(3, 8)
        else:
            piece = "".join(dice.choices("ACGT", k=dice.randint(3, 9)))
        pieces.append(piece)
        made += len(piece)
    return "".join(pieces)[:size]


def codons(dice: random.Random, count: int, code: int = 1) -> str:
    """Returns so many codons without a stop; some codons repeat, so that changes of one have several places."""
    allowed = [codon for codon in _CODONS if codon not in STOPS[code]]
    found: list[str] = []
    while len(found) < count:
        codon = dice.choice(("AAA", "CCC", "GGG", "TTT", "CAG", "GCT")) if dice.random() < _REPEAT_SHARE else ""
        found += [codon] * dice.randint(2, 6) if codon else [dice.choice(allowed)] * dice.choice((1, 1, 1, 1, 1, 2))
    return "".join(found[:count])


def intron(dice: random.Random, size: int) -> str:
    """Returns an intron in the direction of its gene: mostly GT...AG, with a tract of pyrimidines before its end."""
    first, last = dice.choices((("GT", "AG"), ("GC", "AG"), ("AT", "AC")), weights=(18, 1, 1))[0]
    tract = "".join(dice.choices("CT", k=14))
    inner = (filler(dice, size) + tract)[-(size - 4) :] if size > 4 else ""
    return (first + inner + last)[:size] if size < 4 else first + inner + last
