"""Whatever is done to a VCF: a result in which nothing is lost, or a sentence, and nothing else. `make fuzz` does more of it."""

import fcntl
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from app.engine.bundles import manifest
from app.engine.errors import InputError
from app.engine.formats import bcftools
from app.engine.limits import DEFAULT
from app.engine.pipeline.block import AnnotationContext, Reader
from app.engine.reading import headers, input_file
from app.engine.reading.diagnostics import Diagnostics
from app.engine.reading.input_file import InputFile
from app.engine.reading.lines import Lines
from tests.support import genome
from tests.support.mutations import mutate
from tests.support.promises import Forked, Fuzzer, judge, nuclear_seed

SURVEYED = range(1000)
ANNOTATED = range(1_000_000, 1_000_100)


@pytest.mark.slow
def test_the_intake_loses_nothing(tmp_path: Path, rcrs: manifest.Bundle) -> None:
    path = tmp_path / "in"
    for seed in SURVEYED:
        path.write_bytes(mutate(random.Random(seed)))
        try:
            notes = Diagnostics()
            lines = Lines(InputFile(path), notes)
            context = AnnotationContext(headers.read(lines.header(), notes), rcrs, DEFAULT, {}, None)
            reader = Reader(context)
            for block, before in lines.numbered():
                runs, stats = reader.read(block, before)
                assert sum(len(run.heads) for run in runs) == stats.count + stats.splits, seed
            reader.close()
        except InputError as fault:
            assert fault.message.endswith((".", "?")), (seed, fault.message)


def test_narrow_pipes_hold_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host gives pipes of a page to whoever has many: what is still being sent waits for what is not read any more."""

    def narrow(*args: Any, **streams: Any) -> Forked:
        child = Forked(*args, **streams)
        for pipe in (child.stdin, child.stdout):
            if pipe:
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 4096)
        return child

    bundle = genome.bundle(tmp_path / "nuclear")
    monkeypatch.setattr(bcftools, "spawn", narrow)
    for _ in range(3):
        assert judge(nuclear_seed(), bundle, tmp_path) == ("annotated", "")


@pytest.mark.slow
def test_every_promise_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bcftools, "spawn", bcftools.spawn)  # the fuzzer puts others in their places
    monkeypatch.setattr(input_file, "RAW_CHUNK", input_file.RAW_CHUNK)
    fuzzer = Fuzzer(tmp_path, [])
    ends: Counter[str] = Counter()
    for number in ANNOTATED:
        _, end, wrong, _ = fuzzer.case(number)
        ends[end] += 1
        assert not wrong, f"case {number}, {end}: {wrong}"
    assert min(ends["annotated"], ends["refused"]) > 10
