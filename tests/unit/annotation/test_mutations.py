"""Whatever is done to a VCF: a result in which nothing is lost, or a sentence, and nothing else. `make fuzz` does more of it."""

import random
from collections import Counter
from pathlib import Path

import pytest

from app.annotation import bcftools, reference
from app.annotation.errors import InputError
from app.annotation.intake import feed, survey
from app.annotation.source import Source
from tests.unit.annotation.mutations import mutate
from tests.unit.annotation.promises import Fuzzer

SURVEYED = range(1000)
ANNOTATED = range(1_000_000, 1_000_100)


def test_the_intake_loses_nothing(tmp_path: Path, rcrs: reference.Bundle) -> None:
    path = tmp_path / "in"
    for seed in SURVEYED:
        path.write_bytes(mutate(random.Random(seed)))
        try:
            found = survey(Source(path), rcrs, lambda *_: None)
        except InputError as fault:
            assert fault.message.endswith((".", "?")), (seed, fault.message)
            continue
        fed: list[bytes] = []
        feed(found, rcrs, fed.append)
        records = [line for line in b"".join(fed).split(b"\n") if line and not line.startswith(b"#")]
        assert len(records) == found.records, seed


def test_every_promise_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bcftools, "spawn", bcftools.spawn)  # the fuzzer puts another in its place
    fuzzer = Fuzzer(tmp_path, [])
    ends: Counter[str] = Counter()
    for number in ANNOTATED:
        _, end, wrong, _ = fuzzer.case(number)
        ends[end] += 1
        assert not wrong, f"case {number}, {end}: {wrong}"
    assert min(ends["annotated"], ends["refused"]) > 10
