"""The accounts table: one PROFILE item an account, and beside it the items that belong to it, each read by its key.

Partition `user_id`, sort `item`: PROFILE, SESSION#…, TOKEN#…, MARK#…. Items with `expires_at` (seconds since 1970) are
removed by DynamoDB some time after it; until then they stay readable, so `item` compares it itself.
"""

from __future__ import annotations

import secrets
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from app.aws.dynamodb import from_wire, pages, record, to_wire, transacted, update, updated
from app.aws.items import ItemKey, Items
from app.domain.accounts import Account, Plan

PROFILE = "PROFILE"
MAIL = "MARK#mail:"
RACED = {"ConditionalCheckFailed", "TransactionConflict"}
"""Why DynamoDB cancels a transaction that another write came before."""

SETTLE_SECONDS = 300
"""Seconds after which a change of plan that is not settled is overdue."""


@dataclass(frozen=True)
class Accounts:
    """`now` returns milliseconds since 1970."""

    dynamodb: Any
    table: str
    shards: int
    now: Callable[[], int]
    reads: Items
    deadline_seconds: int = SETTLE_SECONDS

    async def get(self, user_id: str) -> Account | None:
        """Returns the account of a user; None if there is none."""
        values = await self._read(user_id, PROFILE)
        return record(Account, values) if values else None

    async def login(self, user_id: str, **profile: str) -> Account:
        """Creates the account at the first login, on the free plan; at later ones brings what `profile` says up to date."""
        first = {"plan": Plan.FREE, "version": 0, "created_at": self.now(), "mail_key": secrets.token_hex(16)}
        write = update({**profile, "seen_at": self.now()})
        write["UpdateExpression"] += "".join(f", #{name} = if_not_exists(#{name}, :{name})" for name in first)
        write["ExpressionAttributeNames"] |= {f"#{name}": name for name in first}
        write["ExpressionAttributeValues"] |= to_wire({f":{name}": value for name, value in first.items()})
        account = await self._update(user_id, write)
        assert account is not None  # the write has no condition
        return account

    async def change_plan(self, user_id: str, plan: Plan) -> Account | None:
        """Gives the account another plan, a new version and a deadline; None if it has that plan already, is being
        deleted, or was granted premium, which only the operator who gave it takes away."""
        waits = {"overdue_shard": self._shard(user_id), "deadline": self.now() + 1000 * self.deadline_seconds}
        keeps_grant = " AND attribute_not_exists(#granted)" if plan is Plan.FREE else ""
        condition = f"attribute_exists(#user_id) AND attribute_not_exists(#erasing) AND #plan <> :plan{keeps_grant}"
        write = update({"plan": plan, **waits}, condition)
        write["UpdateExpression"] += " ADD #version :one"
        write["ExpressionAttributeNames"]["#version"] = "version"
        write["ExpressionAttributeValues"][":one"] = {"N": "1"}
        return await self._update(user_id, write)

    async def begin_erasing(self, user_id: str) -> Account | None:
        """Marks that the account is being deleted, with a deadline after which somebody else goes on; None if it is gone.

        From here on its plan does not change: a change that is not settled yet would take the deadline away.
        """
        waits = {"overdue_shard": self._shard(user_id), "deadline": self.now() + 1000 * self.deadline_seconds}
        write = update({"erasing": True, **waits}, "attribute_exists(#user_id)")
        write["UpdateExpression"] += " ADD #version :one"
        write["ExpressionAttributeNames"]["#version"] = "version"
        write["ExpressionAttributeValues"][":one"] = {"N": "1"}
        return await self._update(user_id, write)

    async def postpone(self, account: Account) -> None:
        """Moves the deadline of an unsettled change of plan ahead, after its message was sent again."""
        deadline = {"deadline": self.now() + 1000 * self.deadline_seconds}
        await self._update(
            account.user_id, update(deadline, "#version = :at AND attribute_exists(#deadline)", at=account.version)
        )

    async def clear_deadline(self, user_id: str, version: int) -> bool:
        """Every job follows the plan of this `version`: nothing is left to do. False if the plan changed again."""
        gone = {"overdue_shard": None, "deadline": None}
        return bool(await self._update(user_id, update(gone, "#version = :at", at=version)))

    async def update(self, user_id: str, **values: Any) -> Account | None:
        """Writes `values` to the account's profile; None removes one. None if there is no such account."""
        return await self._update(user_id, update(values, "attribute_exists(#user_id)"))

    async def with_email(self, email: str) -> AsyncIterator[Account]:
        """Every account with this address. Reads the whole table: for operators."""
        found = pages(
            self.dynamodb,
            "scan",
            TableName=self.table,
            FilterExpression="#item = :profile AND email = :email",
            ExpressionAttributeNames={"#item": "item"},
            ExpressionAttributeValues=to_wire({":profile": PROFILE, ":email": email}),
        )
        async for items in found:
            for item in items:
                yield record(Account, item)

    async def overdue(self) -> AsyncIterator[str]:
        """User ids whose change of plan is overdue; from the index, so read each again before acting."""
        for shard in range(self.shards):
            query = pages(
                self.dynamodb,
                "query",
                TableName=self.table,
                IndexName="overdue",
                KeyConditionExpression="overdue_shard = :shard AND deadline < :now",
                ExpressionAttributeValues=to_wire({":shard": str(shard), ":now": self.now()}),
            )
            async for items in query:
                for item in items:
                    yield item["user_id"]["S"]

    async def put_item(self, user_id: str, item: str, *, expires_at: int | None = None, **values: Any) -> None:
        """Writes one item of an account, such as SESSION#… ; `expires_at` is seconds since 1970."""
        wire = to_wire({"user_id": user_id, "item": item, "expires_at": expires_at, **values})
        await self.dynamodb.put_item(TableName=self.table, Item=wire)

    async def put_next(self, user_id: str, item: str, version: int, **values: Any) -> bool:
        """Writes one item with its next version, if `version` is what it has now (0: it is not there); False if not."""
        condition = "#version = :was" if version else "attribute_not_exists(#version)"
        given = {"was": version} if version else {}
        return await self._write(user_id, item, update({**values, "version": version + 1}, condition, **given)) is not None

    async def put_new(self, user_id: str, item: str, *, expires_at: int, **values: Any) -> bool:
        """Writes one item unless it is there and has not expired; False if it is."""
        write = update({**values, "expires_at": expires_at}, "attribute_not_exists(#expires_at) OR #expires_at <= :now")
        write["ExpressionAttributeValues"] |= to_wire({":now": self.now() // 1000})
        return await self._write(user_id, item, write) is not None

    async def put_once(self, user_id: str, item: str, put: dict[str, Any], was: str, *, expires_at: int, **values: Any) -> bool:
        """One transaction: writes an item that stands for a job, and records that job by `put`, as `Jobs.creation` makes it.

        False where the item stands for another job than `was` (empty: for any), or somebody writes it in this moment.
        """
        free = "attribute_not_exists(#expires_at) OR #expires_at <= :now_seconds OR #job_id = :was"
        write = update({**values, "expires_at": expires_at}, free, now_seconds=self.now() // 1000, was=was)
        items = [{"Update": {"TableName": self.table, "Key": self._key(user_id, item), **write}}, {"Put": put}]
        try:
            await self.dynamodb.transact_write_items(TransactItems=items)
        except ClientError as error:
            if {reason.get("Code") for reason in error.response.get("CancellationReasons", [])} & RACED:
                return False
            raise
        return True

    async def mark(self, user_id: str, event: str, token: str | None = None, *, expires_at: int) -> bool:
        """Marks that the mail for `event` is about to be sent; False if it was marked before, or the account is being deleted.

        One transaction with the account's item: a mark that is written once the deletion has begun would be left by it.
        `token` names the attempt: a caller with it may ask again, as a client does that missed the answer.
        """
        free = "attribute_not_exists(#expires_at) OR #expires_at <= :now OR (#token = :token AND attribute_not_exists(#sent))"
        token = token or secrets.token_hex(4)
        write = update({"expires_at": expires_at, "token": token}, free, now=self.now() // 1000)
        there = {
            "ConditionExpression": "attribute_exists(#user_id) AND attribute_not_exists(#erasing)",
            "ExpressionAttributeNames": {"#user_id": "user_id", "#erasing": "erasing"},
        }
        items = [
            {"ConditionCheck": {"TableName": self.table, "Key": self._key(user_id, PROFILE), **there}},
            {"Update": {"TableName": self.table, "Key": self._key(user_id, MAIL + event), **write}},
        ]
        return await transacted(self.dynamodb, items)

    async def unmark(self, user_id: str, event: str, token: str) -> None:
        """Takes the mark of a mail that was certainly not sent back, if it is this attempt's."""
        write = update({"expires_at": self.now() // 1000, "token": None}, "#token = :held", held=token)
        await self._write(user_id, MAIL + event, write)

    async def mark_sent(self, user_id: str, event: str) -> None:
        """Notes that the mail for `event` was handed over. A mark without this is a warning of the doctor."""
        await self._write(user_id, MAIL + event, update({"sent": True}, "attribute_exists(#user_id)"))

    async def unsent(self) -> AsyncIterator[tuple[str, str]]:
        """(user id, event) of every mail that was marked, and not sent. Reads the whole table: for the doctor's daily look."""
        found = pages(
            self.dynamodb,
            "scan",
            TableName=self.table,
            ConsistentRead=True,
            FilterExpression="begins_with(#item, :mail) AND attribute_not_exists(#sent)",
            ExpressionAttributeNames={"#item": "item", "#sent": "sent"},
            ExpressionAttributeValues=to_wire({":mail": MAIL}),
        )
        async for items in found:
            for values in map(from_wire, items):
                if self._good(values):
                    yield values["user_id"], values["item"].removeprefix(MAIL)

    async def unsent_of(self, user_id: str) -> list[str]:
        """The events of one account whose mail was marked, and not sent."""
        return [found["item"].removeprefix(MAIL) async for found in self.items(user_id, MAIL) if "sent" not in found]

    async def count(self, user_id: str, item: str, most: int, *, expires_at: int) -> bool:
        """Counts one more under `item`, such as DAY#…; False if there are `most` already."""
        write = update({"expires_at": expires_at}, "attribute_not_exists(#seen) OR #seen < :most", most=most)
        write["UpdateExpression"] += " ADD #seen :one"
        write["ExpressionAttributeValues"][":one"] = {"N": "1"}
        return await self._write(user_id, item, write) is not None

    async def item(self, user_id: str, item: str) -> dict[str, Any] | None:
        """The values of one item, or None if there is none or it has expired."""
        values = from_wire(await self._read(user_id, item) or {})
        return values if values and self._good(values) else None

    async def get_with(self, user_id: str, item: str) -> tuple[Account, dict[str, Any]] | None:
        """The account and the values of one of its items, in one request; None unless both are there, and good."""
        keys = (ItemKey(self.table, user_id, "item", PROFILE), ItemKey(self.table, user_id, "item", item))
        profile, found = await self.reads.get(keys) or (None, None)
        values = from_wire(found or {})
        return (record(Account, profile), values) if profile and values and self._good(values) else None

    async def items(self, user_id: str, prefix: str) -> AsyncIterator[dict[str, Any]]:
        """Every item of an account whose name starts with `prefix`, expired ones left out."""
        query = pages(
            self.dynamodb,
            "query",
            TableName=self.table,
            KeyConditionExpression="user_id = :user AND begins_with(#item, :prefix)",
            ExpressionAttributeNames={"#item": "item"},
            ExpressionAttributeValues=to_wire({":user": user_id, ":prefix": prefix}),
            ConsistentRead=True,
        )
        async for found in query:
            for values in map(from_wire, found):
                if self._good(values):
                    yield values

    async def delete_item(self, user_id: str, item: str) -> None:
        """Deletes one item of an account; one that is not there is no error."""
        await self.dynamodb.delete_item(TableName=self.table, Key=self._key(user_id, item))

    def _good(self, values: dict[str, Any]) -> bool:
        return values.get("expires_at", float("inf")) * 1000 > self.now()

    def _key(self, user_id: str, item: str) -> dict[str, Any]:
        return to_wire({"user_id": user_id, "item": item})

    def _shard(self, user_id: str) -> str:
        return str(zlib.crc32(user_id.encode()) % self.shards)

    async def _read(self, user_id: str, item: str) -> dict[str, Any] | None:
        answer = await self.dynamodb.get_item(TableName=self.table, Key=self._key(user_id, item), ConsistentRead=True)
        return answer.get("Item")

    async def _update(self, user_id: str, write: dict[str, Any]) -> Account | None:
        values = await self._write(user_id, PROFILE, write)
        return record(Account, values) if values else None

    async def _write(self, user_id: str, item: str, write: dict[str, Any]) -> dict[str, Any] | None:
        return await updated(self.dynamodb, self.table, self._key(user_id, item), write)
