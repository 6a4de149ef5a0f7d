"""An emulator of AWS beside the stack."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.stack import OWN, patience


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[str]:
    """The address of an emulator of AWS that nobody's stack started."""
    with socket.socket() as one, socket.socket() as other:
        ports = []
        for probe in (one, other):
            probe.bind(("127.0.0.1", 0))
            ports.append(probe.getsockname()[1])
    command = [sys.executable, "-m", "app.local.aws", "--port", str(ports[0]), "--outbox-port", str(ports[1]), "--retrieval", "2"]
    with subprocess.Popen(command, env=OWN) as process:
        try:
            for _ in patience(60):
                with suppress(OSError), socket.create_connection(("127.0.0.1", ports[0])):
                    break
                time.sleep(0.1)
            yield f"http://127.0.0.1:{ports[0]}"
        finally:
            process.kill()
