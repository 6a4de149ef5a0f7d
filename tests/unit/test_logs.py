"""The log tells what went wrong, and nobody's secrets."""

import subprocess
import sys

PROGRAM = """
from app.process import logs
import structlog
logs.configure("json", service="test")
def fails(password):
    raise ValueError("no good")
try:
    fails("open sesame")
except ValueError:
    structlog.get_logger().exception("failed")
"""


def test_a_traceback_shows_no_values() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert "no good" in done.stderr and "fails" in done.stderr
    assert "open sesame" not in done.stderr
