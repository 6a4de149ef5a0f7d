"""What is told to whoever waits: measured on jobs that were seen, and nothing where none was."""

from __future__ import annotations

import re
from typing import Any

from app.domain.jobs import Job, Speed, Status, Trigger
from app.domain.retrievals import FLEXIBLE
from app.web import app_keys
from app.web.estimates import DurationEstimator
from tests.support.portal import Portal
from tests.support.steps import ARCHIVED, CLAIM, ME, SUBMIT


def completed(n: int, size: int, took: int, waited: int = 2000, **values: Any) -> Job:
    times = {"submitted_at": 1000, "started_at": 1000 + waited, "finished_at": 1000 + waited + took}
    ended = {"status": Status.COMPLETED, "attempts": 1, "bundle": "rcrs", "file_name": "x.vcf", **times, **values}
    return Job(user_id="u", job_id=f"{n:04}", size=size, **ended)


def test_nothing_is_promised_before_anything_was_seen() -> None:
    assert DurationEstimator().wait() is None and DurationEstimator().duration(completed(1, 10, 10)) is None


def test_a_duration_is_a_line_through_what_was_seen() -> None:
    pace = DurationEstimator()
    pace.observe(completed(n, 1000 * n, 500 + 100 * n) for n in range(1, 11))
    assert pace.duration(completed(0, 20_000, 0)) == 2500
    assert pace.duration(completed(0, 10, 0)) is None and pace.duration(completed(0, 200_000, 0)) is None
    assert pace.duration(completed(0, 5000, 0, bundle="grch38")) is None
    assert pace.duration(completed(0, 5000, 0, file_name="X.VCF.GZ")) is None


def test_larger_files_that_were_quicker_make_no_rate() -> None:
    pace = DurationEstimator()
    pace.observe([completed(1, 1000, 3000), completed(2, 2000, 1000)])
    assert pace.duration(completed(0, 4000, 0)) == 2000
    same = DurationEstimator()
    same.observe([completed(1, 1000, 3000), completed(2, 1000, 1000)])
    assert same.duration(completed(0, 1000, 0)) == 2000


def test_only_the_newest_that_went_well_count() -> None:
    pace = DurationEstimator()
    pace.observe(completed(n, 1000, 10, waited=n) for n in range(1000))
    pace.observe(
        [completed(2000, 1000, 10, waited=10**6, attempts=2), completed(2001, 1000, 10, waited=10**6, status=Status.FAILED)]
    )
    assert pace.wait() == 994 or pace.wait() == 995
    assert len(pace._seen) == 200


async def test_who_waits_is_told_how_long_it_takes(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    portal.app[app_keys.DURATIONS].observe(completed(n, 10, 90_000, waited=40_000, bundle="") for n in range(3))
    view = portal.app[app_keys.QUEUE_VIEW]
    view._waiting, view._seen = 7, float("inf")
    job = await portal.job(ME, *SUBMIT, file_name="x.vcf")
    page = (await browser.get(f"/annotations/{job.job_id}")).text
    assert "About 7 jobs wait" in page and "had waited about 40 seconds" in page
    assert "should take about 1 minute and 30 seconds" in page


async def test_a_running_job_says_what_is_left_and_when_its_worker_was_heard_of(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    now = portal.backend.now()
    job = await portal.job(ME, *SUBMIT, (Trigger.CLAIM, {"phase": "consequences", "percent": 25, "started_at": now - 60_000}))
    page = (await browser.get(f"/annotations/{job.job_id}")).text
    assert re.search(r"about 3 minutes( and \d seconds?)? left", page)
    (heard,) = re.findall(r'data-age="(\d+)"', page)
    assert now - 1000 <= int(heard) <= portal.backend.now()


async def test_a_result_on_its_way_back_says_between_when(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    patience = FLEXIBLE[Speed.EXPEDITED].patience_seconds
    job = await portal.job(ME, *ARCHIVED, (Trigger.RESTORE, {"speed": Speed.EXPEDITED, "deadline_seconds": patience}))
    page = (await browser.get(f"/annotations/{job.job_id}")).text
    assert job.deadline and f'data-countdown="{job.deadline - 1000 * patience + 300_000}"' in page
    late = await portal.job(ME, *ARCHIVED, (Trigger.RESTORE, {"speed": Speed.EXPEDITED, "deadline_seconds": 1}))
    assert "It takes longer than AWS states" in (await browser.get(f"/annotations/{late.job_id}")).text


async def test_a_failure_of_ours_gives_the_number_and_one_of_the_file_the_line(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    theirs = await portal.job(ME, *CLAIM, (Trigger.FAIL, {"fault": "user", "message": "Line 7 has no ALT.", "line": 7}))
    page = (await browser.get(f"/annotations/{theirs.job_id}")).text
    assert "Correct line 7 of the file" in page
    ours = await portal.job(ME, *CLAIM, (Trigger.FAIL, {"fault": "system", "message": "The disk was full."}))
    page = (await browser.get(f"/annotations/{ours.job_id}")).text
    assert "tell us the job id" in page and ours.job_id in page
