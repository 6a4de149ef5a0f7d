"""Answers the calls of AWS that GAS makes, after a chosen latency and at next to no cost of its own.

It knows enough for the real daemons and the real portal to do their work, and checks nothing: conditions always hold, every
copy succeeds, and what GAS sends is forgotten. For numbers, never for tests of the product.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import parse_qs, unquote

CRC = "AAAAAAAAAAA="
"""The CRC64NVME of everything here."""

STORED = {"ETag": '"e"', "x-amz-checksum-crc64nvme": CRC, "x-amz-checksum-type": "FULL_OBJECT"}
ARCHIVED = {**STORED, "x-amz-storage-class": "GLACIER"}
RESTORED = {**ARCHIVED, "x-amz-restore": 'ongoing-request="false", expiry-date="Fri, 21 Dec 2035 00:00:00 GMT"'}
"""Headers of an object by how it is stored."""

Item = dict[str, Any]
Key = tuple[str, ...]


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def service(self) -> str:
        """Out of the signature's scope: `Credential=id/date/region/service/aws4_request`."""
        return self.headers["authorization"].split("/")[3]

    @property
    def target(self) -> str:
        return self.headers["x-amz-target"].rpartition(".")[2]


@dataclass(frozen=True)
class Reply:
    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def encode(self, head: bool) -> bytes:
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        length = "" if head and "Content-Length" in self.headers else f"Content-Length: {len(self.body)}\r\n"
        return f"HTTP/1.1 {self.status} -\r\n{lines}{length}\r\n".encode() + (b"" if head else self.body)


@dataclass
class Answerer:
    """The state that seeds fill and benchmarks read. `latency` is seconds."""

    latency: float = 0
    address: str = ""
    tables: dict[str, dict[str, dict[str, Item]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(dict)))
    objects: dict[str, tuple[Mapping[str, str], bytes]] = field(default_factory=dict)
    queues: dict[str, deque[str]] = field(default_factory=lambda: defaultdict(deque))
    calls: Counter[str] = field(default_factory=Counter)
    deleted: int = 0  # messages, in whatever number of calls
    statuses: Counter[str] = field(default_factory=Counter)  # that records were given
    noticed: asyncio.Event = field(default_factory=asyncio.Event)  # set at every delete of a message and every new status
    waiting: dict[str, deque[Callable[[], bool]]] = field(default_factory=lambda: defaultdict(deque))

    def put(self, table: str, item: Item, *key: str) -> None:
        """Keeps an item (DynamoDB's JSON); `key` names its partition and sort attributes."""
        self.tables[table][item[key[0]]["S"]][item[key[1]]["S"]] = item

    def send(self, queue: str, body: str) -> None:
        self.queues[queue].append(body)
        while self.queues[queue] and self.waiting[queue]:
            self.waiting[queue].popleft()()

    def answer(self, request: Request, reply: Callable[[Reply], None]) -> None:
        """Answers now, or for a long poll when there is something to say."""
        service = request.service
        if service == "sqs" and request.target == "ReceiveMessage":
            self.calls["sqs.ReceiveMessage"] += 1
            self._receive(json.loads(request.body), reply)
        else:
            operation, answer = ANSWERS[service](self, request)
            self.calls[f"{service}.{operation}"] += 1
            reply(answer)

    def _receive(self, asked: dict[str, Any], reply: Callable[[Reply], None]) -> None:
        queue = asked["QueueUrl"].rpartition("/")[2]
        open_ = True

        def take() -> bool:
            nonlocal open_
            if open_:
                open_ = False
                kept = self.queues[queue]
                bodies = [kept.popleft() for _ in range(min(len(kept), asked["MaxNumberOfMessages"]))]
                reply(_json({"Messages": [_message(body) for body in bodies]} if bodies else {}))
            return True

        if self.queues[queue] or not asked.get("WaitTimeSeconds"):
            take()
        else:
            self.waiting[queue].append(take)
            asyncio.get_running_loop().call_later(asked["WaitTimeSeconds"], take)


def _message(body: str) -> dict[str, Any]:
    return {
        "MessageId": "m",
        "ReceiptHandle": "r",
        "Body": body,
        "Attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1764000000000"},
    }


def _json(values: dict[str, Any]) -> Reply:
    return Reply(json.dumps(values).encode(), headers={"Content-Type": "application/x-amz-json-1.0"})


