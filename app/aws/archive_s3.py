"""The archive in S3's Glacier storage classes: a copy under an archive prefix of the results bucket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from app.aws.archives import Damaged, RetrievalState, Started
from app.aws.clients import code, tolerated
from app.aws.objects import CHECKSUM, MISSING, Bucket, Stored, plan_parts
from app.domain.jobs import Job, Speed
from app.domain.keys import Gone, Owner, archive_key, archive_prefix
from app.domain.retrievals import BY_STORAGE_CLASS, Retrievals

COPY_LIMIT = 5 << 30
"""S3 copies up to 5 GiB in one call."""

COPY_PART = 512 << 20
"""Bytes of each part of a copy that is larger."""

RESULT_TYPE = "application/gzip"
COPIES_AT_ONCE = 8
"""Parts of one copy: S3 moves the bytes, so they cost no memory here."""

UNREADABLE = MISSING | {"PreconditionFailed", "InvalidObjectState", "ObjectNotInActiveTierError"}
"""The source went away, is another by now, or its temporary copy has expired."""


@dataclass(frozen=True)
class S3Archive:
    """Copies inside S3, never streams: source and copy are compared by their full-object checksums."""

    bucket: Bucket
    storage_class: str
    restored_days: int
    part_bytes: int = COPY_PART
    copy_limit: int = COPY_LIMIT

    @property
    def retrievals(self) -> Retrievals:
        """The speeds of the storage class, and how long each takes."""
        return BY_STORAGE_CLASS[self.storage_class]

    async def store(self, job: Job, rev: int) -> str | None:
        """Copies the job's result into the archive, under `rev`; None if the result is gone. Raises Damaged."""
        key = archive_key(job.user_id, job.job_id, rev)
        source = _known(job, job.result) or (await self.bucket.head(job.result) if job.result else None)
        return key if source and await self._copy(source, key, self.storage_class, once=True) else None

    async def start(self, job: Job, speed: Speed) -> Started:
        """Asks S3 for a temporary copy, at Standard speed where Expedited has no capacity or the class lacks it. Raises Gone."""
        speed = speed if speed in self.retrievals else Speed.STANDARD
        try:
            await self._restore(job, speed)
        except ClientError as error:
            if code(error) in MISSING:
                raise Gone(str(job.archive)) from error
            # only this refusal means that another speed helps
            if code(error) != "GlacierExpeditedRetrievalNotAvailable":
                raise
            speed = Speed.STANDARD
            await self._restore(job, speed)
        return Started(speed)

    async def retrieval_state(self, job: Job, retrieval: str | None = None) -> RetrievalState:
        """Returns how far the retrieval of the job's archive is, by what S3 says of the object."""
        stored = await self.bucket.head(str(job.archive))
        if stored is None:
            return RetrievalState.NONE
        return _s3_state(stored)

    async def bring_back(self, job: Job, key: str, retrieval: str | None = None) -> bool:
        """Copies a retrieved archive to `key`; False if it is not, or not any more, readable. Raises Damaged."""
        stored = _known(job, job.archive)
        if stored is None:
            stored = await self.bucket.head(str(job.archive))
            if not stored or _s3_state(stored) is not RetrievalState.READY:
                return False
        return await self._copy(stored, key, "STANDARD", once=False)

    async def delete(self, archive: str) -> None:
        """Deletes one archive; one that is not there is no error."""
        await self.bucket.delete([archive])

    def list(self, user_id: str, job_id: str) -> AsyncIterator[str]:
        """Yields the archives of one job, whether its record knows them or not."""
        return self.bucket.list(archive_prefix(user_id, job_id))

    async def inventory(self) -> AsyncIterator[tuple[str, Owner]]:
        """Yields nothing: `list` finds what a job has."""
        return
        yield

    async def _restore(self, job: Job, speed: Speed) -> None:
        request = {"Days": self.restored_days, "GlacierJobParameters": {"Tier": speed}}
        with tolerated("RestoreAlreadyInProgress"):
            await self.bucket.s3.restore_object(Bucket=self.bucket.name, Key=job.archive, RestoreRequest=request)

    async def _copy(self, source: Stored, key: str, storage_class: str, *, once: bool) -> bool:
        """Copies inside the bucket and compares checksums; False if the source went away or is not readable.

        `once`: what another has copied there already is left as it is. Source: If-None-Match of CopyObject, S3's API reference.
        """
        unless = {"IfNoneMatch": "*"} if once else {}
        try:
            if source.size > self.copy_limit:
                checksum = await self._copy_parts(source, key, storage_class, unless)
            else:
                answer = await self.bucket.s3.copy_object(
                    Bucket=self.bucket.name,
                    Key=key,
                    CopySource={"Bucket": self.bucket.name, "Key": source.key},
                    **_matching(source),
                    StorageClass=storage_class,
                    ChecksumAlgorithm=CHECKSUM,
                    **unless,
                )
                checksum = answer["CopyObjectResult"].get(f"Checksum{CHECKSUM}", "")
        except ClientError as error:
            if code(error) not in UNREADABLE:
                raise
            there = await self.bucket.head(key) if once and code(error) == "PreconditionFailed" else None
            return there is not None and there.checksum == source.checksum
        if not checksum:
            copied = await self.bucket.head(key)
            checksum = copied.checksum if copied else ""
        if not checksum or checksum != source.checksum:
            await self.bucket.delete([key])
            raise Damaged(f"{source.key} has checksum {source.checksum}, its copy {key} {checksum}")
        return True

    async def _copy_parts(self, source: Stored, key: str, storage_class: str, unless: dict[str, str]) -> str:
        async def copy(target: dict[str, Any], first: int, last: int) -> dict[str, Any]:
            answer = await self.bucket.s3.upload_part_copy(
                **target,
                CopySource={"Bucket": self.bucket.name, "Key": source.key},
                **_matching(source),
                CopySourceRange=f"bytes={first}-{last}",
            )
            return {"ETag": answer["CopyPartResult"]["ETag"]}

        spans = plan_parts(source.size, self.part_bytes)
        # a copy in one call takes this along, one in parts is a new object
        said = {"StorageClass": storage_class, **({"ContentType": source.media_type} if source.media_type else {})}
        done = await self.bucket.multipart(key, spans, copy, at_once=COPIES_AT_ONCE, unless=unless, **said)
        return done.get(f"Checksum{CHECKSUM}", "")


def _known(job: Job, key: str | None) -> Stored | None:
    """The result or its archived copy as the record knows it: both have the same bytes; None if it does not know enough.

    It has no ETag: no key is used twice, and what was copied is compared by its checksum.
    """
    if not key or not job.result_checksum:
        return None
    return Stored(key, job.result_size, "", checksum=job.result_checksum, media_type=RESULT_TYPE)


def _matching(source: Stored) -> dict[str, str]:
    return {"CopySourceIfMatch": source.etag} if source.etag else {}


def _s3_state(stored: Stored) -> RetrievalState:
    if stored.storage_class == "STANDARD":
        return RetrievalState.READY
    if 'ongoing-request="true"' in stored.restore:
        return RetrievalState.RUNNING
    return RetrievalState.READY if 'ongoing-request="false"' in stored.restore else RetrievalState.NONE
