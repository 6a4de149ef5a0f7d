"""The emulator counts the messages of a queue only for requests that ask how many they are."""

from __future__ import annotations

import os
import uuid
from typing import Any

import pytest
from moto.sqs.models import Queue

from app.aws.queues import LONGEST_DELAY
from app.domain.messages import ArchiveDue
from app.services.backend import Backend

pytestmark = pytest.mark.skipif("GAS_SECOND_EMULATOR" in os.environ, reason="about the emulator of this process")
COUNTS = [f"ApproximateNumberOfMessages{which}" for which in ("", "NotVisible", "Delayed")]


async def test_messages_are_counted_for_who_asks(gas: Backend, aws: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    url = gas.settings.queue_urls["archive_requests"]
    queue = await gas.queues.open("archive_requests")
    with monkeypatch.context() as patch:
        for name in ("", "_delayed", "_not_visible"):
            patch.delattr(Queue, f"approximate_number_of_messages{name}")
        due = [ArchiveDue(user_id=str(uuid.uuid4()), job_id=str(uuid.uuid4())) for _ in range(5)]
        await gas.queues.send("archive_requests", due, delay=0)
        await gas.queues.send("archive_requests", due[:1], delay=LONGEST_DELAY)
        assert len(await queue.receive(3, 1, 60)) == 3
    said = (await aws["sqs"].get_queue_attributes(QueueUrl=url, AttributeNames=COUNTS))["Attributes"]
    assert [said[name] for name in COUNTS] == ["2", "3", "1"]
    said = (await aws["sqs"].get_queue_attributes(QueueUrl=url, AttributeNames=["All"]))["Attributes"]
    assert {*COUNTS, "QueueArn", "RedrivePolicy", "VisibilityTimeout"} <= said.keys()
