"""The bytes of an input, whatever wraps them: decompressed in constant memory, hashed, with damage named."""

import hashlib
import subprocess
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from app.engine.errors import InputError
from app.engine.formats import bcftools, bgzf
from app.engine.limits import DEFAULT, Limits
from app.engine.reading.file_type import AGAIN, check_text

RAW_CHUNK = 1 << 20
BGZF_END = bgzf.END_BLOCK


@dataclass
class InputFile:
    """One input file; `chunks` may be called again for another pass over the same bytes."""

    path: Path
    limits: Limits = DEFAULT
    compression: str = ""
    size: int = 0
    position: int = 0  # compressed bytes read in the pass under way, for progress
    sha256: str = ""
    records: int = 0  # kept by the reader of the lines, for the words about damage
    _head: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        self.size = self.path.stat().st_size
        if not self.size:
            raise InputError(f"The file is empty (0 bytes). {AGAIN}")
        with self.path.open("rb") as file:
            head = file.read(1 << 16)
        if head.startswith(b"\x1f\x8b"):
            self.compression = "bgzip" if head[12:14] == b"BC" else "gzip"
            head = self._peek(head)
        if head.startswith(b"BCF\x02"):
            self.compression = "BCF"
        else:
            self.compression = self.compression or "none"
            check_text(head)

    @staticmethod
    def _peek(head: bytes) -> bytes:
        """The first bytes inside a compressed file, as far as they are undamaged."""
        member, text = zlib.decompressobj(31), b""
        try:
            for start in range(0, len(head), 64):
                piece = head[start : start + 64]
                while piece and len(text) < 1 << 16:
                    text += member.decompress(piece, 1 << 16)
                    piece = member.unused_data.lstrip(b"\0")
                    if member.eof:
                        if text:
                            return text
                        member = zlib.decompressobj(31)
        except zlib.error:
            if not text:
                raise InputError(f"The compressed file is corrupt from its beginning on. {AGAIN}") from None
        return text

    def chunks(self) -> Iterator[bytes]:
        """The uncompressed text in pieces; InputError where the compression is damaged or grows beyond the cap."""
        pieces = self._bcf() if self.compression == "BCF" else self._file() if self.compression == "none" else self._gzip()
        total = 0
        for piece in pieces:
            total += len(piece)
            if total > self.limits.uncompressed_bytes:
                raise InputError(self.limits.said("uncompressed_bytes"))
            yield piece

    def _file(self) -> Iterator[bytes]:
        digest = hashlib.sha256()
        self.position = 0
        with self.path.open("rb") as file:
            while chunk := file.read(RAW_CHUNK):
                self.position += len(chunk)
                digest.update(chunk)
                yield chunk
        self.sha256 = digest.hexdigest()

    def _gzip(self) -> Iterator[bytes]:
        tail = b""
        member = zlib.decompressobj(31)
        started = False
        for raw in self._file():
            tail = (tail + raw)[-len(BGZF_END) :]
            while raw:
                if not started:
                    raw = raw.lstrip(b"\0")  # padding between members
                    if not raw:
                        break
                started = True
                yield self._inflate(member, raw)
                raw = member.unused_data if member.eof else member.unconsumed_tail
                if member.eof:
                    member, started = zlib.decompressobj(31), False
        while started and (text := self._inflate(member, b"")):
            yield text
        if started and not member.eof:
            raise self._damaged("truncated")
        if self.compression == "bgzip" and tail != BGZF_END:
            raise self._damaged("truncated (the end-of-file marker of bgzip is missing)")

    def _inflate(self, member: "zlib._Decompress", raw: bytes) -> bytes:
        try:
            return member.decompress(raw, 1 << 20)
        except zlib.error:
            raise self._damaged("corrupt (its checksums do not match)") from None

    def _damaged(self, how: str) -> InputError:
        return InputError(f"The compressed file is {how} after about {self.records:,} records. {AGAIN}")

    def _bcf(self) -> Iterator[bytes]:
        for _ in self._file():  # hash first: the child reads the file by itself
            pass
        with tempfile.TemporaryFile() as messages, self.path.open("rb") as file:
            child = bcftools.spawn("view", "--no-version", "-Ov", "-", stdin=file, stdout=subprocess.PIPE, stderr=messages)
            assert child.stdout is not None
            try:
                while chunk := child.stdout.read(RAW_CHUNK):
                    yield chunk
                if child.wait():
                    raise InputError(f"The BCF file is damaged after about {self.records:,} records. {AGAIN}")
            finally:
                child.kill()
                child.stdout.close()
                child.wait()
