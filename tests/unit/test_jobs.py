"""The table of transitions, and what follows from it."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from app.domain.jobs import DEADLINE_SECONDS, STEPS, TRANSITIONS, WAITING, Job, Status, Tier, Trigger, changed, job_id

MOMENTS = st.integers(min_value=0, max_value=2**48 - 1)
USER = "00000000-0000-7000-8000-000000000001"


def possible(job: Job) -> list[Trigger]:
    return [
        trigger
        for trigger, step in STEPS.items()
        if (not step.statuses or job.status in step.statuses) and (not step.tiers or job.tier in step.tiers)
    ]


@given(st.lists(st.integers(min_value=0, max_value=100), max_size=40))
def test_every_walk_keeps_status_and_tier_together(choices: list[int]) -> None:
    job = Job(user_id=USER, job_id=USER)
    for choice in choices:
        triggers = possible(job)
        if not triggers:
            assert job.status is Status.DELETING
            return
        values = changed(job, triggers[choice % len(triggers)])
        assert values["rev"] == job.rev + 1
        job = Job(user_id=USER, job_id=USER, **values)
        assert (job.tier is not Tier.NONE) == (job.status is Status.COMPLETED)


def test_each_trigger_leads_to_one_state_of_a_kind() -> None:
    for trigger in Trigger:
        for kind in (Status, Tier):
            ends = {to for (source, by), to in TRANSITIONS.items() if by is trigger and isinstance(source, kind)}
            assert len(ends) <= 1, (trigger, ends)


def test_only_leases_are_taken_over() -> None:
    taken = {trigger: step.taken_over for trigger, step in STEPS.items() if step.taken_over}
    assert taken == {Trigger.CLAIM: Status.RUNNING}


def test_every_state_is_reached_and_every_waiting_state_is_left() -> None:
    assert {*Status, *Tier} <= {*TRANSITIONS.values(), Status.UPLOADING}
    assert {source for source, _ in TRANSITIONS} >= WAITING - {Status.DELETING}
    assert DEADLINE_SECONDS.keys() == WAITING


def test_any_job_can_be_deleted() -> None:
    assert STEPS[Trigger.DELETE].statuses == frozenset(Status) - {Status.DELETING}
    assert STEPS[Trigger.DELETE].tiers == frozenset(Tier)


@given(MOMENTS, st.binary(min_size=10, max_size=10))
def test_job_ids_are_uuids_of_version_7_that_carry_their_time(now: int, randomness: bytes) -> None:
    made = uuid.UUID(job_id(now, randomness))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert Job(user_id=USER, job_id=str(made)).created_at == now


@given(MOMENTS, MOMENTS, st.binary(min_size=10, max_size=10), st.binary(min_size=10, max_size=10))
def test_job_ids_sort_by_time(earlier: int, later: int, some: bytes, other: bytes) -> None:
    if earlier < later:
        assert job_id(earlier, some) < job_id(later, other)


def test_a_record_keeps_what_it_points_to_and_what_it_writes() -> None:
    job = Job(user_id=USER, job_id=USER, status=Status.COMPLETED, tier=Tier.AVAILABLE, rev=5, result="r3", index="i3")
    assert job.keeps("r3", 3) and job.keeps("i3", 3) and job.keeps("new", 5)
    assert not job.keeps("old", 4) and not job.keeps("vault archive of unknown rev", None)
    deleting = Job(user_id=USER, job_id=USER, status=Status.DELETING, rev=5, result="r3")
    assert not deleting.keeps("r3", 3) and not deleting.keeps("new", 5)


def test_an_event_has_one_name_however_often_it_is_told() -> None:
    job = Job(user_id=USER, job_id=USER, submitted_at=17, archive="a", result="r")
    later = Job(user_id=USER, job_id=USER, submitted_at=17, archive="a", result="r", rev=9)
    names = [job.mark(outcome) for outcome in ("completed", "archived", "restored")]
    assert names == [later.mark(outcome) for outcome in ("completed", "archived", "restored")]
    assert len(set(names)) == 3
