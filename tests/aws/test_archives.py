"""One suite for both archive backends: what one promises, the other keeps."""

from __future__ import annotations

import asyncio
import os
import uuid
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from app.aws.archive_s3 import S3Archive
from app.aws.archive_vault import MIB, VaultArchive
from app.aws.archives import Damaged, RetrievalState
from app.domain.jobs import Job, Speed
from app.domain.keys import Gone, Output, Owner, archive_key, output_key
from app.local.vault import Label, Vault
from app.services.backend import Backend

copies_in_parts = pytest.mark.xfail(
    "GAS_SECOND_EMULATOR" in os.environ,
    reason="MiniStack gives a copy in parts no checksum of the whole object, which S3 does",
    raises=Damaged,
    strict=True,
)

both_backends = pytest.mark.parametrize("archive_backend", ["s3", "glacier"], indirect=True)


async def stored(gas: Backend, body: bytes) -> Job:
    """A job whose result is in the bucket."""
    job = Job(user_id=str(uuid.uuid4()), job_id=str(uuid.uuid4()), rev=3)
    key = output_key(job.user_id, job.job_id, 3, Output.RESULT)
    await gas.results.s3.put_object(Bucket=gas.results.name, Key=key, Body=body, ChecksumAlgorithm="CRC64NVME")
    return replace(job, result=key)


async def archived(gas: Backend, body: bytes) -> Job:
    job = await stored(gas, body)
    archive = await gas.archive.store(job, 5)
    assert archive
    await gas.results.delete([str(job.result)])
    return replace(job, result=None, archive=archive, rev=6)


async def ready(gas: Backend, job: Job) -> Job:
    started = await gas.archive.start(job, Speed.EXPEDITED)
    job = replace(job, speed=started.speed, retrieval=started.retrieval)
    while await gas.archive.retrieval_state(job) is RetrievalState.RUNNING:
        await asyncio.sleep(0.01)
    return job


@both_backends
async def test_what_goes_in_comes_back(gas: Backend) -> None:
    body = os.urandom(3_000_000)
    job = await archived(gas, body)
    assert await gas.archive.retrieval_state(job) is RetrievalState.NONE
    key = output_key(job.user_id, job.job_id, 7, Output.RESULT)
    assert not await gas.archive.bring_back(job, key)
    job = await ready(gas, job)
    assert await gas.archive.retrieval_state(job) is RetrievalState.READY
    assert await gas.archive.bring_back(job, key)
    assert await gas.results.read(key) == body


@both_backends
async def test_a_result_that_is_gone_is_not_archived(gas: Backend) -> None:
    job = await stored(gas, b"x")
    await gas.results.delete([str(job.result)])
    assert await gas.archive.store(job, 5) is None


@both_backends
async def test_starting_twice_is_success(gas: Backend) -> None:
    job = await archived(gas, b"x" * 100)
    await gas.archive.start(job, Speed.EXPEDITED)
    await gas.archive.start(job, Speed.STANDARD)


@both_backends
async def test_deleting_twice_is_no_error_and_then_it_is_gone(gas: Backend) -> None:
    job = await archived(gas, b"y" * 100)
    await gas.archive.delete(str(job.archive))
    await gas.archive.delete(str(job.archive))
    assert await gas.archive.retrieval_state(job) is RetrievalState.NONE
    assert not await gas.archive.bring_back(job, "results/elsewhere")
    with pytest.raises(Gone):
        await gas.archive.start(job, Speed.STANDARD)


class Refusing:
    """A client that refuses one call as AWS does, and passes every other on."""

    def __init__(self, client: Any, operation: str, code: str, *, speed: str | None = None) -> None:
        self.client, self.operation, self.code, self.speed, self.asked = client, operation, code, speed, []

    def __getattr__(self, name: str) -> Any:
        if name != self.operation:
            return getattr(self.client, name)

        async def call(**arguments: Any) -> Any:
            request = arguments.get("RestoreRequest", {}).get("GlacierJobParameters") or arguments.get("jobParameters", {})
            self.asked.append(request.get("Tier"))
            if self.speed in (None, request.get("Tier")):
                raise ClientError({"Error": {"Code": self.code, "Message": ""}}, self.operation)
            return await getattr(self.client, name)(**arguments)

        return call


def refusing(gas: Backend, code: dict[str, str], speed: str | None) -> tuple[Any, Refusing]:
    """The archive with a client that refuses to start retrievals of `speed`; error code by backend."""
    if isinstance(gas.archive, VaultArchive):
        client = Refusing(gas.archive.glacier, "initiate_job", code["glacier"], speed=speed)
        return replace(gas.archive, glacier=client), client
    assert isinstance(gas.archive, S3Archive)
    client = Refusing(gas.archive.bucket.s3, "restore_object", code["s3"], speed=speed)
    return replace(gas.archive, bucket=replace(gas.archive.bucket, s3=client)), client


