"""A second emulator of AWS, in another region: `python -m tests.support.second_emulator COMMAND…` runs the command on it.

MiniStack enforces what moto does not: signatures, the policies of forms, those of queues, and that a bucket's region is said.
It has an environment of its own, for it pins a version of botocore. The command's exit code is this one's.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

PROGRAM = Path(__file__).parents[2] / ".venv-ministack" / "bin" / "ministack"
REGION = "eu-central-1"
KEY = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
START_SECONDS = 120


def main(command: list[str]) -> int:
    """Returns the exit code of the command."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    served = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "AUTH": "true",
        "MINISTACK_REGION": REGION,
        "LOG_LEVEL": "WARNING",
    }
    address = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryFile() as log, tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [PROGRAM], env={**os.environ, **KEY, **served}, cwd=folder, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            _wait(server, f"{address}/_ministack/health")
            told = {"AWS_ENDPOINT_URL": address, "AWS_DEFAULT_REGION": REGION, "GAS_SECOND_EMULATOR": "1"}
            return subprocess.run(command, env={**os.environ, **KEY, **told}).returncode
        finally:
            server.terminate()
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                server.kill()


def _wait(server: subprocess.Popen[bytes], address: str) -> None:
    end = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    sys.exit("the second emulator did not start")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
