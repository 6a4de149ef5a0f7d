"""Counts every stage's calls anew, on an emulator of its own, and writes `calls.json`. `make cost`, then `make docs`."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from typing import Any

from aiohttp import web

from app.aws.clients import clients
from app.local import emulator, topology
from app.local.vault import Vault, create_app, publish
from app.process import logs
from app.settings import Settings

from .page import HERE, job_dollars
from .stages import as_counts, local, measure

SERVICES = ("dynamodb", "s3", "sqs", "sns", "glacier", "sesv2")


async def main() -> None:
    logs.configure("console", service="cost")
    server = emulator.start()
    host, port = server.get_host_and_port()
    os.environ |= {"AWS_ACCESS_KEY_ID": "cost", "AWS_SECRET_ACCESS_KEY": "cost", "AWS_DEFAULT_REGION": "us-east-1"}
    os.environ["AWS_ENDPOINT_URL"] = f"http://{host}:{port}"
    vault = web.AppRunner(create_app(Vault(0, publish)))
    await vault.setup()
    await web.TCPSite(vault, "127.0.0.1", 0).start()
    os.environ["AWS_ENDPOINT_URL_GLACIER"] = f"http://127.0.0.1:{vault.addresses[0][1]}"
    found = {backend: as_counts(await measure(await _deployment(backend), **local())) for backend in ("s3", "glacier")}
    (HERE / "calls.json").write_text(json.dumps(found, indent=1) + "\n")
    for backend in found:
        print(f"{backend}: ${job_dollars(backend):.2f} per million free jobs, without mail")
    await vault.cleanup()
    server.stop()


async def _deployment(backend: str) -> Settings:
    async with clients(Settings(), *SERVICES) as aws:
        environment = await topology.create(aws, f"c{uuid.uuid4().hex[:10]}", retention=1)
        await aws["sesv2"].create_email_identity(EmailIdentity="gas@example.org")
    values: dict[str, Any] = {
        name.removeprefix("GAS_").lower(): json.loads(value) if value.startswith("{") else value
        for name, value in environment.items()
    }
    return Settings(**values, poll_seconds=1, archive_backend=backend, mail_from="gas@example.org")


if __name__ == "__main__":
    asyncio.run(main())
