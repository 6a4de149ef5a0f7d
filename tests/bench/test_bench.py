"""The benchmarks measure what they say: a short run of each, on real processes. How fast they are is no test's business."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from scripts import amplify_engine
from scripts.bench import daemons, looks, portal, report, startup
from scripts.bench.answerer import answering
from scripts.bench.report import Row


def values(rows: list[Row], case: str) -> dict[str, float]:
    return {row.metric: row.value for row in rows if row.case == case}


@pytest.mark.night
async def test_a_daemon_handles_what_is_on_its_queue_beside_a_loop_that_makes_its_calls() -> None:
    async with answering() as aws:
        rows = await daemons.measure(aws, "thaw", 0.1)
        handled = aws.calls["dynamodb.UpdateItem"]
    thaw = values(rows, "thaw")
    assert thaw["AWS calls"] > 5
    assert handled > 40
    for metric in ("messages/s", "boto3 loop, messages/s", "CPU a message", "CPU of aiobotocore alone", "times the boto3 loop"):
        assert thaw[f"{metric} at 0 ms"] > 0 < thaw[f"{metric} at 20 ms"], metric
    assert thaw["boto3 loop, messages/s at 20 ms"] < 1 / (thaw["AWS calls"] * daemons.LATENCIES[1])


@pytest.mark.slow
async def test_the_portal_answers_every_page_to_its_user() -> None:
    async with answering() as aws:
        rows = await portal.measure(aws, 0.2, connections=4)
    assert {row.case for row in rows} == set(portal.PAGES)
    for title in portal.PAGES:
        page = values(rows, title)
        assert page["requests/s"] > 0 < page["CPU a request"], title
        assert page["AWS calls"] > 0, title


@pytest.mark.slow
async def test_viewers_see_what_changes() -> None:
    async with answering() as aws:
        held = values(await portal.streams(aws, 30, settled_seconds=1), "30 viewers")
    assert held["memory of the process"] > 10
    assert held["until all saw a change"] > 0


@pytest.mark.slow
async def test_healthz_is_asked_for_while_everybody_looks() -> None:
    async with answering() as aws:
        rows = await looks.measure(aws, 0.5, records=200)
    assert {row.case for row in rows} == {"no looks", *looks.LOOKS, "all of these"}
    for title in looks.LOOKS:
        look = values(rows, title)
        assert look["/healthz, mean"] > 0 < look["CPU a look"], title


@pytest.mark.slow
async def test_a_small_job_is_annotated() -> None:
    async with answering() as aws:
        rows = await startup.prompt(aws, 1)
        assert aws.statuses["COMPLETED"] == 1
        assert aws.calls["s3.PutObject"] == 3
    assert all(row.value > 0 for row in rows)


@pytest.mark.slow
async def test_what_the_engine_makes_of_an_amplifying_file_is_looked_through_in_a_portal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = argparse.Namespace(place=["header lines"], count=2_000, most=512, portal=300)
    assert await amplify_engine.measure(options) == 0, capsys.readouterr().out
    assert re.search(r"^  .* \d+ MiB .* [1-9]\d* MiB  header lines: done: 1 records$", capsys.readouterr().out, re.MULTILINE)


def test_runs_are_reduced_to_medians_and_compared(tmp_path: Path) -> None:
    runs = [[Row("a", "b", "c", value, "s", "<= 2")] for value in (1.0, 9.0, 3.0)]
    (median,) = report.medians(runs)
    assert (median.value, median.met) == (3.0, False)
    report.write(tmp_path / "new.json", [median])
    (line,) = report.comparison(runs[0], report.read(tmp_path / "new.json"))
    assert line.endswith("x 3.00")
    assert "MISSED" in "".join(report.table([median]))
