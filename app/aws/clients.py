"""The AWS clients of one process: made on first use, closed together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import cache
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession, get_session
from botocore.exceptions import ClientError

from app.aws import direct_reads
from app.aws.botocore_tuning import JsonResponseParserFactory, loader
from app.settings import Settings

LONGEST_POLL = 20
CONNECTIONS = 64
"""Of one process to one AWS service."""

ONCE: dict[str, Any] = {"sesv2": {"retries": {"mode": "standard", "total_max_attempts": 1}}}
"""Services whose calls must not be made again on their own: SES knows no idempotency, and a lost answer may be a sent mail."""


def code(error: ClientError) -> str:
    """The error code that AWS gave, such as `ConditionalCheckFailedException`."""
    return error.response["Error"]["Code"]


@contextmanager
def tolerated(*codes: str) -> Iterator[None]:
    """Takes these error codes of AWS for success."""
    try:
        yield
    except ClientError as error:
        if code(error) not in codes:
            raise


@contextmanager
def ungrouped() -> Iterator[None]:
    """Raises the first error of a group of tasks as if it had come alone."""
    try:
        yield
    except ExceptionGroup as group:
        raise group.exceptions[0] from group


@cache
def _session() -> AioSession:
    # reads the descriptions of AWS's services once a process
    session = get_session()
    session.register_component("data_loader", loader())
    session.register_component("response_parser_factory", JsonResponseParserFactory())
    return session


@asynccontextmanager
async def clients(settings: Settings, *services: str) -> AsyncIterator[dict[str, Any]]:
    """Clients by the name of their service. `AWS_ENDPOINT_URL` and the other `AWS_*` variables say where they go."""
    config = AioConfig(
        # aiobotocore presigns with SigV2 in us-east-1 by default
        signature_version="s3v4",
        # a name with the region in it: at the global one a new bucket redirects, and the regions since 2019 are not known there
        s3={"addressing_style": "path"}
        if settings.environment == "local"
        else {"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
        max_pool_connections=CONNECTIONS,
        connect_timeout=5,
        read_timeout=LONGEST_POLL + 25,
        retries={"mode": "standard", "total_max_attempts": 5},
        # as it is: without this, botocore writes an essay about itself anew for every call, a sixth of what a call costs
        user_agent="gas",
    )
    async with AsyncExitStack() as stack:
        made: dict[str, Any] = {}
        for service in services:
            chosen = config if service == "s3" else config.merge(AioConfig(signature_version="v4", **ONCE.get(service, {})))
            made[service] = await stack.enter_async_context(_session().create_client(service, config=chosen))
            if service == "dynamodb":
                direct_reads.install(made[service])
        yield made
