"""Names of changed proteins of the mitochondrion, judged by translating each gene anew, as a whole.

The caller looks at the codons that a change touches. Here the whole gene is changed and read to its end, and the two proteins are
compared; what they differ in is named by HGVS' rules for proteins.
"""

from collections.abc import Iterator

import pytest

from app.engine.consequence import terms
from app.engine.consequence.allele import allele
from app.engine.consequence.caller import consequence
from app.engine.consequence.hgvs import three
from app.engine.consequence.transcript import Transcript
from tests.support.mitochondrion import COMPLEMENT, CONTIG, LETTERS, MODELS

SIZES = 1, 2, 3, 6
AWAY = 6  # bases: the first and the last two codons are not judged here
PROTEINS = [model for model in MODELS if model.coding_start]


def gene_after(model: Transcript, position: int, ref: bytes, alt: bytes) -> str:
    """The gene of one exon after a change that begins at `position`, in its own direction."""
    bases = CONTIG[model.start - 1 : position - 1] + alt + CONTIG[position - 1 + len(ref) : model.end]
    text = bases.decode()
    return text if model.strand > 0 else text.translate(COMPLEMENT)[::-1]


def protein_of(bases: str, completed: bool) -> str:
    """The protein with its stop. `completed`: A's are put on to the end of the gene, which has T or TA for a stop."""
    if completed:
        bases += "AA"
    letters = [LETTERS[bases[at : at + 3]] for at in range(0, len(bases) - 2, 3)]
    text = "M" + "".join(letters[1:])
    stop = text.find("*")
    return text if stop < 0 else text[: stop + 1]


def named(before: str, after: str, shifted: bool) -> str:
    """What two proteins differ in; a start is not touched, and the stop only by what is put in before it."""
    first = 0
    while first < min(len(before), len(after)) and before[first] == after[first]:
        first += 1

    def place(index: int) -> str:
        return f"{three(before[index].encode())}{index + 1}"

    if before == after:
        return f"p.{place(len(before) - 1)}="
    if shifted:
        if first == len(after):
            return f"p.{place(first)}fsTer?"
        new = three(after[first].encode())
        stop = len(after) - first if after.endswith("*") else "?"
        if before[first] == "*":
            return f"p.{place(first)}{new}extTer{'?' if stop == '?' else stop - 1}"
        return f"p.{place(first)}{new}" + ("" if new == "Ter" else f"fsTer{stop}")
    last_before, last_after = len(before), len(after)
    while last_before > first and last_after > first and before[last_before - 1] == after[last_after - 1]:
        last_before, last_after = last_before - 1, last_after - 1
    new = after[first:last_after]
    span = place(first) if last_before - first == 1 else f"{place(first)}_{place(last_before - 1)}"
    if not new:
        return f"p.{span}del"
    if last_before > first:
        return (
            f"p.{span}{three(new.encode())}" if last_before - first == len(new) == 1 else f"p.{span}delins{three(new.encode())}"
        )
    if before[first - len(new) : first] == new:
        begin = first - len(new)
        return f"p.{place(begin)}dup" if len(new) == 1 else f"p.{place(begin)}_{place(first - 1)}dup"
    return f"p.{place(first - 1)}_{place(first)}ins{three(new.encode())}"


def changes(model: Transcript, step: int) -> Iterator[tuple[int, bytes, bytes]]:
    """Deletions, duplications and insertions within a gene."""
    for position in range(model.start + AWAY, model.end - 2 * AWAY, step):
        for size in SIZES:
            ref = CONTIG[position - 1 : position - 1 + size]
            yield position, ref, b""
            yield position, b"", ref
            yield position, b"", b"GATTAC"[:size]


def wrong(model: Transcript, step: int) -> tuple[set[tuple[int, bytes, bytes]], list[tuple[object, ...]]]:
    """Classes of changes that were judged, each by its leftmost spelling, and those that were named otherwise."""
    judged: set[tuple[int, bytes, bytes]] = set()
    found: list[tuple[object, ...]] = []
    completed = (model.end - model.start + 1) % 3 > 0
    whole = protein_of(gene_after(model, model.start, b"", b""), completed)
    for position, ref, alt in changes(model, step):
        anchor = CONTIG[position - 2 : position - 1]
        one = allele(position - 1, anchor + ref, anchor + alt, CONTIG)
        key = (one.leftmost.start, one.leftmost.ref, one.leftmost.alt)
        edges = one.leftmost.start, one.change.end + one.run.right
        if key in judged or edges[0] < model.start + AWAY or edges[1] > model.end - AWAY:
            continue
        shifted = (len(ref) - len(alt)) % 3 != 0
        after = protein_of(gene_after(model, position, ref, alt), completed)
        if not shifted and len(whole) - len(after) != (len(ref) - len(alt)) // 3:
            continue  # the change itself brings a stop
        judged.add(key)
        called = consequence(model, one, CONTIG)
        assert called is not None
        expected = named(whole, after, shifted)
        if called.hgvsp != expected or bool(called.mask & terms.FRAMESHIFT) is not shifted:
            found.append((model.symbol, *key, called.hgvsp, expected, terms.text(called.mask)))
    return judged, found


def test_a_sample_of_changes_of_every_protein() -> None:
    found = [row for model in PROTEINS for row in wrong(model, 97)[1]]
    assert found == []


@pytest.mark.night
def test_changes_at_every_fifth_base_of_every_protein() -> None:
    judged, found = 0, []
    for model in PROTEINS:
        classes, others = wrong(model, 5)
        judged, found = judged + len(classes), found + others
    assert found == []
    assert judged > 20_000
