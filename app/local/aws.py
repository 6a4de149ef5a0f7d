"""A stand-in for AWS on this machine: moto's server, and beside it a page that shows the mail that was sent.

Nothing is kept on disk: what it holds is gone when it stops. A retrieval from S3's Glacier classes takes the time that
`--retrieval` says. The vault is another process: see `vault`.
"""

from __future__ import annotations

import argparse
import signal
import threading

from moto.moto_api import state_manager

from app.local import emulator
from app.local.outbox import serve


def main() -> None:
    """Runs the emulator until it is stopped."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--outbox-port", type=int, required=True)
    parser.add_argument("--retrieval", type=int, default=0, help="seconds that a retrieval takes")
    chosen = parser.parse_args()
    state_manager.set_transition("s3::keyrestore", {"progression": "time", "seconds": chosen.retrieval})
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    emulator.start(chosen.port)
    serve(chosen.outbox_port)
    stop.wait()


if __name__ == "__main__":
    main()
