"""What the engine promises of any file, checked; and bcftools forked from a warm process, so that a case takes milliseconds."""

import gzip
import os
import random
import re
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import pysam

from app.engine.bundles import manifest
from app.engine.errors import InputError
from app.engine.formats import bcftools
from app.engine.pipeline.annotate import annotate
from app.engine.reading import input_file
from tests.support import genome, mutations, strict

SECONDS = 60
"""After which a case counts as hanging, on however busy a machine."""


class Forked:
    """What `bcftools.spawn` gives, but a fork of this process, in which pysam is loaded already."""

    def __init__(
        self, *args: str, stdin: int | IO[bytes] | None = None, stdout: int | IO[bytes], stderr: int | IO[bytes] | None = None
    ) -> None:
        self.stdin: IO[bytes] | None = None
        self.stdout: IO[bytes] | None = None
        self.returncode: int | None = None
        null = os.open(os.devnull, os.O_RDWR)
        ends = [null]
        entrance = null if stdin is None else stdin if isinstance(stdin, int) else stdin.fileno()
        target = stdout if isinstance(stdout, int) else stdout.fileno()
        messages = null if stderr is None else stderr if isinstance(stderr, int) else stderr.fileno()
        if entrance == bcftools.subprocess.PIPE:
            entrance, ours = os.pipe()
            self.stdin = os.fdopen(ours, "wb")
            ends.append(entrance)
        if target == bcftools.subprocess.PIPE:
            theirs, target = os.pipe()
            self.stdout = os.fdopen(theirs, "rb")
            ends.append(target)
        self.pid = os.fork()
        if not self.pid:
            self._be(args, entrance, target, messages)
        for end in ends:
            os.close(end)

    @staticmethod
    def _be(args: tuple[str, ...], entrance: int, target: int, messages: int) -> None:
        status = 99
        try:
            signal.setitimer(signal.ITIMER_REAL, 0)
            for copy in [os.dup2(os.dup(end), 200 + place) for place, end in enumerate((entrance, target, messages))]:
                os.dup2(copy, copy - 200)
            os.closerange(3, 512)
            sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
            status = bcftools.main([str(os.getppid()), *args])
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    terminate = kill


CHUNKS = (1 << 20, 1 << 20, 4096, 700)
"""Bytes that are read at once: small ones make several blocks of a small file."""


