"""Owns a message from receive to delete; the daemons say only what it means.

A handler returns (the message is deleted), raises `Reschedule` or `RetryLater` (it comes back), `Poison` (dead-letter
queue, now) or anything else (it comes back after a growing, random while; the queue's redrive policy is the backstop).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from botocore.exceptions import BotoCoreError, ClientError

from app.aws.queues import LONGEST_DELAY, Queue, Received
from app.domain.messages import AnyMessage, Message, Newer, Unreadable, parse, seen_before
from app.process import systemd
from app.process.memory import freeze_gc
from app.process.metrics import Metric, Metrics
from app.services.backend import Backend, backend
from app.settings import Settings
from workers.node import NodeUnfit

log = structlog.get_logger()
LONGEST_HOLD = 11 * 3600
"""Seconds that one delivery may be kept: SQS allows twelve hours from the receive."""

LONGEST_PUT_OFF = 24 * 3600
"""Seconds that a message is put off before it is a dead letter: for a newer release's daemons, or for SES."""

FIRST_PUT_OFF = 30
"""Seconds."""


class Later(Exception):
    """Not an error: the message is looked at again after `delay` seconds."""

    def __init__(self, delay: float, reason: str) -> None:
        super().__init__(reason)
        self.delay = delay


class RetryLater(Later):
    """Something changed under the handler: this delivery is put back."""


class Reschedule(Later):
    """Nothing to do yet, perhaps for hours: a fresh message takes its place, which eats no receive count."""


class Poison(Exception):
    """This message can never succeed."""


@dataclass(frozen=True)
class Delivery:
    """One message as a handler sees it. `redelivered`: it was delivered before, so an earlier attempt may have died anywhere.
    `put_off` is the seconds since a handler first looked at it, or at the one whose place it took, to look again later."""

    message: AnyMessage
    redelivered: bool
    put_off: float = 0


@dataclass(frozen=True)
class Spec:
    """What a daemon is: its queue, what it accepts there, and how many messages it works on at once."""

    verb: str
    queue: str
    accepts: tuple[type[Message], ...]
    concurrency: int
    handle: Callable[[Delivery, Backend], Awaitable[None]]
    prepare: Callable[[Settings], Coroutine[None, None, None]] | None = None
    """Brings what has to be there before the first message."""


