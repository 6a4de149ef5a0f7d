"""A proxy in front of AWS that knows the operation of each call, records it, and fails it by rule.

It forwards raw HTTP, so it works in front of any emulator. One proxy stands before one process, which it can kill.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatch
from typing import Any
from urllib.parse import parse_qs

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, web
from multidict import CIMultiDict
from yarl import URL


class Fault(Enum):
    KILL_BEFORE = "killed before the call"
    KILL_AFTER = "killed after the call took effect"
    DROP = "the answer is lost after the call took effect"
    FAIL = "fails before it takes effect"
    THROTTLE = "is throttled"
    DELAY = "takes two seconds"
    DUPLICATE = "is done twice; what was received is delivered once more"
    RESET = "the connection ends before the call takes effect"
    HALF = "half of the answer arrives after the call took effect"
    HTML = "a proxy in the way answers with a page"
    HANG = "no answer comes, and ten seconds later the connection ends"

    @property
    def after(self) -> bool:
        return self in (Fault.KILL_AFTER, Fault.DROP, Fault.DUPLICATE, Fault.HALF)

    def befalls(self, operation: str) -> bool:
        """Queues and topics deliver at least once; elsewhere nobody doubles a call but who missed its answer."""
        return self is not Fault.DUPLICATE or operation in ("sqs.ReceiveMessage", "sqs.SendMessageBatch", "sns.Publish")


@dataclass
class Rule:
    """Does `fault` to the `number`-th call of operations like `operation` (`dynamodb.*`), or to a `share` of them."""

    operation: str
    fault: Fault
    number: int | None = None
    share: float = 0
    fired: int = 0

    def applies(self, call: Call, chance: random.Random) -> bool:
        if not (fnmatch(call.operation, self.operation) and self.fault.befalls(call.operation)):
            return False
        return call.number == self.number if self.number else chance.random() < self.share


@dataclass(frozen=True)
class Call:
    """One call, and its number among those of its operation since the proxy last forgot."""

    operation: str
    number: int

    def __str__(self) -> str:
        return f"{self.operation}#{self.number}"


CALLS = tuple(Fault)[:7]
"""Those of a call that is sent and answered by AWS; the others are of the network between."""

DELAY = 2
HANG_SECONDS = 10
PAGE = "<html><body><h1>503 Service Unavailable</h1></body></html>"
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "expect", "content-length"}
THROTTLED = {
    "dynamodb": (400, "ProvisionedThroughputExceededException"),
    "sqs": (400, "RequestThrottled"),
    "s3": (503, "SlowDown"),
    "sns": (400, "Throttling"),
    "ses": (429, "TooManyRequestsException"),
    "glacier": (400, "ThrottlingException"),
}
GLACIER_OPERATIONS = (
    (r"POST .*/archives", "UploadArchive"),
    (r"DELETE .*/archives/[^/]+", "DeleteArchive"),
    (r"POST .*/jobs", "InitiateJob"),
    (r"GET .*/jobs/[^/]+", "DescribeJob"),
    (r"GET .*/jobs/[^/]+/output", "GetJobOutput"),
)
S3_OPERATIONS = (
    ("GET", "?list-type", "ListObjectsV2"),
    ("POST", "?delete", "DeleteObjects"),
    ("POST", "?restore", "RestoreObject"),
    ("PUT", "x-amz-copy-source", "CopyObject"),
    ("PUT", "", "PutObject"),
    ("GET", "", "GetObject"),
    ("HEAD", "", "HeadObject"),
)
"""Method, what tells it from others of this method (a query parameter or a header), operation."""


@dataclass
class Proxy:
    """`kill` ends the process that calls through here. `rules` are looked at in their order; the first that applies fires."""

    upstream: str
    kill: Callable[[], None]
    chance: random.Random = field(default_factory=random.Random)
    rules: list[Rule] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    vault: str = ""  # where calls of Glacier go
    received: dict[str, tuple[str, str]] = field(default_factory=dict)  # by its id, queue and body of each that went through
    deliveries: dict[str, list[str]] = field(default_factory=dict)  # of each of these, what befell the answer that brought it
    url: str = ""
    polled: asyncio.Event = field(default_factory=asyncio.Event)  # the process is up
    closing: bool = False  # each connection after one answer, so that the next call needs another
    _counts: Counter[str] = field(default_factory=Counter)
    _session: ClientSession | None = None

    def forget(self) -> None:
        """Starts counting and recording anew, without rules."""
        self.rules, self.calls, self.received, self.deliveries = [], [], {}, {}
        self._counts.clear()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answers one call, as AWS does or by a rule."""
        answer = await self._handle(request)
        if self.closing:
            answer.force_close()
        return answer

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        operation = operation_of(request, body)
        if operation == "sqs.ReceiveMessage":
            # counted and failed only where it brings something: idle polls are no part of a message's handling
            self.polled.set()
            answer = await self._forward(request, body)
            if b'"Messages"' not in _read(answer):
                return answer
            queue = json.loads(body)["QueueUrl"]
            rule = self._note(operation)
            for message in json.loads(_read(answer))["Messages"]:
                self.received[message["MessageId"]] = queue, message["Body"]
                self.deliveries.setdefault(message["MessageId"], []).append(rule.fault.name if rule else "arrived")
            if rule and not rule.fault.after:
                await self._call_back(request, body, answer)
        else:
            answer, rule = None, self._note(operation)
        if rule and not rule.fault.after and (failed := await self._before(rule, request, operation)):
            return failed
        answer = answer or await self._forward(request, body)
        if rule and rule.fault is Fault.DUPLICATE:
            await (self._call_back(request, body, answer) if operation == "sqs.ReceiveMessage" else self._forward(request, body))
        elif rule and rule.fault is Fault.HALF:
            return await self._half(request, answer)
        elif rule and rule.fault.after:
            return self._cut(request, kill=rule.fault is Fault.KILL_AFTER)
        return answer

    def _note(self, operation: str) -> Rule | None:
        """Records a call, and returns the rule that fires for it."""
        self._counts[operation] += 1
        call = Call(operation, self._counts[operation])
        self.calls.append(call)
        rule = next((rule for rule in self.rules if rule.applies(call, self.chance)), None)
        if rule:
            rule.fired += 1
        return rule

    async def _before(self, rule: Rule, request: web.Request, operation: str) -> web.StreamResponse | None:
        service = operation.partition(".")[0]
        if rule.fault is Fault.DELAY:
            await asyncio.sleep(DELAY)
            return None
        if rule.fault is Fault.KILL_BEFORE:
            return self._cut(request, kill=True)
        if rule.fault in (Fault.RESET, Fault.HANG):
            await asyncio.sleep(HANG_SECONDS if rule.fault is Fault.HANG else 0)
            return self._cut(request, kill=False)
        if rule.fault is Fault.HTML:
            return web.Response(status=503, text=PAGE, content_type="text/html")
        status, code = THROTTLED.get(service, (429, "Throttling")) if rule.fault is Fault.THROTTLE else (500, "InternalFailure")
        return _error(service, status, code)

    def _cut(self, request: web.Request, *, kill: bool) -> web.StreamResponse:
        """Ends the connection without an answer."""
        if kill:
            self.kill()
        if request.transport:
            request.transport.abort()
        return web.Response()

    async def _half(self, request: web.Request, answer: web.Response) -> web.StreamResponse:
        """Sends the head and half of the body, and ends the connection."""
        body = _read(answer)
        begun = web.StreamResponse(status=answer.status, headers=answer.headers)
        begun.content_length = len(body)
        await begun.prepare(request)
        await begun.write(body[: len(body) // 2])
        return self._cut(request, kill=False)

    async def _forward(self, request: web.Request, body: bytes) -> web.Response:
        assert self._session
        headers = CIMultiDict((name, value) for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP)
        upstream = self.vault if _service(request) == "glacier" else self.upstream
        target = URL(upstream + request.raw_path, encoded=True)
        async with self._session.request(request.method, target, headers=headers, data=body, allow_redirects=False) as said:
            kept = CIMultiDict((name, value) for name, value in said.headers.items() if name.lower() not in HOP_BY_HOP)
            if request.method == "HEAD" and "Content-Length" in said.headers:
                kept["Content-Length"] = said.headers["Content-Length"]
            return web.Response(status=said.status, headers=kept, body=await said.read())

    async def _call_back(self, request: web.Request, body: bytes, answer: web.Response) -> None:
        """Makes what was just received visible again."""
        assert self._session
        headers = {"X-Amz-Target": "AmazonSQS.ChangeMessageVisibility", "Content-Type": "application/x-amz-json-1.0"}
        headers["Authorization"] = request.headers["Authorization"]
        for message in json.loads(_read(answer))["Messages"]:
            asked: dict[str, Any] = {"QueueUrl": json.loads(body)["QueueUrl"], "VisibilityTimeout": 0}
            asked["ReceiptHandle"] = message["ReceiptHandle"]
            async with self._session.post(self.upstream, headers=headers, json=asked) as said:
                await said.read()  # refused where its time had run out: then it is visible anyway


@asynccontextmanager
async def serving(proxy: Proxy) -> AsyncIterator[Proxy]:
    """The proxy on a free port of loopback."""
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", proxy.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    async with ClientSession(auto_decompress=False, timeout=ClientTimeout(60), cookie_jar=DummyCookieJar()) as session:
        proxy._session = session
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            proxy.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield proxy
        finally:
            await runner.cleanup()


def operation_of(request: web.Request, body: bytes) -> str:
    """`service.Operation`, from what every signed call to AWS carries."""
    service = _service(request)
    if target := request.headers.get("X-Amz-Target"):
        return f"{service}.{target.rpartition('.')[2]}"
    if service == "s3":
        return f"s3.{_s3_operation(request)}"
    if service == "ses":
        return "ses.SendEmail" if request.path.endswith("/outbound-emails") else f"ses.{request.method}"
    if service == "glacier":
        said = f"{request.method} {request.path}"
        return f"glacier.{next((name for form, name in GLACIER_OPERATIONS if re.fullmatch(form, said)), request.method)}"
    action = parse_qs(body.decode(errors="replace")).get("Action")
    return f"{service}.{action[0] if action else f'{request.method} {request.path}'}"


def _service(request: web.Request) -> str:
    """The service that a call is signed for."""
    scope = re.search(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request", request.headers.get("Authorization", ""))
    return scope[1] if scope else "unsigned"


def _s3_operation(request: web.Request) -> str:
    for method, sign, operation in S3_OPERATIONS:
        told = sign in request.headers if not sign.startswith("?") else sign[1:] in request.query
        if method == request.method and (told or not sign):
            return operation
    return request.method


def _error(service: str, status: int, code: str) -> web.Response:
    if service in ("s3", "sns"):
        inner = f"<Error><Code>{code}</Code><Message>injected</Message></Error>"
        text = inner if service == "s3" else f"<ErrorResponse>{inner}</ErrorResponse>"
        return web.Response(status=status, text=text, content_type="text/xml")
    headers = {"x-amzn-errortype": code}
    return web.Response(status=status, text=json.dumps({"__type": code, "message": "injected"}), headers=headers)


def _read(answer: web.Response) -> bytes:
    assert isinstance(answer.body, bytes)
    return answer.body
