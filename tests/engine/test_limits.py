"""Each cap of the engine's table is reached, and said with its sentence; those of the kernel end the child."""

import dataclasses
import gzip
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from app.engine import hard_limits
from app.engine.bundles import manifest
from app.engine.errors import InputError
from app.engine.limits import DEFAULT, Limits, sentences
from app.engine.pipeline import presort
from app.engine.pipeline.annotate import annotate
from tests.support.annotated import HEADER, vcf

COLUMNS = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
TWO = vcf("MT 3243 . A G . . .", "MT 3460 . G A . . .")
UNSORTED = vcf("MT 3460 . G A . . .", *["MT 3243 . A G . . ."] * 200)
LONG = "A" * 3_000_000

# the caps, a file that reaches one of them, and words of what is said
CASES: dict[str, tuple[dict[str, float], str, str]] = {
    "header_bytes": ({"header_bytes": 1 << 20}, f"##fileformat=VCFv4.2\n##x={LONG}\n", "The header is larger than 1 MiB"),
    "line_bytes": ({"line_bytes": 1 << 20}, vcf(f"MT 3460 . G A . . N={LONG}"), "A line is longer than 1 MiB"),
    "uncompressed_bytes": ({"uncompressed_bytes": 1 << 20}, vcf(f"MT 3460 . G A . . N={LONG}"), "larger than 0 GiB"),
    "records": ({"records": 1}, TWO, "more than 1 records"),
    "samples": ({"samples": 1}, f"{COLUMNS}\tFORMAT\tS1\tS2\n", "2 samples, more than the 1"),
    "alleles": ({"alleles": 2}, vcf("MT 3460 . G A,C,T . . ."), "more than 2 ALT alleles"),
    "ref_bases": ({"ref_bases": 3}, vcf("MT 3460 . GCCA G . . ."), "a REF beyond 3 bases"),
    "split_bytes": ({"split_bytes": 1 << 20}, vcf(f"MT 3460 . G A,C . . N={LONG}"), "2 alleles with 3,000,"),
    "name_bytes": ({"name_bytes": 3}, vcf("MT 3460 . G A . . LONG=1"), "LONG"),
    "contigs": ({"contigs": 1}, vcf("MT 3460 . G A . . .", *(f"c{n} 1 . G A . . ." for n in range(3))), "contig 'c1'"),
    "tags": ({"tags": 1}, vcf("MT 3460 . G A . . A=1;B=2"), "more than 1 different tags"),
    "evidence": ({"evidence": 2}, vcf(*["c 1 . G A . . ."] * 2, "MT 1 . G A . . ."), "contig 'c'"),
    "mismatches": ({"mismatches": 0.01}, vcf(*["MT 3460 . A G . . ."] * 10, *["MT 3461 . C T . . ."] * 30), "10 of 40 records"),
    "free_bytes": ({"free_bytes": 5000, "sort_ratio": 0}, UNSORTED, "Please sort it before: bcftools sort"),
    "sort_ratio": ({"free_bytes": 0, "sort_ratio": 1}, UNSORTED, "Please sort it before: bcftools sort"),
}  # fmt: skip
KERNEL = {"memory_bytes", "cpu_seconds", "cpu_rate", "output_ratio"}


def test_every_cap_is_reached_here() -> None:
    assert CASES.keys() | KERNEL == sentences().keys() == vars(DEFAULT).keys()


@pytest.mark.parametrize("cap", CASES)
def test_a_cap_has_its_sentence(cap: str, rcrs: manifest.Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    caps, content, words = CASES[cap]
    monkeypatch.setattr(presort, "SORT_BYTES", 1000)
    (tmp_path / "in").write_text(content)
    limits = dataclasses.replace(Limits(), **caps)  # type: ignore[arg-type]
    with pytest.raises(InputError) as caught:
        annotate(tmp_path / "in", tmp_path / "out", name="x", bundle=rcrs, limits=limits)
    assert words in caught.value.message and caught.value.message.endswith((".", "?"))


def many(count: int) -> str:
    """A file that is not compressed easily."""
    dice = random.Random(1)
    rows = (f"MT\t{100 + n // 80}\tid{dice.random()}\tN\tA\t.\t.\t.\n" for n in range(count))
    return HEADER + "".join(rows)


KERNELS = {
    "memory": (["memory_bytes=150e6"], vcf(f"MT 3460 . G A . . N={LONG * 18}"), "more than 143 MiB of memory"),
    "time": (["cpu_seconds=1", "cpu_rate=0"], many(100_000), "more time than files of its size have"),
}


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("case", KERNELS)
def test_the_kernel_ends_what_asks_for_too_much(case: str, jobs: int, child: Callable, tmp_path: Path) -> None:
    caps, content, words = KERNELS[case]
    (tmp_path / "in").write_text(content)
    limits = [f"--limit={cap}" for cap in caps]
    status, events, complaints = child(tmp_path / "in", tmp_path / "out", "--name", "x", f"--jobs={jobs}", *limits)
    assert (status, events[-1]["event"]) == (1, "rejected"), complaints
    assert words in events[-1]["message"]
    assert list((tmp_path / "out").iterdir()) == []


def test_a_result_is_not_written_beyond_measure(child: Callable, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(gzip.compress(vcf(*["MT 3460 . G A . . ."] * 5000).encode()))
    caps = ["--limit=free_bytes=0", "--limit=output_ratio=2"]
    status, events, complaints = child(tmp_path / "in", tmp_path / "out", "--name", "x", *caps)
    assert (status, events[-1]["event"]) == (1, "rejected"), complaints
    assert "more than 2 times as large as the file" in events[-1]["message"]


def test_time_grows_with_the_file() -> None:
    assert hard_limits.cpu_seconds(DEFAULT, 0) == 900
    assert hard_limits.cpu_seconds(DEFAULT, 5 << 30) > 500_000
    assert hard_limits.cpu_seconds(dataclasses.replace(DEFAULT, cpu_seconds=0), 5 << 30) == 0
