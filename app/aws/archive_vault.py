"""The archive in a classic Glacier vault: bytes go through a temporary file, verified by their tree hash both ways."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import hashlib
import io
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from botocore.exceptions import ClientError

from app.aws.archives import Damaged, RetrievalState, Started
from app.aws.clients import code, tolerated
from app.aws.objects import CHUNK_BYTES, Bucket
from app.domain.jobs import Job, Speed
from app.domain.keys import Gone, Owner, archive_label, labelled
from app.domain.retrievals import FLEXIBLE, Retrievals

MIB = 1 << 20
PART = 16 * MIB
"""Size of the parts of an upload: a power of two MiB, of which a vault takes 10,000."""

AT_ONCE = 2
"""Results on their way to or from the vault in one process: each has a part or three in memory."""

STATES = {"InProgress": RetrievalState.RUNNING, "Succeeded": RetrievalState.READY, "Failed": RetrievalState.NONE}


@dataclass(frozen=True)
class VaultArchive:
    """Archives of one vault, which names them itself. At most AT_ONCE results are moved at a time."""

    glacier: Any
    vault: str
    bucket: Bucket
    notices: str  # ARN of the topic that hears of completed retrievals
    part_bytes: int = PART
    moving: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE), compare=False)

    @property
    def retrievals(self) -> Retrievals:
        """The speeds of a vault, and how long each takes."""
        return FLEXIBLE

    async def store(self, job: Job, rev: int) -> str | None:
        """Uploads the job's result, labelled with its owner and `rev`; None if the result is gone."""
        async with self.moving, _staged() as path:
            try:
                size = await self.bucket.download(str(job.result), path)
            except Gone:
                return None
            with path.open("rb") as file:
                send = self._send_whole if size <= self.part_bytes else self._send_parts
                return await send(file, archive_label(job.user_id, job.job_id, rev))

    async def start(self, job: Job, speed: Speed) -> Started:
        """Starts a retrieval job, at Standard speed where Expedited has no capacity. Raises Gone."""
        request = {
            "Type": "archive-retrieval",
            "ArchiveId": job.archive,
            "Description": f"{job.user_id}/{job.job_id}",  # a notice carries no other text of GAS
            "Tier": speed,
            "SNSTopic": self.notices,
        }
        try:
            answer = await self.glacier.initiate_job(**self._where, jobParameters=request)
        except ClientError as error:
            if code(error) == "ResourceNotFoundException":
                raise Gone(str(job.archive)) from error
            # only this refusal means that another speed helps
            if code(error) != "InsufficientCapacityException" or speed is Speed.STANDARD:
                raise
            return await self.start(job, Speed.STANDARD)
        return Started(speed, answer["jobId"])

    async def retrieval_state(self, job: Job, retrieval: str | None = None) -> RetrievalState:
        """Returns how far a retrieval job is; NONE for one that failed or that the vault has forgotten."""
        said = await self._describe(retrieval or job.retrieval)
        return STATES[said["StatusCode"]] if said else RetrievalState.NONE

    async def bring_back(self, job: Job, key: str, retrieval: str | None = None) -> bool:
        """Stores what a retrieval brought under `key`; False if it is not, or not any more, there. Raises Damaged."""
        said = await self._describe(retrieval or job.retrieval)
        if not said or STATES[said["StatusCode"]] is not RetrievalState.READY:
            return False
        async with self.moving, _staged() as path:
            answer = await self.glacier.get_job_output(**self._where, jobId=retrieval or job.retrieval)
            found = await _receive(answer["body"], path)
            expected = said.get("SHA256TreeHash")
            if expected and expected != found:
                raise Damaged(f"{job.archive} has tree hash {expected}, what came back {found}")
            await self.bucket.upload(path, key, "application/gzip")
        return True

    async def delete(self, archive: str) -> None:
        """Deletes one archive; one that is not there is no error."""
        with tolerated("ResourceNotFoundException"):
            await self.glacier.delete_archive(**self._where, archiveId=archive)

    async def list(self, user_id: str, job_id: str) -> AsyncIterator[str]:
        """Yields nothing: a vault can be counted, and not listed."""
        return
        yield

    async def inventory(self) -> AsyncIterator[tuple[str, Owner]]:
        """Yields each archive of the newest count of the vault with its owner, and has the vault counted again."""
        inventory = await self._newest_inventory()
        with tolerated("ResourceNotFoundException"):  # a new vault has not been counted yet
            await self.glacier.initiate_job(**self._where, jobParameters={"Type": "inventory-retrieval", "Format": "CSV"})
        if inventory is None:
            return
        answer = await self.glacier.get_job_output(**self._where, jobId=inventory)
        async for line in answer["body"].iter_lines():
            for archive, label, *_ in csv.reader([line.decode()]):
                if owner := labelled(label):
                    yield archive, owner

    @property
    def _where(self) -> dict[str, str]:
        return {"accountId": "-", "vaultName": self.vault}

    async def _describe(self, retrieval: str | None) -> dict[str, Any] | None:
        if not retrieval:
            return None
        with tolerated("ResourceNotFoundException"):
            return await self.glacier.describe_job(**self._where, jobId=retrieval)
        return None

    async def _newest_inventory(self) -> str | None:
        """Id of the inventory job that is the newest; jobs are forgotten after a day."""
        found: list[tuple[str, str]] = []
        at: dict[str, str] = {}
        while True:
            answer = await self.glacier.list_jobs(**self._where, completed="true", statuscode="Succeeded", **at)
            found += [(job["CompletionDate"], job["JobId"]) for job in answer["JobList"] if job["Action"] == "InventoryRetrieval"]
            if not answer.get("Marker"):
                return max(found)[1] if found else None
            at = {"marker": answer["Marker"]}

    async def _send_whole(self, file: BinaryIO, description: str) -> str:
        body = await asyncio.to_thread(file.read)
        checksum = _root(await asyncio.to_thread(_leaves, body)).hex()
        answer = await self.glacier.upload_archive(
            **self._where, archiveDescription=description, checksum=checksum, body=io.BytesIO(body)
        )
        return answer["archiveId"]

    async def _send_parts(self, file: BinaryIO, description: str) -> str:
        started = await self.glacier.initiate_multipart_upload(
            **self._where, archiveDescription=description, partSize=str(self.part_bytes)
        )
        target = {**self._where, "uploadId": started["uploadId"]}
        hashes: list[bytes] = []
        at = 0
        try:
            while body := await asyncio.to_thread(file.read, self.part_bytes):
                leaves = await asyncio.to_thread(_leaves, body)
                await self.glacier.upload_multipart_part(
                    **target, range=f"bytes {at}-{at + len(body) - 1}/*", checksum=_root(leaves).hex(), body=io.BytesIO(body)
                )
                hashes += leaves
                at += len(body)
            answer = await self.glacier.complete_multipart_upload(**target, archiveSize=str(at), checksum=_root(hashes).hex())
        except BaseException:
            await self.glacier.abort_multipart_upload(**target)
            raise
        return answer["archiveId"]


