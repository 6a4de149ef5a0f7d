"""Records every call to AWS that this process makes, and what AWS bills for it.

The hooks sit in botocore, between the adapters and the wire. DynamoDB bills by the size of records, so each write is
measured against the record before and after it. Rules: DynamoDB developer guide, "Read and write operations".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from aiobotocore.session import get_session

from app.aws.clients import _session

Item = dict[str, Any]

BILLED = {
    "s3.PutObject": "s3_put",
    "s3.PostObject": "s3_put",
    "s3.ListObjectsV2": "s3_put",
    "s3.GetObject": "s3_get",
    "s3.HeadObject": "s3_get",
    "s3.DeleteObjects": "free",
    "glacier.UploadArchive": "vault_upload",
    "glacier.DescribeJob": "free",
    "glacier.GetJobOutput": "free",
    "glacier.DeleteArchive": "free",
    "sns.Publish": "sns",
    "sesv2.SendEmail": "mail",
}
"""What one call counts as, where it does not depend on what it says."""


@dataclass
class Stage:
    """`calls` by operation; `billed` by name of the price table; the largest record that was written, in bytes; what each
    receive that brought nothing had asked for, which is no part of a message's handling."""

    calls: Counter[str] = field(default_factory=Counter)
    billed: Counter[str] = field(default_factory=Counter)
    largest: int = 0
    idle: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Recorder:
    """Notes calls for the stage that is open; outside of stages nothing is noted."""

    reader: Any  # a DynamoDB client of its own, which is not recorded
    stage: Stage | None = None

    @contextmanager
    def record(self) -> Iterator[Stage]:
        self.stage = stage = Stage()
        try:
            yield stage
        finally:
            self.stage = None

    def note(self, operation: str, bill: str | None = None, units: float = 1) -> None:
        assert self.stage
        self.stage.calls[operation] += 1
        kind = bill or BILLED[operation]
        if kind != "free":
            self.stage.billed[kind] += units  # type: ignore[assignment]

    async def before(self, params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        context["asked"] = dict(params)
        if self.stage and model.service_model.service_name == "dynamodb":
            context["found"] = [await self._read(*key) for key in _written(model.name, params)]

    async def after(self, parsed: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        if self.stage is None:
            return
        service, operation, asked = model.service_model.service_name, model.name, context["asked"]
        if service == "dynamodb":
            await self._dynamodb(operation, asked, parsed, context["found"])
        elif service == "sqs":
            if operation == "ReceiveMessage" and not parsed.get("Messages"):
                self.stage.idle.append(asked)
                return
            self.note(f"sqs.{operation}", "sqs")
        else:
            self.note(f"{service}.{operation}", _bill(service, operation, asked))

    async def _dynamodb(self, operation: str, asked: dict[str, Any], said: dict[str, Any], found: list[Item]) -> None:
        assert self.stage
        keys = _written(operation, asked)
        if not keys:
            self.note(f"dynamodb.{operation}", "dynamodb_read", _read_units(operation, asked, said))
            return
        made = [await self._read(*key) for key in keys]
        self.stage.largest = max(self.stage.largest, *(_size(item) for item in made))
        times = 2 if operation == "TransactWriteItems" else 1
        units = sum(
            times * max(1, ceil(max(_size(old), _size(new)) / 1024)) + _index_units(old, new)
            for old, new in zip(found, made, strict=True)
        )
        self.note(f"dynamodb.{operation}", "dynamodb_write", units)

    async def _read(self, table: str, key: Item) -> Item:
        return (await self.reader.get_item(TableName=table, Key=key, ConsistentRead=True)).get("Item", {})


@asynccontextmanager
async def recording(**client: Any) -> AsyncIterator[Recorder]:
    """Records the clients that are made inside the block. `client` says where the emulator is."""
    async with get_session().create_client("dynamodb", **client) as reader:
        recorder, session = Recorder(reader), _session()
        hooks = {"before-parameter-build": recorder.before, "after-call": recorder.after}
        for event, hook in hooks.items():
            session.register(event, hook)
        try:
            yield recorder
        finally:
            for event, hook in hooks.items():
                session.unregister(event, hook)


def _bill(service: str, operation: str, asked: dict[str, Any]) -> str:
    if operation == "CopyObject":
        return "s3_put" if asked["StorageClass"] == "STANDARD" else "s3_archive"
    if operation == "RestoreObject":
        return f"restore_{asked['RestoreRequest']['GlacierJobParameters']['Tier'].lower()}"
    if operation == "InitiateJob":
        return f"restore_{asked['jobParameters']['Tier'].lower()}"
    return BILLED[f"{service}.{operation}"]


def _written(operation: str, asked: dict[str, Any]) -> list[tuple[str, Item]]:
    """Table and key of each record that a call writes, or checks in a transaction."""
    if operation == "TransactWriteItems":
        parts = [part for item in asked["TransactItems"] for part in item.values()]
        return [(part["TableName"], part["Key"]) for part in parts]
    if operation in ("UpdateItem", "DeleteItem"):
        return [(asked["TableName"], asked["Key"])]
    if operation == "PutItem":
        key = ("user_id", "item" if "item" in asked["Item"] else "job_id")
        return [(asked["TableName"], {name: asked["Item"][name] for name in key})]
    return []


def _index_units(old: Item, new: Item) -> int:
    """A change of an index's key is a delete and a put there."""
    # of accounts by the deadline, of jobs by the look that is planned
    before, after = (
        (item["overdue_shard"], item.get("look_at", item.get("deadline"))) if "overdue_shard" in item else None
        for item in (old, new)
    )
    return 0 if before == after else (before is not None) + (after is not None)


def _read_units(operation: str, asked: dict[str, Any], said: dict[str, Any]) -> float:
    if operation == "BatchGetItem":
        return sum(max(1, ceil(_size(item) / 4096)) for items in said["Responses"].values() for item in items)
    found = said.get("Items", [said.get("Item", {})])
    units = max(1, ceil(sum(_size(item) for item in found) / 4096))
    return units if asked.get("ConsistentRead") else units / 2


def _size(item: Item) -> int:
    """Bytes that DynamoDB counts for a record."""
    return sum(len(name.encode()) + _bytes(*next(iter(value.items()))) for name, value in item.items())


def _bytes(kind: str, value: Any) -> int:
    if kind in ("S", "N"):
        return len(str(value).encode()) if kind == "S" else len(str(value)) // 2 + 2
    return sum(len(one.encode()) for one in value) if kind == "SS" else 1
