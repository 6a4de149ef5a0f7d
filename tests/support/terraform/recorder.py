"""Notes for what IAM would be asked while a stack runs: a proxy in front of AWS that reads who calls, what and on what.

Every process has an access key of its own, named after its daemon, which each signed request carries.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

from aiohttp import web

from tests.support.proxy import Proxy, operation_of
from tests.support.terraform.policies import Call

TRANSACTION = {"ConditionCheck": "ConditionCheckItem", "Update": "UpdateItem", "Put": "PutItem", "Delete": "DeleteItem"}

# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html: operation → action
S3_ACTIONS = {
    "HeadObject": "GetObject",
    "GetObject": "GetObject",
    "PutObject": "PutObject",
    "CopyObject": "PutObject",
    "RestoreObject": "RestoreObject",
}


@dataclass
class Recorder(Proxy):
    """`asked` has what each caller did, by its access key."""

    account: str = "123456789012"
    region: str = "us-east-1"
    asked: dict[str, set[tuple[str, str]]] = field(default_factory=dict)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        credential = re.search(r"Credential=([^/]+)/", request.headers.get("Authorization", ""))
        if credential:
            body = await request.read()
            for call in self.calls_of(request, body):
                self.asked.setdefault(credential[1], set()).add((call.action, call.resource))
        return await super().handle(request)

    def calls_of(self, request: web.Request, body: bytes) -> Iterator[Call]:
        """What IAM is asked about a request. Raises LookupError for an operation that this does not know."""
        service, _, operation = operation_of(request, body).partition(".")
        match service:
            case "sqs":
                yield self._sqs(operation, json.loads(body))
            case "sns":
                yield Call(f"sns:{operation}", parse_qs(body.decode())["TopicArn"][0])
            case "dynamodb":
                yield from self._dynamodb(operation, json.loads(body))
            case "s3":
                yield from self._s3(operation, request, body)
            case "ses":
                yield from self._ses(operation, json.loads(body))
            case _:
                raise LookupError(f"{service} {operation}")

    def _arn(self, service: str, name: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{name}"

    def _sqs(self, operation: str, asked: dict[str, Any]) -> Call:
        name = asked.get("QueueName") or asked["QueueUrl"].rpartition("/")[2]
        return Call(f"sqs:{operation.removesuffix('Batch')}", self._arn("sqs", name))

    def _dynamodb(self, operation: str, asked: dict[str, Any]) -> Iterator[Call]:
        if operation == "TransactWriteItems":
            for item in asked["TransactItems"]:
                for kind, part in item.items():
                    yield Call(f"dynamodb:{TRANSACTION[kind]}", self._arn("dynamodb", f"table/{part['TableName']}"))
        elif operation == "BatchGetItem":
            for table in asked["RequestItems"]:
                yield Call("dynamodb:BatchGetItem", self._arn("dynamodb", f"table/{table}"))
        else:
            index = f"/index/{asked['IndexName']}" if "IndexName" in asked else ""
            yield Call(f"dynamodb:{operation}", self._arn("dynamodb", f"table/{asked['TableName']}{index}"))

    def _s3(self, operation: str, request: web.Request, body: bytes) -> Iterator[Call]:
        bucket, _, key = request.path.lstrip("/").partition("/")
        if operation == "ListObjectsV2":
            yield Call("s3:ListBucket", f"arn:aws:s3:::{bucket}")
        elif operation == "DeleteObjects":
            for gone in re.findall(r"<Key>([^<]+)</Key>", body.decode()):
                yield Call("s3:DeleteObject", f"arn:aws:s3:::{bucket}/{gone}")
        else:
            yield Call(f"s3:{S3_ACTIONS[operation]}", f"arn:aws:s3:::{bucket}/{key}")
        if source := request.headers.get("x-amz-copy-source"):
            yield Call("s3:GetObject", f"arn:aws:s3:::{unquote(source).lstrip('/').partition('?')[0]}")

    def _ses(self, operation: str, asked: dict[str, Any]) -> Iterator[Call]:
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsimpleemailservicev2.html
        domain = asked["FromEmailAddress"].rpartition("@")[2].rstrip(">")
        yield Call(f"ses:{operation}", self._arn("ses", f"identity/{domain}"))
        if configuration := asked.get("ConfigurationSetName"):
            yield Call(f"ses:{operation}", self._arn("ses", f"configuration-set/{configuration}"))