def tree_hash(body: bytes) -> str:
    """Glacier's SHA-256 tree hash, in hexadecimal: hashes of 1 MiB leaves, combined in pairs up to one root."""
    return _root(_leaves(body)).hex()


def _leaves(body: bytes) -> list[bytes]:
    return [hashlib.sha256(body[at : at + MIB]).digest() for at in range(0, len(body) or 1, MIB)]


def _root(hashes: list[bytes]) -> bytes:
    while len(hashes) > 1:
        pairs = [hashes[at : at + 2] for at in range(0, len(hashes), 2)]
        hashes = [hashlib.sha256(b"".join(pair)).digest() if len(pair) == 2 else pair[0] for pair in pairs]
    return hashes[0]


@contextlib.asynccontextmanager
async def _staged() -> AsyncIterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gas-vault-") as folder:
        yield Path(folder, "archive")


async def _receive(body: Any, path: Path) -> str:
    """Writes a streaming body to `path` and returns its tree hash."""
    hashes: list[bytes] = []
    buffer = bytearray()

    def take(file: BinaryIO, chunk: bytes) -> None:
        file.write(chunk)
        buffer.extend(chunk)
        whole = len(buffer) // MIB * MIB
        if whole:
            hashes.extend(_leaves(bytes(buffer[:whole])))
            del buffer[:whole]

    with path.open("wb") as file:
        async for chunk in body.iter_chunks(CHUNK_BYTES):
            await asyncio.to_thread(take, file, chunk)
    if buffer or not hashes:
        hashes += _leaves(bytes(buffer))
    return _root(hashes).hex()
