"""What is said of alleles: an entry of INFO/CSQ for each transcript near them, and flat tags of the one that is picked."""

import re
from collections.abc import Iterable
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from app.engine.bundles.layout import Flags
from app.engine.bundles.manifest import MITOCHONDRIAL, Bundle, Contig
from app.engine.bundles.sequence import Sequence
from app.engine.bundles.transcripts import Ints, Transcripts
from app.engine.consequence import csq, hgvs, terms
from app.engine.consequence.allele import NOWHERE, Allele, Change, allele
from app.engine.consequence.caller import Consequence, alike, apart, around, beside, consequence, depends_on_spelling
from app.engine.consequence.codons import Touched, extent, row_of, touched
from app.engine.consequence.labels import labels
from app.engine.consequence.pick import ranked
from app.engine.consequence.spliced import spliced
from app.engine.consequence.structural_alleles import consequences
from app.engine.consequence.substitutions import Pairs, Plain, Said, Substitutions
from app.engine.reading.allele_batch import Key
from app.engine.reading.contigs import ContigNames

_ACCESSION = re.compile(r"N[CTWG]_\d+\.\d+").fullmatch
SPELLING = "spelling"
"""Word of GAS_FLAG: another spelling of the allele has other terms."""

MOST_ENTRIES = 2000
"""Of one allele, for an estimate: of those that overlap more transcripts most have an entry a gene."""

_NOWHERE = "intergenic_variant"
_INTERGENIC_TAGS = f";GAS_CSQ={_NOWHERE};GAS_IMPACT=MODIFIER"
_INTERGENIC = csq.intergenic(Allele(Change(1, b"N", b"N"), NOWHERE, "", "SNV"), 1, "")
"""An entry of a substitution, without the letter that it begins with and the name that it ends with."""

_BESIDE = csq.between("BIOTYPE", "DISTANCE", ALLELE_NUM="1")
_WITHIN = ~(terms.UPSTREAM | terms.DOWNSTREAM)
_IRREGULAR = int(Flags.IRREGULAR)
_ORDER = itemgetter(0)  # the first of equals is picked
_BASES = frozenset({b"A", b"C", b"G", b"T"})


class AlleleAnnotation(NamedTuple):
    """The consequence that stands for an allele, and the text of the tags that say it and all others."""

    term: str
    impact: str
    gene: str
    tags: bytes  # each with a semicolon before it
    touched: Touched
    flagged: bool = False
    genes: str = ""  # that the allele lies in, with commas between them
    coding: int = 0  # the first number of its name in the transcript
    residue: int = 0  # and in the protein


_NOTHING = Touched(0, 0)  # of alleles that change no codon, and are asked for nothing else
SILENT = AlleleAnnotation("", "", "", b"", _NOTHING)
"""Of alleles of which nothing can be said."""


class _Picked(NamedTuple):
    """Of the consequence that stands for an allele: flat tags but for the name on the contig, and fields of AlleleAnnotation."""

    flat: str
    term: str
    impact: str
    gene: str
    genes: str
    coding: int
    residue: int


class _Plan(NamedTuple):
    """What substitutions have in common whose pairs with transcripts differ by a number or two.

    `flat`: the flat tags up to GAS_HGVSG, or if it is `named`, up to the value of GAS_HGVSC; `picked`: index of the pair that
    stands for all; `around`: for each pair, what is before and behind what is said of it.
    """

    flat: str
    picked: int
    named: bool
    around: list[tuple[str, str]]
    term: str
    impact: str
    gene: str
    genes: str


_PLACEHOLDER = "\0"
_NO_TRANSCRIPT = _Picked(_INTERGENIC_TAGS, _NOWHERE, "MODIFIER", "", "", 0, 0)


class _Reference:
    """A contig as its alleles are named."""

    def __init__(self, contig: Contig, sequence: Sequence) -> None:
        names = (contig.name, *contig.aliases)
        self.name = contig.name
        self.bases = memoryview(sequence.view(contig.name))  # type: ignore[arg-type]
        self.accession = next(filter(_ACCESSION, names), contig.name)
        self.numbering = "m" if MITOCHONDRIAL.intersection(names) else "g"


