"""What each benchmark finds at AWS: accounts, jobs in the state where a daemon takes over, and the messages about them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from app.aws.dynamodb import to_wire
from app.domain.accounts import Account, Plan
from app.domain.jobs import Job, Status, Tier, job_id
from app.domain.keys import COLUMNS, Output, archive_key, input_key, output_key
from app.domain.messages import ArchiveDue, JobFinished, JobRequested, Message, PlanChanged, RetrievalLook
from app.local.topology import load
from scripts.bench.answerer import ARCHIVED, CRC, RESTORED, STORED, Answerer

VCF = (
    b"##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    b"MT\t3460\t.\tG\tA\t.\t.\t.\nMT\t11778\t.\tG\tA\t.\t.\t.\n"
)
JOBS_A_CHANGE = 10
"""Archived jobs of a user whose plan changes."""


@cache
def outputs() -> dict[Output, bytes]:
    """What the engine makes of the sample file."""
    sample = resources.files("app.web") / "static" / "sample.vcf"
    with tempfile.TemporaryDirectory() as folder, resources.as_file(sample) as path:
        command = ["-m", "app.engine", str(path), folder, "--name=sample.vcf", "--bundle=rcrs"]
        subprocess.run([sys.executable, *command], check=True, capture_output=True)
        return {output: path.read_bytes() for output in Output if (path := Path(folder, output)).exists()}


def environment(aws: Answerer, **settings: str) -> dict[str, str]:
    """What a process of GAS needs to work on this answerer."""
    topology = load()
    return {
        "AWS_ENDPOINT_URL": aws.address,
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_DEFAULT_REGION": "us-east-1",
        "GAS_QUEUE_URLS": json.dumps({name: f"{aws.address}/000000000000/{name}" for name in topology["queues"]}),
        "GAS_TOPIC_ARNS": json.dumps({name: f"arn:aws:sns:us-east-1:000000000000:{name}" for name in topology["topics"]}),
        "GAS_TABLE_NAMES": json.dumps({name: name for name in topology["tables"]}),
        "GAS_BUCKET_NAMES": json.dumps({name: name for name in topology["buckets"]}),
        "GAS_POLL_SECONDS": "1",
        **settings,
    }


@dataclass
class Seeder:
    aws: Answerer

    def account(self, plan: Plan = Plan.FREE, **values: object) -> Account:
        made = Account(user_id=str(uuid.uuid4()), plan=plan, name="Ada", email="ada@example.org", **values)
        self.aws.put("accounts", to_wire({"item": "PROFILE", **asdict(made)}), "user_id", "item")
        return made

    def job(self, account: Account, status: Status = Status.COMPLETED, tier: Tier = Tier.AVAILABLE, **values: object) -> Job:
        now = time.time_ns() // 1_000_000
        times = {"submitted_at": now, "started_at": now, "finished_at": now, "deadline": now + 600_000}
        new = Job(
            user_id=account.user_id,
            job_id=job_id(now, os.urandom(10)),
            status=status,
            tier=tier,
            file_name="sample.vcf",
            bundle="rcrs",
            size=len(VCF),
            **{**times, **values},  # type: ignore[arg-type]
        )
        keys = {output: output_key(new.user_id, new.job_id, 1, output) for output in outputs()}
        made = {**asdict(new), "rev": 5, "index": keys[Output.INDEX], "summary": keys[Output.SUMMARY]}
        if status is Status.COMPLETED:  # as S3 said it when it took the result
            made |= {"result_size": len(outputs()[Output.RESULT]), "result_checksum": CRC}
        copy = archive_key(new.user_id, new.job_id, 1)
        if tier is Tier.AVAILABLE:
            made["result"] = keys[Output.RESULT]
            self.aws.objects[keys[Output.RESULT]] = (STORED, b"")
        elif tier is not Tier.NONE:
            made["archive"] = copy
            self.aws.objects[copy] = (RESTORED if tier is Tier.RESTORING else ARCHIVED, b"")
        if status is Status.PENDING:
            self.aws.objects[input_key(new.user_id, new.job_id)] = (STORED, VCF)
        self.aws.put("jobs", to_wire(made), "user_id", "job_id")
        return Job(**made)

    def keep_outputs(self, job: Job) -> None:
        """Makes the job's result something that can be read."""
        for output, body in outputs().items():
            self.aws.objects[output_key(job.user_id, job.job_id, 1, output)] = (STORED, body)

    def stored(self, job: Job, out: Path) -> Job:
        """The completed job with what the engine wrote into a folder as its result."""
        bodies = {name: (out / name).read_bytes() for name in (Output.RESULT, Output.INDEX, Output.SUMMARY)}
        facts = {"summary_size": len(bodies[Output.SUMMARY]), "result_size": len(bodies[Output.RESULT])}
        records = re.search(rb'"records_out": ?(\d+)', bodies[Output.SUMMARY])
        bodies[Output.SUMMARY] += (out / COLUMNS).read_bytes()
        for name, body in bodies.items():
            self.aws.objects[output_key(job.user_id, job.job_id, 1, name)] = (STORED, body)
        made = {**asdict(job), **facts, "records": int(records[1]) if records else 0}
        self.aws.put("jobs", to_wire(made), "user_id", "job_id")
        return Job(**made)

    def secret(self, account: Account, kind: str, **values: str) -> str:
        """A session or token of this account, as its holder sends it."""
        secret = f"{account.user_id}.{kind.lower()}"
        item = f"{kind}#{hashlib.sha256(secret.encode()).hexdigest()}"
        kept = {"user_id": account.user_id, "item": item, "expires_at": int(time.time()) + 86_400, "created": int(time.time())}
        self.aws.put("accounts", to_wire({**kept, **values}), "user_id", "item")
        return secret


