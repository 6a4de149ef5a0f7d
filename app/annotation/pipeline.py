"""One stream of child processes between the intake and the finisher: sort, rename, normalise, consequences, tracks.

Everything runs at once and in constant memory; whatever goes wrong in any of them, none of them outlives the call.
"""

import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from app.annotation import bcftools, tags, translation
from app.annotation.errors import EngineError, InputError
from app.annotation.intake import Survey, feed
from app.annotation.reference import Bundle

CHUNK = 1 << 18
_EXPECTED = re.compile(r"\[W::(bcf_hdr_check_sanity|bcf_hrec_check)\]")
_UNREADABLE = re.compile(r"\[E::(?:vcf_|bcf_)|[Ww]rong number of fields|[Pp]arse error|incorrect number of", re.MULTILINE)


def commands(survey: Survey, bundle: Bundle, work: Path) -> list[list[str]]:
    """The bcftools commands for this input, in the order of the stream."""
    fasta = str(bundle.path(bundle.fasta))
    stages = []
    if not survey.sorted:
        stages.append(["sort", "--max-mem", "64M", "--temp-dir", str(work / "sort")])
    if survey.renamed:
        renames = work / "contigs.txt"
        renames.write_bytes(b"".join(b"%b %b\n" % (name, contig.encode()) for name, contig in survey.names.items()))
        stages.append(["annotate", "--no-version", "--rename-chrs", str(renames)])
    stages.append(["norm", "--no-version", "-m", "-any", "-c", "w", "-f", fasta])
    for genes in bundle.genes:
        if genes.genetic_code == translation.CODE:
            continue  # the finisher's
        code = ["-C", str(genes.genetic_code)]
        gff3 = str(bundle.path(genes.file))
        stages.append(["csq", "--no-version", "-l", "-s", "-", "--force", *code, "-c", tags.RAW, "-f", fasta, "-g", gff3])
    for track in bundle.tracks:
        header = work / f"{track.id}.txt"
        header.write_bytes(b"".join(line + b"\n" for line in tags.declarations(track.columns)))
        names = [column.tag for column in track.columns]
        place = ["CHROM", "POS", "REF", "ALT"] if track.kind == "allele" else ["CHROM", "FROM", "TO"]
        merge = [] if track.kind == "allele" else ["-l", ",".join(f"{name}:unique" for name in names)]
        source = str(bundle.path(track.file))
        stages.append(["annotate", "--no-version", "-a", source, "-h", str(header), "-c", ",".join([*place, *names]), *merge])
    return [[*stage, "-Ou" if stage is not stages[-1] else "-Ov"] for stage in stages]


@contextmanager
def stream(survey: Survey, bundle: Bundle, work: Path) -> Iterator[Iterator[list[bytes]]]:
    """Run the stream; gives the records it puts out, in batches. Leaving the block checks that every child succeeded."""
    running: list[tuple[str, subprocess.Popen[bytes], IO[bytes]]] = []
    feeder: _Feeder | None = None
    try:
        source: IO[bytes] | int = subprocess.PIPE
        for stage in commands(survey, bundle, work):
            messages = (work / f"{len(running)}.{stage[0]}.log").open("w+b")
            child = bcftools.spawn(*stage, stdin=source, stdout=subprocess.PIPE, stderr=messages)
            if running:
                source.close()  # type: ignore[union-attr]  # the child has it now
            assert child.stdout is not None
            source = child.stdout
            running.append((stage[0], child, messages))
        entrance = running[0][1].stdin
        assert entrance is not None and not isinstance(source, int)
        feeder = _Feeder(lambda write: feed(survey, bundle, write), entrance)
        yield _batches(source)
        feeder.join()
        _check(running)
        if feeder.error:
            raise feeder.error
    finally:
        for _, child, log in running:
            child.kill()
            child.wait()
            log.close()
            if child.stdout:
                child.stdout.close()
        if feeder:
            feeder.join()


class _Feeder(threading.Thread):
    """Feeds the first child; an early end of that child is not an error here, its exit code tells."""

    def __init__(self, run: Callable[[Callable[[bytes], object]], None], entrance: IO[bytes]) -> None:
        super().__init__(name="feed", daemon=True)
        self._run_feed, self._entrance = run, entrance
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            with self._entrance as entrance:
                self._run_feed(entrance.write)
        except BrokenPipeError:
            pass
        except Exception as error:
            self.error = error


def _batches(source: IO[bytes]) -> Iterator[list[bytes]]:
    """The records of a VCF text stream, header lines left out."""
    rest = b""
    pending: list[bytes] = []
    for chunk in iter(lambda: source.read1(CHUNK), b""):  # type: ignore[attr-defined]
        if b"\n" not in chunk:
            pending.append(chunk)
            continue
        *lines, rest = b"".join([*pending, chunk]).split(b"\n")
        pending = [rest]
        if lines[0].startswith(b"#"):
            lines = [line for line in lines if not line.startswith(b"#")]
        if lines:
            yield lines
    if b"".join(pending):
        raise EngineError("the stream ended in the middle of a line")


def _check(running: list[tuple[str, subprocess.Popen[bytes], IO[bytes]]]) -> None:
    """Every child must have exited with 0; the first that did not is the cause."""
    for name, child, messages in running:
        if status := child.wait():
            messages.seek(0)
            said = [line for line in messages.read().decode("utf-8", "replace").splitlines() if not _EXPECTED.match(line)]
            faults = [line for line in said if _UNREADABLE.search(line)]
            if faults and status > 0:
                raise InputError(f"The file cannot be read as VCF: {faults[0][:300]}")
            raise EngineError(f"bcftools {name} ended with status {status}: {' / '.join(said[-3:])[-500:]}")


def remarks(work: Path) -> list[str]:
    """Warnings that bcftools printed while reading, each once."""
    lines = {
        line
        for log in sorted(work.glob("*.log"))
        for line in log.read_text("utf-8", "replace").splitlines()
        if line.startswith("[W::") and not _EXPECTED.match(line)
    }
    return sorted(lines)[:20]


def normalised(work: Path) -> int:
    """How many records bcftools norm says it has read."""
    for log in work.glob("*.norm.log"):
        for line in log.read_text("utf-8", "replace").splitlines():
            if line.startswith("Lines"):
                return int(line.split()[-1].split("/")[0])
    raise EngineError("bcftools norm did not say how many records it has read")
