"""Queues and topics: one body per message, `MessageGroupId = user_id` on each.

On standard queues, and through standard topics, the group turns on fair queues: one user's thousand jobs don't hold up
everybody else's one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from app.aws.clients import code
from app.domain.messages import Message

LONGEST_DELAY = 900
BATCH_MESSAGES = 10


class NotDeleted(RuntimeError):
    """SQS refused to delete one message of a batch: it will be delivered again."""


class NotSent(RuntimeError):
    """Some of a batch was refused; what was accepted will be delivered all the same."""


@dataclass(frozen=True)
class Received:
    """One delivery. `receives` counts deliveries of this message, this one included; `sent_at` is ms since 1970; `reason` says
    why we buried it; `since`, ms since 1970, when it was first put off, if it was; `group` is its MessageGroupId."""

    body: str
    receipt: str
    message_id: str
    receives: int
    sent_at: int
    reason: str = ""
    since: int | None = None
    group: str = ""


@dataclass(frozen=True)
class Queue:
    """An open queue, with what it says of itself: `visibility` and `delay` in seconds, and its dead-letter queue."""

    sqs: Any
    url: str
    visibility: int
    delay: int
    dead_letter_url: str
    ended: list[tuple[str, asyncio.Future[None]]] = field(default_factory=list, compare=False, repr=False)
    """Receipts of messages whose delete is not answered yet, and who waits for it."""

    async def receive(self, most: int, wait: int, visibility: int) -> list[Received]:
        """Receives up to `most` messages, hidden from others for `visibility` seconds; polls for up to `wait` seconds."""
        answer = await self.sqs.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=min(most, BATCH_MESSAGES),
            WaitTimeSeconds=wait,
            VisibilityTimeout=visibility,
            MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp", "MessageGroupId"],
            MessageAttributeNames=["reason", "since"],
        )
        return [
            Received(
                body=message["Body"],
                receipt=message["ReceiptHandle"],
                message_id=message["MessageId"],
                receives=int(message["Attributes"]["ApproximateReceiveCount"]),
                sent_at=int(message["Attributes"]["SentTimestamp"]),
                reason=message.get("MessageAttributes", {}).get("reason", {}).get("StringValue", ""),
                since=int(message.get("MessageAttributes", {}).get("since", {}).get("StringValue", 0)) or None,
                group=message["Attributes"].get("MessageGroupId", ""),
            )
            for message in answer.get("Messages", [])
        ]

    async def change_visibility(self, received: Received, seconds: int) -> bool:
        """Hides the message for `seconds` from now; False if this receipt has expired."""
        try:
            await self.sqs.change_message_visibility(QueueUrl=self.url, ReceiptHandle=received.receipt, VisibilityTimeout=seconds)
            return True
        except ClientError as error:
            if code(error) in _NOT_OURS:
                return False
            raise

    async def delete(self, received: Received) -> None:
        """Deletes the message. Those that end while a request is under way share the next one. Raises NotDeleted."""
        gone = asyncio.get_running_loop().create_future()
        self.ended.append((received.receipt, gone))
        if len(self.ended) == 1:
            # a task of its own: a caller that gives up waiting leaves the others theirs
            deleting = asyncio.create_task(self._delete_ended())
            gone.add_done_callback(lambda _: deleting)
        await gone

    async def _delete_ended(self) -> None:
        while self.ended:
            batch = self.ended[:BATCH_MESSAGES]
            refused: dict[int, Exception] = {}
            try:
                if len(batch) == 1:
                    await self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=batch[0][0])
                else:
                    entries = [{"Id": str(n), "ReceiptHandle": receipt} for n, (receipt, _) in enumerate(batch)]
                    answer = await self.sqs.delete_message_batch(QueueUrl=self.url, Entries=entries)
                    refused = {int(failed["Id"]): NotDeleted(failed["Code"]) for failed in answer.get("Failed", [])}
            except Exception as error:
                refused = dict.fromkeys(range(len(batch)), error)
            del self.ended[: len(batch)]
            for n, (_, gone) in enumerate(batch):
                if gone.done():
                    continue
                if n in refused:
                    gone.set_exception(refused[n])
                else:
                    gone.set_result(None)

    async def dead_letter(self, received: Received, reason: str) -> None:
        """Moves the message to the dead-letter queue; it is there before it is gone here."""
        await self.sqs.send_message(
            QueueUrl=self.dead_letter_url,
            MessageBody=received.body,
            MessageAttributes={"reason": {"DataType": "String", "StringValue": reason[:500] or "unknown"}},
        )
        await self.delete(received)

    async def put_off(self, received: Received, body: str, *, delay: int, since: int) -> None:
        """Sends a fresh message, which comes after `delay` seconds (at most 900), in the place of one that is then to be deleted.
        It has no receives, and knows since when (ms since 1970) its like are put off."""
        await self.sqs.send_message(
            QueueUrl=self.url,
            MessageBody=body,
            MessageGroupId=received.group or received.message_id,
            DelaySeconds=min(delay, LONGEST_DELAY),
            MessageAttributes={"since": {"DataType": "Number", "StringValue": str(since)}},
        )

    async def depth(self) -> int:
        """About how many messages wait, those in their delay included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed"]
        answer = await self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)


_NOT_OURS = {"MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight", "ReceiptHandleIsInvalid", "InvalidParameterValue"}


@dataclass(frozen=True)
class Queues:
    """The queues of the topology, by name."""

    sqs: Any
    urls: Mapping[str, str]

    async def open(self, name: str) -> Queue:
        """Reads visibility, delay and dead-letter queue from the queue itself: they are declared once, in the topology."""
        url = self.urls[name]
        names = ["VisibilityTimeout", "DelaySeconds", "RedrivePolicy"]
        said = (await self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names))["Attributes"]
        dead_name = json.loads(said["RedrivePolicy"])["deadLetterTargetArn"].rpartition(":")[2]
        dead_url = (await self.sqs.get_queue_url(QueueName=dead_name))["QueueUrl"]
        return Queue(self.sqs, url, int(said["VisibilityTimeout"]), int(said["DelaySeconds"]), dead_url)

    async def send(self, name: str, messages: Iterable[Message], *, delay: int | None = None) -> None:
        """Sends all, ten a request. `delay` (seconds, at most 900) replaces the queue's own. Raises NotSent."""
        entries = [
            {"Id": str(n), "MessageBody": message.body(), "MessageGroupId": message.user_id}
            | ({} if delay is None else {"DelaySeconds": min(delay, LONGEST_DELAY)})
            for n, message in enumerate(messages)
        ]
        for start in range(0, len(entries), BATCH_MESSAGES):
            answer = await self.sqs.send_message_batch(QueueUrl=self.urls[name], Entries=entries[start : start + BATCH_MESSAGES])
            if answer.get("Failed"):
                raise NotSent(f"{name}: {answer['Failed']}")


@dataclass(frozen=True)
class Topics:
    """The topics of the topology, by name."""

    sns: Any
    arns: Mapping[str, str]

    async def publish(self, name: str, message: Message, **attributes: str) -> None:
        """Publishes to every subscriber whose filter lets `attributes` through."""
        await self.sns.publish(
            TopicArn=self.arns[name],
            Message=message.body(),
            MessageGroupId=message.user_id,
            MessageAttributes={key: {"DataType": "String", "StringValue": value} for key, value in attributes.items()},
        )
