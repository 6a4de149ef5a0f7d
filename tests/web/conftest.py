"""A portal on real HTTP, against a real AWS emulator and the stand-ins for Globus and Stripe."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp_jinja2
import jinja2
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from app.cli import remote
from app.local import globus, stripe
from app.settings import Settings
from app.web.main import create_app
from tests.support.portal import SECRET, Portal, address, listening, served


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # aiohttp-jinja2 keeps its things under plain names
    for item in items:
        item.add_marker(pytest.mark.filterwarnings("ignore::aiohttp.web.NotAppKeyWarning"))


@pytest.fixture(scope="session")
def provider_keys() -> tuple[rsa.RSAPrivateKey, rsa.RSAPrivateKey]:
    return tuple(rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))  # type: ignore[return-value]


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> jinja2.BytecodeCache:
    """Templates as they were compiled for the portal of an earlier test: that was a quarter of the CPU of this folder's tests."""
    return jinja2.FileSystemBytecodeCache(str(tmp_path_factory.mktemp("compiled")))


@pytest.fixture
def changes() -> dict[str, Any]:
    """Settings of the portal under test; override the fixture for others."""
    return {}


@pytest.fixture
async def portal(
    settings: Settings, provider_keys: Any, changes: dict[str, Any], compiled: jinja2.BytecodeCache
) -> AsyncIterator[Portal]:
    ours, theirs, stripes = (listening() for _ in range(3))
    settings = Settings(
        **settings.model_dump()
        | {
            "public_url": address(ours),
            "globus_url": address(theirs),
            "globus_client_id": "portal",
            "globus_client_secret": SECRET,
            "stripe_url": address(stripes),
            "stripe_secret_key": "sk_test",
            "stripe_webhook_secret": "whsec_test",
            "stripe_price_id": "price_premium",
            **changes,
        }
    )
    provider = globus.Provider(address(theirs), "portal", SECRET, key=provider_keys[0], stray_key=provider_keys[1])
    shop = stripe.Stripe(address(stripes), "sk_test", f"{address(ours)}/webhooks/stripe", "whsec_test")
    app = create_app(settings)
    aiohttp_jinja2.get_env(app).bytecode_cache = compiled
    async with AsyncExitStack() as stack:
        for sock, one in ((theirs, globus.create_app(provider)), (stripes, stripe.create_app(shop)), (ours, app)):
            await stack.enter_async_context(served(one, sock))
        yield Portal(address(ours), app, settings, provider, shop, stack)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where `gas remote` keeps what it knows."""
    monkeypatch.setattr(remote.typer, "get_app_dir", lambda name: str(tmp_path / "home" / name))
    return tmp_path / "home" / "gas"
