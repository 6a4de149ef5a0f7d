"""Clients of AWS that stay open for all tests of a process: opening one costs 20 ms of CPU, and a test needs a dozen."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from app.aws.clients import clients
from app.settings import Settings


class Pool:
    """Stands in for `app.aws.clients.clients`, and gives out what that made before for the same environment and settings."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.stack = stack
        self.defaults = Settings()
        self.opened: dict[object, Any] = {}

    @asynccontextmanager
    async def clients(self, settings: Settings, *services: str) -> AsyncIterator[dict[str, Any]]:
        """Clients by the name of their service; they stay open when the block ends."""
        yield {service: await self._client(settings, service) for service in services}

    async def _client(self, settings: Settings, service: str) -> Any:
        around = tuple(sorted((name, value) for name, value in os.environ.items() if name.startswith("AWS_")))
        key = service, settings.environment, around
        if key not in self.opened:
            self.opened[key] = (await self.stack.enter_async_context(clients(settings, service)))[service]
        return self.opened[key]
