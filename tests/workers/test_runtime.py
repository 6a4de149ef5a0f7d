"""A message's life: what becomes of it for each way in which a handler ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from app.aws.queues import Queue, Received
from app.domain.messages import AnyMessage, JobRequested
from app.process.metrics import Metrics
from app.services.backend import Backend
from tests.support.service import Service, working
from workers import runtime
from workers.runtime import Consumer, Delivery, Poison, Reschedule, RetryLater, Spec

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
        seen.append(delivery.redelivered)
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
        seen.append(delivery.redelivered)
        if len(seen) < 15:
            raise Reschedule(0, "not yet")

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
        handled.append(delivery.redelivered)

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


NEWER = '{"version": 2, "type": "job_requested", "again": false, "owner": {"user": 7}}'


async def received(service: Service, body: str, since: int | None = None) -> None:
    """Sends this body, as one that was first put off `since` then (ms since 1970)."""
    attributes = {"since": {"DataType": "Number", "StringValue": str(since)}} if since else {}
    url = service.gas.settings.queue_urls[QUEUE]
    await service.aws["sqs"].send_message(QueueUrl=url, MessageBody=body, MessageAttributes=attributes)


async def test_a_message_with_a_field_of_a_newer_release_is_handled(service: Service) -> None:
    handled: list[Delivery] = []

    async def handle(delivery: Delivery, _: Backend) -> None:
        handled.append(delivery)

    body = json.loads(JobRequested(user_id=USER, job_id=JOB).body())
    await received(service, json.dumps({**body, "priority": 1}))
    async with working(service.gas, daemon(handle)):
        await service.until_quiet()
    assert len(handled) == 1
    assert await service.dead(QUEUE) == []


@pytest.mark.parametrize("body", [NEWER, '{"version": 1, "type": "unheard_of", "user_id": 7}'])
async def test_a_message_of_a_newer_release_is_put_off_until_one_takes_it(
    service: Service, body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "FIRST_PUT_OFF", 0)
    monkeypatch.setattr(runtime, "LONGEST_DELAY", 1)
    looks: list[Received] = []
    taken = asyncio.Event()

    class Watched(Consumer):
        def _read(self, received: Received) -> list[AnyMessage]:
            looks.append(received)
            if len(looks) == 15:  # more than the redrive policy has receives
                taken.set()
            return super()._read(received)

    async def handle(_: Delivery, __: Backend) -> None:
        raise AssertionError("not its to handle")

    await received(service, body)
    stop = asyncio.Event()
    spec = daemon(handle)
    consumer = Watched(spec, await service.gas.queues.open(QUEUE), service.gas, stop, Metrics(spec.verb))
    consuming = asyncio.create_task(consumer.run())
    await asyncio.wait_for(taken.wait(), 60)
    stop.set()
    await consuming
    assert {look.body for look in looks} == {body}
    assert {look.receives for look in looks} == {1}
    assert len({look.since for look in looks[1:]}) == 1 and looks[1].since
    assert await service.dead(QUEUE) == []


async def test_what_no_newer_release_took_in_a_day_is_a_dead_letter(service: Service) -> None:
    async def handle(_: Delivery, __: Backend) -> None:
        raise AssertionError("not its to handle")

    hour = 3_600_000
    young = NEWER.replace("7", "8")
    await received(service, NEWER, service.gas.now() - 25 * hour)
    await received(service, young, service.gas.now() - 23 * hour)
    async with working(service.gas, daemon(handle)):
        await until_dead(service)
    assert await service.dead(QUEUE) == [NEWER]


async def until_dead(service: Service) -> None:
    """Waits until there is a dead letter, and everything else is put off."""
    queue = await service.gas.queues.open(QUEUE)
    for _ in range(100):
        if await replace(queue, url=queue.dead_letter_url).depth() and await queue.depth() == 1:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("no dead letter")


async def test_a_newer_release_learns_that_its_message_was_seen_before(service: Service) -> None:
    async def handle(_: Delivery, __: Backend) -> None:
        raise AssertionError("not its to handle")

    queue = await service.gas.queues.open(QUEUE)
    await received(service, NEWER)
    (first,) = await queue.receive(10, 1, 30)
    await queue.change_visibility(first, 0)
    consumer = Consumer(daemon(handle), queue, service.gas, asyncio.Event(), Metrics("annotate"))
    (second,) = await queue.receive(10, 1, 30)
    fresh: list[str] = []

    class Told(Queue):
        async def put_off(self, received: Received, body: str, *, delay: int, since: int) -> None:
            fresh.append(body)
            await super().put_off(received, body, delay=delay, since=since)

    consumer.queue = Told(queue.sqs, queue.url, queue.visibility, queue.delay, queue.dead_letter_url)
    await consumer._handle(second)
    assert [json.loads(body)["again"] for body in fresh] == [True]
