"""Daemons that die and start again, many times."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.forks import Forks, forking


@pytest.fixture(scope="session")
async def forks(aws_endpoint: str) -> AsyncIterator[Forks]:
    """Where the daemons of this process's lanes are started from."""
    async with forking() as forks:
        yield forks
