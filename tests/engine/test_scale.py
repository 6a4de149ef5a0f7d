"""However a file is cut into blocks, and however many processes work on them, the result is the same; and nothing ever hangs."""

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pysam
import pytest

from app.engine.bundles import manifest
from app.engine.formats.fasta import Sequences
from app.engine.pipeline import annotate as pipeline
from app.engine.pipeline import annotator, pool, presort
from app.engine.pipeline import block as blocks
from app.engine.pipeline.annotate import INDEX, SUMMARY, VCF, annotate
from app.engine.reading import input_file
from tests.support.records import META, record

SMALL = 1 << 12  # bytes of a block
ROWS = 1500
FINE = pytest.param(300, marks=pytest.mark.slow)


@pytest.fixture(scope="session")
def sequence(rcrs: manifest.Bundle) -> str:
    return Sequences(rcrs.path(rcrs.fasta)).get("MT", 0, 20_000).decode()


@pytest.fixture
def records(sequence: str) -> list[str]:
    """Sorted records of every kind, their alleles moving in both directions, with structural variants between them."""
    dice = random.Random(11)
    made = [one for one in (record(dice, sequence) for _ in range(ROWS)) if "N" not in one.split("\t")[3]]
    for position in range(400, 16_000, 700):
        made += [f"MT\t{position}\t.\t{sequence[position - 1]}\t<DEL>\t.\t.\tEND={position + 300}\tGT\t0/1\t0\n"]
    return sorted(made, key=lambda one: int(one.split("\t")[1]))


@pytest.fixture
def spread(sequence: str) -> list[str]:
    """Sorted records of every kind, not too near to each other."""
    dice = random.Random(12)
    made = [record(dice, sequence, position) for position in range(40, 16_500, 11)]
    return [one for one in made if "N" not in one.split("\t")[3]]


Outcome = tuple[list[str], dict[str, Any], Path]


@pytest.fixture
def outcome(tmp_path: Path, rcrs: manifest.Bundle, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Annotate a text in blocks of a size; the records, the summary, and where the outputs are."""

    def outcome(content: str, block: int, jobs: int = 1) -> Outcome:
        monkeypatch.setattr(input_file, "RAW_CHUNK", block)
        folder = tmp_path / f"out.{block}.{jobs}"
        (tmp_path / "in").write_text(content)
        annotate(tmp_path / "in", folder, name="x", bundle=rcrs, jobs=jobs)
        lines = gzip.decompress((folder / VCF).read_bytes()).decode().splitlines()
        summary = json.loads((folder / SUMMARY).read_text())
        del summary["created"]
        return [line for line in lines if line[0] != "#"], summary, folder

    return outcome


@pytest.mark.slow
def test_several_processes_write_what_one_writes(records: list[str], outcome: Callable[..., Outcome]) -> None:
    """Byte by byte, compressed and indexed."""
    content = META + "".join(records)
    alone, summary, folder = outcome(content, SMALL, 1)
    together, told, other = outcome(content, SMALL, 3)
    assert together == alone
    assert told == summary
    for name in (VCF, INDEX):
        assert (other / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.slow
def test_alleles_that_move_are_put_into_their_block(
    spread: list[str], outcome: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = META + "".join(spread)
    whole, summary, _ = outcome(content, 1 << 24)
    monkeypatch.delattr(pipeline, "presort")
    cut, told, _ = outcome(content, SMALL)
    assert sorted(cut) == sorted(whole)
    positions = [int(line.split("\t")[1]) for line in cut]
    assert positions == sorted(positions)
    assert told == summary


@pytest.mark.slow
def test_a_block_of_many_entries_is_made_in_several_pieces(
    records: list[str], outcome: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is made at once has a bound, however many transcripts overlap however many alleles."""
    content = META + "".join(records)
    whole, summary, _ = outcome(content, 1 << 24)
    made: list[int] = []
    lay = blocks.lay

    def counted(piece: blocks.AnnotatedBlock, parts: list[blocks.ContigSlice], level: int) -> None:
        made.append(sum(len(part.lines) for part in parts))
        lay(piece, parts, level)

    monkeypatch.setattr(blocks, "lay", counted)
    for module in (blocks, annotator):
        monkeypatch.setattr(module, "MOST_ENTRIES", 300)
    cut, cut_summary, _ = outcome(content, 1 << 25)
    assert len(made) > 10
    assert max(made) <= 300
    assert cut == whole
    assert cut_summary == summary


@pytest.mark.parametrize(
    "block", [pytest.param(300, marks=pytest.mark.night), pytest.param(1000, marks=pytest.mark.night), SMALL]
)
def test_blocks_leave_no_trace(block: int, records: list[str], outcome: Callable[..., Outcome]) -> None:
    """Alleles that move out of their block are put into the right one."""
    content = META + "".join(records)
    whole, summary, _ = outcome(content, 1 << 24)
    cut, told, _ = outcome(content, block)
    assert sorted(cut) == sorted(whole)
    positions = [int(line.split("\t")[1]) for line in cut]
    assert positions == sorted(positions)
    assert told == summary


@pytest.mark.parametrize("block", [FINE, pytest.param(1 << 24, marks=pytest.mark.night)])
def test_the_index_finds_what_a_search_finds(block: int, records: list[str], outcome: Callable[..., Outcome]) -> None:
    lines, _, folder = outcome(META + "".join(records), block)
    dice = random.Random(3)
    spans = []
    for line in lines:
        fields = line.split("\t")
        start = int(fields[1]) - 1
        ends = [int(item[4:]) for item in fields[7].split(";") if item.startswith("END=")]
        spans.append((start, max([start + len(fields[3]), *ends]), line))
    with pysam.TabixFile(str(folder / VCF)) as index:
        assert list(index.fetch("MT")) == lines
        for _ in range(300):
            begin = dice.randrange(16_500)
            end = begin + dice.choice((1, 10, 1000))
            assert list(index.fetch("MT", begin, end)) == [line for first, last, line in spans if first < end and last > begin]


LATE = {
    "a flag with a value": "T\tC\t.\t.\tDB=3;DP=7",
    "a value for each allele, but not as many": "T\tC,G\t.\t.\tAF=0.1,0.2,0.3;DB;DP=7",
}


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [pytest.param(1, marks=pytest.mark.night), 2])
@pytest.mark.parametrize("case", LATE)
def test_what_is_learned_late_holds_from_the_beginning(
    case: str, jobs: int, spread: list[str], outcome: Callable[..., Outcome]
) -> None:
    content = META + "".join(spread) + f"MT\t16519\t.\t{LATE[case]}\tGT\t0/1\t0\n"
    whole, summary, _ = outcome(content, 1 << 24)
    cut, told, _ = outcome(content, SMALL, jobs)
    assert sorted(cut) == sorted(whole)
    assert {note["code"]: note["count"] for note in told["notes"]} == {note["code"]: note["count"] for note in summary["notes"]}


