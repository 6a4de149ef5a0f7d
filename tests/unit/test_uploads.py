"""Whose upload is when in which mail: for every upload, number of days and moment."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from app.domain import uploads
from app.domain.jobs import Job, Status, job_id
from app.domain.uploads import DAY_MS

DAYS = st.integers(1, 90)
MOMENTS = st.integers(1_600_000_000_000, 2_000_000_000_000)


def job(created_at: int, randomness: bytes = bytes(10)) -> Job:
    return Job(user_id="u", job_id=job_id(created_at, randomness), submitted_at=created_at, status=Status.COMPLETED)


@given(MOMENTS, st.binary(min_size=10, max_size=10), st.integers(2, 90), st.integers(1, 30))
def test_each_upload_has_one_period_whose_mail_comes_in_time_and_once_all_are_there(
    created_at: int, randomness: bytes, kept: int, notice: int
) -> None:
    one, day = job(created_at, randomness), created_at // DAY_MS
    looks = {at: uploads.going(one, kept, notice, at * DAY_MS) for at in range(day - 1, day + kept + 3)}
    (period,) = {found for found in looks.values() if found}
    due = [at for at, found in looks.items() if found]
    assert period.first_day <= day < period.first_day + period.days <= due[0] + max(0, day - due[0] + 1)
    assert due == list(range(due[0], day + kept + 1))
    assert period.first_day + kept - due[0] >= min(notice, kept - 1) or due[0] == day - 1
    assert period.after < one.job_id < period.before


@given(MOMENTS, DAYS, st.integers(0, 30))
def test_a_period_is_over_when_its_mail_is_due(created_at: int, kept: int, notice: int) -> None:
    for later in range(kept + 1):
        if period := uploads.going(job(created_at), kept, notice, created_at + later * DAY_MS):
            assert period.first_day + period.days <= created_at // DAY_MS + later


@given(MOMENTS)
def test_the_ends_of_a_period_are_its_midnights(created_at: int) -> None:
    period = uploads.going(job(created_at), 30, 5, created_at + 30 * DAY_MS)
    assert period and period.days == uploads.PERIOD_DAYS
    begin, end = period.first_day * DAY_MS, (period.first_day + period.days) * DAY_MS
    assert job(begin - 1, b"\xff" * 10).job_id <= period.after < job(begin).job_id
    assert job(end - 1, b"\xff" * 10).job_id < period.before <= job(end).job_id


def test_none_for_what_was_never_uploaded_is_being_deleted_or_has_gone() -> None:
    one, day = job(20_000 * DAY_MS), 20_000
    assert uploads.going(one, 30, 5, (day + 30) * DAY_MS)
    for other in (replace(one, submitted_at=None), replace(one, status=Status.DELETING)):
        assert uploads.going(other, 30, 5, (day + 30) * DAY_MS) is None
    assert uploads.going(one, 30, 5, (day + 31) * DAY_MS) is None
    assert uploads.going(one, 30, 0, (day + 30) * DAY_MS) is None
    assert uploads.going(one, 0, 5, day * DAY_MS) is None
