"""One moto server a test run (a worker process of it), a vault and names of its own for each test."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from aiohttp import web

from app.aws.clients import clients
from app.local import emulator, topology
from app.local.vault import Vault, create_app, publish
from app.services.backend import Backend, backend
from app.settings import Settings

SERVICES = ("dynamodb", "s3", "sqs", "sns", "glacier", "sesv2")


@pytest.fixture(scope="session")
def aws_endpoint() -> Iterator[str]:
    """The address of an AWS emulator: moto's, or the one that AWS_ENDPOINT_URL names."""
    given = os.environ.get("AWS_ENDPOINT_URL")
    os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    if given:
        yield given
        return
    server = emulator.start()
    host, port = server.get_host_and_port()
    os.environ["AWS_ENDPOINT_URL"] = f"http://{host}:{port}"
    yield os.environ["AWS_ENDPOINT_URL"]
    del os.environ["AWS_ENDPOINT_URL"]
    server.stop()


@pytest.fixture
async def vault(aws_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Vault]:
    """A vault that retrieves at once, checks what it is given, and sends notices; moto's does neither."""
    vault = Vault(0, publish)
    runner = web.AppRunner(create_app(vault))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_GLACIER", f"http://127.0.0.1:{runner.addresses[0][1]}")
    yield vault
    await runner.cleanup()


@pytest.fixture
async def aws(aws_endpoint: str, vault: Vault) -> AsyncIterator[dict[str, Any]]:
    """Raw clients by service, to look at what the adapters did."""
    async with clients(Settings(), *SERVICES) as opened:
        yield opened


@pytest.fixture(params=["s3"])
def archive_backend(request: pytest.FixtureRequest) -> str:
    """Which archive the test runs on; a suite for both parametrizes it."""
    return request.param


@pytest.fixture
async def settings(aws: dict[str, Any], archive_backend: str) -> Settings:
    """Settings of a deployment of its own, with waits of seconds."""
    environment = await topology.create(aws, f"t{uuid.uuid4().hex[:10]}", retention=1)
    values = {
        name.removeprefix("GAS_").lower(): json.loads(value) if value.startswith("{") else value
        for name, value in environment.items()
    }
    waits = {"poll_seconds": 1, "expedited_look_seconds": 1, "standard_look_seconds": 1, "drain_seconds": 10}
    sender = "gas@example.org"
    await aws["sesv2"].create_email_identity(EmailIdentity=sender)
    return Settings(**values, **waits, archive_backend=archive_backend, mail_from=sender)  # type: ignore[arg-type]


@pytest.fixture
async def gas(settings: Settings) -> AsyncIterator[Backend]:
    """The adapters, on a deployment of their own."""
    async with backend(settings, mail=True) as opened:
        yield opened
