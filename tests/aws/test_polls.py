"""A long poll of the emulator ends as soon as a message can be received, as SQS has it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from functools import partial

import pytest
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.sqs.models import Message, Queue, sqs_backends

from app.local.emulator import wait_for_messages

pytestmark = pytest.mark.skipif("GAS_SECOND_EMULATOR" in os.environ, reason="about the emulator of this process")
LONG_SECONDS = 120
REGION = "us-east-1"


def ends(wait: Callable[[], None], meanwhile: Callable[[], object]) -> bool:
    """Whether what waits in a thread ends after `meanwhile`, long before it would by itself."""
    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    meanwhile()
    thread.join(LONG_SECONDS / 2)
    return not thread.is_alive()


def hidden(queue: Queue, seconds: float) -> Message:
    message = Message("id", "body")
    message.mark_sent()
    message.receipt_handle = "receipt"
    message.visible_at = (time.time() + seconds) * 1000
    queue._messages.append(message)
    return message


def test_when_a_message_becomes_visible_by_itself(aws_endpoint: str) -> None:
    queue = Queue("by-itself", REGION, ACCOUNT)
    hidden(queue, 0.1)
    assert ends(lambda: wait_for_messages(queue, LONG_SECONDS), lambda: None)
    assert queue.messages


def test_when_a_delay_is_over(aws_endpoint: str) -> None:
    queue = Queue("delayed", REGION, ACCOUNT)
    hidden(queue, 0).delayed_until = (time.time() + 0.1) * 1000
    assert ends(lambda: wait_for_messages(queue, LONG_SECONDS), lambda: None)
    assert queue.messages


def test_when_a_message_is_given_back(aws_endpoint: str) -> None:
    backend = sqs_backends[ACCOUNT][REGION]
    queue = backend.create_queue("given-back")
    try:
        hidden(queue, LONG_SECONDS)
        give_back = partial(backend.change_message_visibility, "given-back", "receipt", 0)
        assert ends(lambda: wait_for_messages(queue, LONG_SECONDS), give_back)
        assert queue.messages
    finally:
        backend.delete_queue("given-back")


def test_none_ends_without_one(aws_endpoint: str) -> None:
    queue = Queue("empty", REGION, ACCOUNT)
    hidden(queue, LONG_SECONDS)
    wait_for_messages(queue, 0.05)
    assert not queue.messages
