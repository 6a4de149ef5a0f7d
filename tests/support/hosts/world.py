"""What surrounds the hosts: stand-ins for AWS, Globus and Stripe on loopback, releases in a bucket, and Ansible's own machine."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import boto3

from app.aws.clients import clients
from app.engine.bundles import manifest
from app.local import topology
from app.settings import Settings
from tests.support.hosts.host import Host, patience

ROOT = Path(__file__).parent.parent.parent.parent
ANSIBLE = ROOT / ".venv-ansible" / "bin"
PORT = 8080
REGION = "us-east-1"
SENDER = "gas@example.org"
BUCKET = "gas-releases"
BUNDLE = f"rcrs={manifest.load(manifest.EMBEDDED / 'rcrs').version}"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}

# Debian's awscli knows no AWS_ENDPOINT_URL, and the emulator no lifecycle actions: those are written down
AWS_ON_HOSTS = """#!/bin/sh
echo "$*" >> /var/log/aws-calls
case "$1 $2" in "autoscaling complete-lifecycle-action") exit 0;; esac
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
exec /usr/bin/aws --endpoint-url {endpoint} "$@"
"""


@dataclass
class World:
    """`environment` is what points at the stand-ins; `settings` what a deployment's daemons are told."""

    folder: Path
    endpoint: str
    outbox: str
    environment: dict[str, str]
    settings: dict[str, str] = field(default_factory=dict)
    secret: str = ""

    def client(self, service: str) -> Any:
        return _client(self.endpoint, service)

    def publish(self, archive: Path) -> None:
        """Puts a release into the bucket."""
        self.client("s3").upload_file(str(archive), BUCKET, f"releases/{archive.name}")

    def deployment(self, host: Host, release: str, daemons: Sequence[str], **more: Any) -> dict[str, Any]:
        """What terraform would tell this host."""
        own = {"GAS_PUBLIC_URL": f"http://{host.address}:{PORT}", "GAS_WEB_HOST": host.address, "GAS_WEB_PORT": str(PORT)}
        return {
            "gas_tier": "web",
            "gas_daemons": list(daemons),
            "gas_release": release,
            "gas_release_bucket": BUCKET,
            "gas_settings": {**self.settings, **own},
            "gas_secret": self.secret,
            "gas_group": None,
            "gas_hooks": {"launch": "configured", "terminate": "drained"},
            "gas_log_group": "/gas/gas-test/web",
            "gas_region": REGION,
            **more,
        }

    def inventory(self, hosts: Sequence[Host], variables: Mapping[str, Mapping[str, Any]]) -> Path:
        """An inventory of these hosts, all of the tier web, with variables by host."""
        entries = {
            host.name: {
                "ansible_connection": "community.docker.nsenter",
                "ansible_nsenter_pid": host.leader,
                **variables.get(host.name, {}),
            }
            for host in hosts
        }
        path = self.folder / f"inventory-{uuid.uuid4().hex[:6]}.json"
        path.write_text(json.dumps({"all": {"children": {"tier_web": {"hosts": entries}}}}))
        return path

    def playbook(self, name: str, inventory: Path, *options: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            **KEYS,
            "AWS_ENDPOINT_URL": self.endpoint,
            "PATH": f"{ANSIBLE}:{os.environ['PATH']}",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCAL_TEMP": str(self.folder / "ansible"),
        }
        command = [str(ANSIBLE / "ansible-playbook"), f"{name}.yml", "--inventory", str(inventory), *options]
        return subprocess.run(command, cwd=ROOT / "ansible", env=environment, capture_output=True, text=True, timeout=900)


@cache
def _client(endpoint: str, service: str) -> Any:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, endpoint_url=endpoint, region_name=REGION, **keys)


