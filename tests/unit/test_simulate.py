"""The simulator of the fleet: known answers, nothing lost, and the promise that the numbers of prod were chosen for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings
from scripts.fleet.arrivals import Job, day, log
from scripts.fleet.policy import Policy, read, world
from scripts.fleet.simulation import Fleet
from scripts.simulate_fleet import PROMISE, Span, holds
from workers.annotate import SPEC

GIVEN = world()
ALONE = replace(read("prod"), least=1, most=1, spot=False)
GIANT = ALONE.giant_bytes


def job(at: float, seconds: float, size: int = 1, user: str = "a") -> Job:
    return Job(at, size, seconds, user, "giant" if size >= GIANT else "small")


def test_the_policy_is_read_from_terraform_and_the_daemon() -> None:
    policy = read("prod")
    assert policy.slots == SPEC.concurrency and policy.giants == SPEC.concurrency - 1
    assert policy.drain == Settings.model_fields["drain_seconds"].default
    text = Path("terraform/environments/prod/terraform.tfvars").read_text().partition("annotate = {")[2].partition("}")[0]
    assert f"max            = {policy.most}\n" in text and f"min            = {policy.least}\n" in text
    assert f"backlog_per_instance = {policy.backlog:g}" in text
    assert read("dev").least == 0


@pytest.mark.parametrize(
    ("waiting", "working", "serving", "measured"),
    [(0, 0, 1, 0), (0, 6, 4, 1.5), (2, 6, 4, 2), (10_000, 8, 4, 17 / 4), (7, 0, 0, 1), (0, 0, 0, 0)],
)
def test_the_fleet_follows_what_terraform_says(waiting: int, working: int, serving: int, measured: float) -> None:
    assert read("prod").measure(waiting, working, serving) == measured


def test_the_third_of_three_jobs_waits_for_one_of_two_slots() -> None:
    result = Fleet(ALONE, GIVEN).run([job(0, 10), job(0, 20), job(1, 10), job(100, 10)])
    assert sorted(result.waits["small"]) == [0, 0, 0, 9]
    assert result.unfinished == 0


@pytest.mark.parametrize(("giants", "wait"), [(1, 0.0), (2, 98.0)])
def test_a_small_job_passes_giants_where_these_leave_a_slot(giants: int, wait: float) -> None:
    jobs = [job(0, 100, GIANT), job(0, 100, GIANT), job(1, 100, GIANT), job(2, 1, user="b")]
    result = Fleet(replace(ALONE, giants=giants), GIVEN).run(jobs)
    assert result.waits["small"] == [wait]


def test_a_noisy_user_waits_behind_the_others_in_a_fair_queue() -> None:
    jobs = [*(job(0, 10, GIANT, "noisy") for _ in range(6)), job(1, 1, user="quiet")]
    fair, first_come = (Fleet(replace(ALONE, giants=2, queue=queue), GIVEN).run(jobs) for queue in ("fair", "fifo"))
    assert fair.waits["small"] == [9] and first_come.waits["small"] == [29]


def test_nothing_is_lost_when_instances_leave_and_what_they_held_begins_again() -> None:
    policy = replace(read("prod"), least=1, most=20, backlog=1.5)
    jobs = [job(at / 4, 30) for at in range(2400)] + [job(3000 + at * 60, 400, GIANT) for at in range(100)]
    result = Fleet(policy, GIVEN).run(jobs)
    assert result.unfinished == 0
    assert sum(len(waits) for waits in result.waits.values()) == len(jobs) + result.again
    assert result.most > 5 and result.again > 0


def test_an_instance_is_paid_from_its_launch_to_its_end() -> None:
    result = Fleet(ALONE, GIVEN).run([job(0, 3600)])
    assert result.instance_hours == pytest.approx(1, abs=0.02)
    assert result.dollars == pytest.approx(GIVEN["prices"]["on_demand_hour"] * result.instance_hours, rel=0.1)


def test_a_log_is_played_as_it_happened(tmp_path: Path) -> None:
    file = tmp_path / "jobs.csv"
    file.write_text("job_id,user,bytes,submitted_at\n2,b,2000000,61000\n1,a,1000,1000\n")
    first, second = log(GIVEN, file)
    assert (first.at, second.at, first.user, second.bytes) == (0, 60, "a", 2_000_000)
    assert second.seconds > first.seconds > 0


@pytest.mark.slow
def test_a_day_has_as_many_jobs_as_it_is_said_to_have() -> None:
    jobs = list(day(GIVEN, 0.5, seed=3))
    assert len(jobs) == pytest.approx(43_200, rel=0.03)
    noon = sum(6 * 3600 < one.at < 18 * 3600 for one in jobs)
    assert noon > 0.7 * len(jobs)


def test_logs_and_days_have_ascending_times() -> None:
    times = [one.at for one in day(GIVEN, 0.2, seed=1, first=3600, last=7200)]
    assert times == sorted(times) and times[0] > 3600 and times[-1] < 7200


@pytest.mark.parametrize(("rate", "hours"), [(1.0, 12.0), (10.0, 1.0), (100.0, 0.1)])
@pytest.mark.slow
def test_the_numbers_of_prod_hold_the_promise(rate: float, hours: float) -> None:
    result = Span(hours).play(read("prod"), GIVEN, rate)
    assert holds(result), f"95 of a hundred wait {result.wait(0.95)} s at most; {PROMISE} is promised"


@pytest.mark.slow
def test_a_target_above_the_slots_breaks_it() -> None:
    policy: Policy = replace(read("prod"), backlog=10)
    given: dict[str, Any] = GIVEN
    assert not holds(Span(1).play(policy, given, 10.0))
