"""Reports this process to systemd, where systemd asked for it (sd_notify(3)); elsewhere does nothing."""

from __future__ import annotations

import asyncio
import os
import socket
from importlib.metadata import version

RELEASE = version("gas")
"""The release that this process runs."""


def notify(state: str) -> None:
    """Sends READY=1, STOPPING=1 or WATCHDOG=1 to the service manager."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
            manager.connect("\0" + address[1:] if address.startswith("@") else address)
            manager.sendall(state.encode())


def ready() -> None:
    """Says that this process is ready, and of which release it is: a deploy believes nothing else."""
    notify(f"READY=1\nSTATUS={RELEASE}")


async def feed_watchdog() -> None:
    """Notifies the watchdog twice an interval that the event loop turns. Ends at once where there is no watchdog."""
    interval = int(os.environ.get("WATCHDOG_USEC", 0)) / 2_000_000
    while interval:
        notify("WATCHDOG=1")
        await asyncio.sleep(interval)
