"""The emulator of AWS: moto's server, with what it lacks: requests don't tear each other's state, a long poll ends as soon as a
message can be received, a queue's messages are counted only for requests that ask how many they are, and what is the same for
every request is looked up once."""

from __future__ import annotations

import functools
import json
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from moto.core import responses
from moto.core.utils import camelcase_to_underscores
from moto.dynamodb.responses import DynamoHandler
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.s3.utils import _VersionedKeyStore
from moto.sns.responses import SNSResponse
from moto.sqs import models
from moto.sqs.models import Queue, SQSBackend

from app.local import transactions, values
from app.local.connections import Server


def start(port: int = 0) -> Server:
    """Serves AWS on loopback from threads of this process; port 0 takes any free one."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    _make_writes_atomic()
    _end_polls_in_time()
    _count_when_asked()
    _look_up_once()
    _list_what_there_was()
    values.install()
    transactions.install()
    server = Server(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    return server


@functools.cache
def _make_writes_atomic() -> None:
    # moto 5.2 serves from threads and locks nothing: two DynamoDB writes can pass the same condition, which AWS never allows,
    # and a subscription to a topic fails while another is made
    for service in (DynamoHandler, SNSResponse):
        service.call_action = _one_at_a_time(service.call_action)


def _one_at_a_time(call: Callable[[Any], Any]) -> Callable[[Any], Any]:
    lock = threading.Lock()

    def locked(handler: Any) -> Any:
        with lock:
            return call(handler)

    return locked


@functools.cache
def _end_polls_in_time() -> None:
    # moto 5.2 looks once a second at messages whose delay or visibility timeout runs out
    Queue.wait_for_messages = wait_for_messages
    SQSBackend.change_message_visibility = _noticed(SQSBackend.change_message_visibility)


@functools.cache
def _count_when_asked() -> None:
    # moto 5.2 counts all messages of a queue three times whenever it looks at any attribute, which it does at each send, and
    # three times for each message received
    Queue.attributes = property(_Attributes)


@functools.cache
def _look_up_once() -> None:
    # moto 5.2 lists its own folder twice a request to know the service of an address, inspects the class that answers, and goes
    # by way of a date to the milliseconds that it compares for each message of a queue
    DomainDispatcherApplication.get_backend_for_host = functools.lru_cache(DomainDispatcherApplication.get_backend_for_host)
    responses.method_names_from_class = functools.cache(responses.method_names_from_class)
    models.unix_time_millis = _now_ms


@functools.cache
def _list_what_there_was() -> None:
    # moto 5.2 looks each object of a bucket up again while it lists them, and fails where one was deleted meanwhile
    _VersionedKeyStore.items = _latest


def _latest(keys: _VersionedKeyStore) -> Iterator[tuple[str, Any]]:
    return ((key, versions[-1]) for key, versions in dict(keys).items() if versions)


def _now_ms() -> float:
    return time.time() * 1000


class _Attributes(Mapping[str, Any]):
    """What moto knows of a queue, each attribute as its own property has it in the moment when it is looked at."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.names = queue.BASE_ATTRIBUTES + (queue.FIFO_ATTRIBUTES if queue.fifo_queue else [])
        self.names += queue.KMS_ATTRIBUTES if queue.kms_master_key_id else []

    def __getitem__(self, name: str) -> Any:
        if name not in self.names:
            raise KeyError(name)
        value = getattr(self.queue, camelcase_to_underscores(name))
        if name == "RedrivePolicy" and value:
            return json.dumps(value)
        return str(value).lower() if isinstance(value, bool) else value

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def wait_for_messages(queue: Any, timeout: float, given_up: Callable[[], bool] = bool) -> None:
    """Waits until a message can be received from a queue of moto's, for at most `timeout` seconds; no longer once `given_up`,
    which is asked whenever something happens to the queue."""
    ends = time.monotonic() + timeout
    with queue._messages_lock:
        while not (queue.messages or given_up()) and (left := ends - time.monotonic()) > 0:
            queue._messages_lock.wait(min(left, _seconds_to_next(queue)))


def _seconds_to_next(queue: Any) -> float:
    """Seconds until the next message becomes visible; infinite without one."""
    now = time.time() * 1000
    # moto compares milliseconds by "greater than"
    return min((max(one.visible_at, one.delayed_until) - now + 1 for one in queue._messages), default=math.inf) / 1000


def _noticed(change: Callable[..., None]) -> Callable[..., None]:
    """`change_message_visibility`, which those who wait for a message notice."""

    @functools.wraps(change)
    def changed(backend: Any, queue_name: str, receipt_handle: str, visibility_timeout: int) -> None:
        change(backend, queue_name, receipt_handle, visibility_timeout)
        queue = backend.get_queue(queue_name)
        with queue._messages_lock:
            queue._messages_lock.notify_all()

    return changed
