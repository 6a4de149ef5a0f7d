"""The emulator of AWS: moto's server, with the one guarantee of DynamoDB that it lacks."""

from __future__ import annotations

import functools
import logging
import threading
from typing import Any

from moto.dynamodb.responses import DynamoHandler
from moto.server import ThreadedMotoServer


def start(port: int = 0) -> ThreadedMotoServer:
    """Serves AWS on loopback from threads of this process; port 0 takes any free one."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    _make_writes_atomic()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    return server


@functools.cache
def _make_writes_atomic() -> None:
    # moto 5.2 checks a condition and then writes, and two threads can pass the same check: DynamoDB never does that
    lock, call = threading.Lock(), DynamoHandler.call_action

    def one_at_a_time(handler: DynamoHandler) -> Any:
        with lock:
            return call(handler)

    DynamoHandler.call_action = one_at_a_time  # type: ignore[method-assign]