class _Distances(dict[str, int]):
    """Bases of upstream and downstream by contig; 0 for one that the bundle has not, which has no transcripts."""

    def __init__(self, bundle: Bundle, distance: int | None) -> None:
        for contig in bundle.contigs:
            circular = MITOCHONDRIAL.intersection((contig.name, *contig.aliases))
            self[contig.name] = distance if distance is not None else 0 if circular else bundle.distance

    def __missing__(self, contig: str) -> int:
        return 0


class AlleleAnnotator:
    """The consequences of a bundle's transcripts. `distance`: bases of upstream and downstream instead of the bundle's own,
    which does not count on the mitochondrion: its genes lie side by side, and an allele in one is not of all its neighbours.

    Raises BundleError if the bundle's parts cannot be used.
    """

    def __init__(self, bundle: Bundle, distance: int | None = None) -> None:
        self._transcripts = Transcripts.open(bundle.path(bundle.transcripts))
        self._labels = labels(self._transcripts)
        self._columns = Substitutions(self._transcripts, self._labels)
        columns = self._transcripts.starts, self._transcripts.ends, self._transcripts.strands
        self._bounds = [memoryview(column) for column in columns]  # type: ignore[arg-type]
        self._sequence = Sequence.open(bundle.path(bundle.sequence))
        self._contigs = {contig.name: contig for contig in bundle.contigs}
        self._distances = _Distances(bundle, distance)
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

    def entries(self, contig: str, starts: list[int], ends: list[int]) -> Ints:
        """Returns for alleles (0-based, half-open) a number of entries that INFO/CSQ of each does not exceed by much."""
        at_most = self._transcripts.at_most(
            contig, np.array(starts, np.int64) + 1, np.array(ends, np.int64), self._distances[contig]
        )
        return np.minimum(at_most, MOST_ENTRIES) + 1

    def _structural(self, contig: str, reference: _Reference, key: Key) -> AlleleAnnotation:
        found, variant, genes, left_out = consequences(self._transcripts, contig, key, self._distances, self._contig_of)
        counted = b";GAS_GENES=%d;GAS_GENES_LEFT_OUT=%d" % (genes, left_out) if left_out else b""
        one = variant.allele
        said = self._told(one, reference, "", "", [self._said(called, one, "") for called in found])
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
        distance = self._distances[contig]
        which, rows = self._transcripts.overlapping(contig, positions, positions, distance)
        pairs = self._columns.pairs(these, which, rows, distance)

        def called(row: int, index: int) -> Consequence | None:
            position, ref, alt = keys[index]
            one = Allele(Change(int(position), ref, alt), NOWHERE, alt.decode(), "SNV")
            return consequence(self._transcripts[row], one, reference.bases, distance)

        accession = f"{reference.accession}:{numbering}."
        answers = self._simple(these, pairs, names, accession)
        others = [index for index, answer in enumerate(answers) if answer is None]
        if others:
            left = np.zeros(len(keys), bool)
            left[others] = True
            pairs = pairs.taken(np.flatnonzero(left[pairs.which]))
            found: dict[int, list[Said]] = {index: [] for index in others}
            for index, one in zip(pairs.which.tolist(), self._columns.said(these, pairs, called), strict=True):
                if one is not None:
                    found[index].append(one)
            for index, said in found.items():
                place, alt = int(positions[index]), chr(alts[index])
                answers[index] = self._of_plain(place, alt, names[index], these.names[index], said, accession)
        return dict(zip(keys, answers, strict=True))  # type: ignore[arg-type]  # None was filled in

    def _simple(self, these: Plain, pairs: Pairs, names: list[str], accession: str) -> list[AlleleAnnotation | None]:
        """What is said of substitutions all of whose pairs are simple; None of the others."""
        count = len(names)
        bounds = np.searchsorted(pairs.which, np.arange(count + 1)).tolist()
        hard = np.zeros(count, bool)
        hard[pairs.which[~pairs.simple]] = True
        plans: dict[tuple[int, ...], _Plan] = {}
        numbers, kinds, all_said, all_names = pairs.found.number.tolist(), pairs.kinds, pairs.said, pairs.names
        make = tuple.__new__
        answers: list[AlleleAnnotation | None] = []
        for alt, name, escaped, left, begin, end in zip(
            these.alts.decode(), names, these.names, hard.tolist(), bounds[:-1], bounds[1:], strict=True
        ):
            if left:
                answers.append(None)
            elif begin == end:
                answers.append(_nowhere(alt, name, escaped, accession))
            else:
                key = tuple(kinds[begin:end])
                plan = plans.get(key) or plans.setdefault(key, self._plan(pairs, begin, end))
                said = all_said[begin:end]
                entries = ",".join(
                    [f"{alt}{before}{one}{behind}{escaped}" for (before, behind), one in zip(plan.around, said, strict=True)]
                )
                picked = begin + plan.picked
                named, number = (all_names[picked], numbers[picked]) if plan.named else ("", 0)
                tags = f"{plan.flat}{named};GAS_HGVSG={accession}{name};CSQ={entries}"
                said_of = plan.term, plan.impact, plan.gene, tags.encode(), _NOTHING, False, plan.genes, number, 0
                answers.append(make(AlleleAnnotation, said_of))
        return answers

    def _plan(self, pairs: Pairs, begin: int, end: int) -> "_Plan":
        """What all substitutions have in common that have such pairs."""
        found = []
        for pair in range(begin, end):
            row, mask = int(pairs.rows[pair]), int(pairs.found.mask[pair])
            order = self._labels[row].order + ranked(mask)
            found.append(Said(order, row, mask, "", _PLACEHOLDER if pairs.names[pair] else ""))
        index = min(range(len(found)), key=lambda one: found[one].order)
        flat, term, impact, gene, genes, *_ = self._picked(found)
        around = [self._columns.around(pairs, pair) for pair in range(begin, end)]
        named = bool(found[index].hgvsc)
        return _Plan(flat.removesuffix(_PLACEHOLDER), index, named, around, term, impact, gene, genes)

    def _of_plain(self, position: int, alt: str, name: str, escaped: str, found: list[Said], accession: str) -> AlleleAnnotation:
        """What is said of a substitution. `name`: on its contig; `escaped`: with the contig; `accession`: before it."""
        if not found:
            return _nowhere(alt, name, escaped, accession)
        flat, term, impact, gene, genes, coding, residue = self._picked(found)
        entries = found[0].entry if len(found) == 1 else ",".join([one.entry for one in found])
        codons = _NOTHING
        for one in found:
            if one.protein:
                codons = self._touched(Change(position, b"N", b"N"), found)
                break
        tags = f"{flat};GAS_HGVSG={accession}{name};CSQ={entries}"
        return AlleleAnnotation(term, impact, gene, tags.encode(), codons, False, genes, coding, residue)

    def _touched(self, change: Change, found: list[Said]) -> Touched:
        return touched(change, [(one.row, one.mask, one.protein) for one in found], self._mends_frame)

    def _mends_frame(self, row: int) -> bool:
        return bool(self._transcripts.flags[row] & _IRREGULAR) and spliced(self._transcripts[row]).mends_frame

    def _picked(self, found: list[Said]) -> _Picked:
        picked = found[0] if len(found) == 1 else min(found, key=_ORDER)
        label = self._labels[picked.row]
        flat, term, impact = _worst(picked.mask)
        gene = label.gene
        others = self._other_genes(gene, found) if len(found) > 1 else ""
        genes = gene if picked.mask & _WITHIN else ""
        if others:
            genes = f"{genes},{others}" if genes else others
            others = f";GAS_OTHER_GENES={others}"
        coding = f";GAS_HGVSC={picked.hgvsc}" if picked.hgvsc else ""
        protein = f";GAS_HGVSP={picked.hgvsp}" if picked.hgvsp else ""
        tags = f"{flat}{label.flat}{others}{coding}{protein}"
        return _Picked(tags, term, impact, gene, genes, picked.coding, picked.residue)

    def _other_genes(self, picked: str, found: list[Said]) -> str:
        """The genes that the allele lies in besides that of the picked transcript."""
        known = self._labels
        genes = dict.fromkeys([known[one.row].gene for one in found if one.mask & _WITHIN])
        genes.pop(picked, None)
        return ",".join(filter(None, genes))

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
        pairs = self._transcripts.overlapping(contig, starts, ends, self._distances[contig])
        self._labels.prepare(pairs[1])
        for index, row in zip(*(column.tolist() for column in pairs), strict=True):
            near[index].append(row)
        return near

    def _answer(self, one: Allele, reference: _Reference, rows: list[int]) -> AlleleAnnotation:
        named = hgvs.genomic(one, reference.bases, reference.numbering)
        hgvsg = csq.escaped(f"{reference.name}:{named}") if named else ""
        found, flagged, movable = [], False, one.run.left or one.run.right
        starts, ends, strands = self._bounds
        places, distance = around(one), self._distances[reference.name]
        for row in rows:
            start, end = starts[row], ends[row]
            if apart(start, end, places):
                mask, away = beside(start, end, strands[row], one.change, distance)
                said = self._said_beside(row, mask, away, one, hgvsg) if mask else None
            else:
                called = consequence(self._transcripts[row], one, reference.bases, distance)
                said = self._said(called, one, hgvsg) if called else None
            if said is not None:
                found.append(said)
            if movable and not flagged and not alike(start, end, places, distance):
                flagged = depends_on_spelling(self._transcripts[row], one, distance, said.mask if said else 0)
        return self._told(one, reference, named, hgvsg, found, flagged=flagged)

    def _said(self, found: Consequence, one: Allele, hgvsg: str) -> Said:
        row, mask = found.transcript.index, found.mask
        order = self._labels[row].order + ranked(mask)
        numbers = hgvs.first_number(found.hgvsc), hgvs.first_number(found.hgvsp)
        return Said(order, row, mask, csq.entry(found, one, 1, hgvsg), found.hgvsc, found.hgvsp, found.protein, *numbers)

    def _said_beside(self, row: int, mask: int, away: int, one: Allele, hgvsg: str) -> Said:
        label = self._labels[row]
        head = f"{csq.escaped(one.text)}{csq.worded(mask)}{label.before}{_BESIDE}{away}{label.middle}"
        return Said(label.order + ranked(mask), row, mask, f"{head}{one.variant_class}|{label.behind}||{hgvsg}")

    def _told(
        self, one: Allele, reference: _Reference, named: str, hgvsg: str, found: list[Said], *, flagged: bool = False
    ) -> AlleleAnnotation:
        """`named`: the HGVS name of the allele on its contig; `hgvsg`: with the contig, escaped."""
        entries = [said.entry for said in found] or [csq.intergenic(one, 1, hgvsg)]
        flat, term, impact, gene, genes, coding, residue = self._picked(found) if found else _NO_TRANSCRIPT
        flat += f";GAS_HGVSG={reference.accession}:{named}" if named else ""
        flat += f";GAS_FLAG={SPELLING}" if flagged else ""
        codons = self._touched(one.change, found) if any([said.protein for said in found]) else _NOTHING
        tags = f"{flat};CSQ={','.join(entries)}".encode()
        return AlleleAnnotation(term, impact, gene, tags, codons, flagged, genes, coding, residue)


def _nowhere(alt: str, name: str, escaped: str, accession: str) -> AlleleAnnotation:
    """What is said of a substitution that no transcript is near."""
    tags = f"{_INTERGENIC_TAGS};GAS_HGVSG={accession}{name};CSQ={alt}{_INTERGENIC}{escaped}"
    return AlleleAnnotation(_NOWHERE, "MODIFIER", "", tags.encode(), _NOTHING)


@lru_cache(maxsize=4096)
def _worst(mask: int) -> tuple[str, str, str]:
    """The flat tags of terms, the most severe term, and the impact."""
    term, impact = terms.names(mask)[0], terms.impact(mask)
    return f";GAS_CSQ={term};GAS_IMPACT={impact}", term, impact
