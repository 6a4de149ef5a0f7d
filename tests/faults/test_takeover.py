"""What a dead attempt left is found also by a delivery that first has to wait for the dead one's lease."""

from __future__ import annotations

import asyncio
from typing import Any

from app.aws.queues import Queue
from app.domain.jobs import Job, Tier, Trigger
from app.domain.keys import Output, output_key
from app.domain.messages import ArchiveDue
from tests.support.service import Service, spec, working


async def received_by_one_that_died(queue: Queue) -> None:
    """One delivery, so that the next one knows that it is not the first."""
    for _ in range(20):
        if received := await queue.receive(1, 1, 0):
            assert received[0].receives == 1
            return
    raise AssertionError("nothing to receive")


async def taken_over(service: Service, verb: str, job: Job, holds: Any) -> list[str]:
    """Lets the daemon work until `holds`; returns the copies that there are when all is quiet."""
    async with working(service.gas, spec(verb)):
        await service.until(job, holds)
        await asyncio.sleep(1)
    return await service.copies(job)


async def test_an_annotator_that_waited_for_a_dead_one_sweeps_what_it_left(service: Service) -> None:
    job = await service.submit(await service.account())
    await received_by_one_that_died(await service.gas.queues.open("job_requests"))
    dead = await service.gas.jobs.advance(job.user_id, job.job_id, Trigger.CLAIM, deadline_seconds=3)
    assert dead
    left = output_key(job.user_id, job.job_id, dead.rev, Output.RESULT)
    await service.gas.results.s3.put_object(Bucket=service.gas.results.name, Key=left, Body=b"left")
    copies = await taken_over(service, "annotate", job, lambda job: job.tier is Tier.AVAILABLE)
    assert left not in copies


async def test_an_archiver_records_the_copy_that_a_dead_one_left(service: Service) -> None:
    job = await service.completed(await service.account())
    await service.gas.queues.send("archive_requests", [ArchiveDue(user_id=job.user_id, job_id=job.job_id)], delay=0)
    await received_by_one_that_died(await service.gas.queues.open("archive_requests"))
    left = await service.gas.archive.store(job, job.rev)
    assert left and await taken_over(service, "archive", job, lambda job: job.tier is Tier.ARCHIVED) == [left]
