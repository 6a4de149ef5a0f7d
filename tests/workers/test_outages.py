"""AWS in trouble for longer than one call: what goes on beside it, and what it does not use up."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from app.aws.archive_s3 import S3Archive
from app.aws.archives import Started
from app.aws.clients import clients
from app.aws.objects import Bucket
from app.domain.accounts import Plan
from app.domain.jobs import Job, Speed, Status, Tier
from app.domain.messages import ArchiveDue, JobRequested, PlanChanged, RetrievalLook
from tests.support.service import Service
from workers.runtime import Reschedule, RetryLater


async def test_a_result_that_is_gone_is_told_and_not_hidden(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    job = await service.completed(await service.account())
    await service.gas.results.delete([str(job.result)])
    with pytest.raises(RetryLater):
        await service.handle("archive", ArchiveDue(user_id=job.user_id, job_id=job.job_id))
    assert "result is gone" in capsys.readouterr().out
    assert (await service.now(job)).tier is Tier.AVAILABLE


async def test_a_retrieval_that_can_not_be_started_holds_up_no_other(service: Service) -> None:
    account = await service.account()
    jobs = [await service.in_archive(account) for _ in range(3)]
    stuck = jobs[1]
    changed = await service.gas.accounts.change_plan(account.user_id, Plan.PREMIUM)
    assert changed
    gas = replace(service.gas, archive=Stuck(**vars(service.gas.archive), unstartable=stuck.job_id))
    await replace(service, gas=gas).handle("restore", PlanChanged(user_id=account.user_id, plan_version=changed.version))
    settled = await service.gas.accounts.get(account.user_id)
    assert settled and settled.deadline is None
    await asyncio.sleep(service.gas.settings.expedited_look_seconds + 0.5)
    looks = await service.sent("restore_pendings")
    assert sorted(message.job_id for message in looks if isinstance(message, RetrievalLook)) == sorted(job.job_id for job in jobs)
    for job in jobs:  # the thaw daemon starts what was not
        with contextlib.suppress(Reschedule):
            await service.handle("thaw", RetrievalLook(user_id=job.user_id, job_id=job.job_id, archive=job.archive))
        await service.handle("thaw", RetrievalLook(user_id=job.user_id, job_id=job.job_id, archive=job.archive))
        assert (await service.now(job)).tier is Tier.AVAILABLE


@dataclass(frozen=True)
class Stuck(S3Archive):
    """AWS refuses to start the retrieval of one job's archive."""

    unstartable: str = ""

    async def start(self, job: Job, speed: Speed) -> Started:
        if job.job_id == self.unstartable:
            raise ClientError({"Error": {"Code": "InternalError"}}, "RestoreObject")
        return await super().start(job, speed)


async def test_an_outage_uses_up_no_attempt(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    account = await service.account()
    job = await service.submit(account)
    async with clients(service.gas.settings, "s3") as nobody:
        down = replace(service, gas=replace(service.gas, inputs=Bucket(nobody["s3"], service.gas.inputs.name)))
        for attempt in (1, 2):
            with pytest.raises(EndpointConnectionError):
                await down.handle("annotate", JobRequested(user_id=job.user_id, job_id=job.job_id))
            now = await service.now(job)
            assert (now.attempts, now.tries) == (attempt, 0)
    await service.handle("annotate", JobRequested(user_id=job.user_id, job_id=job.job_id), again=True)
    done = await service.now(job)
    assert (done.status, done.tries) == (Status.COMPLETED, 1)
