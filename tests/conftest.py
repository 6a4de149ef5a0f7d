"""One moto server and one deployment a test run (a worker process of it), emptied before each test, as is its vault."""

from __future__ import annotations

import gc
import json
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import hypothesis
import pytest
import stripe
import structlog
from aiohttp import web
from botocore.retries.standard import ExponentialBackoff

from app.local import emulator, topology
from app.local.vault import Vault, create_app, publish
from app.services import doctor
from app.services.backend import Backend, backend
from app.settings import Settings
from tests.support import deployment, polls
from tests.support.pool import Pool
from tests.support.service import Service

# as daemons log; the default would draw every traceback with all local variables, which takes longer than most tests
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ]
)
hypothesis.settings.register_profile("gas", deadline=None)  # how busy the machine is proves nothing
hypothesis.settings.load_profile("gas")
SERVICES = ("dynamodb", "s3", "sqs", "sns", "glacier", "sesv2")


def pytest_collection_finish() -> None:
    """Leaves what was imported and collected out of every later garbage collection, which took an eighth of the tests' CPU."""
    gc.freeze()


@pytest.fixture(scope="session")
def aws_endpoint(own_emulator: bool) -> Iterator[str]:
    """The address of an AWS emulator: moto's, or the one that AWS_ENDPOINT_URL names."""
    os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    if not own_emulator:
        yield os.environ["AWS_ENDPOINT_URL"]
        return
    server = emulator.start()
    host, port = server.get_host_and_port()
    os.environ["AWS_ENDPOINT_URL"] = f"http://{host}:{port}"
    with pytest.MonkeyPatch.context() as patch:
        polls.install(patch)
        yield os.environ["AWS_ENDPOINT_URL"]
    del os.environ["AWS_ENDPOINT_URL"]
    server.stop()


@pytest.fixture(scope="session")
def own_emulator() -> bool:
    """Whether the emulator runs in this process."""
    return "AWS_ENDPOINT_URL" not in os.environ


@pytest.fixture(scope="session")
async def served_vault(aws_endpoint: str) -> AsyncIterator[Vault]:
    """The one vault of this process."""
    vault = Vault(0, publish)
    runner = web.AppRunner(create_app(vault))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    os.environ["AWS_ENDPOINT_URL_GLACIER"] = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield vault
    del os.environ["AWS_ENDPOINT_URL_GLACIER"]
    await runner.cleanup()


@pytest.fixture
def vault(served_vault: Vault) -> Vault:
    """An empty vault that retrieves at once, checks what it is given, and sends notices; moto's does neither."""
    for task in served_vault.tasks:
        task.cancel()
    vars(served_vault).clear()
    vars(served_vault).update(vars(Vault(0, publish)))
    return served_vault


@pytest.fixture(scope="session")
async def pool(served_vault: Vault) -> AsyncIterator[Pool]:
    """The clients that all adapters of this process share."""
    async with AsyncExitStack() as stack:
        pool = Pool(stack)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("app.services.backend.clients", pool.clients)
            yield pool


@pytest.fixture
async def aws(pool: Pool, vault: Vault) -> AsyncIterator[dict[str, Any]]:
    """Raw clients by service, to look at what the adapters did."""
    async with pool.clients(pool.defaults, *SERVICES) as opened:
        yield opened


@pytest.fixture(params=["s3"])
def archive_backend(request: pytest.FixtureRequest) -> str:
    """Which archive the test runs on; a suite for both parametrizes it."""
    return request.param


@pytest.fixture(scope="session")
def deployments() -> dict[str, dict[str, str]]:
    """By their prefixes, the environments of the deployments that were made in this process."""
    return {}


@pytest.fixture
async def environment(aws: dict[str, Any], deployments: dict[str, dict[str, str]], own_emulator: bool) -> dict[str, str]:
    """Where the queues, topics, tables and buckets of an empty deployment are; on a given emulator, of a new one."""
    if not (own_emulator and deployments):
        prefix = f"t{uuid.uuid4().hex[:10]}"
        deployments[prefix] = await topology.create(aws, prefix, retention=1)
        return deployments[prefix]
    [(prefix, environment)] = deployments.items()
    deployment.empty(prefix)
    return environment


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortens what is waited before a second look or another try, where nothing but the test itself goes on meanwhile."""
    monkeypatch.setattr(doctor, "GRACE", 1)
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda *_: 0.01)
    monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0.01)
    monkeypatch.setattr(stripe.HTTPClient, "MAX_DELAY", 0.01)


@pytest.fixture(scope="session")
def made() -> dict[object, Settings]:
    """Settings of tests before, which do not change: to make them again costs 15 ms of CPU."""
    return {}


@pytest.fixture
async def settings(
    aws: dict[str, Any], environment: dict[str, str], archive_backend: str, hurried: None, made: dict[object, Settings]
) -> Settings:
    """Settings of a deployment of its own, with waits of seconds."""
    around = tuple(sorted((name, value) for name, value in os.environ.items() if name.startswith("GAS_")))
    key = tuple(sorted(environment.items())), archive_backend, around
    if key not in made:
        made[key] = await _settings(aws, environment, archive_backend)
    return made[key]


async def _settings(aws: dict[str, Any], environment: dict[str, str], archive_backend: str) -> Settings:
    values = {
        name.removeprefix("GAS_").lower(): json.loads(value) if value.startswith("{") else value
        for name, value in environment.items()
    }
    looks = {"expedited_look_seconds": 1, "standard_look_seconds": 1}
    waits = {"poll_seconds": 1, **looks, "mail_window_seconds": 0, "drain_seconds": 10}
    sender = "gas@example.org"
    await aws["sesv2"].create_email_identity(EmailIdentity=sender)
    return Settings(**values, **waits, archive_backend=archive_backend, mail_from=sender)  # type: ignore[arg-type]


@pytest.fixture
async def gas(settings: Settings) -> AsyncIterator[Backend]:
    """The adapters, on a deployment of their own."""
    async with backend(settings, mail=True) as opened:
        yield opened


@pytest.fixture
def service(gas: Backend, aws: dict[str, Any]) -> Service:
    """What a test does to the deployment, and sees of it."""
    return Service(gas, aws)
