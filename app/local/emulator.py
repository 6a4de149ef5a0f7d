"""The emulator of AWS: moto's server, with a guarantee that it lacks: requests don't tear each other's state."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable
from typing import Any

from moto.dynamodb.responses import DynamoHandler
from moto.server import ThreadedMotoServer
from moto.sns.responses import SNSResponse


def start(port: int = 0) -> ThreadedMotoServer:
    """Serves AWS on loopback from threads of this process; port 0 takes any free one."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    _make_writes_atomic()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    return server


@functools.cache
def _make_writes_atomic() -> None:
    # moto 5.2 serves from threads and locks nothing: two DynamoDB writes can pass the same condition, which AWS never allows,
    # and a subscription to a topic fails while another is made
    for service in (DynamoHandler, SNSResponse):
        service.call_action = _one_at_a_time(service.call_action)  # type: ignore[method-assign]


def _one_at_a_time(call: Callable[[Any], Any]) -> Callable[[Any], Any]:
    lock = threading.Lock()

    def locked(handler: Any) -> Any:
        with lock:
            return call(handler)

    return locked
