"""Long polls of the emulator in this process that end when their daemon is to stop: a real one waits for its poll, a second."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.sqs.models import Queue, SQSBackend

from app.local.emulator import wait_for_messages

REGION = "us-east-1"

ENDING: Counter[str] = Counter()
"""By the name of a queue, those who want its polls to end."""


class PollEnded(Exception):
    """A poll is over, before its time and without a message."""


def install(patch: pytest.MonkeyPatch) -> None:
    """Makes the emulator's polls look at ENDING."""
    receive = SQSBackend.receive_message

    def wait(queue: Any, timeout: float) -> None:
        wait_for_messages(queue, timeout, lambda: bool(ENDING[queue.name]))
        if ENDING[queue.name] and not queue.messages:
            raise PollEnded

    def receive_message(*arguments: Any, **named: Any) -> list[Any]:
        try:
            return receive(*arguments, **named)
        except PollEnded:
            return []

    patch.setattr(Queue, "wait_for_messages", wait)
    patch.setattr(SQSBackend, "receive_message", receive_message)


@contextmanager
def ended(urls: Iterable[str]) -> Iterator[None]:
    """Nobody waits at these queues until the block ends. Does nothing where the emulator is another process."""
    names = [url.rpartition("/")[2] for url in urls]
    queues = get_backend("sqs")[ACCOUNT][REGION].queues
    ENDING.update(names)
    for name in names:
        if name in queues:
            with queues[name]._messages_lock:
                queues[name]._messages_lock.notify_all()
    try:
        yield
    finally:
        ENDING.subtract(names)
