"""bcftools csq kept running: it is asked for the consequences of one block's alleles after another.

Only what it needs reaches it, a position and two alleles, each once; what else a record has never passes through it.
"""

import contextlib
import mmap
import select
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable
from typing import IO

from app.engine.bundles import tags
from app.engine.bundles.manifest import Bundle, GeneModels
from app.engine.errors import EngineError
from app.engine.formats import bcftools
from app.engine.reading.records import Key

_TAG = tags.RAW.encode() + b"="
_FLUSH = b"GAS_flush"  # a contig that no reference has: where csq sees another contig, it lets go of all that it holds
_FILLER = b"x" * (140 << 10)  # more than any of its buffers
_FILLED_AFTER = 2.0  # seconds without an answer before more filler is sent


class Csq:
    """The consequences of one genetic code; the child is started when it is first asked for something.

    A child that says nothing for `patience` seconds is killed: EngineError. Of a genome, it reads the genes for half a minute.
    """

    def __init__(self, bundle: Bundle, genes: GeneModels, patience: float) -> None:
        self._bundle, self._genes, self._patience = bundle, genes, patience
        self._heard_at = 0.0
        self._child: subprocess.Popen[bytes] | None = None
        self._messages: IO[bytes] | None = None
        self._rest = b""
        self._sender: threading.Thread | None = None

    def knows(self, contig: str) -> bool:
        """Whether there are genes on the contig."""
        with self._bundle.path(self._genes.file).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            return text.find(b"\n%b\t" % contig.encode()) >= 0

    def submit(self, contig: str, keys: Iterable[Key]) -> None:
        """Send the alleles of a contig, in ascending order; `answers` has to follow."""
        name = contig.encode()
        lines = [b"%b\t%b\t.\t%b\t%b\t.\t.\t%b\n" % (name, *key[:3], key[3] if len(key) > 3 else b".") for key in keys]
        end = b"%b\t1\tend\tN\t.\t.\t.\t.\n" % _FLUSH
        text = b"".join([*lines, end, *(_filler(position) for position in (2, 3, 4))])
        stdin = self._started().stdin
        assert stdin is not None
        self._sender = threading.Thread(target=_send, args=(stdin, text), name="csq", daemon=True)
        self._sender.start()
        self._heard_at = time.monotonic()

    def collect(self) -> dict[Key, bytes]:
        """What csq says of the alleles just asked for, as far as it says something."""
        child = self._child
        assert child is not None and child.stdout is not None and self._sender is not None
        marker, pieces, position = b"\n%b\t1\tend" % _FLUSH, [self._rest], 5
        seen = self._rest
        while (at := seen.find(marker)) < 0:
            while not self._heard(child, _FILLED_AFTER):
                if not self._sender.is_alive() and child.poll() is None:
                    self._sender = threading.Thread(target=_send, args=(child.stdin, _filler(position)), daemon=True)
                    self._sender.start()
                    position += 1
            chunk = child.stdout.read1(1 << 18)  # type: ignore[attr-defined]
            if not chunk:
                raise EngineError(f"bcftools csq ended with status {child.wait()}: {self._said()}")
            pieces.append(chunk)
            seen = seen[-len(marker) :] + chunk
        while self._sender.is_alive():  # it may wait for csq, and csq for somebody who reads
            if self._heard(child, 0.01):
                pieces.append(child.stdout.read1(1 << 18))  # type: ignore[attr-defined]
        self._sender.join()
        text = b"".join(pieces)
        at = text.rfind(marker)
        self._rest = text[at + len(marker) :]
        found: dict[Key, bytes] = {}
        for line in text[:at].split(b"\n"):
            fields = line.split(b"\t", 7)
            if len(fields) == 8 and fields[0][:1] != b"#" and fields[0] != _FLUSH:
                placing, tag, said = fields[7].rpartition(_TAG)
                if tag:
                    found[(fields[1], fields[3], fields[4], *placing.split(b";")[:-1])] = said
        return found

    def _heard(self, child: subprocess.Popen[bytes], seconds: float) -> bool:
        """Whether the child says something within these seconds, or has ended; EngineError if it was silent for too long."""
        assert child.stdout is not None
        if select.select([child.stdout], [], [], seconds)[0]:
            self._heard_at = time.monotonic()
            return True
        if time.monotonic() - self._heard_at > self._patience:
            child.kill()
            raise EngineError(f"bcftools csq said nothing for {self._patience:g} seconds and was ended: {self._said()}")
        return False

    def close(self) -> None:
        """End the child."""
        if self._child:
            self._child.kill()
            self._child.wait()
            for pipe in (self._child.stdin, self._child.stdout, self._messages):
                if pipe:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            fasta, gff3 = str(self._bundle.path(self._bundle.fasta)), str(self._bundle.path(self._genes.file))
            code = ["-C", str(self._genes.genetic_code)]
            command = ["csq", "--no-version", "-l", "-s", "-", "--force", *code, "-c", _TAG[:-1].decode()]
            command += ["-f", fasta, "-g", gff3, "-Ov"]
            self._messages = tempfile.TemporaryFile()  # noqa: SIM115 it lives as long as the child
            self._child = bcftools.spawn(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._messages)
            assert self._child.stdin is not None
            self._child.stdin.write(_header(self._bundle))
            self._child.stdin.flush()
        return self._child

    def _said(self) -> str:
        assert self._messages is not None
        self._messages.seek(0)
        return " / ".join(self._messages.read().decode("utf-8", "replace").splitlines()[-3:])[-500:]


def _header(bundle: Bundle) -> bytes:
    contigs = "".join(f"##contig=<ID={contig.name},length={contig.length}>\n" for contig in bundle.contigs)
    end = '##INFO=<ID=END,Number=1,Type=Integer,Description="">\n'
    flush = f"##contig=<ID={_FLUSH.decode()}>\n"
    return f"##fileformat=VCFv4.2\n{contigs}{flush}{end}#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n".encode()


def _filler(position: int) -> bytes:
    return b"%b\t%d\t%b\tN\t.\t.\t.\t.\n" % (_FLUSH, position, _FILLER)


def _send(stdin: IO[bytes], text: bytes) -> None:
    """Write all; an early end of the child is not an error here, its exit code tells."""
    try:
        stdin.write(text)
        stdin.flush()
    except (BrokenPipeError, ValueError):
        pass
