"""Plain substitutions of a bundle's contig, many at once: consequences in columns, their text put together from few pieces.

What takes more than a few lookups is left to the caller of consequences. The text is what `csq.entry` makes of what the caller
says, put together from the labels of transcripts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.engine.bundles.layout import Flags
from app.engine.bundles.transcripts import Transcripts
from app.engine.consequence import columns, csq, hgvs, terms
from app.engine.consequence.allele import NOWHERE, Allele, Change
from app.engine.consequence.caller import Consequence
from app.engine.consequence.genetic_code import CODONS
from app.engine.consequence.labels import Labels
from app.engine.consequence.pick import ranked

Array = NDArray[Any]
Called = Callable[[int, int], Consequence | None]
"""Of a row of the transcripts and the index of a substitution."""

_CODONS = [codon.decode().lower() for codon in CODONS]
_IRREGULAR, _INCOMPLETE_START = np.uint16(Flags.IRREGULAR), np.uint16(Flags.INCOMPLETE_START)
_READ = (
    *("left", "mask", "exon", "intron", "exons", "cdna", "cds", "protein", "cdna_length", "cds_length"),
    *("protein_length", "codons", "letters", "number", "behind", "offset"),
)
_KIND_BITS = 16  # of different masks in a block
_BESIDE = csq.between("BIOTYPE", "DISTANCE", ALLELE_NUM="1")
_INTRONIC = csq.between("HGVSc", "DISTANCE", ALLELE_NUM="1")
_WITHIN = csq.between("Codons", "DISTANCE", ALLELE_NUM="1")
_OTHER = dict(zip(b"ACGT", "TGCA", strict=True))


class _ByRow:
    """A property of transcripts that is worked out for the rows that are asked for, so that no memory grows with the genome."""

    def __init__(self, column: Array, wanted: int, *, bit: bool = False) -> None:
        self._column, self._wanted, self._bit = column, wanted, bit

    def __getitem__(self, rows: Array) -> Array:
        values = self._column[rows]
        return (values & self._wanted) != 0 if self._bit else values == self._wanted


@lru_cache(maxsize=4)
def _models(of: Transcripts) -> columns.TranscriptArrays:
    biotypes, flags = of.columns["biotypes"], of.flags
    by_row: dict[str, Any] = {
        "incomplete_starts": _ByRow(flags, int(_INCOMPLETE_START), bit=True),
        "protein_coding": _ByRow(biotypes, of.text.find("protein_coding")),
        "nmd": _ByRow(biotypes, of.text.find("nonsense_mediated_decay")),
        "odd": _ByRow(flags, int(_IRREGULAR), bit=True),
    }
    arrays = {field.name: getattr(of, field.name) for field in fields(columns.TranscriptArrays) if field.name not in by_row}
    return columns.TranscriptArrays(**arrays, **by_row)


class Said(NamedTuple):
    """What a substitution does to a transcript: the row, the terms, the entry of CSQ, and what the flat tags take of it.

    Of those of one allele, in the order of their rows, the least is the one that stands for all.
    """

    order: int
    row: int
    mask: int
    entry: str
    hgvsc: str = ""
    hgvsp: str = ""
    protein: str = ""
    coding: int = 0  # the first numbers of `hgvsc` and `hgvsp`
    residue: int = 0


_said = partial(tuple.__new__, Said)  # a third of the time that naming the fields takes


@dataclass(frozen=True)
class Plain:
    """Substitutions of a contig: positions from 1, `refs` and `alts` a letter of ACGT each, `names` with escaped HGVS names."""

    positions: Array
    refs: bytes
    alts: bytes
    names: Sequence[str]


@dataclass(frozen=True)
class Pairs:
    """Pairs of a substitution (`which`, ascending) and a transcript (`rows`, ascending for each) that are near each other.

    `simple`: of which an entry says a number or two of its own, for the pair is beside the transcript, or in an intron and
    nothing else. `kinds`: for two simple pairs the same number, if what is `said` is all that differs in their entries: the
    distance, or the intron and the name. `names`: HGVSc without the reference; empty beside a transcript.
    """

    which: Array
    rows: Array
    found: columns.Columns
    simple: Array
    kinds: list[int]
    said: list[int | str]
    names: list[str]

    def taken(self, pairs: Array) -> "Pairs":
        """Some of them."""
        which, rows, simple = self.which[pairs], self.rows[pairs], self.simple[pairs]
        kinds, said, names = ([column[pair] for pair in pairs.tolist()] for column in (self.kinds, self.said, self.names))
        return Pairs(which, rows, columns.taken(self.found, pairs), simple, kinds, said, names)


class Substitutions:
    """Asks the columns about pairs of a substitution and a transcript."""

    def __init__(self, transcripts: Transcripts, labels: Labels) -> None:
        self._labels, self._models = labels, _models(transcripts)

    def pairs(self, these: Plain, which: Array, rows: Array, distance: int) -> Pairs:
        """Returns those of the pairs that are near enough for something to be said of them.

        `which`: of the substitutions; `rows`: of the transcripts, each at most `distance` bases away.
        """
        bases = np.frombuffer(these.alts, np.uint8)[which]
        found = columns.substitutions(self._models, rows, these.positions[which], bases, distance)
        self._labels.prepare(rows)
        near = np.flatnonzero(found.left | (found.mask != 0))
        if len(near) < len(rows):
            found, which, rows = columns.taken(found, near), which[near], rows[near]
        intronic = ~found.left & (found.exon == 0) & (found.intron > 0) & (found.distance < 0)
        simple = intronic | (~found.left & (found.distance >= 0))
        _, masks = np.unique(found.mask, return_inverse=True)
        kinds = (rows.astype(np.int64) << _KIND_BITS | masks).tolist()
        said: list[int | str] = found.distance.tolist()
        names = [""] * len(said)
        at = np.flatnonzero(intronic)
        values = rows, which, found.intron, found.exons, found.number, found.behind, found.offset, self._models.strands[rows]
        refs, alts, labels = these.refs, these.alts, self._labels
        for pair, row, index, intron, exons, number, behind, offset, strand in zip(
            at.tolist(), *(column[at].tolist() for column in values), strict=True
        ):
            base, alt = refs[index], alts[index]
            change = f"{base:c}>{alt:c}" if strand > 0 else f"{_OTHER[base]}>{_OTHER[alt]}"
            label = labels[row]
            name = names[pair] = f"{label.numbering}{'*' if behind else ''}{number}{offset:+d}{change}"
            said[pair] = f"{intron}/{exons - 1}|{label.identifier}:{name}"
        return Pairs(which, rows, found, simple, kinds, said, names)

    def around(self, pairs: Pairs, pair: int) -> tuple[str, str]:
        """Returns what an entry of a simple pair has between the allele and what is `said`, and between that and HGVSg."""
        label = self._labels[int(pairs.rows[pair])]
        before, behind = f"{csq.worded(int(pairs.found.mask[pair]))}{label.before}", f"{label.middle}SNV|{label.behind}||"
        return (f"{before}||", f"{_INTRONIC}{behind}") if pairs.names[pair] else (f"{before}{_BESIDE}", behind)

    def said(self, these: Plain, pairs: Pairs, called: Called) -> list[Said | None]:
        """Returns what is to be said of each pair; None of one that is too far away. `called`: the caller."""
        parts: dict[int, tuple[int, str, str]] = {}
        masks, numbers = pairs.found.mask.tolist(), pairs.found.number.tolist()
        full = self._full(pairs.found, np.flatnonzero(~pairs.simple), pairs.rows, pairs.which, these, called)
        out: list[Said | None] = []
        for pair, (index, row, simple, kind, said) in enumerate(
            zip(pairs.which.tolist(), pairs.rows.tolist(), pairs.simple.tolist(), pairs.kinds, pairs.said, strict=True)
        ):
            if not simple:
                out.append(next(full))
                continue
            if kind not in parts:
                parts[kind] = self._labels[row].order + ranked(masks[pair]), *self.around(pairs, pair)
            order, before, behind = parts[kind]
            text = f"{these.alts[index]:c}{before}{said}{behind}{these.names[index]}"
            name = pairs.names[pair]
            out.append(_said((order, row, masks[pair], text, name, "", "", numbers[pair] if name else 0, 0)))
        return out

    def _full(self, found: columns.Columns, pairs: Array, rows: Array, which: Array, these: Plain, called: Called) -> Any:
        """The same of the other pairs."""
        values = zip(*(getattr(found, name)[pairs].tolist() for name in _READ), strict=True)
        strands = self._models.strands[rows[pairs]].tolist()
        for row, index, strand, value in zip(rows[pairs].tolist(), which[pairs].tolist(), strands, values, strict=True):
            ref, alt = these.refs[index], these.alts[index]
            if not value[0]:
                yield self._within(row, ref, alt, strand, these.names[index], *value[1:])
                continue
            consequence = called(row, index)
            if consequence is None:
                yield None
                continue
            entry = csq.entry(consequence, _allele(alt), 1, these.names[index])
            order = self._labels[row].order + ranked(consequence.mask)
            names = consequence.hgvsc, consequence.hgvsp
            numbers = map(hgvs.first_number, names)
            yield Said(order, row, consequence.mask, entry, *names, consequence.protein, *numbers)

    def _within(
        self, row: int, ref: int, alt: int, strand: int, hgvsg: str,
        mask: int, exon: int, intron: int, exons: int, cdna: int, cds: int, protein: int,
        cdna_length: int, cds_length: int, protein_length: int, codons: list[int], letters: list[int],
        number: int, behind: bool, offset: int,
    ) -> Said | None:  # fmt: skip
        """What is said of a substitution within a transcript."""
        if not mask:
            return None
        head, middle, tail, identifier, protein_name, _, _, start, order = self._labels[row]
        change = f"{ref:c}>{alt:c}" if strand > 0 else f"{_OTHER[ref]}>{_OTHER[alt]}"
        hgvsc = f"{start}{'*' if behind else ''}{number}{f'{offset:+d}' if offset else ''}{change}"
        exon_number = f"{exon}/{exons}" if exon else ""
        intron_number = f"{intron}/{exons - 1}" if intron else ""
        place = f"{cdna}/{cdna_length}" if cdna else ""
        place = f"{place}|{cds}/{cds_length}" if cds else f"{place}|"
        position = f"{protein}/{protein_length}" if protein else ""
        acids = changed = hgvsp = named = ""
        if codons[0] != columns.NO_CODON:
            old, new = letters
            acids = chr(old) if old == new else f"{old:c}/{new:c}"
            changed = _codons(codons[0], codons[1], (cds - 1) % 3)
            hgvsp = hgvs.substituted(old, new, protein, bool(mask & terms.START_LOST))
            named = f"{protein_name}:{csq.escaped(hgvsp)}"
        entry = (
            f"{alt:c}{csq.worded(mask)}{head}|{exon_number}|{intron_number}|{identifier}:{hgvsc}|{named}|{place}|{position}|"
            f"{acids}|{changed}{_WITHIN}{middle}SNV|{tail}||{hgvsg}"
        )
        residue = hgvs.first_number(hgvsp) if mask & terms.START_LOST else protein if hgvsp else 0
        return _said((order + ranked(mask), row, mask, entry, hgvsc, hgvsp, position, number, residue))


@lru_cache(maxsize=4)
def _allele(alt: int) -> Allele:
    return Allele(Change(1, b"N", bytes((alt,))), NOWHERE, chr(alt), "SNV")


@lru_cache(maxsize=4096)
def _codons(before: int, after: int, within: int) -> str:
    """Two codons as VEP writes them: the base that differs in upper case."""
    old, new = _CODONS[before], _CODONS[after]
    return f"{old[:within]}{old[within].upper()}{old[within + 1 :]}/{new[:within]}{new[within].upper()}{new[within + 1 :]}"