def _ids(job: Job) -> dict[str, str]:
    return {"user_id": job.user_id, "job_id": job.job_id}


def _annotate(seed: Seeder) -> Message:
    return JobRequested(**_ids(seed.job(seed.account(), Status.PENDING, Tier.NONE)))  # type: ignore[arg-type]


def _archive(seed: Seeder) -> Message:
    job = seed.job(seed.account())
    return JobFinished(**_ids(job), outcome="completed", mark=job.mark("completed"))  # type: ignore[arg-type]


def _keep(seed: Seeder) -> Message:
    return ArchiveDue(**_ids(seed.job(seed.account(Plan.PREMIUM))))  # type: ignore[arg-type]


def _restore(seed: Seeder) -> Message:
    account = seed.account(Plan.PREMIUM, version=1, deadline=1)
    for _ in range(JOBS_A_CHANGE):
        seed.job(account, tier=Tier.ARCHIVED)
    return PlanChanged(user_id=account.user_id, plan_version=1)


def _thaw(seed: Seeder) -> Message:
    job = seed.job(seed.account(Plan.PREMIUM), tier=Tier.RESTORING)
    return RetrievalLook(**_ids(job), archive=job.archive)  # type: ignore[arg-type]


def _notify(seed: Seeder) -> Message:
    job = seed.job(seed.account())
    return JobFinished(**_ids(job), outcome="completed", mark=job.mark("completed"))  # type: ignore[arg-type]


CASES: dict[str, tuple[str, str, Callable[[Seeder], Message]]] = {
    "annotate": ("annotate", "job_requests", _annotate),
    "archive": ("archive", "archive_requests", _archive),
    "archive, premium": ("archive", "archive_requests", _keep),
    f"restore, {JOBS_A_CHANGE} jobs": ("restore", "restore_requests", _restore),
    "thaw": ("thaw", "restore_pendings", _thaw),
    "notify": ("notify", "notifications", _notify),
}
"""Daemon, queue and the maker of one message, by what happens."""
