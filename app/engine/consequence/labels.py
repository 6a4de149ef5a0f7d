"""What the text of an entry, and the choice of one, take of a transcript: read of many transcripts at once, and remembered.

The texts and numbers are those that `csq.entry` and `pick.order` make of a transcript that is decoded whole, which takes ten
times as long.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from app.engine.bundles.layout import Flags
from app.engine.bundles.transcripts import Ints, Transcripts
from app.engine.consequence import csq, pick
from app.engine.consequence.caller import FLAGS

_KEPT = 20_000
_INCOMPLETE_START, _INCOMPLETE_END, _CANONICAL = (
    int(flag) for flag in (Flags.INCOMPLETE_START, Flags.INCOMPLETE_END, Flags.CANONICAL)
)


class Label(NamedTuple):
    """What is said of one transcript whatever an allele does to it."""

    before: str  # SYMBOL to BIOTYPE
    middle: str  # STRAND and FLAGS, with the bars around them
    behind: str  # SYMBOL_SOURCE to SOURCE
    identifier: str
    protein: str  # the name before the colon of HGVSp
    gene: str  # symbol or identifier, escaped
    flat: str  # the flat tags of the gene and the transcript, a semicolon before each
    numbering: str  # what its HGVS names begin with
    order: int  # of `pick.order`, without the terms


@lru_cache(maxsize=4)
def labels(transcripts: Transcripts) -> "Labels":
    """Returns the labels of a bundle's transcripts, which all who ask in this process share."""
    return Labels(transcripts)


class Labels(dict[int, Label]):
    """Labels by row of a bundle's transcripts."""

    def __init__(self, transcripts: Transcripts) -> None:
        super().__init__()
        self._transcripts = transcripts

    def __missing__(self, row: int) -> Label:
        self.prepare(np.array([row]))
        return self[row]

    def prepare(self, rows: Ints) -> None:
        """Reads what is not remembered of these rows; all of them are remembered until the next call."""
        wanted = np.unique(rows).tolist()
        new = [row for row in wanted if row not in self]
        if len(self) + len(new) > _KEPT:
            self.clear()
            new = wanted
        if new:
            self.update(zip(new, self._read(np.array(new)), strict=True))

    def _read(self, rows: Ints) -> list[Label]:
        of = self._transcripts
        numbers = {name: column[rows].tolist() for name, column in of.columns.items()}
        numbers["gene_identifiers"] = of.genes.identifiers[numbers["genes"]].tolist()
        whole = (of.spliced_offsets[rows + 1] - of.spliced_offsets[rows]).tolist()

        def texts(name: str, make: Callable[[str], str] = str) -> list[str]:
            made = {index: make(of.text.encoded(index).decode()) for index in set(numbers[name])}
            return [made[index] for index in numbers[name]]

        symbols, sources, hgncs = (texts(name, csq.escaped) for name in ("symbols", "symbol_sources", "hgncs"))
        names, genes, proteins = texts("identifiers"), texts("gene_identifiers"), texts("proteins")
        others = texts("biotypes"), texts("appris"), texts("mane_selects"), texts("mane_plus_clinicals"), texts("sources")
        keys = ("flags", "strands", "coding_starts", "coding_ends", "phases", "levels", "ccds")
        found = []
        for symbol, symbol_source, hgnc, name, gene, protein, biotype, appris, mane, mane_plus, source, length, *rest in zip(
            symbols, sources, hgncs, names, genes, proteins, *others, whole, *(numbers[key] for key in keys), strict=True
        ):
            flags, strand, first, last, phase, level, ccds = rest
            canonical = flags & _CANONICAL > 0
            incomplete = flags & _INCOMPLETE_START > 0, flags & _INCOMPLETE_END > 0
            shown = symbol or csq.escaped(gene)
            tags = (("GAS_GENE", shown), ("GAS_TRANSCRIPT", name))
            before = pick.preference(mane != "", mane_plus != "", canonical, ccds > 0, appris, level, biotype)
            found.append(
                Label(
                    before=csq.before(symbol, gene, name, biotype),
                    middle=f"|{strand}|{FLAGS[incomplete]}|",
                    behind=csq.behind(symbol_source, hgnc, canonical, mane, mane_plus, source),
                    identifier=name,
                    protein=csq.escaped(protein or name),
                    gene=shown,
                    flat="".join([f";{tag}={value}" for tag, value in tags if value]),
                    numbering="c." if first else "n.",
                    order=pick.unranked(before, phase + last - first + 1 if first else length),
                )
            )
        return found
