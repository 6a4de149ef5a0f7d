"""The jobs table against a real DynamoDB API: conditions, races, paging."""

from __future__ import annotations

import asyncio
import os
import uuid
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from app.aws.jobs import Jobs
from app.domain.accounts import Plan
from app.domain.jobs import Job, Status, Tier, Trigger, job_id
from app.services.backend import Backend

USER = str(uuid.uuid4())


async def new_job(gas: Backend, *triggers: Trigger, user_id: str = USER) -> Job:
    """A job that went through these transitions."""
    job = await gas.jobs.create(Job(user_id=user_id, job_id=job_id(gas.now(), os.urandom(10)), file_name="a.vcf"))
    for trigger in triggers:
        advanced = await gas.jobs.advance(user_id, job.job_id, trigger)
        assert advanced
        job = advanced
    return job


async def test_a_job_reads_back_as_it_was_written(gas: Backend) -> None:
    job = await new_job(gas)
    noted = await gas.jobs.update(replace(job), file_name="<script>\U0001f9ec", percent=7, message="")
    assert noted == replace(job, file_name="<script>\U0001f9ec", percent=7)
    assert await gas.jobs.get(USER, job.job_id) == noted
    assert await gas.jobs.get(str(uuid.uuid4()), job.job_id) is None


async def test_an_id_is_used_once(gas: Backend) -> None:
    job = await new_job(gas)
    with pytest.raises(ClientError):
        await gas.jobs.create(job)


async def test_a_transition_counts_rev_and_sets_the_deadline(gas: Backend) -> None:
    job = await new_job(gas, Trigger.SUBMIT, Trigger.CLAIM)
    assert (job.status, job.rev, job.attempts) == (Status.RUNNING, 3, 1)
    assert job.deadline and job.deadline > gas.now()
    done = await gas.jobs.advance(USER, job.job_id, Trigger.COMPLETE, at=job.rev, result="r")
    assert done and (done.status, done.tier, done.result) == (Status.COMPLETED, Tier.AVAILABLE, "r")


async def test_two_annotators_with_one_message_claim_once(gas: Backend) -> None:
    job = await new_job(gas, Trigger.SUBMIT)
    claims = await asyncio.gather(*(gas.jobs.advance(USER, job.job_id, Trigger.CLAIM) for _ in range(8)))
    assert sum(claim is not None for claim in claims) == 1


async def test_a_lease_that_ran_out_is_taken_over_and_its_owner_notices(gas: Backend) -> None:
    job = await new_job(gas, Trigger.SUBMIT)
    first = await gas.jobs.advance(USER, job.job_id, Trigger.CLAIM, deadline_seconds=-1)
    second = await gas.jobs.advance(USER, job.job_id, Trigger.CLAIM)
    assert first and second and second.rev == first.rev + 1 and second.attempts == 2
    assert await gas.jobs.update(first, percent=50) is None
    assert await gas.jobs.advance(USER, job.job_id, Trigger.COMPLETE, at=first.rev) is None
    assert await gas.jobs.advance(USER, job.job_id, Trigger.COMPLETE, at=second.rev)


async def test_cancel_against_completion_has_one_winner(gas: Backend) -> None:
    job = await new_job(gas, Trigger.SUBMIT, Trigger.CLAIM)
    ends = await asyncio.gather(
        gas.jobs.advance(USER, job.job_id, Trigger.COMPLETE, at=job.rev), gas.jobs.advance(USER, job.job_id, Trigger.CANCEL)
    )
    assert sum(end is not None for end in ends) == 1


async def test_nothing_comes_back_after_a_deletion(gas: Backend) -> None:
    job = await new_job(gas, Trigger.SUBMIT, Trigger.CLAIM)
    deleting = await gas.jobs.advance(USER, job.job_id, Trigger.DELETE)
    assert deleting and deleting.tier is Tier.NONE
    await gas.jobs.remove(deleting)
    for trigger in Trigger:
        assert await gas.jobs.advance(USER, job.job_id, trigger) is None, trigger
    assert await gas.jobs.update(job, percent=1) is None
    assert await gas.jobs.get(USER, job.job_id) is None


async def test_a_job_has_one_look_planned_from_its_upload_to_its_end(gas: Backend) -> None:
    job = await new_job(gas)
    looks = [job.look_at]
    for trigger in (Trigger.SUBMIT, Trigger.CLAIM, Trigger.COMPLETE):
        moved = await gas.jobs.advance(job.user_id, job.job_id, trigger)
        assert moved
        looks.append(moved.look_at)
        assert moved.deadline and moved.deadline > gas.now()
    assert len(set(looks)) == 1
    assert moved and not await gas.jobs.renew(job, Status.RUNNING) and await gas.jobs.renew(moved, Status.RUNNING)
    restarted = await gas.jobs.update(moved, state=Tier.AVAILABLE)
    assert restarted and restarted.look_at == restarted.deadline != looks[0]


async def test_only_a_tombstone_is_removed(gas: Backend) -> None:
    job = await new_job(gas)
    await gas.jobs.remove(job)
    assert await gas.jobs.get(USER, job.job_id)


