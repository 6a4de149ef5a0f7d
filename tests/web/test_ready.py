"""What the portal tells systemd: ready once it listens, and of which release."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

from app.process.systemd import RELEASE
from app.settings import Settings


async def test_ready_is_said_once_the_portal_listens(settings: Settings, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    named = ("queue_urls", "topic_arns", "table_names", "bucket_names")
    environment = {f"GAS_{name.upper()}": json.dumps(getattr(settings, name)) for name in named}
    environment |= {"GAS_WEB_PORT": str(port), "NOTIFY_SOCKET": str(tmp_path / "notify")}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(environment["NOTIFY_SOCKET"])
        manager.settimeout(60)
        with subprocess.Popen([sys.executable, "-m", "app.cli.main", "web"], env=os.environ | environment) as portal:
            try:
                # not polled: it must listen by now
                assert (await asyncio.to_thread(manager.recv, 1000)).decode() == f"READY=1\nSTATUS={RELEASE}"
                socket.create_connection(("127.0.0.1", port), timeout=0.5).close()
                with await asyncio.to_thread(urllib.request.urlopen, f"http://127.0.0.1:{port}/healthz") as answer:
                    assert answer.read().decode() == f"ok {RELEASE}\n"
            finally:
                portal.send_signal(signal.SIGTERM)
            assert (await asyncio.to_thread(manager.recv, 1000)).decode() == "STOPPING=1"
            assert await asyncio.to_thread(portal.wait, 60) == 0
