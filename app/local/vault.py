"""A stand-in for a classic Glacier vault on this machine: it checks tree hashes, takes parts, and sends notices.

moto's vault does none of that, and its retrievals take a fixed time. Behaviour follows the Glacier API reference; nothing is
kept on disk. Run beside moto, with `AWS_ENDPOINT_URL_GLACIER` pointing here.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiobotocore.session import get_session
from aiohttp import web
from botocore.utils import calculate_tree_hash

LARGEST_BODY = 128 << 20
Notify = Callable[[str, dict[str, Any]], Awaitable[None]]


class VaultRefusal(Exception):
    """An answer in Glacier's form of an error."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


@dataclass
class Retrieval:
    """Of one archive, or with an empty `archive` of the vault's inventory."""

    vault: str
    archive: str
    description: str
    topic: str
    tier: str
    status: str = "InProgress"
    completed: str = ""


@dataclass(frozen=True)
class Label:
    """What a vault knows of an archive besides its bytes."""

    vault: str
    description: str


@dataclass
class Vault:
    """`seconds` is how long a retrieval takes; the next `failing` retrievals fail; `refusing` refuses a tier for capacity."""

    seconds: float
    notify: Notify
    failing: int = 0
    refusing: str = ""
    archives: dict[str, bytes] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)  # kept of archives that are gone, as in an inventory
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    uploading: dict[str, Label] = field(default_factory=dict)
    retrievals: dict[str, Retrieval] = field(default_factory=dict)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def create(self, request: web.Request) -> web.Response:
        """Creates a vault."""
        return web.Response(status=201)

    async def store(self, request: web.Request) -> web.Response:
        """Takes an archive whole."""
        return self._keep(_checked(request, await request.read()), _label(request))

    async def delete(self, request: web.Request) -> web.Response:
        """Deletes an archive."""
        if self.archives.pop(request.match_info["archive"], None) is None:
            raise VaultRefusal(404, "ResourceNotFoundException")
        return web.Response(status=204)

    async def begin(self, request: web.Request) -> web.Response:
        """Begins an upload in parts."""
        upload = secrets.token_urlsafe(32)
        self.uploads[upload], self.uploading[upload] = {}, _label(request)
        return web.Response(status=201, headers={"x-amz-multipart-upload-id": upload})

    async def part(self, request: web.Request) -> web.Response:
        """Takes a part, after comparing its tree hash."""
        first = int(request.headers["Content-Range"].removeprefix("bytes ").partition("-")[0])
        self._upload(request)[first] = _checked(request, await request.read())
        return web.Response(status=204)

    async def complete(self, request: web.Request) -> web.Response:
        """Makes an archive of the parts, after comparing the tree hash of all."""
        parts = self._upload(request)
        body = b"".join(parts[first] for first in sorted(parts))
        if len(body) != int(request.headers["x-amz-archive-size"]):
            raise VaultRefusal(400, "InvalidParameterValueException")
        del self.uploads[request.match_info["upload"]]
        return self._keep(_checked(request, body), self.uploading.pop(request.match_info["upload"]))

    async def abort(self, request: web.Request) -> web.Response:
        """Forgets an upload."""
        self.uploads.pop(request.match_info["upload"], None)
        return web.Response(status=204)

    async def initiate(self, request: web.Request) -> web.Response:
        """Starts a retrieval or an inventory."""
        wanted = json.loads(await request.read())
        archive, tier = wanted.get("ArchiveId", ""), wanted.get("Tier", "Standard")
        if wanted["Type"] == "archive-retrieval" and archive not in self.archives:
            raise VaultRefusal(404, "ResourceNotFoundException")
        if tier == self.refusing:
            raise VaultRefusal(503, "InsufficientCapacityException")
        number = secrets.token_urlsafe(32)
        self.retrievals[number] = Retrieval(
            request.match_info["vault"], archive, wanted.get("Description", ""), wanted.get("SNSTopic", ""), tier
        )
        task = asyncio.create_task(self._retrieve(number))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return web.Response(status=202, headers={"x-amz-job-id": number})

    async def jobs(self, request: web.Request) -> web.Response:
        """Lists jobs."""
        vault, status = request.match_info["vault"], request.query.get("statuscode")
        found = [
            self._described(number)
            for number, one in self.retrievals.items()
            if one.vault == vault and status in (None, one.status)
        ]
        return web.json_response({"JobList": found, "Marker": None})

    async def describe(self, request: web.Request) -> web.Response:
        """How far a job is."""
        return web.json_response(self._described(request.match_info["retrieval"]))

    async def output(self, request: web.Request) -> web.Response:
        """What a job brought."""
        found = self._retrieval(request.match_info["retrieval"])
        body = self.archives.get(found.archive) if found.archive else self._inventory(found.vault)
        if found.status != "Succeeded" or body is None:
            raise VaultRefusal(400 if body else 404, "InvalidParameterValueException" if body else "ResourceNotFoundException")
        return web.Response(body=body, headers={"x-amz-sha256-tree-hash": calculate_tree_hash(io.BytesIO(body))})

    async def _retrieve(self, number: str) -> None:
        await asyncio.sleep(self.seconds)
        found = self.retrievals[number]
        self.failing -= (failed := self.failing > 0)
        found.status = "Failed" if failed else "Succeeded"
        found.completed = datetime.now(UTC).isoformat()
        if found.topic:
            await self.notify(found.topic, self._described(number))

    def _inventory(self, vault: str) -> bytes:
        """Everything that was ever put into the vault: a count a day old names what is gone."""
        lines = ["ArchiveId,ArchiveDescription,CreationDate,Size,SHA256TreeHash"]
        lines += [f"{name},{label.description},,," for name, label in self.labels.items() if label.vault == vault]
        return "\r\n".join(lines).encode()

    def _keep(self, body: bytes, label: Label) -> web.Response:
        archive = secrets.token_urlsafe(96)
        self.archives[archive], self.labels[archive] = body, label
        return web.Response(status=201, headers={"x-amz-archive-id": archive})

    def _upload(self, request: web.Request) -> dict[int, bytes]:
        if request.match_info["upload"] not in self.uploads:
            raise VaultRefusal(404, "ResourceNotFoundException")
        return self.uploads[request.match_info["upload"]]

    def _retrieval(self, number: str) -> Retrieval:
        if number not in self.retrievals:
            raise VaultRefusal(404, "ResourceNotFoundException")
        return self.retrievals[number]

    def _described(self, number: str) -> dict[str, Any]:
        found = self._retrieval(number)
        body = self.archives.get(found.archive, b"")
        return {
            "Action": "ArchiveRetrieval" if found.archive else "InventoryRetrieval",
            "ArchiveId": found.archive or None,
            "CompletionDate": found.completed or None,
            "JobId": number,
            "JobDescription": found.description,
            "StatusCode": found.status,
            "Completed": found.status != "InProgress",
            "Tier": found.tier,
            "SHA256TreeHash": calculate_tree_hash(io.BytesIO(body)) if body else None,
        }


