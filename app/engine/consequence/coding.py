"""What a change does to the coding sequence: codons, amino acids and the terms that follow from them.

The rules are Ensembl VEP's (release 115), judged at one spelling of the change. `Coding` works a fact out when a rule asks.
"""

from app.engine.consequence import terms
from app.engine.consequence.allele import Change, reverse_complement
from app.engine.consequence.genetic_code import STANDARD
from app.engine.consequence.lazy import lazy
from app.engine.consequence.spliced import Span, Spliced

STOP = ord("*")
_SHORT_TAIL = 3  # more letters than this behind the old end of a protein are more than its stop


class Coding:
    """A change of the coding sequence of a transcript, at one of its spellings. Letters and codons read in its direction."""

    def __init__(self, model: Spliced, change: Change, span: Span) -> None:
        self.model, self.change, self.span = model, change, span
        self.ref = change.ref if model.strand > 0 else reverse_complement(change.ref)
        self.alt = change.alt if model.strand > 0 else reverse_complement(change.alt)
        self.cds = model.coding_span(span)
        self.first, self.last = ((place - 1) // 3 + 1 if place else 0 for place in self.cds)  # amino acids
        self.whole = bool(self.cds[0] and self.cds[1])
        self.resized = len(self.ref) != len(self.alt)
        self.plain = change.plain

    @lazy
    def changed(self) -> bytes:
        """The coding sequence after the change, and what follows it."""
        sequence = self.model.sequence
        return sequence[: self.cds[0] - 1] + self.alt + sequence[self.cds[1] :] + self.model.tail

    @lazy
    def codons(self) -> tuple[bytes, bytes] | None:
        """The codons that are touched, before and after; None where the change is not all in the coding sequence."""
        if not self.whole:
            return None
        model, (first, last) = self.model, self.cds
        start, size = self.first * 3 - 3, (self.last - self.first + 1) * 3
        size_after = max(size + len(self.alt) - (last - first + 1), 0)
        after = model.sequence[start : first - 1] + self.alt + model.sequence[last : last + size_after]
        if len(after) < size_after:
            after += model.three_prime  # the A's of a completed stop are read, but not shown
        after = after[:size_after]
        return self.model.sequence[start : start + size], after

    @lazy
    def letters(self) -> tuple[bytes, bytes] | None:
        """The amino acids of the codons, before and after, X for a part of a codon; None where they are not known."""
        if self.codons is None or not self.plain:
            return None
        before, after = self.codons
        letters = bytearray(self._translated(before)), bytearray(self._translated(after))
        for position in self.model.transcript.selenocysteines:
            if self.first <= position <= self.last:
                place = position - self.first
                letters[0][place] = ord("U")
                if not self.resized and before[place * 3 : place * 3 + 3] == after[place * 3 : place * 3 + 3]:
                    letters[1][place] = ord("U")
        if self.first == 1 and self.model.starts_whole:
            for codons, found in zip(self.codons, letters, strict=True):
                if codons[:3] in self.model.code.initiators:
                    found[:1] = b"M"
        return bytes(letters[0]), bytes(letters[1])

    def _translated(self, codons: bytes) -> bytes:
        letters = self.model.code.translate(codons)
        return letters + b"X" if len(codons) % 3 and letters != b"*" else letters

    @lazy
    def partial(self) -> bool:
        """Whether the change begins in a last codon that is not whole."""
        return bool(self.first) and 0 < len(self.model.sequence) - (self.first * 3 - 3) < 3

    @lazy
    def at_start(self) -> bool:
        """Whether a base of the start codon is touched."""
        first, last = self.span
        begin = self.model.coding_start
        return bool(first and last) and not self.model.transcript.incomplete_start and last >= begin and first <= begin + 2

    @lazy
    def at_stop(self) -> bool:
        """Whether a base of the last codon is touched."""
        first, last = self.span
        end = self.model.coding_end
        return bool(first and last) and not self.model.transcript.incomplete_end and last >= end - 2 and first <= end

    @lazy
    def _from_cap(self) -> bytes:
        """The transcript up to the end of the coding sequence, after the change."""
        first, last = self.span
        before = self.model.transcript.bases[: self.model.coding_end]
        return before[: first - 1] + self.alt + before[last:]

    @lazy
    def _start_moved(self) -> bool:
        """Whether an insertion or deletion leaves another start codon, or another coding sequence behind it."""
        if not (self.at_start and self.resized and self.plain):
            return False
        utr, after, sequence = self.model.five_prime, self._from_cap, self.model.sequence
        if utr and after.startswith(utr) and after[len(utr) : len(utr) + 3] in self.model.code.initiators:
            return False
        return not after.endswith(sequence)

    @lazy
    def start_retained(self) -> bool:
        if not self.at_start:
            return False
        if self.resized:
            return not self._start_moved
        if not self.plain:
            return True
        return self._from_cap[len(self._from_cap) - len(self.model.sequence) :][:3] in self.model.code.initiators

    @lazy
    def start_lost(self) -> bool:
        if not self.at_start:
            return False
        if self._start_moved and not (self._grows(lost=False) or self.inframe_deletion):
            return True
        utr = self.model.five_prime
        read = bool(utr) and self.plain and self.span[1] <= self.model.coding_end
        if read and self._from_cap[len(utr) : len(utr) + 3] not in self.model.code.initiators:
            return True
        if self.letters is None or self.first != 1:
            return False
        before, after = self.letters
        if not self.resized and self.start_retained and self.model.starts_whole:
            return False  # another start codon of this code; VEP, which has none, compares all amino acids of the change
        return bool(before) and after not in (b"", b"X") and not after.endswith(before) and not after.startswith(before)

    @lazy
    def _stop_moved(self) -> bool:
        """Whether an insertion or deletion leaves no stop where the last codon ended."""
        if not (self.at_stop and self.resized and self.plain and self.cds[0]):
            return False
        size = len(self.model.sequence)
        width = self.span[1] - self.span[0] + 1
        read = self.model.sequence + self.model.three_prime
        after = read[: self.cds[0] - 1] + self.alt + read[self.cds[0] - 1 + width :]
        return len(after) < size or self.model.code.letter(after[size - 3 : size]) != STOP

    @lazy
    def stop_lost(self) -> bool:
        if self.letters is None:
            return self._stop_moved
        return STOP in self.letters[0] and STOP not in self.letters[1]

    @lazy
    def stop_retained(self) -> bool:
        if self.partial or self.stop_lost:
            return False
        if self.letters is not None and self.letters[1]:
            return self._same_protein(*self.letters)
        return self.resized and self.at_stop and not self._stop_moved

    def _same_protein(self, before: bytes, after: bytes) -> bool:
        """VEP's test of whether the protein ends where it did."""
        if before == after == b"X":
            return False
        size = self.model.protein_length
        if self.first > size and after.startswith(b"*"):
            return True
        if (STOP in after and before == after[:1]) or (STOP in before and before.find(STOP) == after.find(STOP)):
            return True
        tail = len(after) - max(min(self.last, size) - self.first + 1, 0)
        if not 0 < tail < _SHORT_TAIL:
            return False
        protein = self.model.letters[:size]
        return (protein[: self.first - 1] + after + protein[max(self.last, self.first - 1) :]).startswith(protein)

    @lazy
    def stop_gained(self) -> bool:
        if self.stop_retained or self.letters is None:
            return False
        before, after = self.letters
        if self.first == 1 and after.startswith(b"*") and self.model.code.number != STANDARD and self.start_lost:
            return False  # with its start the protein is gone; VEP, which has no alternative starts, says both
        return STOP in after and STOP not in before

    @lazy
    def frameshift(self) -> bool:
        if self.partial or self.stop_retained or not self.whole:
            return False
        return (len(self.alt) - (self.cds[1] - self.cds[0] + 1)) % 3 != 0

    def _grows(self, *, lost: bool) -> bool:
        """Whether codons come in between codons that stay. `lost`: whether the start is lost by it."""
        if lost or self.frameshift or self.codons is None or self.letters is None:
            return False
        if len(self.codons[1]) <= len(self.codons[0]):
            return False
        before, after = self.letters
        if self.start_retained and after.endswith(before):
            return False
        stop = after.find(STOP)
        if 0 <= stop < len(after) - 1:
            after = after[: stop + 1]
        return after.startswith(before) or after.endswith(before)

    @lazy
    def inframe_insertion(self) -> bool:
        return self._grows(lost=self.start_lost)

    @lazy
    def inframe_deletion(self) -> bool:
        if self.partial or self.frameshift or self.codons is None:
            return False
        before, after = self.codons
        if len(after) >= len(before):
            return False
        if before.startswith(after) or before.endswith(after):
            return True
        shared = 0
        while shared < len(after) and before[shared] == after[shared]:
            shared += 1
        return before.endswith(after[shared:]) and (len(before) - len(after)) % 3 == 0

    @lazy
    def missense(self) -> bool:
        if self.letters is None or self.start_lost or self.stop_lost or self.stop_gained or self.partial or self.stop_retained:
            return False
        before, after = self.letters
        return before != after and len(before) == len(after)

    @lazy
    def synonymous(self) -> bool:
        if self.letters is None or not self.letters[0] or self.stop_retained or self.start_retained:
            return False
        before, after = self.letters
        return before == after and b"X" not in before

    @lazy
    def protein_altering(self) -> bool:
        if self.letters is None:
            return False
        before, after = self.letters
        if len(before) == len(after) or before.startswith(b"*") or after.startswith(b"*"):
            return False
        if after.startswith(before) or after.endswith(before):
            return False
        return not (self.inframe_deletion or self.start_lost or self.frameshift)

    def unknown(self, within: bool) -> bool:
        """Whether no more can be said than that the coding sequence changes. `within`: a base of it is touched."""
        if not within or (self.letters is not None and b"X" not in self.letters[0] and b"X" not in self.letters[1]):
            return False
        known = self.frameshift or self.inframe_deletion or self.protein_altering or self.start_retained
        return not (known or self.start_lost or self.stop_retained or self.stop_lost)

    def mask(self, within: bool) -> int:
        """Returns the terms. `within`: a base of the coding sequence is touched."""
        found = 0
        growing, shrinking = len(self.alt) > len(self.ref), len(self.alt) < len(self.ref)
        for bit, holds in (
            (terms.STOP_GAINED, self.stop_gained),
            (terms.FRAMESHIFT, self.resized and self.frameshift),
            (terms.STOP_LOST, self.stop_lost),
            (terms.START_LOST, self.start_lost),
            (terms.INFRAME_INSERTION, growing and self.inframe_insertion),
            (terms.INFRAME_DELETION, shrinking and self.inframe_deletion),
            (terms.MISSENSE, not self.resized and self.missense),
            (terms.PROTEIN_ALTERING, self.protein_altering),
            (terms.INCOMPLETE_TERMINAL_CODON, self.partial),
            (terms.START_RETAINED, self.start_retained),
            (terms.STOP_RETAINED, self.stop_retained),
            (terms.SYNONYMOUS, self.synonymous),
            (terms.CODING_SEQUENCE, self.unknown(within)),
        ):
            if holds:
                found |= bit
        return found

    @property
    def amino_acids(self) -> str:
        """VEP's Amino_acids: before/after, one if they are the same; empty where they are not known."""
        if self.letters is None:
            return ""
        before, after = (letters.decode() or "-" for letters in self.letters)
        return before if before == after else f"{before}/{after}"

    @property
    def shown_codons(self) -> str:
        """VEP's Codons: before/after, the changed bases upper case; empty where they are not known."""
        if self.codons is None:
            return ""
        offset = (self.cds[0] - 1) % 3
        before, after = self.codons
        return f"{_shown(before, offset, len(self.ref))}/{_shown(after, offset, len(self.alt))}"


def _shown(codons: bytes, offset: int, size: int) -> str:
    text = codons.decode().lower()
    return text[:offset] + text[offset : offset + size].upper() + text[offset + size :] or "-"
