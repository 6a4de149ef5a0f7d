"""What is said of alleles: an entry of INFO/CSQ for each transcript near them, and flat tags of the one that is picked."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from app.engine.bundles.manifest import MITOCHONDRIAL, Bundle, Contig
from app.engine.bundles.sequence import Sequence
from app.engine.bundles.transcripts import Transcripts
from app.engine.consequence import csq, hgvs, terms
from app.engine.consequence.allele import NOWHERE, Allele, Change, allele
from app.engine.consequence.caller import Consequence, consequence, depends_on_spelling
from app.engine.consequence.codons import Touched, extent, row_of, touched
from app.engine.consequence.pick import pick
from app.engine.consequence.spliced import spliced
from app.engine.consequence.structural_alleles import consequences
from app.engine.consequence.substitutions import Substitutions
from app.engine.reading.contigs import ContigNames
from app.engine.reading.records import Key

_ACCESSION = re.compile(r"N[CTWG]_\d+\.\d+").fullmatch
SPELLING = "spelling"
"""Word of GAS_FLAG: another spelling of the allele has other terms."""

_WITHIN = ~(terms.UPSTREAM | terms.DOWNSTREAM)
_BASES = frozenset({b"A", b"C", b"G", b"T"})


@dataclass(frozen=True, slots=True)
class AlleleAnnotation:
    """The consequence that stands for an allele, and the text of the tags that say it and all others."""

    term: str
    impact: str
    gene: str
    tags: bytes  # each with a semicolon before it
    touched: Touched
    flagged: bool = False


SILENT = AlleleAnnotation("", "", "", b"", Touched(0, 0))
"""Of alleles of which nothing can be said."""


class _Reference:
    """A contig as its alleles are named."""

    def __init__(self, contig: Contig, sequence: Sequence) -> None:
        names = (contig.name, *contig.aliases)
        self.name = contig.name
        self.bases = memoryview(sequence.view(contig.name))  # type: ignore[arg-type]
        self.accession = next(filter(_ACCESSION, names), contig.name)
        self.numbering = "m" if MITOCHONDRIAL.intersection(names) else "g"


class AlleleAnnotator:
    """The consequences of a bundle's transcripts. `distance`: bases of upstream and downstream instead of the bundle's own.

    Raises BundleError if the bundle's parts cannot be used.
    """

    def __init__(self, bundle: Bundle, distance: int | None = None) -> None:
        self._transcripts = Transcripts.open(bundle.path(bundle.transcripts))
        self._columns = Substitutions(self._transcripts)
        self._sequence = Sequence.open(bundle.path(bundle.sequence))
        self._distance = bundle.distance if distance is None else distance
        self._contigs = {contig.name: contig for contig in bundle.contigs}
        self._references: dict[str, _Reference] = {}
        self._names = ContigNames(bundle, {})

    def of(self, contig: str, keys: Iterable[Key]) -> dict[Key, AlleleAnnotation]:
        """What is said of each of these alleles of a contig, given by position, REF and ALT as the file spells them."""
        reference = self._reference(contig)
        plain: list[Key] = []
        others: list[Key] = []
        large = [key for key in keys if len(key) > 3]
        for key in keys:
            if len(key) == 3:
                (plain if key[1] in _BASES and key[2] in _BASES else others).append(key)
        found = {**self._substitutions(contig, reference, plain), **self._others(contig, reference, others)}
        return found | {key: self._structural(contig, reference, key) for key in large}

    def _structural(self, contig: str, reference: _Reference, key: Key) -> AlleleAnnotation:
        found, variant, genes, left_out = consequences(self._transcripts, contig, key, self._distance, self._contig_of)
        counted = b";GAS_GENES=%d;GAS_GENES_LEFT_OUT=%d" % (genes, left_out) if left_out else b""
        said = _told(variant.allele, reference, "", found)
        return replace(said, tags=said.tags + counted)

    def _contig_of(self, name: bytes) -> str | None:
        found = self._names.find(name)
        return found.name if found else None

    def extent(self, codon: int) -> tuple[int, int]:
        """Returns the first and the last position of the bases of a codon, as `Touched` names it."""
        return extent(spliced(self._transcripts[row_of(codon)]), codon)

    def _substitutions(self, contig: str, reference: _Reference, keys: list[Key]) -> dict[Key, AlleleAnnotation]:
        """Of plain substitutions, of which the columns know most."""
        positions = np.array([int(key[0]) for key in keys], np.int64)
        alleles = [
            Allele(Change(position, key[1], key[2]), NOWHERE, key[2].decode(), "SNV")
            for key, position in zip(keys, positions.tolist(), strict=True)
        ]
        which, rows = self._transcripts.overlapping(contig, positions, positions, self._distance)
        refs, alts = (b"".join([keys[index][part] for index in which.tolist()]) for part in (1, 2))
        called = self._columns.called(rows, positions[which], refs, alts, self._distance)
        found: list[list[Consequence]] = [[] for _ in keys]
        for index, row, known in zip(which.tolist(), rows.tolist(), called, strict=True):
            said = known or consequence(self._transcripts[row], alleles[index], reference.bases, self._distance)
            if said is not None:
                found[index].append(said)
        return {
            key: _told(one, reference, f"{reference.numbering}.{one.change.start}{key[1].decode()}>{one.text}", said)
            for key, one, said in zip(keys, alleles, found, strict=True)
        }

    def _others(self, contig: str, reference: _Reference, keys: list[Key]) -> dict[Key, AlleleAnnotation]:
        alleles = [allele(int(position), ref, alt, reference.bases) for position, ref, alt in keys]
        near = self._near(contig, alleles)
        return {key: self._answer(one, reference, rows) for key, one, rows in zip(keys, alleles, near, strict=True)}

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

    def _answer(self, one: Allele, reference: _Reference, rows: list[int]) -> AlleleAnnotation:
        transcripts = [self._transcripts[row] for row in rows]
        called = (consequence(transcript, one, reference.bases, self._distance) for transcript in transcripts)
        found = [said for said in called if said is not None]
        flagged = any(depends_on_spelling(transcript, one, self._distance) for transcript in transcripts)
        named = hgvs.genomic(one, reference.bases, reference.numbering)
        return _told(one, reference, named, found, flagged=flagged)


def _told(one: Allele, reference: _Reference, named: str, found: list[Consequence], *, flagged: bool = False) -> AlleleAnnotation:
    """`named`: the HGVS name of the allele on its contig."""
    hgvsg = csq.escaped(f"{reference.name}:{named}") if named else ""
    entries = [csq.entry(said, one, 1, hgvsg) for said in found] or [csq.intergenic(one, 1, hgvsg)]
    picked = pick(found)
    mask = picked.mask if picked else terms.INTERGENIC
    term, impact = terms.names(mask)[0], terms.impact(mask)
    gene = csq.escaped(picked.transcript.symbol or picked.transcript.gene) if picked else ""
    others = dict.fromkeys(said.transcript.symbol or said.transcript.gene for said in found if said.mask & _WITHIN)
    others.pop(picked.transcript.symbol or picked.transcript.gene if picked else "", None)
    tags = (
        ("GAS_CSQ", term),
        ("GAS_IMPACT", impact),
        ("GAS_GENE", gene),
        ("GAS_OTHER_GENES", ",".join(map(csq.escaped, filter(None, others)))),
        ("GAS_TRANSCRIPT", picked.transcript.identifier if picked else ""),
        ("GAS_HGVSC", picked.hgvsc if picked else ""),
        ("GAS_HGVSP", picked.hgvsp if picked else ""),
        ("GAS_HGVSG", f"{reference.accession}:{named}" if named else ""),
        ("GAS_FLAG", SPELLING if flagged else ""),
        ("CSQ", ",".join(entries)),
    )
    text = "".join([f";{tag}={value}" for tag, value in tags if value]).encode()
    return AlleleAnnotation(term, impact, gene, text, touched(one.change, found), flagged)
