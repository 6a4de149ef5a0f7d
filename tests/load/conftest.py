"""The stack that a load test of CI is run against."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.support.stack import Stack, started


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack, stopped with SIGTERM, as systemd or Ctrl-C would."""
    with started(tmp_path_factory.mktemp("stack"), "--annotators", "2") as stack:
        try:
            yield stack
        finally:
            stack.process.send_signal(signal.SIGTERM)
            assert stack.process.wait(60) == 0