@pytest.mark.slow
@pytest.mark.parametrize("chunk", [1000, 1 << 20])
def test_sorting_on_disk(
    chunk: int, records: list[str], outcome: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presort, "SORT_BYTES", chunk)
    monkeypatch.setattr(presort, "FILES", 3)
    ordered, summary, _ = outcome(META + "".join(records), SMALL)
    shuffled = records.copy()
    random.Random(2).shuffle(shuffled)
    lines, told, _ = outcome(META + "".join(shuffled), SMALL, 2)
    assert sorted(lines) == sorted(ordered)
    positions = [int(line.split("\t")[1]) for line in lines]
    assert positions == sorted(positions)
    assert "unsorted" in {note["code"] for note in told["notes"]} - {note["code"] for note in summary["notes"]}
    assert (told["records_in"], told["splits"], told["consequences"]) == (
        summary["records_in"],
        summary["splits"],
        summary["consequences"],
    )


def test_names_of_one_contig_are_unified_wherever_they_change(sequence: str, outcome: Callable[..., Outcome]) -> None:
    rows = [
        f"{'MT' if position < 9000 else 'chrM'}\t{position}\t.\t{sequence[position - 1]}\tN\t.\t.\t.\tGT\t0\t1\n"
        for position in range(4000, 12_000, 20)
    ]
    lines, summary, _ = outcome(META + "".join(rows), SMALL, 3)
    assert {line.split("\t")[0] for line in lines} == {"MT"}
    assert summary["contigs"] == {"MT": len(rows)}


@pytest.mark.parametrize("change", ["G\tA", "G\tA,C,T", "GCC\tGCCCC", "GC\tG"])
@pytest.mark.slow
def test_a_pile_of_records_at_one_position(change: str, sequence: str, outcome: Callable[..., Outcome]) -> None:
    """Tens of thousands of copies take no longer than as many other records."""
    assert sequence[3459:3462] == "GCC"
    copies = 20_000
    lines, summary, _ = outcome(META.replace("\tFORMAT\tS1\tS2", "") + f"MT\t3460\t.\t{change}\t.\t.\tDP=7\n" * copies, 1 << 18)
    assert summary["records_in"] == copies
    assert len(lines) == copies * (change.count(",") + 1)


def test_no_more_workers_than_memory_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pool.affordable() >= 1
    monkeypatch.setattr(pool, "WORKER", 1 << 50)
    assert pool.affordable() == 1


@pytest.mark.slow
def test_a_worker_that_dies_is_our_fault(tmp_path: Path) -> None:
    rows = "".join(f"MT\t3107\t.\tN\t<DEL>\t.\t.\tDP={number}\n" for number in range(400_000))
    (tmp_path / "in").write_text(META.replace("\tFORMAT\tS1\tS2", "") + rows)
    command = [sys.executable, "-m", "app.engine", str(tmp_path / "in"), str(tmp_path / "out"), "--name", "x", "--jobs", "2"]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    while not (found := _workers(started.pid)):
        assert started.poll() is None
        time.sleep(0.01)
    os.kill(found[0], signal.SIGKILL)
    assert started.stdout is not None
    *_, last = started.stdout
    started.stdout.close()
    assert started.wait(60) == 3
    assert json.loads(last)["event"] == "failed"
    assert list((tmp_path / "out").iterdir()) == []


def _workers(pid: int) -> list[int]:
    return [int(child) for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()]
