"""The calls of one message again and again, without GAS: `replay.py boto3|aiobotocore CONCURRENCY MESSAGES < calls`.

With boto3 one call after the other, as a loop that somebody writes in an afternoon; with aiobotocore as many messages at once
as the daemon works on: what AWS's client alone costs. Prints JSON: seconds, and CPU seconds.
"""

from __future__ import annotations

import asyncio
import json
import pickle
import sys
import time
from collections.abc import Iterator
from typing import Any

WARM = 2
"""Messages before the measurement: a client reads descriptions of its calls at the first of each."""

Call = tuple[str, str, dict[str, Any]]
"""Service, method and arguments."""


def one_at_a_time(calls: list[Call], messages: int) -> None:
    import boto3
    from botocore.config import Config

    config = Config(signature_version="s3v4", s3={"addressing_style": "path"})
    clients = {name: boto3.client(name, config=config if name == "s3" else None) for name in {call[0] for call in calls}}
    for number in range(WARM + messages):
        if number == WARM:
            began = used()
        for service, method, arguments in calls:
            getattr(clients[service], method)(**arguments)
    say(began)


async def at_once(calls: list[Call], messages: int, concurrency: int) -> None:
    from app.aws.clients import clients
    from app.settings import Settings

    async with clients(Settings(), *{call[0] for call in calls}) as aws:

        async def work(left: Iterator[int]) -> None:
            for _ in left:
                for service, method, arguments in calls:
                    await getattr(aws[service], method)(**arguments)

        await work(iter(range(WARM)))
        began, left = used(), iter(range(messages))
        await asyncio.gather(*(work(left) for _ in range(concurrency)))
        say(began)


def used() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def say(began: tuple[float, float]) -> None:
    now = used()
    print(json.dumps({"seconds": now[0] - began[0], "cpu": now[1] - began[1]}))


if __name__ == "__main__":
    kind, concurrency, messages = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    calls = pickle.load(sys.stdin.buffer)
    if kind == "boto3":
        one_at_a_time(calls, messages)
    else:
        import uvloop

        uvloop.run(at_once(calls, messages, concurrency))
