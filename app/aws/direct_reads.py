"""Reads of DynamoDB without what botocore does around each call, which costs four times what the request itself does.

Such a read is signed here and sent over the connections of botocore's own client. Where anything else comes of it than an
answer (another status, a broken connection, a timeout) the call is botocore's from the start, with its retries and its errors:
only reads are made so, for they may be made twice. Hooks of calls (`before-parameter-build`, `after-call`) are called as ever.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError
from pydantic_core import from_json

READS = frozenset({"BatchGetItem", "GetItem", "Query"})


def install(client: Any) -> None:
    """From now on, the reads of this DynamoDB client are direct."""
    client._make_api_call = DirectReads(client, client._make_api_call).call


@dataclass
class Signer:
    """Signature version 4 of the requests of a service that all go to one address.

    Source: IAM User Guide, "Signature Version 4 for API requests".
    """

    host: str
    path: str
    region: str
    service: str
    _key: tuple[str, str, bytes] = ("", "", b"")  # a secret, a day, and what both make together

    def headers(self, credentials: Any, target: str, body: bytes, now: datetime) -> dict[str, str]:
        """Returns the headers of a POST of `body` for the operation `target`."""
        time = now.strftime("%Y%m%dT%H%M%SZ")
        token = {"x-amz-security-token": credentials.token} if credentials.token else {}
        given = {"host": self.host, "x-amz-date": time, **token, "x-amz-target": target}  # signed in the order of their names
        names = ";".join(given)
        lines = "".join(f"{name}:{value}\n" for name, value in given.items())
        request = f"POST\n{self.path}\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
        scope = f"{time[:8]}/{self.region}/{self.service}/aws4_request"
        said = f"AWS4-HMAC-SHA256\n{time}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(self._day_key(credentials.secret_key, time[:8]), said.encode(), "sha256").hex()
        authorization = f"Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        return {**given, "content-type": "application/x-amz-json-1.0", "authorization": f"AWS4-HMAC-SHA256 {authorization}"}

    def _day_key(self, secret: str, day: str) -> bytes:
        if self._key[:2] != (secret, day):
            key = f"AWS4{secret}".encode()
            for part in (day, self.region, self.service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._key = secret, day, key
        return self._key[2]


@dataclass
class Request:
    """As the connections of botocore take one."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    method: ClassVar[str] = "POST"
    stream_output: ClassVar[bool] = False


@dataclass
class DirectReads:
    """The calls of a client; `otherwise` is how botocore makes one."""

    client: Any
    otherwise: Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]
    signer: Signer = field(init=False)

    def __post_init__(self) -> None:
        address = urlsplit(self.client.meta.endpoint_url)
        self.signer = Signer(address.netloc, address.path or "/", self.client.meta.region_name, "dynamodb")

    async def call(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Returns what an operation answers. Raises ClientError, BotoCoreError."""
        if operation not in READS:
            return await self.otherwise(operation, arguments)
        model, context = self.client.meta.service_model.operation_model(operation), dict[str, Any]()
        hooks = self.client.meta.events
        await hooks.emit(f"before-parameter-build.dynamodb.{operation}", params=arguments, model=model, context=context)
        response = await self._send(operation, arguments)
        if response is None:
            return await self.otherwise(operation, arguments)
        http, answer = response
        await hooks.emit(f"after-call.dynamodb.{operation}", http_response=http, parsed=answer, model=model, context=context)
        return answer

    async def _send(self, operation: str, arguments: dict[str, Any]) -> tuple[Any, dict[str, Any]] | None:
        """The answer, or None if there is none to be had this way."""
        kept, meta = self.client._request_signer._credentials, self.client.meta
        if kept is None:
            return None
        body, target = json.dumps(arguments).encode(), f"{meta.service_model.metadata['targetPrefix']}.{operation}"
        try:
            headers = self.signer.headers(await kept.get_frozen_credentials(), target, body, datetime.now(UTC))
            http = await self.client._endpoint.http_session.send(Request(meta.endpoint_url, headers, body))
            return (http, from_json(await http.content)) if http.status_code == 200 else None
        except (BotoCoreError, ValueError):
            return None