@dataclass
class Consumer:
    """One daemon in a process: receives from its queue, handles up to `concurrency` messages at once, and settles each."""

    spec: Spec
    queue: Queue
    backend: Backend
    stop: asyncio.Event
    metrics: Metrics
    running: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        settings = self.backend.settings
        self.concurrency = settings.concurrency.get(self.spec.verb, self.spec.concurrency)
        self.visibility = settings.visibility_seconds or self.queue.visibility
        self.slots = asyncio.Semaphore(self.concurrency)
        self.log = log.bind(verb=self.spec.verb)
        self.broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Receives and handles until `stop` is set, then drains. Raises NodeUnfit, or what broke a heartbeat,
        once the rest is drained."""
        self.log.info("started", concurrency=self.concurrency, visibility=self.visibility)
        try:
            while taken := await self._take_slots():
                received = await self._receive(taken)
                for _ in range(taken - len(received)):
                    self.slots.release()
                for one in received:
                    task = asyncio.create_task(self._process(one))
                    self.running.add(task)
                    task.add_done_callback(self._done)
        finally:
            await self._drain()
            self.metrics.flush()
            self.log.info("stopped")
        if self.broken.done():
            self.broken.result()

    async def _take_slots(self) -> int:
        """Waits for a free slot and takes up to ten; 0 when it is time to stop."""
        slot, stop = asyncio.create_task(self.slots.acquire()), asyncio.create_task(self.stop.wait())
        ends: set[asyncio.Future[Any]] = {slot, stop, self.broken}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if self.stop.is_set() or self.broken.done():
            slot.cancel()
            return 0
        taken = 1
        while taken < 10 and not self.slots.locked():
            await self.slots.acquire()
            taken += 1
        return taken

    async def _receive(self, most: int) -> list[Received]:
        # never cancelled while all is well: a long poll that is cut off can swallow the message it was about to bring
        try:
            received = await self.queue.receive(most, self.backend.settings.poll_seconds, self.visibility)
        except (ClientError, BotoCoreError, OSError) as error:
            self.log.warning("receive failed", error=repr(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stop.wait(), random.uniform(0.5, 5))
            return []
        if self.stop.is_set():
            for one in received:
                await self.queue.change_visibility(one, 0)
            return []
        return received

    async def _process(self, received: Received) -> None:
        began = time.monotonic()
        with structlog.contextvars.bound_contextvars(message_id=received.message_id):
            beat = asyncio.create_task(self._heartbeat(received))
            beat.add_done_callback(self._beat_ended)
            try:
                await self._handle(received)
            except asyncio.CancelledError:
                await self.queue.change_visibility(received, 0)
                raise
            except Exception as error:
                # AWS itself fails while we put the message back: its visibility runs out, and it comes back
                self.log.error("settling failed", error=repr(error))
            finally:
                beat.cancel()
                self.metrics.add(Metric.SECONDS, time.monotonic() - began)

    async def _handle(self, received: Received) -> None:
        try:
            for message in self._read(received):
                with structlog.contextvars.bound_contextvars(
                    user_id=message.user_id, job_id=getattr(message, "job_id", None), event_id=message.event_id
                ):
                    again = received.receives > 1 or message.again
                    await self._handle_one(received, Delivery(message, again, self._seconds_put_off(received)))
        except RetryLater as later:
            self.log.info("retries later", reason=str(later), delay=round(later.delay))
            await self.queue.change_visibility(received, _whole(later.delay, LONGEST_HOLD))
        except Newer as newer:
            await self._leave_to_a_newer_release(received, newer)
        except (Poison, Unreadable) as error:
            await self._bury(received, str(error))
        except NodeUnfit as error:
            self.log.error("this host cannot work", why=str(error))
            await self._send_afresh(received, seen_before(received.body), FIRST_PUT_OFF)
            await self.queue.delete(received)
            self._break(error)
        except Exception as error:
            delay = random.uniform(1, min(900, 2**received.receives))
            self.log.exception("failed", error=repr(error), receives=received.receives, delay=round(delay))
            self.metrics.add(Metric.FAILED)
            await self.queue.change_visibility(received, _whole(delay, LONGEST_HOLD))
        else:
            await self.queue.delete(received)
            self.metrics.add(Metric.HANDLED)

    def _seconds_put_off(self, received: Received) -> float:
        return max(0, self.backend.now() - received.since) / 1000 if received.since else 0

    async def _leave_to_a_newer_release(self, received: Received, newer: Newer) -> None:
        """Hours are enough for a deploy to end, or to be rolled forward again; a receive count would be eaten up in minutes."""
        waited = self._seconds_put_off(received)
        if waited > LONGEST_PUT_OFF:
            await self._bury(received, f"no daemon of a newer release took it in a day: {newer}")
            return
        delay = growing(waited)
        self.log.warning("left to a newer release", said=str(newer), delay=round(delay))
        await self._send_afresh(received, seen_before(received.body) if received.receives > 1 else received.body, delay)
        await self.queue.delete(received)

    async def _bury(self, received: Received, reason: str) -> None:
        self.log.error("dead letter", error=reason, body=received.body[:500])
        self.metrics.add(Metric.BURIED)
        await self.queue.dead_letter(received, reason)

    async def _send_afresh(self, received: Received, body: str, delay: float) -> None:
        since = received.since or self.backend.now()
        await self.queue.put_off(received, body, delay=_whole(delay, LONGEST_DELAY), since=since)

    async def _handle_one(self, received: Received, delivery: Delivery) -> None:
        try:
            await self.spec.handle(delivery, self.backend)
            self.log.info("handled", type=delivery.message.type)
        except Reschedule as later:
            self.log.info("looks again", reason=str(later), delay=round(later.delay))
            message = delivery.message.model_copy(update={"again": delivery.redelivered})
            await self._send_afresh(received, message.body(), later.delay)

    def _read(self, received: Received) -> list[AnyMessage]:
        messages = parse(received.body)
        for message in messages:
            if not isinstance(message, self.spec.accepts):
                raise Poison(f"{self.spec.verb} does not take {message.type}")
        return messages

    async def _heartbeat(self, received: Received) -> None:
        for _ in range(LONGEST_HOLD * 3 // self.visibility):
            await asyncio.sleep(self.visibility / 3)
            try:
                if not await self.queue.change_visibility(received, self.visibility):
                    return
            except (ClientError, BotoCoreError, OSError) as error:
                self.log.warning("heartbeat failed", error=repr(error))

    def _beat_ended(self, beat: asyncio.Task[None]) -> None:
        """A heartbeat that fails by a fault of ours ends the daemon: else each message would come again while it is worked on."""
        if not beat.cancelled() and (error := beat.exception()):
            self.log.error("heartbeat broken", error=repr(error))
            self._break(error)

    def _break(self, error: BaseException) -> None:
        if not self.broken.done():
            self.broken.set_exception(error)

    def _done(self, task: asyncio.Task[None]) -> None:
        self.running.discard(task)
        self.slots.release()

    async def _drain(self) -> None:
        if not self.running:
            return
        self.log.info("draining", messages=len(self.running))
        _, late = await asyncio.wait(self.running, timeout=self.backend.settings.drain_seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)


def growing(put_off: float) -> float:
    """Seconds until the next look at what has been put off for `put_off` seconds: ever more, up to what SQS can delay."""
    return min(LONGEST_DELAY, max(FIRST_PUT_OFF, put_off / 2)) * random.uniform(0.75, 1)


def _whole(seconds: float, most: int) -> int:
    return max(0, min(most, round(seconds)))


async def _unless(stop: asyncio.Event, work: Coroutine[None, None, None]) -> None:
    """Does the work, but gives it up when it is time to stop."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    for task in (working, stopping):
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working


async def run(specs: Sequence[Spec], settings: Settings) -> None:
    """Runs these daemons in this process until SIGTERM or Ctrl-C; a second Ctrl-C kills.

    A task that dies, whichever it is, takes the process down with its traceback: half a daemon is worse than none.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, lambda: os._exit(130) if stop.is_set() else stop.set())
    for spec in specs:
        if spec.prepare:
            await _unless(stop, spec.prepare(settings))
    async with backend(settings, mail=any(spec.verb == "notify" for spec in specs)) as opened:
        consumers = [
            Consumer(spec, await opened.queues.open(spec.queue), opened, stop, Metrics(spec.verb, settings.environment))
            for spec in specs
        ]
        async with asyncio.TaskGroup() as tasks:
            aside = [tasks.create_task(systemd.feed_watchdog())]
            aside += [tasks.create_task(consumer.metrics.flush_regularly()) for consumer in consumers]
            running = [tasks.create_task(consumer.run()) for consumer in consumers]
            freeze_gc()
            systemd.ready()
            await stop.wait()
            systemd.notify("STOPPING=1")
            await asyncio.wait(running)
            for task in aside:
                task.cancel()
