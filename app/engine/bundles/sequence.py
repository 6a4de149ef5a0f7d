"""The sequence of a bundle: one byte a base, upper case, mapped into memory.

Positions are 1-based and both ends are included, as in VCF and GFF3.
"""

from collections.abc import Container, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from app.engine.bundles.mapped import BundleError, Mapped, Writer, identity
from app.engine.bundles.sources import opened

FILE = "genome.seq"
"""Name of the file in a bundle."""

KIND, VERSION = "sequence", 1
_READ_AT_ONCE_BYTES = 1 << 22
_LETTERS = b"ACGTUNRYSWKMBDHV"  # IUPAC's for nucleotides
_ODD = b"!"
_UPPER = bytes(ord(chr(i).upper()) if i < 128 and chr(i).upper().encode() in _LETTERS else _ODD[0] for i in range(256))
_BREAKS = b"\r\n"


def build(fasta: Path, target: Path) -> dict[str, int]:
    """Write the sequence of a FASTA, plain or compressed, to `target`, in constant memory.

    Letters other than A, C, G and T stay what they are, in upper case. Returns the lengths of the contigs by name, in the order
    of the file. Raises BundleError if that is no FASTA, names a contig twice, or has letters that are no nucleotide.
    """
    contigs: dict[str, int] = {}
    name = ""
    with opened(fasta) as text, Writer(target, KIND, VERSION) as out:
        out.begin("bases", "|u1")
        for title, bases in _parts(text):
            if title is not None:
                name = _named(title, fasta.name, contigs)
                contigs[name] = 0
            letters = bases.translate(_UPPER, _BREAKS)
            if letters and not name:
                raise BundleError(f"{fasta.name} is no FASTA: it does not begin with > and the name of a contig")
            if (at := letters.find(_ODD)) >= 0:
                odd = bases.translate(None, _BREAKS)[at : at + 1].decode("latin-1")
                raise BundleError(f"{fasta.name} has {odd!r} at {name}:{contigs[name] + at + 1}, which is no nucleotide")
            if letters:
                contigs[name] += len(letters)
                out.write(letters)
        if not any(contigs.values()):
            raise BundleError(f"{fasta.name} has no sequence")
        out.finish({"contigs": list(contigs.items())})
    return contigs


def _parts(text: IO[bytes]) -> Iterator[tuple[bytes | None, bytes]]:
    """Titles with the bases that follow them; None as the title of more bases of the same contig. A title is never cut in two."""
    at_line_start = True
    while chunk := text.read(_READ_AT_ONCE_BYTES):
        begun = chunk.rfind(b"\n") + 1
        if chunk[begun:].startswith(b">") and (begun or at_line_start):
            chunk += text.readline()
        first, *others = (b"\n" * at_line_start + chunk).split(b"\n>")
        yield None, first
        for other in others:
            title, _, bases = other.partition(b"\n")
            yield title, bases
        at_line_start = chunk.endswith(b"\n")


def _named(title: bytes, file: str, contigs: Container[str]) -> str:
    name = b"".join(title.split()[:1]).decode("utf-8", "replace")
    if not name:
        raise BundleError(f"{file} has a contig without a name")
    if name in contigs:
        raise BundleError(f"{file} has the contig {name} twice")
    return name


class Sequence:
    """The bases of a genome by contig and position. The process's own memory does not grow with it."""

    def __init__(self, mapped: Mapped) -> None:
        self._mapped = mapped
        self._pages, at = mapped.bytes_of("bases")
        bases = mapped.array("bases")
        self._views: dict[str, NDArray[np.uint8]] = {}
        self._places: dict[str, tuple[int, int]] = {}
        start = 0
        for name, length in mapped.facts["contigs"]:
            self._views[name] = bases[start : start + length]
            self._places[name] = at + start, length
            start += length
        if start != len(bases):
            raise BundleError("The contigs of the sequence are not as long as the sequence: build the bundle again")
        self.lengths: Mapping[str, int] = MappingProxyType({name: length for name, (_, length) in self._places.items()})
        """Bases of each contig, in the order of the file."""

    @staticmethod
    def open(path: Path) -> "Sequence":
        """Map the file, or give what was mapped of it before. Raises BundleError if it is no sequence, or cut off or damaged."""
        return _opened(path, identity(path))

    def verify(self) -> None:
        """Read the whole file, and raise BundleError if it is not what was written."""
        self._mapped.verify()

    def view(self, contig: str) -> NDArray[np.uint8]:
        """All bases of a contig as letters on the mapped pages; the base at a position stands at index position - 1."""
        return self._views[contig]

    def release(self, contig: str) -> None:
        """Let go of the pages of a contig that is not needed again; they are read again where it is."""
        offset, length = self._places[contig]
        if length:
            self._mapped.release(offset, length)

    def get(self, contig: str, start: int, end: int) -> bytes:
        """The bases from `start` to `end`, cut at the ends of the contig; none where `end` is before `start`."""
        offset, length = self._places[contig]
        start, end = max(start, 1), min(end, length)
        return bytes(self._pages[offset + start - 1 : offset + end]) if start <= end else b""

    def gather(self, contig: str, positions: NDArray[Any]) -> NDArray[np.uint8]:
        """The letter at each position; 0 outside of the contig."""
        bases, at = self._views[contig], np.asarray(positions, dtype=np.int64) - 1
        inside = (at >= 0) & (at < len(bases))
        found = np.zeros(len(at), np.uint8)
        found[inside] = bases[at[inside]]
        return found

    def agrees(self, contig: str, positions: NDArray[Any], bases: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Whether the contig has this letter, in either case, at each position; outside of the contig it has none."""
        return self.gather(contig, positions) == (bases & np.uint8(0xDF))

    def holds(self, contig: str, start: int, bases: bytes) -> bool:
        """Whether the contig has these bases, in upper case, from `start` on."""
        return start >= 1 and self.get(contig, start, start + len(bases) - 1) == bases


@lru_cache(maxsize=4)
def _opened(path: Path, which: tuple[int, ...]) -> Sequence:
    return Sequence(Mapped(path, KIND, VERSION))
