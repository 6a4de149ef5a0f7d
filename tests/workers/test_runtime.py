"""A message's life: what becomes of it for each way in which a handler ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from app.domain.messages import JobRequested
from app.services.backend import Backend
from tests.workers.conftest import Service, working
from workers.runtime import Delivery, LookAgain, Poison, RetryLater, Spec

USER, JOB = "0b7e4a3c-55d1-4a62-9c1d-d30a33ad0001", "01a20ff4-9083-771f-83cd-03a8ce75863d"
QUEUE = "job_requests"


def daemon(handle: Callable[[Delivery, Backend], Awaitable[None]], concurrency: int = 2) -> Spec:
    return Spec("annotate", QUEUE, (JobRequested,), concurrency, handle)


async def send(gas: Backend, count: int = 1) -> None:
    await gas.queues.send(QUEUE, [JobRequested(user_id=USER, job_id=JOB) for _ in range(count)])


async def test_every_message_is_handled_once_and_no_more_at_a_time_than_allowed(service: Service) -> None:
    handled: list[str] = []
    busy = most = 0

    async def handle(delivery: Delivery, _: Backend) -> None:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await asyncio.sleep(0.02)
        busy -= 1
        handled.append(delivery.message.event_id)

    await send(service.gas, 25)
    async with working(service.gas, daemon(handle, concurrency=3)):
        await service.until_quiet()
    assert len(handled) == len(set(handled)) == 25
    assert most <= 3


async def test_an_unreadable_message_goes_to_the_dead_letter_queue_and_the_daemon_lives(service: Service) -> None:
    handled: list[Delivery] = []

    async def handle(delivery: Delivery, _: Backend) -> None:
        handled.append(delivery)

    url = service.gas.settings.queue_urls[QUEUE]
    foreign = JobRequested(user_id=USER, job_id=JOB).body().replace("job_requested", "archive_due")
    for body in ("nonsense", "\U0001f9ec", foreign):
        await service.aws["sqs"].send_message(QueueUrl=url, MessageBody=body)
    async with working(service.gas, daemon(handle)):
        await service.until_quiet()
        await send(service.gas)
        await service.until_quiet()
    assert len(handled) == 1
    assert sorted(await service.dead(QUEUE)) == sorted(["nonsense", "\U0001f9ec", foreign])


async def test_poison_is_buried_at_the_first_delivery(service: Service) -> None:
    async def handle(_: Delivery, __: Backend) -> None:
        raise Poison("never")

    await send(service.gas)
    async with working(service.gas, daemon(handle)):
        await service.until_quiet()
    assert len(await service.dead(QUEUE)) == 1


async def test_a_failure_and_a_retry_come_back_as_seen_before(service: Service) -> None:
    seen: list[bool] = []
    ends = [RuntimeError("first"), RetryLater(0, "second"), None]

    async def handle(delivery: Delivery, _: Backend) -> None:
        seen.append(delivery.again)
        if end := ends[len(seen) - 1]:
            raise end

    await send(service.gas)
    async with working(service.gas, daemon(handle)):
        await service.until_quiet()
    assert seen == [False, True, True]
    assert await service.dead(QUEUE) == []


async def test_looking_again_eats_no_receive_count(service: Service) -> None:
    seen: list[bool] = []

    async def handle(delivery: Delivery, _: Backend) -> None:
        seen.append(delivery.again)
        if len(seen) < 15:
            raise LookAgain(0, "not yet")

    await send(service.gas)
    async with working(service.gas, daemon(handle)):
        await service.until_quiet()
    assert seen == [False] * 15
    assert await service.dead(QUEUE) == []


async def test_the_redrive_policy_is_the_backstop(service: Service) -> None:
    async def handle(_: Delivery, __: Backend) -> None:
        raise RetryLater(0, "for ever")

    await send(service.gas)
    async with working(service.gas, daemon(handle)):
        await service.until_quiet()
    assert len(await service.dead(QUEUE)) == 1


async def test_a_long_handler_keeps_its_message(service: Service) -> None:
    handled: list[bool] = []

    async def handle(delivery: Delivery, _: Backend) -> None:
        await asyncio.sleep(5)
        handled.append(delivery.again)

    short = replace(service.gas, settings=service.gas.settings.model_copy(update={"visibility_seconds": 2}))
    await send(short)
    async with working(short, daemon(handle)):
        await service.until_quiet()
    assert handled == [False]


async def test_a_stop_lets_handlers_finish_and_gives_the_rest_back(service: Service) -> None:
    started, finished = asyncio.Event(), []

    async def handle(delivery: Delivery, _: Backend) -> None:
        started.set()
        await asyncio.sleep(1)
        finished.append(delivery.message.event_id)

    await send(service.gas, 3)
    async with working(service.gas, daemon(handle, concurrency=1)) as stop:
        await started.wait()
        stop.set()
    assert len(finished) == 1
    assert len(await service.sent(QUEUE)) == 2


async def test_a_handler_that_outlives_the_drain_gives_its_message_back_at_once(service: Service) -> None:
    started = asyncio.Event()

    async def handle(_: Delivery, __: Backend) -> None:
        started.set()
        await asyncio.sleep(3600)

    hurried = replace(service.gas, settings=service.gas.settings.model_copy(update={"drain_seconds": 1}))
    await send(hurried)
    async with working(hurried, daemon(handle)) as stop:
        await started.wait()
        stop.set()
    assert len(await service.sent(QUEUE)) == 1


async def test_a_receive_that_fails_is_tried_again(service: Service) -> None:
    handled: list[Any] = []

    async def handle(delivery: Delivery, _: Backend) -> None:
        handled.append(delivery)

    class Flaky:
        def __init__(self, sqs: Any) -> None:
            self.sqs, self.failures = sqs, 2

        def __getattr__(self, name: str) -> Any:
            if name == "receive_message" and self.failures:
                self.failures -= 1
                raise ConnectionResetError("network")
            return getattr(self.sqs, name)

    flaky = replace(service.gas.queues, sqs=Flaky(service.gas.queues.sqs))
    await send(service.gas)
    async with working(replace(service.gas, queues=flaky), daemon(handle)):
        await service.until_quiet()
    assert len(handled) == 1