NO_CAPACITY = {"s3": "GlacierExpeditedRetrievalNotAvailable", "glacier": "InsufficientCapacityException"}
THROTTLED = {"s3": "SlowDown", "glacier": "ThrottlingException"}


@both_backends
async def test_expedited_refused_for_capacity_goes_standard(gas: Backend) -> None:
    job = await archived(gas, b"z" * 100)
    archive, client = refusing(gas, NO_CAPACITY, "Expedited")
    assert (await archive.start(job, Speed.EXPEDITED)).speed is Speed.STANDARD
    assert client.asked == ["Expedited", "Standard"]


@both_backends
async def test_any_other_refusal_changes_no_speed(gas: Backend) -> None:
    job = await archived(gas, b"z" * 100)
    archive, client = refusing(gas, THROTTLED, "Expedited")
    with pytest.raises(ClientError):
        await archive.start(job, Speed.EXPEDITED)
    assert client.asked == ["Expedited"]


class NoExpedited:
    """S3 as it is to an object in DEEP_ARCHIVE: the emulator takes any speed for any class."""

    def __init__(self, s3: Any) -> None:
        self.s3, self.asked = s3, list[str]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.s3, name)

    async def restore_object(self, **arguments: Any) -> Any:
        self.asked.append(str(arguments["RestoreRequest"]["GlacierJobParameters"]["Tier"]))
        if self.asked[-1] == "Expedited":
            said = {"Code": "InvalidArgument", "Message": "Retrieval option is not supported by this storage class"}
            raise ClientError({"Error": said}, "RestoreObject")
        return await self.s3.restore_object(**arguments)


class NeverTwice:
    """S3 as it is to a copy with If-None-Match: the emulator takes it in any case."""

    def __init__(self, s3: Any) -> None:
        self.s3 = s3

    def __getattr__(self, name: str) -> Any:
        return getattr(self.s3, name)

    async def copy_object(self, **arguments: Any) -> Any:
        if arguments.get("IfNoneMatch") == "*":
            found = await self.s3.list_objects_v2(Bucket=arguments["Bucket"], Prefix=arguments["Key"])
            if found["KeyCount"]:
                raise ClientError({"Error": {"Code": "PreconditionFailed", "Message": ""}}, "CopyObject")
        return await self.s3.copy_object(**arguments)


async def test_an_archive_that_another_has_made_is_taken_and_not_made_again(gas: Backend) -> None:
    assert isinstance(gas.archive, S3Archive)
    once = replace(gas.archive, bucket=replace(gas.archive.bucket, s3=NeverTwice(gas.archive.bucket.s3)))
    job = await stored(gas, b"z" * 100)
    first = await once.store(job, 5)
    began = await once.start(replace(job, archive=first), Speed.STANDARD)
    assert first and await once.store(job, 5) == first
    restored = replace(job, archive=first, speed=began.speed)
    assert await once.retrieval_state(restored) is not RetrievalState.NONE, "a second copy would have to be retrieved anew"
    await gas.results.s3.put_object(Bucket=gas.results.name, Key=archive_key(job.user_id, job.job_id, 6), Body=b"other")
    assert await once.store(job, 6) is None


async def test_a_class_without_expedited_is_never_asked_for_it(gas: Backend) -> None:
    assert isinstance(gas.archive, S3Archive)
    s3 = NoExpedited(gas.archive.bucket.s3)
    deep = replace(gas.archive, bucket=replace(gas.archive.bucket, s3=s3), storage_class="DEEP_ARCHIVE")
    job = await stored(gas, b"z" * 100)
    job = replace(job, archive=await deep.store(job, 5))
    assert (await deep.start(job, Speed.EXPEDITED)).speed is Speed.STANDARD
    assert s3.asked == ["Standard"]
    assert set(deep.retrievals) == {Speed.STANDARD}
    assert deep.retrievals[Speed.STANDARD].most_seconds == 12 * 3600


@both_backends
async def test_every_backend_says_how_long_each_speed_takes(gas: Backend) -> None:
    assert set(gas.archive.retrievals) == set(Speed)
    for takes in gas.archive.retrievals.values():
        assert takes.least_seconds < takes.most_seconds < takes.patience_seconds


async def test_a_restore_already_in_progress_is_success(gas: Backend) -> None:
    job = await archived(gas, b"z" * 100)
    archive, client = refusing(gas, {"s3": "RestoreAlreadyInProgress"}, None)
    assert (await archive.start(job, Speed.STANDARD)).speed is Speed.STANDARD
    assert client.asked == ["Standard"]


