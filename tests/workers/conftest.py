"""Daemons in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.services.backend import Backend
from tests.support.service import spec, working
from workers import VERBS


@pytest.fixture
async def daemons(gas: Backend) -> AsyncIterator[None]:
    """All five at work."""
    async with working(gas, *(spec(verb) for verb in VERBS)):
        yield
