"""Reference sequence by position, read from an indexed FASTA in constant memory."""

import os
from pathlib import Path

READ_AHEAD_BASES, LEAST = 1 << 18, 1 << 10


class Sequences:
    """Upper-case bases of the contigs of one FASTA; fast when asked in ascending order."""

    def __init__(self, fasta: Path) -> None:
        self._file = os.open(fasta, os.O_RDONLY)
        self._index: dict[str, tuple[int, int, int, int]] = {}
        for line in Path(f"{fasta}.fai").read_text().splitlines():
            name, length, offset, bases, width = line.split("\t")[:5]
            self._index[name] = int(length), int(offset), int(bases), int(width)
        self._contig, self._start, self._end, self._bases = "", 0, 0, b""
        self._ahead = LEAST  # bases read at once: few while the places jump, more while they follow each other

    def lengths(self) -> dict[str, int]:
        """Bases of each sequence, by its name."""
        return {name: entry[0] for name, entry in self._index.items()}

    def get(self, contig: str, start: int, end: int) -> bytes:
        """Bases of the 0-based, half-open interval, cut at the contig's ends."""
        if contig == self._contig and self._start <= start and end <= self._end:
            return self._bases[start - self._start : end - self._start]
        length = self._index[contig][0]
        if start >= length:
            return b""
        ahead = contig != self._contig or start >= self._start
        if not ahead or end - start > READ_AHEAD_BASES:
            return self._read(contig, start, min(end, length))
        near = contig == self._contig and start <= self._end + self._ahead
        self._ahead = min(4 * self._ahead, READ_AHEAD_BASES) if near else LEAST
        self._contig, self._start, self._end = contig, start, min(start + max(self._ahead, end - start), length)
        self._bases = self._read(contig, start, self._end)
        return self._bases[: end - start]

    def holds(self, contig: str, start: int, bases: bytes) -> bool:
        """Whether the contig has these bases from the 0-based start on."""
        if contig == self._contig and self._start <= start and self._bases.startswith(bases, start - self._start):
            return True
        return self.get(contig, start, start + len(bases)) == bases

    def _read(self, contig: str, start: int, end: int) -> bytes:
        _, offset, bases, width = self._index[contig]
        first, last = offset + start // bases * width + start % bases, offset + end // bases * width + end % bases
        return os.pread(self._file, last - first, first).replace(b"\n", b"").replace(b"\r", b"").upper()

    def close(self) -> None:
        """Closes the file."""
        os.close(self._file)
