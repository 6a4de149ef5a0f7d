"""Deletes that end together share a request, and each hears of its own."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from dataclasses import replace
from typing import Any

from app.aws.queues import NotDeleted, Queue, Received
from app.domain.messages import ArchiveDue
from app.services.backend import Backend

NAME = "archive_requests"


async def received(gas: Backend, count: int) -> tuple[Queue, list[Received]]:
    queue, user = await gas.queues.open(NAME), str(uuid.uuid4())
    await gas.queues.send(NAME, [ArchiveDue(user_id=user, job_id=str(uuid.uuid4())) for _ in range(count)], delay=0)
    found: list[Received] = []
    while len(found) < count:
        found += await queue.receive(10, 1, 60)
    return queue, found


def counted(queue: Queue) -> Counter[str]:
    """Calls by operation, from now on."""
    calls: Counter[str] = Counter()
    queue.sqs.meta.events.register("before-call", lambda model, **_: calls.update([model.name]))
    return calls


async def left(aws: dict[str, Any], queue: Queue) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    said = await aws["sqs"].get_queue_attributes(QueueUrl=queue.url, AttributeNames=names)
    return sum(int(said["Attributes"][name]) for name in names)


async def test_many_share_a_request(gas: Backend, aws: dict[str, Any]) -> None:
    queue, messages = await received(gas, 25)
    calls = counted(queue)
    await asyncio.gather(*(queue.delete(one) for one in messages))
    assert calls == {"DeleteMessageBatch": 3}
    assert await left(aws, queue) == 0 and not queue.ended


async def test_one_alone_waits_for_nobody(gas: Backend, aws: dict[str, Any]) -> None:
    queue, messages = await received(gas, 2)
    calls = counted(queue)
    for one in messages:
        await queue.delete(one)
    assert calls == {"DeleteMessage": 2}
    assert await left(aws, queue) == 0


async def test_a_delete_that_is_refused_is_only_its_own(gas: Backend, aws: dict[str, Any]) -> None:
    queue, messages = await received(gas, 3)
    wrong = replace(messages[1], receipt="no receipt of this queue")
    outcomes = await asyncio.gather(*(queue.delete(one) for one in (messages[0], wrong, messages[2])), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), NotDeleted, type(None)]
    assert await left(aws, queue) == 1


async def test_whoever_gives_up_leaves_the_others_their_delete(gas: Backend, aws: dict[str, Any]) -> None:
    queue, messages = await received(gas, 3)
    first, *others = [asyncio.create_task(queue.delete(one)) for one in messages]
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(*others)
    assert await left(aws, queue) == 0


async def test_a_request_that_fails_fails_for_all_that_shared_it(gas: Backend) -> None:
    queue, messages = await received(gas, 2)
    gone = replace(queue, url=queue.url + "nowhere", ended=[])
    outcomes = await asyncio.gather(*(gone.delete(one) for one in messages), return_exceptions=True)
    assert all(isinstance(outcome, Exception) for outcome in outcomes) and not gone.ended
