"""A deployment of its own, as the tests of the daemons have it."""

from __future__ import annotations

from typing import Any

import pytest

from app.services.backend import Backend
from tests.workers.conftest import Service


@pytest.fixture
def service(gas: Backend, aws: dict[str, Any]) -> Service:
    return Service(gas, aws)
