"""Publishes requests straight to the topic `job_requests`, with records and inputs prepared, and measures the annotators alone.

Works on whatever deployment the GAS_* and AWS_* variables point at; without any, on a stack of its own. Deletes the jobs
that it made, also after Ctrl-C. `--giants` puts some giants before them, to see how long small jobs wait behind those.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import sys
import time
import uuid
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from app.domain.accounts import Plan
from app.domain.jobs import Job, Status
from app.domain.keys import input_key
from app.services import account_admin, submissions
from app.services.backend import Backend, backend
from app.settings import Settings
from scripts.load import report, samples
from scripts.load.__main__ import local_stack
from scripts.load.ledger import Ledger
from scripts.load.safety import Refused, budget

ENDED = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})
AT_ONCE = 20


async def prepared(gas: Backend, name: str, count: int, body: bytes, plan: Plan) -> list[Job]:
    """Jobs that are PENDING, with their inputs stored, and that no message asks for yet."""
    account, _ = await account_admin.create_load_test_account(gas, name, plan, days=1)
    slots = asyncio.Semaphore(AT_ONCE)

    async def one() -> Job:
        async with slots:
            upload = await submissions.prepare(gas, account, f"{name}.vcf", "", {})
            job, key = upload.job, input_key(account.user_id, upload.job.job_id)
            await gas.inputs.s3.put_object(Bucket=gas.inputs.name, Key=key, Body=body)
            return job

    return list(await asyncio.gather(*(one() for _ in range(count))))


async def publish(gas: Backend, jobs: list[Job], rate: float) -> list[Job]:
    """Submits `rate` jobs a second, 0: all at once; the record says when."""
    account = await gas.accounts.get(jobs[0].user_id)
    assert account
    submitted = []
    for job in jobs:
        submitted.append(await submissions.submit(gas, account, job.job_id))
        if rate:
            await asyncio.sleep(1 / rate)
    return submitted


async def until_ended(gas: Backend, jobs: list[Job], patience: float) -> list[Job]:
    """The jobs as they ended, or as they are when the time is over."""
    ends, found = time.monotonic() + patience, jobs
    while time.monotonic() < ends:
        found = []
        for start in range(0, len(jobs), 100):
            found += await gas.jobs.get_many([(job.user_id, job.job_id) for job in jobs[start : start + 100]])
        if all(job.status in ENDED for job in found):
            break
        await asyncio.sleep(1)
    return found


async def clean_up(gas: Backend, jobs: list[Job]) -> None:
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(job: Job) -> None:
        async with slots:
            await submissions.delete(gas, job.user_id, job.job_id)

    await asyncio.gather(*(one(job) for job in jobs))


def judge(jobs: list[Job], kind: str, ledger: Ledger) -> list[str]:
    """Notes how long each job waited and took; says which did not complete."""
    for job in jobs:
        if job.started_at and job.submitted_at and job.finished_at:
            ledger.write("stage", stage=f"{kind}: queue wait", seconds=(job.started_at - job.submitted_at) / 1000)
            ledger.write("stage", stage=f"{kind}: annotate", seconds=(job.finished_at - job.started_at) / 1000)
            times = {name: getattr(job, name) for name in ("submitted_at", "started_at", "finished_at")}
            ledger.write("timed", job_id=job.job_id, user=job.user_id, bytes=job.size, **times)
    wrong = [job for job in jobs if job.status is not Status.COMPLETED]
    return [f"{job.job_id} ({kind}) is {job.status}: {job.message}" for job in wrong]


async def measure(chosen: argparse.Namespace, folder: Path, settings: Settings) -> int:
    ledger, name = Ledger(folder / "ledger.jsonl"), f"annotators-{uuid.uuid4().hex[:8]}"
    made: list[Job] = []
    problems: list[str] = []
    async with backend(settings) as gas:
        try:
            giants = await _made(gas, f"{name}-giants", chosen.giants, samples.vcf(chosen.giant_records), made)
            small = await _made(gas, name, chosen.jobs, samples.vcf(chosen.records), made)
            began = time.monotonic()
            if giants:
                giants = await publish(gas, giants, 0)
            small = await publish(gas, small, chosen.rate)
            small = await until_ended(gas, small, chosen.patience)
            ledger.write("note", text=f"{len(small) / (time.monotonic() - began):.2f} small jobs/s, from the first request on")
            giants = await until_ended(gas, giants, chosen.patience) if chosen.wait_for_giants else []
            problems = judge(small, "small", ledger) + judge(giants, "giant", ledger)
        finally:
            await clean_up(gas, made)
    run = {"host": settings.public_url, "mix": "annotators alone", "shape": f"{chosen.rate:g}/s", "users": 1, "seconds": 0}
    written = report.write(folder, run, ledger, [], problems)
    for line in [report.HEAD, *report.summary(ledger.stages())]:
        print("\t".join(str(cell) for cell in line))
    for text in [*problems[:20], *(entry["text"] for entry in ledger.read("note"))]:
        print(f"! {text}")
    print(f"Report: {written}")
    return bool(problems)


async def _made(gas: Backend, name: str, count: int, body: bytes, made: list[Job]) -> list[Job]:
    if not count:
        return []
    jobs = await prepared(gas, name, count, body, Plan.PREMIUM)
    made += jobs
    return jobs


def settings_of(environment: dict[str, str]) -> Settings:
    """Settings as a process with this environment has them; the AWS clients read this process's own."""
    os.environ |= {name: value for name, value in environment.items() if name.startswith(("AWS_", "GAS_"))}
    return Settings()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=20, help="small jobs")
    parser.add_argument("--records", type=int, default=100, help="records of a small job")
    parser.add_argument("--rate", type=float, default=0, help="small jobs a second (0: all at once)")
    parser.add_argument("--giants", type=int, default=0, help="giants that come before the small ones")
    parser.add_argument("--giant-records", type=int, default=200_000, help="records of a giant")
    parser.add_argument("--wait-for-giants", action="store_true", help="do not end before the giants have")
    parser.add_argument("--patience", type=float, default=600, help="seconds until all must have ended")
    parser.add_argument("--spend-usd", type=float, help="cap on what a deployment may be charged; it must be given")
    parser.add_argument("--stack-options", default="--annotators 1 --retention 1h", help="of a stack of its own")
    parser.add_argument("--out", type=Path, default=Path(".local/load"))
    chosen = parser.parse_args()
    folder = chosen.out / time.strftime("annotators-%Y%m%d-%H%M%S")
    folder.mkdir(parents=True)
    real = os.environ.get("GAS_ENVIRONMENT", "local") != "local"
    if real and (not chosen.spend_usd or (chosen.jobs + chosen.giants) * budget(0, "s3").job_usd > chosen.spend_usd):
        print(f"{Refused.__name__}: these jobs cost more than --spend-usd, or it was not given.", file=sys.stderr)
        return 2
    deployed = bool(os.environ.get("GAS_QUEUE_URLS"))
    target = nullcontext() if deployed else local_stack(folder / "stack", shlex.split(chosen.stack_options))
    with target as stack:
        environment: dict[str, Any] = dict(os.environ if stack is None else stack.environment)
        return asyncio.run(measure(chosen, folder, settings_of(environment)))


if __name__ == "__main__":
    sys.exit(main())
