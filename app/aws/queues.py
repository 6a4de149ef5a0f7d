"""Queues and topics: one body per message, `MessageGroupId = user_id` on each.

On standard queues, and through standard topics, the group turns on fair queues: one user's thousand jobs don't hold up
everybody else's one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from app.aws.clients import code
from app.domain.messages import Message

LONGEST_DELAY = 900
BATCH = 10


class NotSent(RuntimeError):
    """Some of a batch was refused; what was accepted will be delivered all the same."""


@dataclass(frozen=True)
class Received:
    """One delivery. `receives` counts deliveries of this message, this one included; `sent_at` is ms since 1970; `reason` says
    why we buried it."""

    body: str
    receipt: str
    message_id: str
    receives: int
    sent_at: int
    reason: str = ""


@dataclass(frozen=True)
class Queue:
    """An open queue, with what it says of itself: `visibility` and `delay` in seconds, and its dead-letter queue."""

    sqs: Any
    url: str
    visibility: int
    delay: int
    dead_letter_url: str

    async def receive(self, most: int, wait: int, visibility: int) -> list[Received]:
        answer = await self.sqs.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=min(most, BATCH),
            WaitTimeSeconds=wait,
            VisibilityTimeout=visibility,
            MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
            MessageAttributeNames=["reason"],
        )
        return [
            Received(
                body=message["Body"],
                receipt=message["ReceiptHandle"],
                message_id=message["MessageId"],
                receives=int(message["Attributes"]["ApproximateReceiveCount"]),
                sent_at=int(message["Attributes"]["SentTimestamp"]),
                reason=message.get("MessageAttributes", {}).get("reason", {}).get("StringValue", ""),
            )
            for message in answer.get("Messages", [])
        ]

    async def hide(self, received: Received, seconds: int) -> bool:
        """Hides the message for `seconds` from now; False if it is not ours any more."""
        try:
            await self.sqs.change_message_visibility(QueueUrl=self.url, ReceiptHandle=received.receipt, VisibilityTimeout=seconds)
            return True
        except ClientError as error:
            if code(error) in _NOT_OURS:
                return False
            raise

    async def delete(self, received: Received) -> None:
        await self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=received.receipt)

    async def bury(self, received: Received, reason: str) -> None:
        """Moves the message to the dead-letter queue; it is there before it is gone here."""
        await self.sqs.send_message(
            QueueUrl=self.dead_letter_url,
            MessageBody=received.body,
            MessageAttributes={"reason": {"DataType": "String", "StringValue": reason[:500] or "unknown"}},
        )
        await self.delete(received)

    async def depth(self) -> int:
        """About how many messages wait, those in their delay included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed"]
        answer = await self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)


_NOT_OURS = {"MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight", "ReceiptHandleIsInvalid", "InvalidParameterValue"}


@dataclass(frozen=True)
class Queues:
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
        for start in range(0, len(entries), BATCH):
            answer = await self.sqs.send_message_batch(QueueUrl=self.urls[name], Entries=entries[start : start + BATCH])
            if answer.get("Failed"):
                raise NotSent(f"{name}: {answer['Failed']}")


@dataclass(frozen=True)
class Topics:
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
