"""Reads of DynamoDB that pass botocore by: signed as it signs, with its answers, and its errors and retries where they fail."""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import ClientError

from app.aws.clients import clients, code
from app.aws.direct_reads import DirectReads, Signer
from app.domain.jobs import Job, job_id
from app.services.backend import Backend
from app.settings import Settings
from tests.support.proxy import Fault, Proxy, Rule, serving

USER = "0190b3a0-0000-4000-8000-000000000001"


@pytest.mark.parametrize("token", [None, "a session's"])
@pytest.mark.parametrize("url", ["https://dynamodb.eu-central-1.amazonaws.com", "http://127.0.0.1:4000/behind/a/path"])
def test_a_request_is_signed_as_botocore_signs_it(url: str, token: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = ReadOnlyCredentials("AKID", "secret", token)
    host, slash, path = url.partition("//")[2].partition("/")
    signer, body = Signer(host, slash + path or "/", "eu-central-1", "dynamodb"), '{"TableName": "jöbs"}'.encode()
    for day in (1, 2, 2):  # the key of a day is kept
        now = datetime(2026, 11, day, 10, 20, 30, tzinfo=UTC)
        headers = signer.headers(credentials, "DynamoDB_20120810.GetItem", body, now)
        expected = AWSRequest("POST", url, {"X-Amz-Target": "DynamoDB_20120810.GetItem"}, body)
        monkeypatch.setattr("botocore.auth.get_current_datetime", lambda now=now: now)
        SigV4Auth(credentials, "dynamodb", "eu-central-1").add_auth(expected)
        assert headers["authorization"] == expected.headers["Authorization"]
        assert headers.items() >= {name.lower(): value for name, value in expected.headers.items()}.items()


def reads(gas: Backend, job: Job) -> dict[str, dict[str, Any]]:
    """The arguments of each kind of read, of which the last finds nothing."""
    key = {"user_id": {"S": job.user_id}, "job_id": {"S": job.job_id}}
    asked = {"KeyConditionExpression": "user_id = :user", "ExpressionAttributeValues": {":user": {"S": job.user_id}}}
    return {
        "get_item": {"TableName": gas.jobs.table, "Key": key, "ConsistentRead": True},
        "batch_get_item": {"RequestItems": {gas.jobs.table: {"Keys": [key, key | {"job_id": {"S": "none"}}]}}},
        "query": {"TableName": gas.jobs.table, "Limit": 5, **asked},
    }


async def test_what_is_read_is_what_botocore_reads(gas: Backend) -> None:
    job = await gas.jobs.create(Job(user_id=USER, job_id=job_id(gas.now(), os.urandom(10)), file_name="ümläut \U0001f9ec.vcf"))
    await gas.jobs.update(job, tags=frozenset({"a", "b"}), percent=7)
    seen = Counter[str]()
    gas.jobs.dynamodb.meta.events.register("after-call", lambda model, **_: seen.update([model.name]))
    for operation, arguments in reads(gas, job).items():
        answer = await getattr(gas.jobs.dynamodb, operation)(**arguments)
        direct = gas.jobs.dynamodb._make_api_call.__self__
        assert isinstance(direct, DirectReads)
        expected = await direct.otherwise(operation.title().replace("_", ""), arguments)
        del expected["ResponseMetadata"]
        assert answer == expected
    assert seen == {"GetItem": 2, "BatchGetItem": 2, "Query": 2}  # of both, their hooks are called


@pytest.mark.parametrize(("fault", "calls"), [(None, 1), (Fault.THROTTLE, 2), (Fault.DROP, 2)])
async def test_a_read_that_fails_is_made_again(
    fault: Fault | None, calls: int, settings: Settings, gas: Backend, aws_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await gas.jobs.create(Job(user_id=USER, job_id=job_id(gas.now(), os.urandom(10)), file_name="a.vcf"))
    rules = [Rule("dynamodb.GetItem", fault, 1)] if fault else []
    async with serving(Proxy(aws_endpoint, lambda: None, rules=rules)) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        async with clients(settings, "dynamodb") as aws:
            answer = await aws["dynamodb"].get_item(**reads(gas, job)["get_item"])
        assert answer["Item"]["file_name"] == {"S": "a.vcf"}
        assert Counter(call.operation for call in proxy.calls) == {"dynamodb.GetItem": calls}


async def test_a_read_that_is_refused_says_why(gas: Backend) -> None:
    with pytest.raises(ClientError) as refused:
        await gas.jobs.dynamodb.get_item(TableName="there-is-none", Key={"user_id": {"S": USER}})
    assert code(refused.value) == "ResourceNotFoundException"