@pytest.mark.parametrize("archive_backend", [pytest.param("s3", marks=copies_in_parts), "glacier"], indirect=True)
async def test_a_large_result_goes_in_parts_and_comes_back(gas: Backend) -> None:
    body = os.urandom(11 * MIB + 7)
    if isinstance(gas.archive, VaultArchive):
        archive: Any = replace(gas.archive, part_bytes=4 * MIB)
    else:
        archive = replace(gas.archive, copy_limit=6 * MIB, part_bytes=5 * MIB)
    job = await stored(gas, body)
    copy = await archive.store(job, 5)
    job = await ready(gas, replace(job, archive=copy))
    assert await archive.bring_back(job, "results/back")
    assert await gas.results.read("results/back") == body


@copies_in_parts
async def test_a_copy_in_parts_keeps_the_content_type(gas: Backend) -> None:
    """A copy in one call takes it along; one in parts is a new object, which is `binary/octet-stream` if nothing is said."""
    assert isinstance(gas.archive, S3Archive)
    job = await stored(gas, b"")
    key = str(job.result)
    await gas.results.s3.put_object(
        Bucket=gas.results.name, Key=key, Body=os.urandom(6 * MIB), ContentType="application/gzip", ChecksumAlgorithm="CRC64NVME"
    )
    for limit in (1 << 30, 5 * MIB):
        archive = replace(gas.archive, copy_limit=limit, part_bytes=5 * MIB)
        copied = await gas.results.head(str(await archive.store(job, limit)))
        assert copied and copied.media_type == "application/gzip", limit


async def test_an_archived_result_is_in_the_storage_class_of_the_deployment(gas: Backend) -> None:
    job = await archived(gas, b"x")
    head = await gas.results.head(str(job.archive))
    assert head and head.storage_class == "GLACIER"
    assert job.archive == archive_key(job.user_id, job.job_id, 5)


@pytest.mark.parametrize("archive_backend", ["glacier"], indirect=True)
async def test_a_retrieval_of_a_vault_that_failed_or_expired_has_to_be_started_again(gas: Backend, vault: Vault) -> None:
    job = await archived(gas, b"x")
    vault.failing = 1
    failed = await ready(gas, job)
    assert await gas.archive.retrieval_state(failed) is RetrievalState.NONE
    assert not await gas.archive.bring_back(failed, "results/back")
    again = await ready(gas, job)
    assert await gas.archive.retrieval_state(again) is RetrievalState.READY
    vault.retrievals.clear()
    assert await gas.archive.retrieval_state(again) is RetrievalState.NONE


@pytest.mark.parametrize("archive_backend", ["glacier"], indirect=True)
async def test_what_a_vault_damaged_is_never_recorded(gas: Backend, vault: Vault) -> None:
    job = await ready(gas, await archived(gas, b"whole"))
    described = vault._described(str(job.retrieval))
    vault._described = lambda number: described  # type: ignore[method-assign]
    vault.archives[str(job.archive)] = b"other"
    with pytest.raises(Damaged):
        await gas.archive.bring_back(job, "results/back")
    assert await gas.results.head("results/back") is None


@pytest.mark.parametrize("archive_backend", ["glacier"], indirect=True)
async def test_an_inventory_names_every_archive_and_whose_it_is(gas: Backend, vault: Vault) -> None:
    jobs = [await archived(gas, b"x" * size) for size in (1, 2)]
    vault.labels["theirs"] = Label("another vault", "")
    vault.labels["foreign"] = Label(str(gas.settings.vault), 'a "backup", of somebody')
    assert [one async for one in gas.archive.inventory()] == []  # asked for, and told the next time
    while not any(one.status == "Succeeded" for one in vault.retrievals.values()):
        await asyncio.sleep(0.01)
    told = {archive: owner async for archive, owner in gas.archive.inventory()}
    assert told == {str(job.archive): Owner(job.user_id, job.job_id, 5) for job in jobs}


async def test_a_damaged_copy_is_never_recorded(gas: Backend) -> None:
    assert isinstance(gas.archive, S3Archive)
    job = await stored(gas, b"whole")

    class Damaging(Refusing):
        def __getattr__(self, name: str) -> Any:
            async def call(**arguments: Any) -> Any:
                await self.client.put_object(Bucket=gas.results.name, Key=arguments["Key"], Body=b"other")
                return {"CopyObjectResult": {}}

            return call if name == "copy_object" else getattr(self.client, name)

    bucket = replace(gas.results, s3=Damaging(gas.results.s3, "", ""))
    with pytest.raises(Damaged):
        await replace(gas.archive, bucket=bucket).store(job, 5)
    assert await gas.results.head(archive_key(job.user_id, job.job_id, 5)) is None
