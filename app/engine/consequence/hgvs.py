"""HGVS names of a change: on the contig (g. or m.), on a transcript (c. or n.) and of a protein (p.).

Source: HGVS Nomenclature, recommendations for DNA and protein. Insertions, deletions and duplications are named at their 3'-most
place in the direction of the reference that names them, so that all spellings of a change have one name.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence

from app.engine.consequence.allele import Allele, Change, reverse_complement
from app.engine.consequence.coding import STOP, Coding
from app.engine.consequence.spliced import Spliced

_NAMES = "Ala Cys Asp Glu Phe Gly His Ile Lys Leu Met Asn Pro Gln Arg Ser Thr Sec Val Trp Xaa Tyr Ter"
_THREE: dict[int, str] = dict(zip(b"ACDEFGHIKLMNPQRSTUVWXY*", _NAMES.split(), strict=True))

_WHOLE = re.compile(r"-?[0-9]{1,9}").search

Place = str | int


def three(letters: bytes) -> str:
    """Returns amino acids in three letters each; a stop is Ter."""
    return "".join([_THREE[letter] for letter in letters])


def genomic(allele: Allele, contig: Sequence[int], numbering: str = "g") -> str:
    """Returns the name of an allele on its contig, such as `g.123A>G`; empty where a base is not known.

    `contig`: its bases; `numbering`: g, or m for a mitochondrion.
    """
    change = allele.change.moved(allele.run.right)
    if not _named(change):
        return ""
    before = b"" if change.ref else bytes(contig[max(change.end - len(change.alt), 0) : change.end])
    return f"{numbering}.{_described(change.ref, change.alt, before, change.start, lambda position: position)}"


def transcript(model: Spliced, allele: Allele, contig: Sequence[int]) -> str:
    """Returns the name of an allele on a transcript, such as `c.123-4A>G`, or `n.…` where it has no coding sequence.

    Empty where the 3'-most place of the change is not within the transcript, or a base is not known. Where the 5' end is
    incomplete HGVS has no number 1; as with VEP, substitutions count the bases that the first codon lacks, all else does not.
    """
    change = allele.change.moved(allele.run.toward(model.strand))
    low, high = sorted((change.start, change.end))
    if not change.ref:  # what comes in right behind the last base may repeat what is before it
        low, high = (low, change.end) if model.strand > 0 else (change.start, high)
    if not (_named(change) and model.start <= low and high <= model.end):
        return ""
    ref, alt, before = change.ref, change.alt, b""
    if model.strand > 0:
        first, step = change.start, 1
        if not ref:
            before = bytes(contig[max(change.end - len(alt), model.start - 1) : change.end])
    else:
        first, step = change.end, -1
        ref, alt = reverse_complement(ref), reverse_complement(alt)
        if not ref:
            before = reverse_complement(bytes(contig[change.start - 1 : min(change.end + len(alt), model.end)]))
    if model.phase and len(ref) == len(alt) == 1 and (coding := model.coding_span(model.span(change))[0]):
        return f"c.{coding}{ref.decode()}>{alt.decode()}"
    if alt != before and not (ref or model.start <= first <= model.end):
        return ""
    described = _described(ref, alt, before, 0, lambda offset: numbered(model, first + step * offset))
    return f"{'c' if model.coding else 'n'}.{described}"


def numbered(model: Spliced, position: int) -> str:
    """Returns how HGVS numbers a base of the contig within a transcript: `12`, `-3`, `*7`, `12+1`, `13-2`."""
    i = bisect_right(model.starts, position) - 1
    if position <= model.ends[i]:
        cdna = model.firsts[i] + (position - model.starts[i] if model.strand > 0 else model.ends[i] - position)
        return _numbered(model, cdna)
    left, right = position - model.ends[i], model.starts[i + 1] - position
    if model.strand > 0:
        if left <= right:
            return f"{_numbered(model, model.firsts[i] + model.ends[i] - model.starts[i])}+{left}"
        return f"{_numbered(model, model.firsts[i + 1])}-{right}"
    if right <= left:
        return f"{_numbered(model, model.firsts[i + 1] + model.ends[i + 1] - model.starts[i + 1])}+{right}"
    return f"{_numbered(model, model.firsts[i])}-{left}"


def _numbered(model: Spliced, cdna: int) -> str:
    if not model.coding:
        return str(cdna)
    if cdna < model.coding_start:
        return str(cdna - model.coding_start)
    if cdna > model.coding_end:
        return f"*{cdna - model.coding_end}"
    return str(cdna - model.coding_start + 1)


def _described(ref: bytes, alt: bytes, before: bytes, first: int, place: Callable[[int], Place]) -> str:
    """A change in words of HGVS. `before`: as many bases before an insertion as it has; `place`: text of a position."""
    if len(ref) == len(alt) == 1:
        return f"{place(first)}{ref.decode()}>{alt.decode()}"
    if not ref:
        if alt == before:
            return f"{_range(first - len(alt), first - 1, place)}dup"
        return f"{place(first - 1)}_{place(first)}ins{alt.decode()}"
    where = _range(first, first + len(ref) - 1, place)
    if not alt:
        return f"{where}del"
    if len(ref) == len(alt) and alt == reverse_complement(ref):
        return f"{where}inv"
    return f"{where}delins{alt.decode()}"


def _range(first: int, last: int, place: Callable[[int], Place]) -> str:
    return str(place(first)) if first == last else f"{place(first)}_{place(last)}"


def _named(change: Change) -> bool:
    return change.plain and bool(change.ref or change.alt)


def protein(coding: Coding) -> str:
    """Returns the predicted change of the protein, such as `p.Gly12Asp`, of a change at its 3'-most place on the transcript.

    Empty where it is not all in the coding sequence or reaches a codon that is not whole.
    """
    if coding.letters is None:
        return ""
    if coding.start_lost:
        return "p.Met1?"
    if coding.frameshift:
        return _frameshift(coding)
    before, after = coding.letters
    if STOP in before:
        before, after = _to_stop(before), _to_stop(after)
    if coding.model.polyadenylated and before.endswith(b"X") and after.endswith(b"X") and not coding.partial:
        before, after = before[:-1] + b"*", after[:-1] + b"*"  # the same T or TA is left, and completed to a stop
    if b"X" in before or b"X" in _to_stop(after):
        return ""
    if before == after:
        return _silent(before, coding.first)
    if before.endswith(b"*") and not after.endswith(b"*"):
        return _stop_lost(coding, before)
    return _in_frame(coding, before, after)


def first_number(name: str) -> int:
    """Returns the first number of a name of a change, such as -3 of `c.-3_4del`; 0 if it has none."""
    found = _WHOLE(name, name.find(".") + 1)
    return int(found[0]) if found else 0


def substituted(old: int, new: int, position: int, start_lost: bool) -> str:
    """Returns the name of a changed codon by its letters, such as `p.Gly12Asp` or `p.Gly12=`; not where a stop is lost."""
    if start_lost:
        return "p.Met1?"
    return f"p.{_THREE[old]}{position}{'=' if old == new else _THREE[new]}"


def _to_stop(letters: bytes) -> bytes:
    stop = letters.find(STOP)
    return letters if stop < 0 else letters[: stop + 1]


def _silent(letters: bytes, first: int) -> str:
    if not letters:
        return ""
    if len(letters) == 1:
        return f"p.{three(letters)}{first}="
    return f"p.{three(letters[:1])}{first}_{three(letters[-1:])}{first + len(letters) - 1}="


def _altered(coding: Coding) -> bytes:
    """The protein after the change, with its stop if there is one."""
    kept = min(coding.first, coding.last) - 1
    if coding.first <= 1:
        letters = bytearray(coding.model.code.to_stop(coding.changed))
        if coding.changed[:3] in coding.model.code.initiators and coding.model.starts_whole:
            letters[:1] = b"M"
        return bytes(letters)
    return coding.model.letters[:kept] + coding.model.code.to_stop(coding.changed, kept * 3)


def _same(coding: Coding, before: bytes, after: bytes) -> int:
    """How many amino acids the protein begins with that the change leaves; those before its codons are the same anyway."""
    i, most = max(min(coding.first, coding.last) - 1, 0), min(len(before), len(after))
    while i < most and before[i] == after[i]:
        i += 1
    return min(i, most)


def _frameshift(coding: Coding) -> str:
    before, after = coding.model.letters, _altered(coding)
    i = _same(coding, before, after)
    if i and before[i - 1] == STOP:
        return f"p.Ter{i}="
    if i >= len(before):
        return ""
    old, position = three(before[i : i + 1]), i + 1
    if before[i] == STOP:
        return _extension(before, after, i)
    if i >= len(after):
        return f"p.{old}{position}fsTer?"
    if after[i] == STOP:
        return f"p.{old}{position}Ter"
    stop = len(after) - i if after.endswith(b"*") else "?"
    return f"p.{old}{position}{three(after[i : i + 1])}fsTer{stop}"


def _extension(before: bytes, after: bytes, i: int) -> str:
    """A protein that goes on behind index `i`, where its stop was."""
    if i >= len(after):
        return "p.?"
    more = len(after) - 1 - i if after.endswith(b"*") else "?"
    return f"p.Ter{i + 1}{three(after[i : i + 1])}extTer{more}"


def _stop_lost(coding: Coding, before: bytes) -> str:
    whole, after = coding.model.letters, _altered(coding)
    i = _same(coding, whole, after)
    if i < len(whole) and whole[i] == STOP:
        return _extension(whole, after, i)
    if i >= len(after) or not after.endswith(b"*"):
        return "p.?"
    last = coding.first + len(before) - 1
    return f"p.{three(whole[i : i + 1])}{i + 1}_Ter{last}delins{three(after[i:])}"


def _in_frame(coding: Coding, before: bytes, after: bytes) -> str:
    first = coding.first
    while before and after and before[0] == after[0]:
        before, after, first = before[1:], after[1:], first + 1
    if after.startswith(b"*") and before.endswith(b"*") and not coding.resized:
        return f"p.{three(before[:1])}{first}Ter"
    while before and after and before[-1] == after[-1]:
        before, after = before[:-1], after[:-1]
    whole, after = coding.model.letters, _to_stop(after)
    if not before:
        return _inserted(whole, after, first)
    last = first + len(before) - 1
    if not after:
        while last < len(whole) and whole[last] == before[0]:
            before, first, last = before[1:] + before[:1], first + 1, last + 1
        return f"p.{_residues(before, first, last)}del"
    if len(before) == len(after) == 1:
        return f"p.{three(before)}{first}{three(after)}"
    return f"p.{_residues(before, first, last)}delins{three(after)}"


def _inserted(whole: bytes, letters: bytes, first: int) -> str:
    """`letters` come in before the amino acid `first`."""
    if STOP not in letters:
        while first <= len(whole) and whole[first - 1] == letters[0]:
            letters, first = letters[1:] + letters[:1], first + 1
        copied = first - 1 - len(letters)
        if copied >= 0 and whole[copied : first - 1] == letters:
            return f"p.{_residues(letters, copied + 1, first - 1)}dup"
    if not 1 < first <= len(whole):
        return ""
    return f"p.{three(whole[first - 2 : first - 1])}{first - 1}_{three(whole[first - 1 : first])}{first}ins{three(letters)}"


def _residues(letters: bytes, first: int, last: int) -> str:
    if first == last:
        return f"{three(letters)}{first}"
    return f"{three(letters[:1])}{first}_{three(letters[-1:])}{last}"