class Hang(BaseException):
    """The case took longer than any should."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    def hang(*_: Any) -> None:
        raise Hang

    signal.signal(signal.SIGALRM, hang)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def short(data: bytes) -> bytes:
    """The header of a VCF and a few of its records; anything else cut at 4 kB."""
    with suppress(OSError, EOFError):
        data = gzip.decompress(data)
    if b"#CHROM" not in data:
        return data[:4096]
    lines = data.split(b"\n")
    records = [line for line in lines if not line.startswith(b"#")]
    return b"\n".join([*(line for line in lines if line.startswith(b"#")), *records[:12], *records[-3:]])


def nuclear_seed() -> bytes:
    """Records of the made-up genome: around its gene, in it and in the mitochondrion, of every kind."""
    dice = random.Random(1)
    rows = []
    for position in sorted(dice.sample(range(470, 690), 12)):
        ref = genome.CHROMOSOME[position - 1 : position - 1 + dice.choice((1, 1, 1, 2, 4))]
        alt = dice.choice((ref[0], ref + dice.choice("ACGT") * dice.choice((1, 3)), dice.choice("ACGT"), "<DEL>"))
        rows.append(f"1\t{position}\t.\t{ref}\t{alt if alt != ref else '.'}\t50\tPASS\tDP=10\tGT\t0/{int(alt != ref)}\n")
    header = mutations.META.replace("ID=MT,length=16569", "ID=1,length=2000")
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS1\n"
    return (header + columns + "".join(rows) + "MT\t3460\t.\tG\tA\t.\t.\tDB\tGT\t0/1\n").encode()


def binary(seed: bytes, folder: Path) -> bytes:
    """The seed as uncompressed BCF; empty if it cannot be that."""
    (folder / "seed.vcf").write_bytes(seed)
    with (folder / "seed.bcf").open("wb") as out:
        failed = Forked("view", "-Ou", str(folder / "seed.vcf"), stdout=out).wait()
    return b"" if failed else gzip.decompress((folder / "seed.bcf").read_bytes())


def records(data: bytes) -> list[bytes] | None:
    """The records of an undamaged text, read without the engine; None if that cannot be said so simply."""
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, ValueError):
            return None
    if data[:3] == b"BCF" or b"\0" in data:
        return None
    if b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    lines = re.split(rb"\r*\n", data)
    columns = (number for number, line in enumerate(lines) if line.upper().lstrip(b"\xef\xbb\xbf# \r").startswith(b"CHROM"))
    start = next(columns, 0)
    return [line for line in lines[start + 1 :] if line.strip(b"\r\n\t ") and not line.lstrip(b"\r").startswith(b"#")]


def substitutions(lines: list[bytes]) -> Counter[tuple[bytes, bytes, bytes]]:
    """Position, REF and ALT of every single-base change."""
    found: Counter[tuple[bytes, bytes, bytes]] = Counter()
    for line in lines:
        fields = line.split(b"\t")
        for alt in fields[4].split(b",") if len(fields) > 7 else ():
            if len(fields[3]) == len(alt) == 1 and alt.upper() in b"ACGTN":
                found[fields[1].lstrip(b"0"), fields[3].upper(), alt.upper()] += 1
    return found


def unreadable(path: Path) -> str:
    """What htslib has against a file; nothing if it reads and writes every record of it."""
    before = pysam.set_verbosity(0)
    try:
        with pysam.VariantFile(str(path)) as file:
            for row in file:
                str(row)
    except (OSError, ValueError) as error:
        return str(error)
    finally:
        pysam.set_verbosity(before)
    return ""


def judge(data: bytes, bundle: manifest.Bundle, folder: Path) -> tuple[str, str]:
    """How the engine ends on this file, and what is wrong about that; nothing, if it keeps its promises."""
    (folder / "in").write_bytes(data)
    try:
        with limited(SECONDS):
            result = annotate(folder / "in", folder / "out", name="x", bundle=bundle)
    except InputError as fault:
        sentence = fault.message.endswith((".", "?")) and len(fault.message) < 800 and fault.message.isprintable()
        return "refused", "" if sentence else f"no sentence: {fault.message!r}"
    except Hang:
        return "hangs", f"no end after {SECONDS} s"
    except BaseException:
        return "fails", traceback.format_exc()
    summary, text = result.summary, gzip.decompress(result.vcf.read_bytes())
    wrong = list(strict.faults(text))
    if summary["records_out"] != summary["records_in"] + summary["splits"]:
        wrong.append(f"{summary['records_in']} records and {summary['splits']} splits became {summary['records_out']}")
    written = [line for line in text.split(b"\n") if line and not line.startswith(b"#")]
    if len(written) != summary["records_out"]:
        wrong.append(f"{len(written)} records are written, {summary['records_out']} counted")
    read = records(data)
    if read is not None and len(read) != summary["records_in"]:
        wrong.append(f"the file has {len(read)} records, {summary['records_in']} were read")
    if read is not None and (lost := substitutions(read) - substitutions(written)):
        wrong.append(f"lost {lost}")
    if complaint := unreadable(result.vcf):
        wrong.append(f"htslib: {complaint}")
    return "annotated", "; ".join(wrong[:4])


class Fuzzer:
    """Makes a damaged file of a number, and judges what the engine does with it."""

    def __init__(self, folder: Path, seeds: list[bytes]) -> None:
        bcftools.spawn = Forked  # type: ignore[assignment]
        self.folder = folder
        rcrs, nuclear = manifest.find("rcrs"), genome.bundle(folder / "nuclear")
        several = ((rcrs, [*mutations.SEEDS, *seeds]), (nuclear, [nuclear_seed()]))
        self.sets = [(bundle, files, [made for seed in files if (made := binary(seed, folder))]) for bundle, files in several]

    def case(self, number: int) -> tuple[int, str, str, bytes]:
        """The number, how the engine ends, what is wrong about that, and the file if anything is."""
        dice = random.Random(number)
        bundle, seeds, binaries = self.sets[dice.random() < 0.15]
        data = mutations.mutate(dice, seeds, binaries)
        input_file.RAW_CHUNK = dice.choice(CHUNKS)
        end, wrong = judge(data, bundle, self.folder)
        return number, end, wrong, data if wrong else b""