async def test_the_archive_transaction_holds_only_while_the_plan_does(gas: Backend) -> None:
    user_id = str(uuid.uuid4())
    await gas.accounts.login(user_id, name="x")
    steps = (Trigger.SUBMIT, Trigger.CLAIM, Trigger.COMPLETE)
    job = await new_job(gas, *steps, user_id=user_id)
    assert await gas.jobs.advance_while(job, Plan.PREMIUM, Trigger.ARCHIVED, archive="a") is None
    stale = replace(job, rev=job.rev - 1)
    assert await gas.jobs.advance_while(stale, Plan.FREE, Trigger.ARCHIVED, archive="a") is None
    archived = await gas.jobs.advance_while(job, Plan.FREE, Trigger.ARCHIVED, archive="a", result=None)
    assert archived and archived == await gas.jobs.get(user_id, job.job_id)
    assert (archived.tier, archived.archive, archived.deadline) == (Tier.ARCHIVED, "a", job.deadline)


async def test_a_premium_result_waits_for_nobody(gas: Backend) -> None:
    user_id = str(uuid.uuid4())
    await gas.accounts.login(user_id, name="x")
    job = await new_job(gas, Trigger.SUBMIT, Trigger.CLAIM, Trigger.COMPLETE, user_id=user_id)
    assert not await gas.jobs.clear_deadline_while(job, Plan.PREMIUM)
    await gas.accounts.change_plan(user_id, Plan.PREMIUM)
    assert await gas.jobs.clear_deadline_while(job, Plan.PREMIUM)
    settled = await gas.jobs.get(user_id, job.job_id)
    assert settled and settled.deadline is None
    assert settled.rev == job.rev + 1, "who archives it still saw it under the rev before"


async def test_pages_hold_every_job_once_newest_first(gas: Backend) -> None:
    user_id = str(uuid.uuid4())
    made = [(await new_job(gas, user_id=user_id)).job_id for _ in range(7)]
    seen: list[str] = []
    while page := await gas.jobs.page(user_id, before=seen[-1] if seen else None, limit=3):
        seen += [job.job_id for job in page]
    assert seen == sorted(made, reverse=True)


async def test_many_jobs_are_read_in_one_request(gas: Backend) -> None:
    made = [await new_job(gas) for _ in range(3)]
    keys = [(job.user_id, job.job_id) for job in made]
    found = await gas.jobs.get_many([*keys, keys[0], (USER, str(uuid.uuid4()))])
    assert sorted(job.job_id for job in found) == sorted(job.job_id for job in made)


async def test_a_record_that_stands_still_is_no_job_again_until_it_changes(gas: Backend) -> None:
    still, changing = await new_job(gas), await new_job(gas)
    keys = [(job.user_id, job.job_id) for job in (still, changing)]
    first = await gas.jobs.look([*keys, (USER, str(uuid.uuid4()))], {})
    assert {key: job for key, (_, job) in first.items()} == dict(zip(keys, (still, changing), strict=True))
    marks = {key: mark for key, (mark, _) in first.items()}
    labelled = await gas.jobs.label(*keys[1], note="no other rev")
    again = await gas.jobs.look(keys, marks)
    assert again[keys[0]] == (marks[keys[0]], None)
    assert again[keys[1]][0] != marks[keys[1]] and again[keys[1]][1] == labelled


async def test_the_index_lists_what_is_overdue_and_nothing_else(gas: Backend) -> None:
    late = replace(gas.jobs, deadline_seconds=dict.fromkeys(gas.jobs.deadline_seconds, -1))
    waiting = await Jobs.create(late, Job(user_id=USER, job_id=job_id(gas.now(), os.urandom(10))))
    await new_job(gas, Trigger.SUBMIT)
    assert [found async for found in gas.jobs.overdue()] == [(USER, waiting.job_id)]
    assert gas.jobs.is_overdue(waiting)
    cancelled = await gas.jobs.advance(USER, waiting.job_id, Trigger.CANCEL)
    assert cancelled and not gas.jobs.is_overdue(cancelled)
    await gas.jobs.look_again(cancelled)
    assert [found async for found in gas.jobs.overdue()] == []


async def test_an_event_is_marked_once_and_only_on_a_job_that_ended(gas: Backend) -> None:
    job = await new_job(gas, Trigger.SUBMIT, Trigger.CLAIM)
    assert await gas.jobs.mark(USER, job.job_id, "finished:1") is None
    await gas.jobs.advance(USER, job.job_id, Trigger.FAIL)
    marks = await asyncio.gather(*(gas.jobs.mark(USER, job.job_id, "finished:1") for _ in range(5)))
    assert sum(mark is not None for mark in marks) == 1
    await gas.jobs.mark_sent(USER, job.job_id, "finished:1")
    marked = await gas.jobs.get(USER, job.job_id)
    assert marked and marked.mailed == marked.sent == {"finished:1"}


async def test_many_looks_at_once_find_each_its_own_job(gas: Backend) -> None:
    jobs = [await new_job(gas) for _ in range(3)]
    looks = [gas.jobs.get_batched(job.user_id, job.job_id) for job in [*jobs, jobs[0]]]
    assert await asyncio.gather(*looks, gas.jobs.get_batched(str(uuid.uuid4()), jobs[0].job_id)) == [*jobs, jobs[0], None]
