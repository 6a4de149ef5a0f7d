"""What one job asks of AWS, stage by stage, is what was counted and priced; and it stays cheap."""

from __future__ import annotations

import pytest

from app.aws.clients import clients
from app.settings import Settings
from scripts.cost.page import FIRST_GAS_POLLS, archive_months, doctor_calls, idle_polls, job_dollars, measured
from scripts.cost.stages import as_counts, local, measure
from workers import VERBS

SMALL = 1024
"""Bytes of a record that one write unit pays for."""


@pytest.mark.filterwarnings("ignore::aiohttp.web.NotAppKeyWarning")
@pytest.mark.parametrize("archive_backend", ["s3", "glacier"], indirect=True)
@pytest.mark.slow
async def test_every_stage_asks_for_what_was_counted(
    settings: Settings, archive_backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.backend.clients", clients)  # a client is recorded that is made while this is on
    stages = await measure(settings, **local())
    assert as_counts(stages) == measured()[archive_backend], "if this is meant: make cost docs"
    assert max(stage.largest for stage in stages.values()) < SMALL
    idle = stages["idle"]
    assert not idle.calls, "an idle daemon does nothing but wait"
    assert len({asked["QueueUrl"] for asked in idle.idle}) == len(VERBS)
    assert {asked["WaitTimeSeconds"] for asked in idle.idle} == {settings.poll_seconds}


def test_a_million_free_jobs_cost_64_dollars_at_most_and_half_a_dollar_more_with_a_vault() -> None:
    assert job_dollars("s3") <= 64
    assert job_dollars("glacier") <= 64.5


def test_nobody_idle_asks_more_than_a_quarter_of_what_the_first_gas_asked() -> None:
    assert max(idle_polls(), doctor_calls("s3")) <= FIRST_GAS_POLLS / 4


def test_the_archive_pays_back_for_large_results_and_never_for_the_smallest() -> None:
    assert archive_months(10_000) == float("inf")
    assert 12 < archive_months(100_000) < 24
    assert archive_months(10_000_000) < 1
