"""Free and premium users upload, cancel, retry, delete, upgrade, downgrade and leave for good, while every daemon is killed or
stands still, its clock is wrong, every call may fail and old messages come again: in the end the doctor has nothing to report.

The choices follow from GAS_FAULTS_SEED; a few jobs by default, some hundreds with GAS_FAULTS=all, as many as GAS_STORM_JOBS says.
"""

from __future__ import annotations

import asyncio
import os
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
from app.services import privacy, submissions, subscriptions
from app.services.submissions import NotFound, Refused
from tests.support.forks import Forks
from tests.support.lanes import ALL, SEED, Lane, lane, seeded
from tests.support.proxy import Fault, Rule
from tests.support.scenarios import STEP_TIMEOUT_SECONDS, at_rest, problems
from tests.support.service import VCF
from workers import VERBS

pytestmark = pytest.mark.slow

JOBS = int(os.environ.get("GAS_STORM_JOBS", 200 if ALL else 14))
LEASE_SECONDS = 2
AHEAD_SECONDS = 5 * LEASE_SECONDS
"""What clocks are wrong by at most: five leases, which are five minutes where a lease takes one."""

SHARES = {
    Fault.KILL_BEFORE: 0.01,
    Fault.KILL_AFTER: 0.01,
    Fault.DROP: 0.02,
    Fault.FAIL: 0.02,
    Fault.THROTTLE: 0.02,
    Fault.DELAY: 0.01,
    Fault.DUPLICATE: 0.02,
    Fault.RESET: 0.01,
    Fault.HALF: 0.01,
    Fault.HTML: 0.01,
    Fault.HANG: 0.002,
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
    left: list[Account] = field(default_factory=list)
    stood_still: int = 0

    async def act(self) -> None:
        """One user does one thing."""
        gas, user = self.lane.service.gas, self.chance.choice(self.users)
        job = self.chance.choice(self.jobs) if self.jobs else None
        acts = {"submit": 20, "plan": 8, "cancel": 2, "retry": 2, "delete": 2, "leave": 1 if len(self.users) > 2 else 0}
        what = self.chance.choices([*acts], [*acts.values()])[0]
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
            elif what == "leave":
                self.users.remove(user)
                self.deleted += [one for one in self.jobs if one.user_id == user.user_id]
                self.jobs = [one for one in self.jobs if one.user_id != user.user_id]
                self.left.append(user)
                while not await privacy.erase(gas, user, None):
                    pass
            else:
                self.jobs.remove(job)
                self.deleted.append(job)
                await submissions.delete(gas, job.user_id, job.job_id)

    async def doctor(self) -> None:
        while True:
            await asyncio.sleep(2)
            await self.lane.repair()

    async def stop_hosts(self) -> None:
        """Each now and then, a daemon stands still beyond its lease."""
        while True:
            await asyncio.sleep(self.chance.uniform(2, 6))
            await self.chance.choice([*self.lane.daemons.values()]).stand_still(2 * LEASE_SECONDS)
            self.stood_still += 1

    async def again(self) -> int:
        """Sends a copy of every message that any daemon has received, in any order; returns how many."""
        copies = [one for daemon in self.lane.daemons.values() for one in daemon.proxy.received]
        self.chance.shuffle(copies)
        for queue, body in copies:
            await self.lane.service.aws["sqs"].send_message(QueueUrl=queue, MessageBody=body)
        return len(copies)


@pytest.mark.parametrize("backend", ["s3", "glacier"])
async def test_a_storm_leaves_nothing_to_report(
    backend: str, aws: dict[str, Any], vault: Vault, forks: Forks, tmp_path: Path
) -> None:
    vault.seconds, vault.failing = 0.5, JOBS // 10
    clocks = seeded(SEED, "clocks")
    ahead = {verb: round(clocks.uniform(-AHEAD_SECONDS, AHEAD_SECONDS), 1) for verb in VERBS}
    archives = vault if backend == "glacier" else None
    async with lane(aws, forks, tmp_path, VERBS, lease=LEASE_SECONDS, vault=archives, ahead_seconds=ahead) as here:
        storm = Storm(here, seeded(SEED, "users"))
        storm.users = [await here.service.account(plan) for plan in (Plan.FREE, Plan.PREMIUM) for _ in range(max(2, JOBS // 20))]
        rules = [Rule("*", fault, share=share) for fault, share in SHARES.items()]
        for daemon in here.daemons.values():
            daemon.proxy.chance = seeded(SEED, daemon.verb)
            daemon.proxy.rules = rules
        beside = [asyncio.create_task(storm.doctor()), asyncio.create_task(storm.stop_hosts())]
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
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        for daemon in here.daemons.values():
            await daemon.stand_still(0)  # it goes on if the storm ended while it stood still
        late = await storm.again()
        jobs = await at_rest(here, storm.jobs, STEP_TIMEOUT_SECONDS + 6 * JOBS)
        found = await problems(here, jobs, mails_lost=len(here.daemons["notify"].proxy.calls))
        for job in jobs:
            account = await here.service.gas.accounts.get(job.user_id)
            assert account
            if job.tier is not (ENDS[account.plan] if job.status is Status.COMPLETED else Tier.NONE):
                found.append(f"{account.plan} and {job.status}/{job.tier}: {job}")
        archived = await here.archived()
        for user in storm.left:
            if await here.service.gas.accounts.get(user.user_id):
                found.append(f"left, and still there: {user}")
        for job in storm.deleted:
            kept = await here.service.copies(job) + [one for one in archived if f"/{job.job_id}/" in one]
            if kept or await here.service.gas.jobs.get(job.user_id, job.job_id):
                found.append(f"deleted, and still there: {job} {kept}")
        fired = Counter({rule.fault.name: rule.fired for rule in rules})
        ended = Counter(f"{job.status}/{job.tier}" for job in jobs)
        print(
            f"{backend}, seed {SEED}: {dict(ended)}, {len(storm.deleted)} deleted, {len(storm.left)} accounts left, "
            f"{storm.stood_still} stood still, {late} late copies, clocks {ahead}, faults {dict(fired)}"
        )
        assert not found, "\n".join([*found, "dead letters:", *await here.dead_letters(), here.said()])
        assert fired.total() > JOBS // 2
