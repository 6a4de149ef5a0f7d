"""Queues and topics: what is sent arrives, once for each subscriber whose filter lets it through."""

from __future__ import annotations

import uuid
from dataclasses import replace

from app.aws.queues import Queue
from app.domain.messages import AnyMessage, ArchiveDue, JobFinished, ResultRestored, RetrievalLook, parse
from app.services.backend import Backend

USER, JOB = str(uuid.uuid4()), str(uuid.uuid4())


async def take(queue: Queue, most: int = 10, wait: int = 2) -> list[AnyMessage]:
    return [message for received in await queue.receive(most, wait, 30) for message in parse(received.body)]


async def test_a_queue_says_itself_what_was_declared(gas: Backend) -> None:
    queue = await gas.queues.open("archive_requests")
    assert (queue.visibility, queue.delay) == (120, 1)
    assert queue.dead_letter_url.endswith("archive_requests_dead")


async def test_only_completions_reach_the_archive_and_all_news_the_mail(gas: Backend) -> None:
    outcomes = ("completed", "failed", "archived")
    for outcome in outcomes:
        message = JobFinished(user_id=USER, job_id=JOB, outcome=outcome, mark="m")
        await gas.topics.publish("job_results", message, outcome=outcome)
    news = await take(await gas.queues.open("notifications"))
    due = await take(await gas.queues.open("archive_requests"), wait=5)
    assert sorted(message.outcome for message in news if isinstance(message, JobFinished)) == sorted(outcomes)
    assert [message.outcome for message in due if isinstance(message, JobFinished)] == ["completed"]


async def test_what_is_back_from_the_archive_is_news_and_starts_its_retention_again(gas: Backend) -> None:
    restored = ResultRestored(user_id=USER, job_id=JOB, mark="m")
    await gas.topics.publish("results_restored", restored)
    for name, wait in (("notifications", 1), ("archive_requests", 5)):
        assert await take(await gas.queues.open(name), wait=wait) == [restored]


async def test_more_than_ten_messages_go_in_several_requests(gas: Backend) -> None:
    looks = [RetrievalLook(user_id=USER, job_id=JOB, archive=str(n)) for n in range(23)]
    await gas.queues.send("restore_pendings", looks)
    queue = await gas.queues.open("restore_pendings")
    found = [message for _ in range(4) for message in await take(queue, wait=1)]
    assert sorted(str(look.archive) for look in found if isinstance(look, RetrievalLook)) == sorted(map(str, range(23)))
    assert await queue.depth() == 0


async def test_an_explicit_delay_replaces_the_queue_s_own(gas: Backend) -> None:
    queue = await gas.queues.open("archive_requests")
    await gas.queues.send("archive_requests", [ArchiveDue(user_id=USER, job_id=JOB)], delay=900)
    await gas.queues.send("archive_requests", [ArchiveDue(user_id=USER, job_id=JOB)], delay=0)
    assert len(await take(queue, wait=1)) == 1
    assert await queue.depth() == 1


async def test_a_buried_message_is_in_the_dead_letter_queue_and_nowhere_else(gas: Backend) -> None:
    queue = await gas.queues.open("job_requests")
    await queue.sqs.send_message(QueueUrl=queue.url, MessageBody="nonsense")
    (received,) = await queue.receive(1, 2, 30)
    await queue.dead_letter(received, "nonsense is not JSON")
    assert await queue.depth() == 0
    dead = replace(queue, url=queue.dead_letter_url)
    assert [one.body for one in await dead.receive(1, 1, 30)] == ["nonsense"]


async def test_a_receipt_that_ran_out_is_not_ours(gas: Backend) -> None:
    queue = await gas.queues.open("job_requests")
    await queue.sqs.send_message(QueueUrl=queue.url, MessageBody="x")
    (received,) = await queue.receive(1, 2, 30)
    assert await queue.change_visibility(received, 30)
    await queue.delete(received)
    assert not await queue.change_visibility(received, 30)
