"""What is said of alleles: an entry of INFO/CSQ for each transcript near them, and flat tags of the one that is picked."""

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import repeat
from typing import NamedTuple

import numpy as np

from app.engine.bundles.manifest import MITOCHONDRIAL, Bundle, Contig
from app.engine.bundles.sequence import Sequence
from app.engine.bundles.transcripts import Ints, Transcripts
from app.engine.consequence import csq, hgvs, terms
from app.engine.consequence.allele import NOWHERE, Allele, Change, allele
from app.engine.consequence.caller import Consequence, consequence, depends_on_spelling
from app.engine.consequence.codons import Touched, extent, row_of, touched
from app.engine.consequence.pick import pick
from app.engine.consequence.spliced import spliced
from app.engine.consequence.structural_alleles import consequences
from app.engine.consequence.substitutions import Plain, Said, Substitutions
from app.engine.reading.allele_batch import Key
from app.engine.reading.contigs import ContigNames

_ACCESSION = re.compile(r"N[CTWG]_\d+\.\d+").fullmatch
SPELLING = "spelling"
"""Word of GAS_FLAG: another spelling of the allele has other terms."""

MOST_ENTRIES = 2000
"""Of one allele, for an estimate: of those that overlap more transcripts most have an entry a gene."""

_NOWHERE = "intergenic_variant"
_INTERGENIC = csq.intergenic(Allele(Change(1, b"N", b"N"), NOWHERE, "", "SNV"), 1, "")
"""An entry of a substitution, without the letter that it begins with and the name that it ends with."""

_KEPT = 50_000
_WITHIN = ~(terms.UPSTREAM | terms.DOWNSTREAM)
_BASES = frozenset({b"A", b"C", b"G", b"T"})


class AlleleAnnotation(NamedTuple):
    """The consequence that stands for an allele, and the text of the tags that say it and all others."""

    term: str
    impact: str
    gene: str
    tags: bytes  # each with a semicolon before it
    touched: Touched
    flagged: bool = False


