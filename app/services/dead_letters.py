"""Messages that failed for good: looked at, and sent again once their cause is mended.

Sending again is at least once, as everything here: a message is back in its queue before it is gone from the dead letters.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from app.aws.queues import BATCH_MESSAGES, Queue, Received
from app.domain.messages import AnyMessage, Unreadable, parse
from app.services.backend import Backend

HOLD_SECONDS = 60
"""How long a dead letter is hidden from others who look while we do."""

LOOK_SECONDS = 2
"""A long poll asks every server of a queue; a short one may miss messages."""


@dataclass(frozen=True)
class DeadLetter:
    """One dead letter; `messages` is empty if it is unreadable."""

    received: Received
    messages: tuple[AnyMessage, ...]

    def as_dict(self) -> dict[str, object]:
        """The letter as JSON takes it."""
        sent = datetime.fromtimestamp(self.received.sent_at / 1000, UTC).isoformat(timespec="seconds")
        return {
            "message_id": self.received.message_id,
            "sent_at": sent,
            "reason": self.received.reason or "every attempt failed: the daemon's log has each one, by message_id",
            "messages": [message.model_dump(mode="json") for message in self.messages],
            "unreadable": "" if self.messages else self.received.body,
        }

    def concerns(self, job_id: str) -> bool:
        """Whether the message, as far as it can be read, is about this job."""
        return any(getattr(message, "job_id", None) == job_id for message in self.messages)


async def count(backend: Backend) -> dict[str, int]:
    """About how many dead letters each queue has."""
    return {name: await (await _dead(backend, name)).depth() for name in backend.settings.queue_urls}


async def peek(backend: Backend, name: str, most: int) -> list[DeadLetter]:
    """Up to `most` dead letters of a queue; they stay where they are."""
    dead, found = await _dead(backend, name), []
    async for letter in _each(dead):
        found.append(letter)
        if len(found) >= most:
            break
    for letter in found:
        await dead.change_visibility(letter.received, 0)
    return found


async def redrive(backend: Backend, name: str, job_id: str = "") -> tuple[int, int]:
    """Sends the dead letters of a queue, or of one job, to their queue again. Returns how many went and how many stay.

    What is unreadable stays: it would only come back.
    """
    dead, sent, stay = await _dead(backend, name), 0, []
    async for letter in _each(dead):
        if not letter.messages or (job_id and not letter.concerns(job_id)):
            stay.append(letter)
            continue
        # an earlier attempt may have died anywhere, and a new message has no receive count that says so
        await backend.queues.send(name, [message.model_copy(update={"again": True}) for message in letter.messages])
        await dead.delete(letter.received)
        sent += 1
    for letter in stay:
        await dead.change_visibility(letter.received, 0)
    return sent, len(stay)


async def _dead(backend: Backend, name: str) -> Queue:
    queue = await backend.queues.open(name)
    return replace(queue, url=queue.dead_letter_url)


async def _each(dead: Queue) -> AsyncIterator[DeadLetter]:
    """Every dead letter once, hidden for a while, until there is none that was not seen."""
    seen: set[str] = set()
    while received := await dead.receive(BATCH_MESSAGES, LOOK_SECONDS, HOLD_SECONDS):
        fresh = [one for one in received if one.message_id not in seen]
        if not fresh:
            return
        for one in fresh:
            seen.add(one.message_id)
            yield DeadLetter(one, _read(one))


def _read(received: Received) -> tuple[AnyMessage, ...]:
    try:
        return tuple(parse(received.body))
    except Unreadable:
        return ()
