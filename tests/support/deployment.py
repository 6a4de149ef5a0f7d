"""One deployment a test process, emptied between tests: making one costs the emulator 0.8 s of CPU, emptying it nothing."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterable
from threading import Condition
from typing import Any

from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.s3.models import MultipartDict, _VersionedKeyStore

REGION = "us-east-1"


def empty(prefix: str) -> None:
    """Takes every message, item and object out of the deployment; its queues, topics, tables and buckets stay.

    Queues are replaced by empty ones of the same attributes: a long poll that an earlier test left waiting goes on at the old
    one, and takes no message of the next test.
    """
    queues: dict[str, Any] = get_backend("sqs")[ACCOUNT][REGION].queues
    fresh = {name: _emptied(queue) for name, queue in queues.items() if name.startswith(prefix)}
    for queue in fresh.values():
        if queue.dead_letter_queue:
            queue.dead_letter_queue = fresh[queue.dead_letter_queue.name]
    queues.update(fresh)
    for name, table in get_backend("dynamodb")[ACCOUNT][REGION].tables.items():
        if name.startswith(prefix):
            table.items = defaultdict(dict)
    for name, bucket in get_backend("s3")[ACCOUNT]["aws"].buckets.items():
        if name.startswith(prefix):
            bucket.keys, bucket.multiparts = _VersionedKeyStore(), MultipartDict()


def messages(urls: Iterable[str]) -> int:
    """Returns how many messages queues have, in flight and delayed included: seen in the emulator of this process, for asking it
    again and again costs more CPU than all else that waits."""
    queues: dict[str, Any] = get_backend("sqs")[ACCOUNT][REGION].queues
    return sum(len(queues[url.rpartition("/")[2]]._messages) for url in urls)


def _emptied(queue: Any) -> Any:
    fresh = copy.copy(queue)
    fresh._messages, fresh._pending_messages, fresh.deleted_messages = [], set(), set()
    fresh._messages_lock, fresh.last_purged_at = Condition(), None
    return fresh