def _xml(body: str, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(body.encode(), headers={"Content-Type": "application/xml", **(headers or {})})


def _sqs(aws: Answerer, request: Request) -> tuple[str, Reply]:
    asked, target = json.loads(request.body), request.target
    name = asked.get("QueueUrl", "").rpartition("/")[2]
    match target:
        case "GetQueueAttributes":
            arn = f"arn:aws:sqs:us-east-1:000000000000:{name}_dead"
            said = {"VisibilityTimeout": "120", "DelaySeconds": "300", "ApproximateNumberOfMessages": "0"}
            said |= {"ApproximateNumberOfMessagesDelayed": "0", "ApproximateNumberOfMessagesNotVisible": "0"}
            return target, _json({"Attributes": {**said, "RedrivePolicy": json.dumps({"deadLetterTargetArn": arn})}})
        case "GetQueueUrl":
            return target, _json({"QueueUrl": f"{aws.address}/000000000000/{asked['QueueName']}"})
        case "DeleteMessage" | "DeleteMessageBatch":
            entries = asked.get("Entries", [{"Id": "0"}])
            aws.deleted += len(entries)
            aws.noticed.set()
            return target, _json({"Successful": [{"Id": entry["Id"]} for entry in entries], "Failed": []})
        case "SendMessageBatch" | "ChangeMessageVisibilityBatch":
            done = [{"Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": ""} for entry in asked["Entries"]]
            return target, _json({"Successful": done, "Failed": []})
        case _:
            return target, _json({"MessageId": "m", "MD5OfMessageBody": ""})


def _sns(aws: Answerer, request: Request) -> tuple[str, Reply]:
    asked = parse_qs(request.body.decode())
    operation = asked["Action"][0]
    entries = [name for name in asked if name.endswith(".Message")]
    done = "".join(f"<member><Id>{n}</Id><MessageId>m</MessageId></member>" for n in range(len(entries)))
    inner = "<MessageId>m</MessageId>" if operation == "Publish" else f"<Successful>{done}</Successful><Failed/>"
    result = f"<{operation}Result>{inner}</{operation}Result>"
    return operation, _xml(
        f'<{operation}Response xmlns="http://sns.amazonaws.com/doc/2010-03-31/">{result}</{operation}Response>'
    )


def _ses(aws: Answerer, request: Request) -> tuple[str, Reply]:
    return "SendEmail", _json({"MessageId": "m"})


def _dynamodb(aws: Answerer, request: Request) -> tuple[str, Reply]:
    asked, target = json.loads(request.body), request.target
    match target:
        case "GetItem":
            found = _find(aws, asked["TableName"], asked["Key"])
            return target, _json({"Item": found} if found else {})
        case "BatchGetItem":
            wanted = asked["RequestItems"].items()
            answers = {table: [found for key in one["Keys"] if (found := _find(aws, table, key))] for table, one in wanted}
            return target, _json({"Responses": answers, "UnprocessedKeys": {}})
        case "TransactGetItems":
            gets = [one["Get"] for one in asked["TransactItems"]]
            return target, _json({"Responses": [{"Item": _find(aws, one["TableName"], one["Key"]) or {}} for one in gets]})
        case "UpdateItem":
            return target, _json({"Attributes": _update(aws, asked)})
        case "TransactWriteItems":
            for one in asked["TransactItems"]:
                if "Update" in one:
                    _update(aws, one["Update"])
            return target, _json({})
        case "Query":
            return target, _json({"Items": _query(aws, asked)})
        case _:
            return target, _json({})


def _find(aws: Answerer, table: str, key: Item) -> Item | None:
    partition, sort = (value["S"] for value in key.values())
    return aws.tables[table][partition].get(sort)


def _query(aws: Answerer, asked: dict[str, Any]) -> list[Item]:
    values = asked["ExpressionAttributeValues"]
    if ":user" not in values:  # the overdue index
        return []
    kept = aws.tables[asked["TableName"]][values[":user"]["S"]]
    prefix, before = values.get(":prefix", {}).get("S", ""), values.get(":before", {}).get("S", "~")
    names = [name for name in sorted(kept) if name.startswith(prefix) and name < before]
    if not asked.get("ScanIndexForward", True):
        names.reverse()
    found = [kept[name] for name in names[: asked.get("Limit")]]
    if "ProjectionExpression" not in asked:
        return found
    shown = [asked["ExpressionAttributeNames"][one] for one in asked["ProjectionExpression"].split(", ")]
    return [{name: item[name] for name in shown if name in item} for item in found]


def _update(aws: Answerer, asked: dict[str, Any]) -> Item:
    """Does what an update expression of GAS says: SET with a value, REMOVE, and ADD of numbers and sets."""
    item = dict(_find(aws, asked["TableName"], asked["Key"]) or asked["Key"])
    names, values = asked.get("ExpressionAttributeNames", {}), asked.get("ExpressionAttributeValues", {})
    parts = re.split(r"\s*\b(SET|REMOVE|ADD)\b\s*", asked["UpdateExpression"])[1:]
    for word, clause in zip(parts[::2], parts[1::2], strict=True):
        for step in re.findall(r"(#\w+)(?:\s*=\s*(?:if_not_exists\(#\w+,\s*)?|\s+)?(:\w+)?", clause):
            name, value = names[step[0]], values.get(step[1])
            if word == "REMOVE":
                item.pop(name, None)
            elif word == "SET":
                item[name] = value
            elif "N" in value:
                item[name] = {"N": str(int(item.get(name, {"N": "0"})["N"]) + int(value["N"]))}
            else:
                item[name] = value
    partition, sort = (value["S"] for value in asked["Key"].values())
    aws.tables[asked["TableName"]][partition][sort] = item
    if "#status" in names and (status := item.get("status")):
        aws.statuses[status["S"]] += 1
        aws.noticed.set()
    return item


def _s3(aws: Answerer, request: Request) -> tuple[str, Reply]:
    key = unquote(request.path).split("/", 2)[-1]  # path style: /bucket/key
    match request.method:
        case "HEAD" | "GET" if "list-type=2" in request.query:
            return "ListObjectsV2", _xml("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
        case "HEAD" | "GET":
            operation = "HeadObject" if request.method == "HEAD" else "GetObject"
            if key not in aws.objects:
                return operation, Reply(b"<Error><Code>NoSuchKey</Code></Error>", 404)
            headers, body = aws.objects[key]
            if request.method == "GET":  # whose client would check the bytes against a checksum
                return operation, _part(body, request.headers.get("range", ""))
            return operation, Reply(headers={**headers, "Content-Length": str(len(body))})
        case "PUT" if "x-amz-copy-source" in request.headers:
            aws.objects[key] = (STORED, b"")
            body = f'<CopyObjectResult><ETag>"e"</ETag><ChecksumCRC64NVME>{CRC}</ChecksumCRC64NVME></CopyObjectResult>'
            return "CopyObject", _xml(body)
        case "PUT":
            aws.objects[key] = (STORED, b"")
            return "PutObject", Reply(headers=STORED)
        case "POST" if "restore" in request.query:
            return "RestoreObject", Reply(status=202)
        case "POST" if "delete" in request.query:
            return "DeleteObjects", _xml("<DeleteResult/>")
        case _:
            return request.method, Reply(status=204)


def _part(body: bytes, wanted: str) -> Reply:
    if not wanted:
        return Reply(body, headers={"ETag": '"e"'})
    first, last = (int(place) for place in wanted.removeprefix("bytes=").split("-"))
    part = body[first : last + 1]
    if not part:
        return Reply(b"<Error><Code>InvalidRange</Code></Error>", 416)
    place = f"bytes {first}-{first + len(part) - 1}/{len(body)}"
    return Reply(part, 206, {"ETag": '"e"', "Content-Range": place})


ANSWERS: dict[str, Callable[[Answerer, Request], tuple[str, Reply]]] = {
    "sqs": _sqs,
    "sns": _sns,
    "ses": _ses,
    "dynamodb": _dynamodb,
    "s3": _s3,
}


class Connection(asyncio.Protocol):
    """HTTP/1.1 as AWS's clients speak it: one request at a time on a connection that stays, bodies of known length."""

    def __init__(self, aws: Answerer) -> None:
        self.aws = aws
        self.buffer = bytearray()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        first, *lines = bytes(self.buffer[:end]).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        if len(self.buffer) < end + 4 + length:
            if len(self.buffer) == end + 4 and headers.get("expect") == "100-continue" and self.transport:
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return
        body = bytes(self.buffer[end + 4 : end + 4 + length])
        del self.buffer[: end + 4 + length]
        method, address, _ = first.split(" ")
        path, _, query = address.partition("?")
        head = method == "HEAD"
        self.aws.answer(Request(method, path, query, headers, body), lambda reply: self.reply(reply.encode(head)))

    def reply(self, encoded: bytes) -> None:
        if self.aws.latency:
            asyncio.get_running_loop().call_later(self.aws.latency, self.write, encoded)
        else:
            self.write(encoded)

    def write(self, encoded: bytes) -> None:
        if self.transport and not self.transport.is_closing():
            self.transport.write(encoded)


@asynccontextmanager
async def answering() -> AsyncIterator[Answerer]:
    """An answerer that listens on loopback, in this process."""
    aws = Answerer()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(aws), "127.0.0.1", 0)
    aws.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield aws
    finally:
        server.close()