def processes(folder: Path) -> tuple[World, list[subprocess.Popen[bytes]]]:
    """A world whose stand-ins run; the deployment in it is made by `deploy`."""
    aws, outbox, globus, stripe = free_ports(4)
    environment = {
        **KEYS,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{aws}",
        "GAS_GLOBUS_CLIENT_ID": "8f0f8e0e-0000-4000-8000-00000000c11e",
        "GAS_GLOBUS_CLIENT_SECRET": secrets.token_urlsafe(),
        "GAS_STRIPE_SECRET_KEY": f"sk_test_{secrets.token_hex(16)}",
        "GAS_STRIPE_WEBHOOK_SECRET": f"whsec_{secrets.token_hex(16)}",
        "GAS_STRIPE_PRICE_ID": "price_premium",
    }
    commands = {
        "aws": ["--port", str(aws), "--outbox-port", str(outbox), "--retrieval", "2"],
        "globus": ["--port", str(globus), "--client-id", environment["GAS_GLOBUS_CLIENT_ID"]],
        "stripe": ["--port", str(stripe), "--webhook-url", f"http://127.0.10.1:{PORT}/webhooks/stripe"],
    }
    running = []
    for name, options in commands.items():
        command = [sys.executable, "-m", f"app.local.{name}", *options]
        with (folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, stdout=log, stderr=log)
        running.append(process)
    for port in (aws, outbox, globus, stripe):
        listening("127.0.0.1", port)
    world = World(folder, environment["AWS_ENDPOINT_URL"], f"http://127.0.0.1:{outbox}", environment)
    environment |= {"GAS_GLOBUS_URL": f"http://127.0.0.1:{globus}", "GAS_STRIPE_URL": f"http://127.0.0.1:{stripe}"}
    return world, running


def deploy(world: World) -> None:
    """A deployment in this world: what the topology declares, the secret, the bucket of releases."""
    os.environ |= {name: value for name, value in world.environment.items() if name.startswith("AWS_")}

    async def create() -> dict[str, str]:
        async with clients(Settings(environment="local"), "sqs", "sns", "dynamodb", "s3", "glacier", "sesv2") as aws:
            await aws["sesv2"].create_email_identity(EmailIdentity=SENDER)
            return await topology.create(aws, "gas_test", retention=3)

    hidden = ("GAS_GLOBUS_CLIENT_SECRET", "GAS_STRIPE_SECRET_KEY", "GAS_STRIPE_WEBHOOK_SECRET")
    value = json.dumps({name: world.environment[name] for name in hidden})
    world.secret = world.client("secretsmanager").create_secret(Name="gas-test/web", SecretString=value)["ARN"]
    world.client("s3").create_bucket(Bucket=BUCKET)
    pushed = [sys.executable, "-m", "app.cli.main", "reference", "push", "rcrs", f"s3://{BUCKET}/bundles"]
    subprocess.run(pushed, cwd=ROOT, env={**os.environ, **world.environment}, check=True, timeout=120)
    world.settings = {
        **{name: value for name, value in world.environment.items() if name not in hidden},
        **asyncio.run(create()),
        "GAS_ENVIRONMENT": "local",
        "GAS_REFERENCES": '{"rCRS": "rcrs/latest"}',
        "GAS_MAIL_FROM": SENDER,
        "GAS_POLL_SECONDS": "1",
        "GAS_LEASE_SECONDS": "15",
        "GAS_VISIBILITY_SECONDS": "20",
        "GAS_PROGRESS_SECONDS": "1",
        "GAS_EXPEDITED_LOOK_SECONDS": "2",
        "GAS_STANDARD_LOOK_SECONDS": "5",
        "GAS_DRAIN_SECONDS": "60",
        "GAS_FREE_UPLOAD_BYTES": "50000000",
    }


def build(folder: Path, version: str, wheels: Path | None = None, edits: Mapping[str, tuple[str, str]] | None = None) -> Path:
    """The archive of a release, by the project's own script from a copy of the project with `edits` (old, new) by file."""
    copy = folder / f"source-{version}"
    for name in ("app", "workers", "ansible", "scripts"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, copy)
    for name, (old, new) in (edits or {}).items():
        content = (copy / name).read_text()
        assert old in content
        (copy / name).write_text(content.replace(old, new, 1))
    command = [sys.executable, str(copy / "scripts/build_release.py"), version, "--out", str(folder), "--bundle", BUNDLE]
    command += ["--without-agents"]  # no registry that is reached here has them
    subprocess.run(command + (["--wheels", str(wheels)] if wheels else []), check=True, timeout=600)
    shutil.rmtree(copy)
    return folder / f"{version}.tar.gz"


def free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def listening(address: str, port: int) -> None:
    for _ in patience(60):
        try:
            socket.create_connection((address, port), timeout=5).close()
            return
        except OSError:
            continue
    raise AssertionError(f"nothing listens on {address}:{port}")
