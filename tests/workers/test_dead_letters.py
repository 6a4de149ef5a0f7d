"""Dead letters: seen without being moved, and sent again so that the daemon mends what the first attempt left."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import uuid
from dataclasses import replace

import pytest

from app.aws.queues import Queue
from app.domain.messages import ArchiveDue, JobRequested, parse
from app.services import dead_letters
from app.services.backend import Backend

QUEUE = "job_requests"
USER = str(uuid.uuid4())


async def buried(gas: Backend, *bodies: str) -> Queue:
    """The queue, after these bodies were received from it and buried."""
    queue = await gas.queues.open(QUEUE)
    for body in bodies:
        await queue.sqs.send_message(QueueUrl=queue.url, MessageBody=body)
    received = [one for _ in bodies for one in await queue.receive(10, 1, 60)]
    for one in received:
        await queue.dead_letter(one, "no such thing")
    assert len(received) == len(bodies)
    return queue


async def test_counts_tell_queues_apart(gas: Backend) -> None:
    await buried(gas, "nonsense")
    counts = await dead_letters.count(gas)
    assert counts.pop(QUEUE) == 1
    assert set(counts.values()) == {0}


async def test_looking_leaves_dead_letters_where_they_are(gas: Backend) -> None:
    job = str(uuid.uuid4())
    await buried(gas, JobRequested(user_id=USER, job_id=job).body(), "nonsense")
    for _ in range(2):
        shown = [letter.as_dict() for letter in await dead_letters.peek(gas, QUEUE, 10)]
        assert {letter["reason"] for letter in shown} == {"no such thing"}
        (known,) = (letter["messages"] for letter in shown if letter["messages"])
        assert known[0]["job_id"] == job  # type: ignore[index]
        assert [letter["unreadable"] for letter in shown if letter["unreadable"]] == ["nonsense"]


async def test_redriven_messages_say_that_an_attempt_died_before(gas: Backend) -> None:
    message = JobRequested(user_id=USER, job_id=str(uuid.uuid4()))
    queue = await buried(gas, message.body(), "nonsense")
    assert await dead_letters.redrive(gas, QUEUE) == (1, 1)
    (received,) = await queue.receive(10, 2, 30)
    (again,) = parse(received.body)
    assert again == message.model_copy(update={"again": True})
    assert (await dead_letters.count(gas))[QUEUE] == 1


async def test_one_job_is_redriven_alone(gas: Backend) -> None:
    mine, other = (JobRequested(user_id=USER, job_id=str(uuid.uuid4())) for _ in range(2))
    queue = await buried(gas, mine.body(), other.body(), ArchiveDue(user_id=USER, job_id=other.job_id).body())
    assert await dead_letters.redrive(gas, QUEUE, mine.job_id) == (1, 2)
    (received,) = await queue.receive(10, 2, 30)
    assert mine.job_id in received.body
    left = replace(queue, url=queue.dead_letter_url)
    assert {other.job_id} == {getattr(parse(one.body)[0], "job_id", "") for one in await left.receive(10, 2, 30)}


@pytest.mark.slow
async def test_the_command_counts_shows_and_redrives(gas: Backend) -> None:
    named = ("queue_urls", "topic_arns", "table_names", "bucket_names")
    environment = os.environ | {f"GAS_{name.upper()}": json.dumps(getattr(gas.settings, name)) for name in named}

    async def dlq(*words: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "app.cli.main", "dlq", *words, env=environment, stdout=asyncio.subprocess.PIPE
        )
        said, _ = await process.communicate()
        return process.returncode or 0, said.decode()

    assert (await dlq("list"))[0] == 0
    await buried(gas, JobRequested(user_id=USER, job_id=str(uuid.uuid4())).body())
    status, said = await dlq("list")
    assert status == 1 and f"     1  {QUEUE}" in said
    assert json.loads((await dlq("show", QUEUE))[1])["reason"] == "no such thing"
    assert await dlq("redrive", QUEUE) == (0, "1 sent again, 0 stay\n")
    assert (await dlq("list"))[0] == 0
