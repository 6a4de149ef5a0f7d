"""What is said of alleles: an entry of INFO/CSQ for each transcript near them, and flat tags of the one that is picked."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from app.engine.bundles.manifest import MITOCHONDRIAL, Bundle, Contig
from app.engine.bundles.sequence import Sequence
from app.engine.bundles.transcripts import Transcripts
from app.engine.consequence import csq, hgvs, terms
from app.engine.consequence.allele import Allele, allele
from app.engine.consequence.caller import Consequence, consequence, depends_on_spelling
from app.engine.consequence.pick import pick
from app.engine.reading.records import Key

_ACCESSION = re.compile(r"N[CTWG]_\d+\.\d+").fullmatch
_SPELLING = "spelling"


@dataclass(frozen=True, slots=True)
class Answer:
    """The consequence that stands for an allele, and the text of the tags that say it and all others."""

    term: str
    impact: str
    gene: str
    tags: bytes  # each with a semicolon before it


SILENT = Answer("", "", "", b"")
"""Of alleles of which nothing can be said."""


class _Reference:
    """A contig as its alleles are named."""

    def __init__(self, contig: Contig, sequence: Sequence) -> None:
        names = (contig.name, *contig.aliases)
        self.name = contig.name
        self.bases = memoryview(sequence.view(contig.name))  # type: ignore[arg-type]
        self.accession = next(filter(_ACCESSION, names), contig.name)
        self.numbering = "m" if MITOCHONDRIAL.intersection(names) else "g"


class Answers:
    """The consequences of a bundle's transcripts. `distance`: bases of upstream and downstream instead of the bundle's own.

    Raises BundleError if the bundle's parts cannot be used.
    """

    def __init__(self, bundle: Bundle, distance: int | None = None) -> None:
        self._transcripts = Transcripts.open(bundle.path(bundle.transcripts))
        self._sequence = Sequence.open(bundle.path(bundle.sequence))
        self._distance = bundle.distance if distance is None else distance
        self._contigs = {contig.name: contig for contig in bundle.contigs}
        self._references: dict[str, _Reference] = {}

    def of(self, contig: str, keys: Iterable[Key]) -> dict[Key, Answer]:
        """What is said of each of these alleles of a contig, given by position, REF and ALT as the file spells them."""
        reference = self._reference(contig)
        alleles = {key: allele(int(key[0]), key[1], key[2], reference.bases) for key in keys}
        near = self._near(contig, list(alleles.values()))
        return {key: self._answer(one, reference, rows) for (key, one), rows in zip(alleles.items(), near, strict=True)}

    def _reference(self, contig: str) -> _Reference:
        if contig not in self._references:
            self._references[contig] = _Reference(self._contigs[contig], self._sequence)
        return self._references[contig]

    def _near(self, contig: str, alleles: list[Allele]) -> list[list[int]]:
        """For each allele the rows of transcripts that are near any of its places."""
        starts = np.array([one.change.start - one.run.left for one in alleles], np.int64)
        ends = np.array([one.change.end + one.run.right for one in alleles], np.int64)
        near: list[list[int]] = [[] for _ in alleles]
        pairs = self._transcripts.overlapping(contig, starts, ends, self._distance)
        for index, row in zip(*(column.tolist() for column in pairs), strict=True):
            near[index].append(row)
        return near

    def _answer(self, one: Allele, reference: _Reference, rows: list[int]) -> Answer:
        transcripts = [self._transcripts[row] for row in rows]
        called = (consequence(transcript, one, reference.bases, self._distance) for transcript in transcripts)
        found = [said for said in called if said is not None]
        flagged = any(depends_on_spelling(transcript, one, self._distance) for transcript in transcripts)
        named = hgvs.genomic(one, reference.bases, reference.numbering)
        hgvsg = csq.escaped(f"{reference.name}:{named}") if named else ""
        entries = [csq.entry(said, one, 1, hgvsg) for said in found] or [csq.intergenic(one, 1, hgvsg)]
        return _told(pick(found), f"{reference.accession}:{named}" if named else "", _SPELLING if flagged else "", entries)


def _told(picked: Consequence | None, hgvsg: str, flag: str, entries: list[str]) -> Answer:
    mask = picked.mask if picked else terms.INTERGENIC
    term, impact = terms.names(mask)[0], terms.impact(mask)
    gene = csq.escaped(picked.transcript.symbol or picked.transcript.gene) if picked else ""
    tags = (
        ("GAS_CSQ", term),
        ("GAS_IMPACT", impact),
        ("GAS_GENE", gene),
        ("GAS_TRANSCRIPT", picked.transcript.identifier if picked else ""),
        ("GAS_HGVSC", picked.hgvsc if picked else ""),
        ("GAS_HGVSP", picked.hgvsp if picked else ""),
        ("GAS_HGVSG", hgvsg),
        ("GAS_FLAG", flag),
        ("CSQ", ",".join(entries)),
    )
    return Answer(term, impact, gene, "".join([f";{tag}={value}" for tag, value in tags if value]).encode())