_NOTHING = Touched(0, 0)  # of alleles that change no codon, and are asked for nothing else
SILENT = AlleleAnnotation("", "", "", b"", _NOTHING)
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
        self._flat = lru_cache(_KEPT)(self._flattened)
        self._gene = lru_cache(_KEPT)(self._named_gene)

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

    def entries(self, contig: str, starts: list[int], ends: list[int]) -> Ints:
        """Returns for alleles (0-based, half-open) a number of entries that INFO/CSQ of each does not exceed by much."""
        at_most = self._transcripts.at_most(contig, np.array(starts, np.int64) + 1, np.array(ends, np.int64), self._distance)
        return np.minimum(at_most, MOST_ENTRIES) + 1

    def _structural(self, contig: str, reference: _Reference, key: Key) -> AlleleAnnotation:
        found, variant, genes, left_out = consequences(self._transcripts, contig, key, self._distance, self._contig_of)
        counted = b";GAS_GENES=%d;GAS_GENES_LEFT_OUT=%d" % (genes, left_out) if left_out else b""
        said = self._told(variant.allele, reference, "", found)
        return said._replace(tags=said.tags + counted)

    def _contig_of(self, name: bytes) -> str | None:
        found = self._names.find(name)
        return found.name if found else None

    def extent(self, codon: int) -> tuple[int, int]:
        """Returns the first and the last position of the bases of a codon, as `Touched` names it."""
        return extent(spliced(self._transcripts[row_of(codon)]), codon)

    def _substitutions(self, contig: str, reference: _Reference, keys: list[Key]) -> dict[Key, AlleleAnnotation]:
        """Of plain substitutions, of which the columns know most."""
        if not keys:
            return {}
        places, refs, alts = map(b"\n".join, zip(*keys, strict=True))
        positions, refs, alts = np.array(places.split(b"\n"), np.int64), refs[::2], alts[::2]
        numbering, prefix = reference.numbering, csq.escaped(f"{reference.name}:{reference.numbering}.")
        changes = zip(places.decode().split("\n"), refs.decode(), alts.decode(), strict=True)
        names = [f"{place}{ref}>{alt}" for place, ref, alt in changes]
        these = Plain(positions, refs, alts, [f"{prefix}{name}" for name in names])
        which, rows = self._transcripts.overlapping(contig, positions, positions, self._distance)

        def called(row: int, index: int) -> Consequence | None:
            position, ref, alt = keys[index]
            one = Allele(Change(int(position), ref, alt), NOWHERE, alt.decode(), "SNV")
            return consequence(self._transcripts[row], one, reference.bases, self._distance)

        found: list[list[Said]] = [[]] * len(keys)
        last = -1
        for index, one in zip(which.tolist(), self._columns.said(these, which, rows, self._distance, called), strict=True):
            if one is not None:
                if index == last:
                    found[index].append(one)
                else:
                    found[index], last = [one], index
        accession = f"{reference.accession}:{numbering}."
        answers = map(self._of_plain, positions.tolist(), alts.decode(), names, these.names, found, repeat(accession))
        return dict(zip(keys, answers, strict=True))

    def _of_plain(self, position: int, alt: str, name: str, escaped: str, found: list[Said], accession: str) -> AlleleAnnotation:
        """What is said of a substitution. `name`: on its contig; `escaped`: with the contig; `accession`: before it."""
        if not found:
            tags = f";GAS_CSQ={_NOWHERE};GAS_IMPACT=MODIFIER;GAS_HGVSG={accession}{name};CSQ={alt}{_INTERGENIC}{escaped}"
            return AlleleAnnotation(_NOWHERE, "MODIFIER", "", tags.encode(), _NOTHING)
        picked = found[0] if len(found) == 1 else min(found)
        flat, term, impact, gene = self._flat(picked.row, picked.mask)
        if len(found) > 1:
            flat += self._other_genes(picked.row, [(one.row, one.mask) for one in found])
        named = f"{flat};GAS_HGVSC={picked.hgvsc}" if picked.hgvsc else flat
        if picked.hgvsp:
            named = f"{named};GAS_HGVSP={picked.hgvsp}"
        entries = found[0].entry if len(found) == 1 else ",".join([one.entry for one in found])
        codons = _NOTHING
        for one in found:
            if one.protein:
                codons = self._touched(position, found)
                break
        tags = f"{named};GAS_HGVSG={accession}{name};CSQ={entries}"
        return AlleleAnnotation(term, impact, gene, tags.encode(), codons)

    def _touched(self, position: int, found: list[Said]) -> Touched:
        transcripts = self._transcripts
        said = [Consequence(transcripts[one.row], one.mask, protein=one.protein) for one in found if one.protein]
        return touched(Change(position, b"N", b"N"), said)

    def _flattened(self, row: int, mask: int) -> tuple[str, str, str, str]:
        """The flat tags that a transcript and terms have in common for all alleles; term, impact and gene of them."""
        transcript, term, impact = self._transcripts[row], terms.names(mask)[0], terms.impact(mask)
        gene = csq.escaped(transcript.symbol or transcript.gene)
        tags = (("GAS_CSQ", term), ("GAS_IMPACT", impact), ("GAS_GENE", gene), ("GAS_TRANSCRIPT", transcript.identifier))
        return "".join([f";{tag}={value}" for tag, value in tags if value]), term, impact, gene

    def _other_genes(self, picked: int, found: list[tuple[int, int]]) -> str:
        """The tag of the genes that the allele lies in besides that of the picked transcript; `found`: transcripts and terms."""
        genes = dict.fromkeys([self._gene(row) for row, mask in found if mask & _WITHIN])
        genes.pop(self._gene(picked), None)
        named = ",".join(filter(None, genes))
        return f";GAS_OTHER_GENES={named}" if named else ""

    def _named_gene(self, row: int) -> str:
        transcript = self._transcripts[row]
        return csq.escaped(transcript.symbol or transcript.gene)

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
        found, flagged, movable = [], False, one.run.left or one.run.right
        for transcript in [self._transcripts[row] for row in rows]:
            said = consequence(transcript, one, reference.bases, self._distance)
            if said is not None:
                found.append(said)
            if movable and not flagged:
                flagged = depends_on_spelling(transcript, one, self._distance, said.mask if said else 0)
        return self._told(one, reference, hgvs.genomic(one, reference.bases, reference.numbering), found, flagged=flagged)

    def _told(
        self, one: Allele, reference: _Reference, named: str, found: list[Consequence], *, flagged: bool = False
    ) -> AlleleAnnotation:
        """`named`: the HGVS name of the allele on its contig."""
        hgvsg = csq.escaped(f"{reference.name}:{named}") if named else ""
        entries = [csq.entry(said, one, 1, hgvsg) for said in found] or [csq.intergenic(one, 1, hgvsg)]
        picked = pick(found)
        term, impact, gene = _NOWHERE, "MODIFIER", ""
        flat = f";GAS_CSQ={_NOWHERE};GAS_IMPACT=MODIFIER"
        if picked:
            flat, term, impact, gene = self._flat(picked.transcript.index, picked.mask)
            flat += self._other_genes(picked.transcript.index, [(one.transcript.index, one.mask) for one in found])
            flat += f";GAS_HGVSC={picked.hgvsc}" if picked.hgvsc else ""
            flat += f";GAS_HGVSP={picked.hgvsp}" if picked.hgvsp else ""
        flat += f";GAS_HGVSG={reference.accession}:{named}" if named else ""
        flat += f";GAS_FLAG={SPELLING}" if flagged else ""
        codons = touched(one.change, found) if any([said.protein for said in found]) else _NOTHING
        return AlleleAnnotation(term, impact, gene, f"{flat};CSQ={','.join(entries)}".encode(), codons, flagged)
