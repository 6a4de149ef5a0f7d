"""How much memory the archive and thaw daemons take for one large result: `bench_streaming.py [--gib N] [backend ...]`.

The daemons are real processes. Queues, topics and tables are moto's; S3 objects and the vault are answered by a stand-in that
keeps no bodies: what it sends follows from the place in the object, and what it gets is compared with that, so that every byte
and every checksum is verified on both ways. Fails if a daemon takes more than 150 MB.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import random
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from app.aws.clients import clients
from app.domain.accounts import Plan
from app.domain.jobs import Job, Tier, Trigger, job_id
from app.domain.keys import Output, output_key
from app.domain.messages import ArchiveDue
from app.local import emulator, topology
from app.services import subscriptions
from app.services.backend import Backend, backend
from app.settings import Settings

MIB = 1 << 20
BLOCK = random.Random(1).randbytes(MIB)
MOST = 150_000_000
CHECKSUM = "x-amz-checksum-crc64nvme"


def content(at: int, size: int) -> bytes:
    """Bytes of the object: each MiB is the block, rotated by its number."""
    first, last = at // MIB, (at + size - 1) // MIB
    whole = b"".join(BLOCK[n % MIB :] + BLOCK[: n % MIB] for n in range(first, last + 1))
    return whole[at - first * MIB :][:size]


def tree(leaves: list[bytes]) -> str:
    while len(leaves) > 1:
        leaves = [
            hashlib.sha256(b"".join(leaves[n : n + 2])).digest() if n + 1 < len(leaves) else leaves[n]
            for n in range(0, len(leaves), 2)
        ]
    return leaves[0].hex()


@dataclass
class Sparse:
    """S3 with one object of `size` bytes, whatever its key, and a vault with one archive of the same bytes."""

    size: int
    root: str = ""
    storage: str = "STANDARD"
    verified: int = 0  # bytes that came and were right
    parts: dict[int, int] = field(default_factory=dict)

    def expect(self, at: int, body: bytes) -> None:
        if body != content(at, len(body)):
            raise web.HTTPBadRequest(text=f"wrong bytes at {at}")
        self.verified += len(body)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": str(self.size), "ETag": '"e"'})
        await answer.prepare(request)
        for at in range(0, self.size, MIB):
            await answer.write(content(at, min(MIB, self.size - at)))
        return answer

    # S3

    async def head(self, request: web.Request) -> web.Response:
        restored = {"x-amz-restore": 'ongoing-request="false"', "x-amz-storage-class": self.storage}
        archived = restored if request.path.startswith(f"/{request.match_info['bucket']}/archive/") else {}
        return web.Response(headers={"Content-Length": str(self.size), "ETag": '"e"', CHECKSUM: "AAAAAAAAAAA=", **archived})

    async def post(self, request: web.Request) -> web.Response:
        await request.read()
        if "uploads" in request.query:
            return xml("<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
        if "uploadId" in request.query:
            return xml("<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>")
        return xml("<DeleteResult/>", 202 if "restore" in request.query else 200)

    async def put(self, request: web.Request) -> web.Response:
        if "x-amz-copy-source" in request.headers:
            self.verified += self.size  # the checksums are compared by the daemon
            return xml("<CopyObjectResult><ETag>e</ETag><ChecksumCRC64NVME>AAAAAAAAAAA=</ChecksumCRC64NVME></CopyObjectResult>")
        body = await request.read()
        self.parts[number := int(request.query.get("partNumber", 1))] = len(body)
        self.expect((number - 1) * max(self.parts.values()), body)
        return web.Response(headers={"ETag": '"e"', CHECKSUM: request.headers.get(CHECKSUM, "")})

    # the vault

    async def part(self, request: web.Request) -> web.Response:
        at = int(request.headers["Content-Range"].removeprefix("bytes ").partition("-")[0])
        body = await request.read()
        leaves = [hashlib.sha256(body[n : n + MIB]).digest() for n in range(0, len(body), MIB)]
        if tree(leaves) != request.headers["x-amz-sha256-tree-hash"]:
            raise web.HTTPBadRequest(text="wrong tree hash of a part")
        self.expect(at, body)
        return web.Response(status=204)

    async def complete(self, request: web.Request) -> web.Response:
        if (request.headers["x-amz-sha256-tree-hash"], int(request.headers["x-amz-archive-size"])) != (self.root, self.size):
            raise web.HTTPBadRequest(text="wrong tree hash")
        return web.Response(status=201, headers={"x-amz-archive-id": "archive"})

    async def describe(self, request: web.Request) -> web.Response:
        return web.json_response({"StatusCode": "Succeeded", "Completed": True, "JobId": "r", "SHA256TreeHash": self.root})

    def app(self) -> web.Application:
        async def ok(request: web.Request, status: int = 201, **headers: str) -> web.Response:
            await request.read()
            return web.Response(status=status, headers={name.replace("_", "-"): value for name, value in headers.items()})

        app = web.Application(client_max_size=1 << 30)
        vault, key = "/-/vaults/{vault}", "/{bucket}/{key:.+}"
        app.add_routes(
            [
                web.put(vault, ok),
                web.post(f"{vault}/multipart-uploads", lambda request: ok(request, x_amz_multipart_upload_id="u")),
                web.put(f"{vault}/multipart-uploads/u", self.part),
                web.post(f"{vault}/multipart-uploads/u", self.complete),
                web.post(f"{vault}/jobs", lambda request: ok(request, 202, x_amz_job_id="r")),
                web.get(f"{vault}/jobs/r", self.describe),
                web.get(f"{vault}/jobs/r/output", self.stream),
                web.delete(f"{vault}/archives/archive", lambda request: ok(request, 204)),
                web.put("/{bucket}", lambda request: ok(request, 200)),
                web.get("/{bucket}", lambda _: listing()),
                web.post("/{bucket}", self.post),
                web.head(key, self.head),
                web.get(key, self.stream, allow_head=False),
                web.put(key, self.put),
                web.post(key, self.post),
            ]
        )
        return app


async def listing() -> web.Response:
    return xml("<ListBucketResult><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>")


def xml(text: str, status: int = 200) -> web.Response:
    return web.Response(status=status, text=text, content_type="application/xml")


@asynccontextmanager
async def daemon(verb: str, environment: dict[str, str], log: Path) -> AsyncIterator[Callable[[], int]]:
    """The daemon as a process; yields what returns the most memory that it had, in bytes."""
    command = [sys.executable, "-m", "app.cli.main", "worker", verb]
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(*command, env={**os.environ, **environment}, stderr=file, stdout=file)
    status = Path(f"/proc/{process.pid}/status")
    yield lambda: int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024
    process.terminate()
    await process.wait()


async def until(gas: Backend, job: Job, tier: Tier, log: Path) -> float:
    began = time.monotonic()
    while time.monotonic() - began < 3600:
        found = await gas.jobs.get(job.user_id, job.job_id)
        if found and found.tier is tier:
            return time.monotonic() - began
        await asyncio.sleep(0.2)
    raise SystemExit(f"never {tier}\n{log.read_text()[-3000:]}")


async def completed(gas: Backend, size: int) -> Job:
    """A completed job of a free account whose result has `size` bytes."""
    user_id, new = str(uuid.uuid4()), job_id(gas.now(), os.urandom(10))
    await gas.accounts.login(user_id)
    await gas.jobs.create(Job(user_id=user_id, job_id=new, submitted_at=1))
    await gas.jobs.advance(user_id, new, Trigger.SUBMIT)
    running = await gas.jobs.advance(user_id, new, Trigger.CLAIM)
    assert running
    key = output_key(user_id, new, running.rev, Output.RESULT)
    done = await gas.jobs.advance(user_id, new, Trigger.COMPLETE, at=running.rev, result=key, result_size=size)
    assert done
    return done


async def measure(kind: str, size: int, folder: Path) -> bool:
    sparse = Sparse(size)
    sparse.root = tree([hashlib.sha256(content(at, min(MIB, size - at))).digest() for at in range(0, size, MIB)])
    runner = web.AppRunner(sparse.app())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    here = f"http://127.0.0.1:{runner.addresses[0][1]}"
    os.environ |= {"AWS_ENDPOINT_URL_S3": here, "AWS_ENDPOINT_URL_GLACIER": here}
    async with clients(Settings(), "sqs", "sns", "dynamodb", "s3", "glacier") as aws:
        environment = await topology.create(aws, f"b{uuid.uuid4().hex[:8]}", retention=1)
    environment |= {"GAS_ARCHIVE_BACKEND": kind, "GAS_POLL_SECONDS": "1", "GAS_EXPEDITED_LOOK_SECONDS": "1"}
    environment |= {"GAS_STANDARD_LOOK_SECONDS": "1", "TMPDIR": str(folder)}
    names = {name.removeprefix("GAS_").lower(): value for name, value in environment.items() if name.startswith("GAS_")}
    settings = Settings(**{name: json.loads(value) if value.startswith("{") else value for name, value in names.items()})
    good = True
    async with backend(settings) as gas:
        job = await completed(gas, size)
        for verb, tier in (("archive", Tier.ARCHIVED), ("thaw", Tier.AVAILABLE)):
            log = folder / f"{kind}-{verb}.log"
            sparse.verified, sparse.storage = 0, "GLACIER"
            async with daemon(verb, environment, log) as peak, daemon("restore", environment, folder / "restore.log"):
                if verb == "archive":
                    await gas.queues.send("archive_requests", [ArchiveDue(user_id=job.user_id, job_id=job.job_id)], delay=0)
                else:
                    await subscriptions.change_plan(gas, job.user_id, Plan.PREMIUM)
                seconds = await until(gas, job, tier, log)
                most = peak()
            good &= most <= MOST and sparse.verified == size
            verified = f"{sparse.verified:,} of {size:,} bytes verified"
            print(
                f"{kind:8} {verb:8} {seconds:7.1f} s  {size / seconds / 1e6:7.0f} MB/s  {most / 1e6:6.1f} MB at most  {verified}",
                flush=True,
            )
    await runner.cleanup()
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("backends", nargs="*", default=["glacier", "s3"], metavar="backend", help="glacier, s3; both by default")
    parser.add_argument("--gib", type=float, default=2, help="size of the result")
    chosen = parser.parse_args()
    os.environ |= {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}
    server = emulator.start()
    host, port = server.get_host_and_port()
    os.environ["AWS_ENDPOINT_URL"] = f"http://{host}:{port}"
    try:
        with tempfile.TemporaryDirectory(prefix="gas-bench-") as folder:
            results = [asyncio.run(measure(kind, int(chosen.gib * 2**30), Path(folder))) for kind in chosen.backends]
    finally:
        server.stop()
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
