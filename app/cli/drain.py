"""`gas drain`: lets the daemons of an EC2 instance finish before the instance goes.

It asks the instance metadata service (IMDSv2) whether the autoscaling group takes the instance out of service, or EC2 takes
a spot instance back; then it stops the daemons, which finish or give back what they hold, and completes the lifecycle action.
"""

from __future__ import annotations

import asyncio
import shlex
import signal
from typing import TYPE_CHECKING, Annotated

import structlog
import typer

from app.process import logs, systemd

if TYPE_CHECKING:
    from app.aws.instance import Metadata

log = structlog.get_logger()

GOING = {"Terminated", "Warmed:Terminated"}
"""Lifecycle states from which an instance does not come back."""


def drain(
    units: Annotated[list[str], typer.Argument(metavar="UNIT...", help="The systemd units to stop, such as gas-annotate.")],
    group: Annotated[str, typer.Option(help="The autoscaling group.")],
    hook: Annotated[str, typer.Option(help="Its lifecycle hook for termination.")],
    every: Annotated[float, typer.Option(help="Seconds between two looks at the metadata.")] = 5,
    stop: Annotated[str, typer.Option(help="Command that stops the units and waits until they have.")] = "systemctl stop",
    metadata: Annotated[str, typer.Option(help="The instance metadata service.")] = "http://169.254.169.254",
) -> None:
    """Wait until this EC2 instance is taken away, stop the daemons, and let the autoscaling group go on.

    Ends with 0 when the group was informed, or on SIGTERM.
    """
    logs.configure("json", service="drain")
    asyncio.run(_main(metadata, units, group, hook, every, stop))


async def _main(address: str, units: list[str], group: str, hook: str, every: float, stop: str) -> None:
    from app.aws.instance import metadata_at

    async with metadata_at(address) as metadata:
        watching = asyncio.create_task(_watch(metadata, units, group, hook, every, stop))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, watching.cancel)
        watchdog = asyncio.create_task(systemd.feed_watchdog())
        systemd.ready()
        await asyncio.wait({watching})
        systemd.notify("STOPPING=1")
    watchdog.cancel()
    if not watching.cancelled():
        watching.result()


async def _watch(metadata: Metadata, units: list[str], group: str, hook: str, every: float, stop: str) -> None:
    stopped = False
    while True:
        try:
            state = await metadata.get("autoscaling/target-lifecycle-state")
            notice = None if state in GOING else await metadata.get("spot/instance-action")
            if (state in GOING or notice) and not stopped:
                log.info("stopping the daemons", state=state, spot_notice=notice)
                stopped = await _stop(stop, units)
            # after a spot notice alone there may be nothing to complete: the group asks when it takes the instance out
            if stopped and state in GOING:
                await _complete(group, hook, str(await metadata.get("instance-id")))
                return
        except Exception as error:
            # whatever it was, the next look is in a few seconds, and the hook goes on by itself in the end
            log.warning("look failed", error=repr(error))
        await asyncio.sleep(every)


async def _stop(command: str, units: list[str]) -> bool:
    process = await asyncio.create_subprocess_exec(*shlex.split(command), *units)
    if ended := await process.wait():
        log.error("the daemons did not stop", exit=ended)
    return not ended


async def _complete(group: str, hook: str, instance: str) -> None:
    from app.aws.instance import complete_termination
    from app.settings import settings

    await complete_termination(settings(), group, hook, instance)
    log.info("the group may go on", instance=instance)
