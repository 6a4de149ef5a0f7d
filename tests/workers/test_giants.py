"""Small jobs stay prompt under a queue full of giants."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest

from app.domain.accounts import Plan
from app.domain.jobs import Status
from app.domain.messages import JobRequested
from app.settings import Settings
from scripts.load.samples import vcf
from tests.support.service import VCF, Service, spec, working
from workers import admission
from workers.admission import LargeJobLimit
from workers.runtime import Reschedule

SMALL, GIANT = 10_000, 100_000


def request(size: int, occurred_at: int = 0) -> JobRequested:
    return JobRequested(user_id=str(uuid.uuid4()), job_id=str(uuid.uuid4()), size=size, occurred_at=occurred_at)


def test_giants_leave_a_slot_and_come_back_when_one_ended() -> None:
    settings, inside = Settings(giant_bytes=GIANT), LargeJobLimit()
    with inside.slot(request(GIANT), 0, 2, settings):
        with pytest.raises(Reschedule), inside.slot(request(GIANT), 0, 2, settings):
            raise AssertionError("a second giant got the last slot")
        with inside.slot(request(SMALL), 0, 2, settings), inside.slot(request(SMALL), 0, 2, settings):
            assert inside.running == 1
    with inside.slot(request(GIANT), 0, 2, settings):
        pass


def test_an_annotator_with_one_slot_takes_giants_too() -> None:
    settings, inside = Settings(giant_bytes=GIANT), LargeJobLimit()
    with inside.slot(request(GIANT), 0, 1, settings):
        assert inside.running == 1


def test_a_giant_that_failed_leaves_its_slot() -> None:
    settings, inside = Settings(giant_bytes=GIANT), LargeJobLimit()
    with pytest.raises(ValueError), inside.slot(request(GIANT), 0, 2, settings):
        raise ValueError
    assert inside.running == 0


@pytest.mark.parametrize(("age", "soonest", "latest"), [(0, 12, 18), (400, 80, 120), (86_400, 240, 360)])
def test_a_giant_that_waited_long_is_looked_at_less_often(age: int, soonest: float, latest: float) -> None:
    settings, inside = Settings(giant_bytes=GIANT), LargeJobLimit(running=1)
    with pytest.raises(Reschedule) as told, inside.slot(request(GIANT, 0), age * 1000, 2, settings):
        raise AssertionError
    assert soonest <= told.value.delay <= latest


@pytest.mark.slow
async def test_a_small_job_passes_a_queue_of_giants(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "SOONEST", 2.0)
    gas = replace(service.gas, settings=service.gas.settings.model_copy(update={"giant_bytes": GIANT}))
    rich, poor = await service.account(Plan.PREMIUM), await service.account()
    body = vcf(8_000)
    assert len(body) > GIANT
    queue = [await service.submit(rich, body) for _ in range(4)]
    small = await service.submit(poor, VCF)
    async with working(gas, spec("annotate")):
        small = await service.until(small, lambda job: job.status is Status.COMPLETED, 240)
        ended = [await service.until(job, lambda job: job.status is Status.COMPLETED, 240) for job in queue]
    assert small.started_at is not None
    assert sum(job.started_at < small.started_at for job in ended if job.started_at is not None) <= 1
