"""Objects in S3: inputs that browsers upload, and results. Constant memory for any size."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from botocore.exceptions import ClientError

from app.aws.clients import code, ungrouped
from app.domain.file_names import content_disposition
from app.domain.keys import Gone

CHECKSUM = "CRC64NVME"
CHUNK_BYTES = 1 << 20
PART = 8 << 20
PARTS_AT_ONCE = 2
MOST_PARTS = 10_000
FULL_OBJECT = {"ChecksumType": "FULL_OBJECT"}
LINK_SECONDS = 600
MISSING = {"404", "NoSuchKey", "NotFound"}

Span = tuple[int, int]
"""First and last byte of a part."""

SendPart = Callable[[dict[str, Any], int, int], Awaitable[dict[str, Any]]]
"""Sends the bytes from the first to the last to the part of an upload that the arguments name; returns its ETag and checksum."""


class OutOfRange(LookupError):
    """The object ends before this."""


@dataclass(frozen=True)
class Stored:
    """What HEAD says of an object: size in bytes, ETag without quotes."""

    key: str
    size: int
    etag: str
    storage_class: str = "STANDARD"
    restore: str = ""
    checksum: str = ""
    media_type: str = ""


@dataclass(frozen=True)
class Bucket:
    """One bucket of S3."""

    s3: Any
    name: str

    async def upload_form(self, key: str, *, most_bytes: int, fields: Mapping[str, str]) -> dict[str, Any]:
        """A presigned POST for one object of 0 to `most_bytes` bytes, good for ten minutes; `url` and `fields` for a form.

        `fields` are those that the form sends besides, with exactly these values. An empty file is let through here, so
        that its owner reads a sentence and not S3's XML.
        """
        conditions: list[Any] = [{name: value} for name, value in fields.items()]
        return await self.s3.generate_presigned_post(
            Bucket=self.name,
            Key=key,
            Fields=dict(fields),
            Conditions=[*conditions, ["content-length-range", 0, most_bytes]],
            ExpiresIn=LINK_SECONDS,
        )

    async def link(self, key: str, *, download_as: str, media_type: str) -> str:
        """A link to one object, good for ten minutes, that a browser saves under the given name."""
        return await self.s3.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self.name,
                "Key": key,
                "ResponseContentDisposition": content_disposition(download_as),
                "ResponseContentType": media_type,
            },
            ExpiresIn=LINK_SECONDS,
        )

    async def head(self, key: str) -> Stored | None:
        """Returns what S3 says of an object; None if there is none."""
        try:
            said = await self.s3.head_object(Bucket=self.name, Key=key, ChecksumMode="ENABLED")
        except ClientError as error:
            if code(error) in MISSING:
                return None
            raise
        return Stored(
            key,
            said["ContentLength"],
            said["ETag"].strip('"'),
            said.get("StorageClass", "STANDARD"),
            said.get("Restore", ""),
            said.get(f"Checksum{CHECKSUM}", ""),
            said.get("ContentType", ""),
        )

    async def download(self, key: str, path: Path, *, etag: str = "") -> int:
        """Streams the object into a file and returns its bytes. Raises Gone if it is missing or its ETag is another."""
        body = (await self._get(key, etag))["Body"]
        size = 0
        with path.open("wb") as file:
            async for chunk in body.iter_chunks(CHUNK_BYTES):
                await asyncio.to_thread(file.write, chunk)
                size += len(chunk)
        return size

    async def read(self, key: str, *, most: int = 16 << 20) -> bytes:
        """A small object whole. Raises Gone; ValueError if it has more than `most` bytes."""
        answer = await self._get(key)
        if answer["ContentLength"] > most:
            raise ValueError(f"{key} has {answer['ContentLength']} bytes")
        return await answer["Body"].read()

    async def range(self, key: str, start: int, size: int) -> tuple[bytes, int]:
        """At most `size` bytes of the object from `start` on, and its whole size. Raises Gone, OutOfRange."""
        try:
            answer = await self.s3.get_object(Bucket=self.name, Key=key, Range=f"bytes={start}-{start + size - 1}")
        except ClientError as error:
            if code(error) in MISSING | {"InvalidObjectState"}:
                raise Gone(key) from error
            if code(error) in {"InvalidRange", "416"}:
                raise OutOfRange(start) from error
            raise
        return await answer["Body"].read(), int(answer["ContentRange"].rpartition("/")[2])

    async def chunks(self, key: str) -> AsyncIterator[bytes]:
        """The object's bytes as they come. Raises Gone."""
        async for chunk in (await self._get(key))["Body"].iter_chunks(CHUNK_BYTES):
            yield chunk

    async def upload(self, path: Path, key: str, media_type: str) -> Stored:
        """Stores a file with its full-object checksum, in parts above 8 MiB. Returns what S3 said of it."""
        size = path.stat().st_size
        with path.open("rb") as file:
            if size <= PART:
                body = await asyncio.to_thread(file.read)
                said = await self.s3.put_object(
                    Bucket=self.name, Key=key, Body=body, ContentType=media_type, ChecksumAlgorithm=CHECKSUM
                )
            else:
                send = self._from_file(file.fileno())
                said = await self.multipart(key, plan_parts(size, PART), send, at_once=PARTS_AT_ONCE, ContentType=media_type)
        return Stored(key, size, said["ETag"].strip('"'), checksum=said.get(f"Checksum{CHECKSUM}", ""), media_type=media_type)

    def _from_file(self, file: int) -> SendPart:
        async def send(target: dict[str, Any], first: int, last: int) -> dict[str, Any]:
            body = await asyncio.to_thread(os.pread, file, last + 1 - first, first)
            answer = await self.s3.upload_part(**target, Body=body, ChecksumAlgorithm=CHECKSUM)
            return {"ETag": answer["ETag"], f"Checksum{CHECKSUM}": answer[f"Checksum{CHECKSUM}"]}

        return send

    async def copy(self, stored: Stored, key: str) -> None:
        """Copies an object of at most 5 GB within the bucket, as it was seen. Raises Gone if it is missing or another by now."""
        try:
            await self.s3.copy_object(
                Bucket=self.name,
                Key=key,
                CopySource={"Bucket": self.name, "Key": stored.key},
                CopySourceIfMatch=f'"{stored.etag}"',
            )
        except ClientError as error:
            if code(error) in MISSING | {"PreconditionFailed", "412"}:
                raise Gone(stored.key) from error
            raise

    async def delete(self, keys: Iterable[str]) -> None:
        """Deletes objects, a thousand a request; what is gone already is no error."""
        names = [{"Key": key} for key in keys]
        for start in range(0, len(names), 1000):
            answer = await self.s3.delete_objects(
                Bucket=self.name, Delete={"Objects": names[start : start + 1000], "Quiet": True}
            )
            if answer.get("Errors"):
                raise RuntimeError(f"not deleted: {answer['Errors']}")

    async def list(self, prefix: str) -> AsyncIterator[str]:
        """Every key below `prefix`."""
        token: dict[str, str] = {}
        while True:
            answer = await self.s3.list_objects_v2(Bucket=self.name, Prefix=prefix, **token)
            for item in answer.get("Contents", []):
                yield item["Key"]
            if not answer.get("IsTruncated"):
                return
            token = {"ContinuationToken": answer["NextContinuationToken"]}

    async def _get(self, key: str, etag: str = "") -> dict[str, Any]:
        match = {"IfMatch": f'"{etag}"'} if etag else {}
        try:
            return await self.s3.get_object(Bucket=self.name, Key=key, **match)
        except ClientError as error:
            if code(error) in MISSING | {"PreconditionFailed", "412"}:
                raise Gone(key) from error
            raise

    async def multipart(
        self,
        key: str,
        spans: Sequence[Span],
        send: SendPart,
        *,
        at_once: int,
        unless: Mapping[str, str] = MappingProxyType({}),
        **begun: str,
    ) -> dict[str, Any]:
        """Makes an object of parts, at most `at_once` on their way, and returns what S3 says at the end. `begun` says more
        about the object, `unless` is a condition on what the key has at the end.

        Raises what the first part that fails raises; then nothing is left of the others.
        """
        target: dict[str, Any] = {"Bucket": self.name, "Key": key}
        started = await self.s3.create_multipart_upload(**target, **FULL_OBJECT, ChecksumAlgorithm=CHECKSUM, **begun)
        target["UploadId"] = started["UploadId"]
        slots = asyncio.Semaphore(at_once)

        async def one(number: int, span: Span) -> dict[str, Any]:
            async with slots:
                return {"PartNumber": number, **await send({**target, "PartNumber": number}, *span)}

        try:
            with ungrouped():
                async with asyncio.TaskGroup() as parts:
                    tasks = [parts.create_task(one(number, span)) for number, span in enumerate(spans, 1)]
            done = [task.result() for task in tasks]
            return await self.s3.complete_multipart_upload(**target, **FULL_OBJECT, **unless, MultipartUpload={"Parts": done})
        except BaseException:
            await self.s3.abort_multipart_upload(**target)
            raise


def plan_parts(size: int, part_bytes: int) -> list[Span]:
    """First and last byte of each part; parts grow where `part_bytes` would make more than S3 takes."""
    part_bytes = max(part_bytes, -(-size // MOST_PARTS))
    return [(first, min(first + part_bytes, size) - 1) for first in range(0, size, part_bytes)]
