"""Free and premium users upload, cancel, retry, delete, upgrade and downgrade while every daemon is killed and every call
may fail: when it is over, the doctor has nothing to report.

The choices follow from GAS_FAULTS_SEED; a few jobs by default, some hundreds with GAS_FAULTS=all.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from app.domain.accounts import Account, Plan
from app.domain.jobs import Job, Status, Tier
from app.local.vault import Vault
from app.services import submissions, subscriptions
from app.services.submissions import NotFound, Refused
from tests.support.forks import Forks
from tests.support.lanes import ALL, SEED, Lane, lane, seeded
from tests.support.proxy import Fault, Rule
from tests.support.scenarios import STEP_TIMEOUT_SECONDS, at_rest, problems
from tests.support.service import VCF
from workers import VERBS

pytestmark = pytest.mark.slow

JOBS = 200 if ALL else 14
SHARES = {
    Fault.KILL_BEFORE: 0.01,
    Fault.KILL_AFTER: 0.01,
    Fault.DROP: 0.02,
    Fault.FAIL: 0.02,
    Fault.THROTTLE: 0.02,
    Fault.DELAY: 0.01,
    Fault.DUPLICATE: 0.02,
}
"""Of all calls."""

ENDS = {Plan.FREE: Tier.ARCHIVED, Plan.PREMIUM: Tier.AVAILABLE}


@dataclass
class Storm:
    lane: Lane
    chance: random.Random
    users: list[Account] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    deleted: list[Job] = field(default_factory=list)

    async def act(self) -> None:
        """One user does one thing."""
        gas, user = self.lane.service.gas, self.chance.choice(self.users)
        job = self.chance.choice(self.jobs) if self.jobs else None
        what = self.chance.choices(["submit", "plan", "cancel", "retry", "delete"], [10, 4, 1, 1, 1])[0]
        with suppress(Refused, NotFound):
            if what == "submit" or job is None:
                body = VCF if self.chance.random() < 0.9 else b"this is no VCF\n"
                self.jobs.append(await self.lane.service.submit(user, body))
            elif what == "plan":
                await subscriptions.change_plan(gas, user.user_id, self.chance.choice(list(Plan)))
            elif what == "cancel":
                await submissions.cancel(gas, job.user_id, job.job_id)
            elif what == "retry":
                await submissions.retry(gas, user, job.job_id)
            else:
                self.jobs.remove(job)
                self.deleted.append(job)
                await submissions.delete(gas, job.user_id, job.job_id)

    async def doctor(self) -> None:
        while True:
            await asyncio.sleep(2)
            await self.lane.repair()


@pytest.mark.parametrize("backend", ["s3", "glacier"])
async def test_a_storm_leaves_nothing_to_report(
    backend: str, aws: dict[str, Any], vault: Vault, forks: Forks, tmp_path: Path
) -> None:
    vault.seconds, vault.failing = 0.5, JOBS // 10
    async with lane(aws, forks, tmp_path, VERBS, vault=vault if backend == "glacier" else None) as here:
        storm = Storm(here, seeded(SEED, "users"))
        storm.users = [await here.service.account(plan) for plan in (Plan.FREE, Plan.PREMIUM) for _ in range(max(2, JOBS // 20))]
        rules = [Rule("*", fault, share=share) for fault, share in SHARES.items()]
        for daemon in here.daemons.values():
            daemon.proxy.chance = seeded(SEED, daemon.verb)
            daemon.proxy.rules = rules
        doctor = asyncio.create_task(storm.doctor())
        while len(storm.jobs) + len(storm.deleted) < JOBS:
            await storm.act()
            await asyncio.sleep(storm.chance.uniform(0, 0.8))
        await asyncio.sleep(5)
        for _ in range(600):  # daemons of a busy machine make few calls in a second
            if sum(rule.fired for rule in rules) > JOBS // 2:
                break
            await asyncio.sleep(0.2)
        for daemon in here.daemons.values():
            daemon.proxy.rules = []
        doctor.cancel()
        jobs = await at_rest(here, storm.jobs, STEP_TIMEOUT_SECONDS + 6 * JOBS)
        found = await problems(here, jobs, mails_lost=len(here.daemons["notify"].proxy.calls))
        for job in jobs:
            account = await here.service.gas.accounts.get(job.user_id)
            assert account
            if job.tier is not (ENDS[account.plan] if job.status is Status.COMPLETED else Tier.NONE):
                found.append(f"{account.plan} and {job.status}/{job.tier}: {job}")
        archived = await here.archived()
        for job in storm.deleted:
            kept = await here.service.copies(job) + [one for one in archived if f"/{job.job_id}/" in one]
            if kept or await here.service.gas.jobs.get(job.user_id, job.job_id):
                found.append(f"deleted, and still there: {job} {kept}")
        fired = Counter({rule.fault.name: rule.fired for rule in rules})
        ended = Counter(f"{job.status}/{job.tier}" for job in jobs)
        print(f"{dict(ended)}, {len(storm.deleted)} deleted, faults {dict(fired)}")
        assert not found, "\n".join([*found, "dead letters:", *await here.dead_letters(), here.said()])
        assert fired.total() > JOBS // 2
