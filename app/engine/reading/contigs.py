"""Which contig of a reference a file means, however it spells the name."""

import re
from collections.abc import Mapping
from functools import cached_property

from app.engine.bundles.manifest import MITOCHONDRIAL, Bundle, Contig

LEAST_IDENTIFYING_BASES = 10_000
"""Shorter contigs are not recognised by their length alone: there are too many of them."""

MITOCHONDRION = frozenset(
    {"m", "mt", "mito", "mitochondrion", "mtdna", "rcrs", "mrcrs", "nc_012920", "nc_012920.1", "j01415", "j01415.2", "mt_rcrs"}
)
"""What the human mitochondrial genome is called, in small letters and without `chr`."""

PLINK: Mapping[str, str] = {"23": "X", "24": "Y", "25": "X", "26": "MT"}
"""PLINK's numbers for what has none; 25 is the pseudoautosomal part of X."""

RCRS_BASES = 16_569


class ContigNames:
    """The names of a bundle's contigs, and those that callers write instead; `lengths` is what the file's header says."""

    def __init__(self, bundle: Bundle, lengths: Mapping[bytes, int | None]) -> None:
        self._bundle, self._lengths = bundle, lengths
        self._found: dict[bytes, Contig | None] = {}

    def find(self, name: bytes) -> Contig | None:
        """The contig of a name: as it is, else in other letters, without a description, or by its length in the header."""
        if name not in self._found:
            self._found[name] = self._resolved(name)
        return self._found[name]

    def _resolved(self, name: bytes) -> Contig | None:
        words = name.decode("utf-8", "replace")
        if exact := self._bundle.names.get(words):
            return exact
        length = self._lengths.get(name)
        named = self._spelled(words) or self._described(words) or self._numbered(words)
        if named and (length is None or length == named.length):
            return named
        return self._by_length.get(length) if length else None

    def _spelled(self, words: str) -> Contig | None:
        """In other letters, with or without chr, or by another name of the human mitochondrion."""
        bare = _bare(words)
        if found := self._folded.get(bare):
            return found
        parts = [part for part in re.split(r"[_\s.:-]+", bare) if part]
        if bare in MITOCHONDRION or (parts and all(_bare(part) in MITOCHONDRION for part in parts)):
            return self._mitochondrion
        return None

    def _described(self, words: str) -> Contig | None:
        """As in FASTA: an accession with a description behind it, or between bars."""
        parts = [part for part in re.split(r"[\s|,]+", words) if part]
        found = {contig.name: contig for part in parts if "." in part or part == parts[0] if (contig := self._spelled(part))}
        return next(iter(found.values())) if len(parts) > 1 and len(found) == 1 else None

    def _numbered(self, words: str) -> Contig | None:
        meant = PLINK.get(words, "")
        if meant == "MT":
            return self._mitochondrion
        return self._folded.get(meant.lower()) if meant else None

    @cached_property
    def _folded(self) -> dict[str, Contig]:
        """Names in small letters and without chr; one that two contigs share is none."""
        found: dict[str, set[Contig]] = {}
        for name, contig in self._bundle.names.items():
            found.setdefault(_bare(name), set()).add(contig)
        return {name: next(iter(contigs)) for name, contigs in found.items() if len(contigs) == 1}

    @cached_property
    def _mitochondrion(self) -> Contig | None:
        return next((one for one in self._bundle.contigs if one.length == RCRS_BASES and is_circular(one)), None)

    @cached_property
    def _by_length(self) -> dict[int | None, Contig]:
        """Contigs that no other of the reference is as long as."""
        lengths = [contig.length for contig in self._bundle.contigs]
        long = (contig for contig in self._bundle.contigs if contig.length >= LEAST_IDENTIFYING_BASES)
        return {contig.length: contig for contig in long if lengths.count(contig.length) == 1}


def is_circular(contig: Contig) -> bool:
    """Whether a contig has no ends: a variant may reach over its last base to its first."""
    return bool(MITOCHONDRIAL.intersection((contig.name, *contig.aliases)))


def known_names(bundle: Bundle, most: int = 12) -> str:
    """The names that a file may call the first contigs by, for messages."""
    names = [name for contig in bundle.contigs for name in (contig.name, *contig.aliases[:3])]
    return ", ".join(names[:most]) + (" …" if len(names) > most else "")


is_name = re.compile(rb"[0-9A-Za-z!#$%&+./:;?@^_|~-][0-9A-Za-z!#$%&*+./:;=?@^_|~-]*").fullmatch
"""Whether this can be the name of a contig in a VCF (VCF 4.5, 1.4.7)."""


def written(name: bytes, contig: Contig) -> bytes:
    """A name of this contig as it can stand in a VCF: without a description behind it, or else the reference's own."""
    first = next(iter(name.split()), b"")
    return first if is_name(first) else contig.name.encode()


def _bare(name: str) -> str:
    folded = name.lower()
    return folded.removeprefix("chr") or folded
