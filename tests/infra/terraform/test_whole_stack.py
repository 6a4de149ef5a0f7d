"""The whole service on what `terraform apply` made, with the settings that `terraform output` gives.

Every daemon is a process of its own. What each asks of AWS during a user's whole journey is compared with the policies
that were made for it, both ways.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, CookieJar

from tests.support.proxy import serving
from tests.support.stack import insist, patience, sign_in
from tests.support.terraform.life import clients
from tests.support.terraform.policies import Call, allowed, covers, listed, statements
from tests.support.terraform.recorder import Recorder

REGIONS = {"us-east-1": ("us-east-1a", "us-east-1b"), "eu-central-1": ("eu-central-1a", "eu-central-1b")}
VERBS = ("annotate", "archive", "restore", "thaw", "notify")
VCF = (
    b"##fileformat=VCFv4.2\n##contig=<ID=MT,length=16569>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    b"MT\t3243\t.\tA\tG\t.\t.\t.\nMT\t11778\t.\tG\tA\t.\t.\t.\n"
)

# daemon/statement/action of what a journey without an accident may do without, and when it is needed; that the code has a
# use for it is shown by test_roles
EXCUSED = {
    "*/Bury/*": "a message can never succeed",
    "*/PutOff/*": "a message is of a newer release",
    "*/Reschedule/*": "another holds the lease, or a retrieval is slow",
    "*/Consume/sqs:ChangeMessageVisibility": "a message is put back, or takes long",
    "*/s3:AbortMultipartUpload": "a copy of several parts fails",
    "*/ListResults/*": "a message came before, so that what it left is looked for; or an object is missing",
    "*/ListInputs/*": "an object is missing",
    "annotate/Jobs/dynamodb:GetItem": "a race for a job is lost",
    "archive/Jobs/dynamodb:GetItem": "a message came before, so that what it left is looked for",
    "annotate/WriteResults/s3:DeleteObject": "an attempt before this one left something",
    "annotate/DeleteArchives/*": "an attempt before this one left something",
    "annotate/AskForReplacement/*": "a host cannot work",
    "archive/DeleteArchives/*": "the plan changes while a result is archived",
    "notify/Accounts/dynamodb:UpdateItem": "a mail bounces",
    "notify/Accounts/dynamodb:ConditionCheckItem": "files were sent together, or premium ends",
    "notify/Jobs/dynamodb:Query": "files were sent together",
    "notify/SeeIdentity/*": "`gas check` asks before the daemon starts",
    "notify/SeeStanding/*": "`gas check` asks before the daemon starts",
    "restore/*/sqs:SendMessage": "one statement is for three queues",
    "thaw/DeleteResults/*": "an attempt before this one left something",
    "thaw/StartRetrievals/*": "a retrieval fails",
    "doctor/*": "something is wrong",
    "web/Inputs/s3:PutObject": "a browser uploads: it asks S3 itself, by what the portal has signed",
    "web/Results/s3:GetObject": "a browser downloads: it asks S3 itself, by what the portal has signed",
    "web/Open*/*": "a page says how many jobs wait",
    "web/ReadSecrets/*": "the portal starts on an instance",
}


@pytest.fixture
def running() -> Iterator[Callable[..., None]]:
    """Starts processes, and stops them all at the end."""
    started: list[subprocess.Popen[bytes]] = []
    with ExitStack() as files:

        def start(log: Path, environment: dict[str, str], *command: str) -> None:
            file = files.enter_context(log.open("wb"))
            own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "GAS_"))}
            arguments = [sys.executable, "-m", *command]
            started.append(subprocess.Popen(arguments, env={**own, **environment}, stdout=file, stderr=subprocess.STDOUT))

        yield start
        for process in reversed(started):
            process.terminate()
        for process in reversed(started):
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def free_ports(count: int) -> Iterator[list[int]]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        yield [probe.getsockname()[1] for probe in probes]


async def listening(*ports: int) -> None:
    for port in ports:
        for _ in patience(120):
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                break
            await asyncio.sleep(0.1)
        else:
            raise AssertionError(f"nothing listens on port {port}")


@pytest.fixture
def apply(core_on: Callable[[str], Any], checkout: Callable[[], Path]) -> Callable[[str, str], dict[str, str]]:
    """Applies dev in a region of the emulator, with results that stay for seconds; returns the settings that it puts out."""

    def apply(endpoint: str, region: str) -> dict[str, str]:
        core, folder = core_on(endpoint), checkout() / "environments" / "dev"
        topology = folder.parent.parent / "topology.json"
        assert topology.read_text().count('"delay_seconds": 300') == 1
        topology.write_text(topology.read_text().replace('"delay_seconds": 300', '"delay_seconds": 3'))
        core.prepare(folder)
        network = json.dumps({"zones": REGIONS[region], "nat": "none"})
        core.run(folder, "apply", "-auto-approve", "-input=false", f"-var=region={region}", f"-var=network={network}")
        return core.json(folder, "output", "-json", "settings")

    return apply


def environment(settings: dict[str, str], region: str, aws: str, ports: dict[str, int]) -> dict[str, str]:
    """What `terraform output` says, but for Globus, Stripe and the waits, which are stand-ins and seconds here."""
    return {
        **settings,
        "AWS_ENDPOINT_URL": aws,
        "AWS_DEFAULT_REGION": region,
        "AWS_SECRET_ACCESS_KEY": "test",
        "GAS_ENVIRONMENT": "local",
        "GAS_PUBLIC_URL": f"http://127.0.0.1:{ports['web']}",
        "GAS_WEB_HOST": "127.0.0.1",
        "GAS_WEB_PORT": str(ports["web"]),
        "GAS_GLOBUS_URL": f"http://127.0.0.1:{ports['globus']}",
        "GAS_GLOBUS_CLIENT_SECRET": secrets.token_urlsafe(),
        "GAS_STRIPE_URL": f"http://127.0.0.1:{ports['stripe']}",
        "GAS_STRIPE_SECRET_KEY": f"sk_test_{secrets.token_hex(16)}",
        "GAS_STRIPE_WEBHOOK_SECRET": f"whsec_{secrets.token_hex(16)}",
        "GAS_STRIPE_PRICE_ID": "price_premium",
        "GAS_POLL_SECONDS": "1",
        "GAS_EXPEDITED_LOOK_SECONDS": "2",
        "GAS_STANDARD_LOOK_SECONDS": "5",
    }


@pytest.mark.parametrize("region", ["us-east-1", pytest.param("eu-central-1", marks=pytest.mark.night)])
async def test_whole_stack_runs_on_what_was_applied(
    region: str, apply: Callable[[str, str], dict[str, str]], running: Callable[..., None], tmp_path: Path
) -> None:
    with free_ports(5) as numbers:
        ports = dict(zip(("aws", "outbox", "globus", "stripe", "web"), numbers, strict=True))
    endpoint = f"http://127.0.0.1:{ports['aws']}"
    local = {"AWS_ACCESS_KEY_ID": "emulator", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": region}
    emulator = ("app.local.aws", "--port", str(ports["aws"]), "--outbox-port", str(ports["outbox"]), "--retrieval", "2")
    running(tmp_path / "aws.log", local, *emulator)
    await listening(ports["aws"])
    settings = await asyncio.to_thread(apply, endpoint, region)
    aws = clients(endpoint, region)
    for bucket in json.loads(settings["GAS_BUCKET_NAMES"]).values():
        # the emulator speaks no TLS and looks at no condition: to it the policy forbids everything
        aws("s3").delete_bucket_policy(Bucket=bucket)
    recorder = Recorder(endpoint, lambda: None, region=region)
    async with serving(recorder):
        said = environment(settings, region, recorder.url, ports)
        stand_ins = {
            "globus": ("--client-id", said["GAS_GLOBUS_CLIENT_ID"]),
            "stripe": ("--webhook-url", f"{said['GAS_PUBLIC_URL']}/webhooks/stripe"),
        }
        for name, options in stand_ins.items():
            running(tmp_path / f"{name}.log", said, f"app.local.{name}", "--port", str(ports[name]), *options)
        await listening(ports["globus"], ports["stripe"])
        daemons = {verb: ("worker", verb) for verb in VERBS} | {"web": ("web",), "doctor": ("doctor", "--every", "5")}
        for name, command in daemons.items():
            running(tmp_path / f"{name}.log", {**said, "AWS_ACCESS_KEY_ID": name}, "app.cli.main", *command)
        try:
            await listening(ports["web"])
            await journey(said["GAS_PUBLIC_URL"], f"http://127.0.0.1:{ports['outbox']}")
        except AssertionError as failure:
            logs = "\n".join(f"== {path.name}\n{path.read_text()[-2000:]}" for path in tmp_path.glob("*.log"))
            raise AssertionError(f"{failure}\n{logs}") from failure
    policies = {verb: policy_of(aws, verb) for verb in daemons}
    refused = {
        (verb, *asked)
        for verb in daemons
        for asked in recorder.asked.get(verb, ())
        if not allowed([policies[verb]], Call(*asked))
    }
    unused = unseen(policies, recorder.asked)
    useless = sorted(grant for grant in unused if not any(fnmatchcase(grant, excused) for excused in EXCUSED))
    assert {"not granted": sorted(refused), "never used": useless} == {"not granted": [], "never used": []}
    granted = unseen(policies, {})
    assert [excused for excused in EXCUSED if not any(fnmatchcase(grant, excused) for grant in granted)] == []


async def journey(portal: str, outbox: str) -> None:
    """Everything that happens to a job of a free user who becomes premium, and to one that is deleted."""
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as http:
        person = await sign_in(http, portal, "somebody@example.org")
        job, other = await person.upload("sample.vcf", VCF), await person.upload("other.vcf", VCF)
        for one in (job, other):
            await until(partial(person.job, one), "tier", "ARCHIVED")
        await mails(outbox, ["archived", "archived", "ready", "ready"])
        await person.call("DELETE", f"/api/v1/jobs/{other}")
        await person.subscribe()
        await until(partial(person.job, job), "tier", "AVAILABLE")
        result = gzip.decompress(await person.call("GET", f"/annotations/{job}/result")).decode()
        assert sum(not line.startswith("#") for line in result.splitlines()) == 2
        await mails(outbox, ["archived", "archived", "back", "ready", "ready"])


async def mails(outbox: str, expected: list[str]) -> None:
    """Waits until exactly these mails were sent, by the last word of their subject."""
    found: list[str] = []
    for _ in patience(60):
        async with ClientSession() as http, http.get(f"{outbox}/mails.json") as answer:
            found = sorted(mail["subject"].rpartition(" ")[2] for mail in await answer.json())
        if len(found) >= len(expected):
            break
        await asyncio.sleep(0.5)
    assert found == expected


async def until(look: Callable[[], Any], name: str, value: str) -> None:
    seen: Any = None
    for _ in patience(120):
        seen = await insist(look)
        if seen[name] == value:
            return
        await asyncio.sleep(0.5)
    raise AssertionError(f"never {value}: {seen}")


def policy_of(aws: Callable[[str], Any], verb: str) -> str:
    """The policy that was made for a daemon, as IAM has it."""
    arn = f"arn:aws:iam::123456789012:policy/gas-dev-{verb}"
    version = aws("iam").get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    return json.dumps(aws("iam").get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"])


def unseen(policies: dict[str, str], asked: dict[str, set[tuple[str, str]]]) -> set[str]:
    """`daemon/statement/action` of every grant that nothing used."""
    return {
        f"{verb}/{statement['Sid']}/{action}"
        for verb, policy in policies.items()
        for statement in statements([policy])
        for action in listed(statement["Action"])
        if not any(covers({**statement, "Action": action}, Call(*one)) for one in asked.get(verb, ()))
    }