def _label(request: web.Request) -> Label:
    return Label(request.match_info["vault"], request.headers.get("x-amz-archive-description", ""))


def _checked(request: web.Request, body: bytes) -> bytes:
    if calculate_tree_hash(io.BytesIO(body)) != request.headers["x-amz-sha256-tree-hash"]:
        raise VaultRefusal(400, "InvalidParameterValueException")
    return body


@web.middleware
async def _errors(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
    try:
        return await handler(request)
    except VaultRefusal as refused:
        return web.json_response({"code": refused.code, "message": refused.code, "type": "Client"}, status=refused.status)


def create_app(vault: Vault) -> web.Application:
    """The vault as an application."""
    app = web.Application(middlewares=[_errors], client_max_size=LARGEST_BODY)
    root = "/-/vaults/{vault}"
    app.add_routes(
        [
            web.put(root, vault.create),
            web.post(f"{root}/archives", vault.store),
            web.delete(f"{root}/archives/{{archive}}", vault.delete),
            web.post(f"{root}/multipart-uploads", vault.begin),
            web.put(f"{root}/multipart-uploads/{{upload}}", vault.part),
            web.post(f"{root}/multipart-uploads/{{upload}}", vault.complete),
            web.delete(f"{root}/multipart-uploads/{{upload}}", vault.abort),
            web.post(f"{root}/jobs", vault.initiate),
            web.get(f"{root}/jobs", vault.jobs),
            web.get(f"{root}/jobs/{{retrieval}}", vault.describe),
            web.get(f"{root}/jobs/{{retrieval}}/output", vault.output),
        ]
    )
    return app


async def publish(topic: str, notice: dict[str, Any]) -> None:
    """Sends a notice through SNS, as Glacier does."""
    async with get_session().create_client("sns") as sns:
        await sns.publish(TopicArn=topic, Message=json.dumps(notice))


def main() -> None:
    """Runs the vault until it is stopped."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--retrieval", type=int, default=0, help="seconds that a retrieval takes")
    chosen = parser.parse_args()
    web.run_app(create_app(Vault(chosen.retrieval, publish)), host="127.0.0.1", port=chosen.port, print=None)


if __name__ == "__main__":
    main()
