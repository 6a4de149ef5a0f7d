"""Free and premium users upload, cancel, retry, delete, upgrade, downgrade and leave for good, while every daemon is killed or
stands still, its clock is wrong, its host has no names or no room on its disk, records are as large as they can be, every call
may fail and old messages come again: in the end the doctor has nothing to report.

The choices follow from GAS_FAULTS_SEED; a few jobs by default, some hundreds with GAS_FAULTS=all, as many as GAS_STORM_JOBS says.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections import Counter
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from app.domain.accounts import Account, Plan
from app.domain.jobs import Job, Status, Tier
from app.domain.keys import input_key
from app.domain.limits import SAVED, SAVED_TEXT
from app.local.vault import Vault
from app.services import privacy, saved, submissions, subscriptions
from app.services.submissions import NotFound, Refused
from tests.support.disks import Disk, small_disk
from tests.support.forks import Forks
from tests.support.lanes import ALL, SEED, WAITS, Lane, lane, seeded
from tests.support.proxy import Fault, Rule
from tests.support.scenarios import STEP_TIMEOUT_SECONDS, at_rest, problems
from tests.support.service import VCF, spec
from workers import VERBS

pytestmark = pytest.mark.slow

JOBS = int(os.environ.get("GAS_STORM_JOBS", 200 if ALL else 14))
LEASE_SECONDS = 2
AHEAD_SECONDS = 5 * LEASE_SECONDS
"""What clocks are wrong by at most: five leases, which are five minutes where a lease takes one."""

DISK_MEBIBYTES = 80
"""Of an annotator's host, which wants 64 to begin at all."""

RARER = max(1, JOBS / 20)
"""What happens to hosts comes at a rate that leaves a long storm an end: each of these stops the work of one for seconds."""

FULL_SECONDS = 4
LONGEST_NAMELESS_SECONDS = 15
"""An address that is known is asked for again ten seconds later."""

LARGE, LARGE_BYTES = 0.1, 380_000
"""Share of the jobs whose record is about as large as DynamoDB takes (400 kB), so that it cuts pages and batches short."""

LONGEST_WEATHER_SECONDS = 120 + JOBS
"""After the last job was submitted, at most."""

LATE_COPIES = 200 + JOBS
"""How many old messages come again at most."""

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
"""Of all calls; for kills see `shares_of`."""

UNENDED = {Status.UPLOADING, Status.PENDING, Status.RUNNING}


def shares_of(verb: str) -> dict[Fault, float]:
    """SHARES for one daemon. A kill costs all that it works on a receive: one that is killed more often than it can end twenty
    messages only uses up their receives, and they become dead letters. In a long storm there are always twenty."""
    at_once = max(1, min(spec(verb).concurrency / 2, JOBS / 14))
    return {fault: share / at_once if fault.name.startswith("KILL") else share for fault, share in SHARES.items()}


def said(body: str) -> str:
    """What a message says, whichever of its like it is."""
    return json.dumps({name: value for name, value in json.loads(body).items() if name not in ("event_id", "occurred_at")})


ENDS = {Plan.FREE: Tier.ARCHIVED, Plan.PREMIUM: Tier.AVAILABLE}


@dataclass
class Storm:
    lane: Lane
    chance: random.Random
    users: list[Account] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    deleted: list[Job] = field(default_factory=list)
    left: list[Account] = field(default_factory=list)
    disk: Disk | None = None  # of the annotator's host, where tests may mount one
    stood_still: int = 0
    filled: int = 0
    nameless: int = 0
    large: int = 0

    async def account(self, plan: Plan) -> None:
        """One more user, who keeps as many panels of genes as there may be, in one item."""
        user = await self.lane.service.account(plan)
        panels = {f"panel {n}": ("MT-ND1 " * SAVED_TEXT.most)[: SAVED_TEXT.most] for n in range(SAVED.most)}
        values = {"kind": saved.Kind.PANELS, "entries": json.dumps(panels)}
        assert await self.lane.service.gas.accounts.put_next(user.user_id, f"{saved.PREFIX}{saved.Kind.PANELS}", 0, **values)
        self.users.append(user)

    async def submit(self, user: Account) -> None:
        body = VCF if self.chance.random() < 0.9 else b"this is no VCF\n"
        self.jobs.append(job := await self.lane.service.submit(user, body))
        if self.chance.random() < LARGE:
            await self.lane.service.aws["dynamodb"].update_item(
                TableName=self.lane.service.gas.jobs.table,
                Key={"user_id": {"S": job.user_id}, "job_id": {"S": job.job_id}},
                UpdateExpression="SET padding = :padding",
                ConditionExpression="attribute_exists(job_id)",
                ExpressionAttributeValues={":padding": {"S": "x" * LARGE_BYTES}},
            )
            self.large += 1

    async def leave(self, user: Account) -> None:
        """The user deletes the account, in the middle of everything."""
        self.users.remove(user)
        self.deleted += [one for one in self.jobs if one.user_id == user.user_id]
        self.jobs = [one for one in self.jobs if one.user_id != user.user_id]
        self.left.append(user)
        while not await privacy.erase(self.lane.service.gas, user, None):
            pass

    async def act(self) -> None:
        """One user does one thing."""
        gas, user = self.lane.service.gas, self.chance.choice(self.users)
        job = self.chance.choice(self.jobs) if self.jobs else None
        if not self.left and len(self.jobs) + len(self.deleted) > JOBS // 2:
            await self.leave(user)
            return
        acts = {"submit": 20, "plan": 8, "cancel": 2, "retry": 2, "delete": 2, "leave": 1 if len(self.users) > 2 else 0}
        what = self.chance.choices([*acts], [*acts.values()])[0]
        with suppress(Refused, NotFound):
            if what == "submit" or job is None:
                await self.submit(user)
            elif what == "plan":
                await subscriptions.change_plan(gas, user.user_id, self.chance.choice(list(Plan)))
            elif what == "cancel":
                await submissions.cancel(gas, job.user_id, job.job_id)
            elif what == "retry":
                await submissions.retry(gas, user, job.job_id)
            elif what == "leave":
                await self.leave(user)
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

    async def fill_disk(self) -> None:
        """Each now and then, the annotator's host has no room left."""
        while disk := self.disk:
            await asyncio.sleep(self.chance.uniform(2, 6) * RARER)
            try:
                disk.fill()
                await asyncio.sleep(FULL_SECONDS)
            finally:
                disk.clear()
            self.filled += 1

    async def lose_names(self) -> None:
        """Each now and then, the name of AWS does not resolve on the host of a daemon, until that has noticed."""
        while True:
            await asyncio.sleep(self.chance.uniform(1, 3) * RARER)
            daemon = self.chance.choice([*self.lane.daemons.values()])
            assert daemon.resolver
            before, ends = daemon.resolver.failures, asyncio.get_running_loop().time() + LONGEST_NAMELESS_SECONDS
            try:
                daemon.resolver.fail(on=True)
                daemon.proxy.closing = True
                while daemon.resolver.failures == before and asyncio.get_running_loop().time() < ends:
                    await asyncio.sleep(0.2)
                await asyncio.sleep(1)
            finally:
                daemon.resolver.fail(on=False)
                daemon.proxy.closing = False
            self.nameless += daemon.resolver.failures - before

    async def traces(self, user: Account) -> list[str]:
        """Items and uploads that there are of an account that was deleted."""
        gas, aws = self.lane.service.gas, self.lane.service.aws
        tables = (gas.accounts.table, "item"), (gas.jobs.table, "job_id")
        found = [key async for key in gas.inputs.list(f"{input_key(user.user_id, '').rstrip('/')}")]
        for table, sort in tables:
            said = await aws["dynamodb"].query(
                TableName=table,
                KeyConditionExpression="user_id = :user",
                ExpressionAttributeValues={":user": {"S": user.user_id}},
                ConsistentRead=True,
            )
            found += [item[sort]["S"] for item in said["Items"]]
        return found

    async def half_have_ended(self) -> bool:
        """Whether half of the jobs were annotated, as far as a sample tells."""
        sample = self.chance.sample(self.jobs, min(20, len(self.jobs)))
        now = [await self.lane.service.gas.jobs.get(job.user_id, job.job_id) for job in sample]
        return sum(job is not None and job.status in UNENDED for job in now) <= len(sample) // 2

    async def again(self) -> int:
        """Sends a copy of each message that any daemon has received, LATE_COPIES at most, in any order; returns how many.

        Of those that say the same of the same job, as the doctor's do, one: the others would be handled as that is.
        """
        received = sorted({one for daemon in self.lane.daemons.values() for one in daemon.proxy.received.values()})
        different = [*{(queue, said(body)): (queue, body) for queue, body in received}.values()]
        copies = self.chance.sample(different, min(LATE_COPIES, len(different)))
        for queue, body in copies:
            await self.lane.service.aws["sqs"].send_message(QueueUrl=queue, MessageBody=body)
        return len(copies)


@pytest.mark.parametrize("backend", ["s3", pytest.param("glacier", marks=pytest.mark.night)])
async def test_a_storm_leaves_nothing_to_report(
    backend: str, aws: dict[str, Any], vault: Vault, forks: Forks, tmp_path: Path
) -> None:
    vault.seconds, vault.failing = 0.5, JOBS // 10
    clocks = seeded(SEED, "clocks")
    ahead = {verb: round(clocks.uniform(-AHEAD_SECONDS, AHEAD_SECONDS), 1) for verb in VERBS}
    archives = vault if backend == "glacier" else None
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        disk = stack.enter_context(small_disk(tmp_path / "disk", DISK_MEBIBYTES))
        disks = {"annotate": disk.folder} if disk else {}
        # a job of many waits longer for its annotator; the doctor would only ask for it again and again
        deadlines = json.loads(WAITS["GAS_DEADLINE_SECONDS"])
        others = {"GAS_DEADLINE_SECONDS": json.dumps({**deadlines, "PENDING": round(RARER * deadlines["PENDING"])})}
        options: dict[str, Any] = {"lease": LEASE_SECONDS, "ahead_seconds": ahead, "names": True}
        options |= {"disks": disks, "others": others}
        here = await stack.enter_async_context(lane(aws, forks, tmp_path, VERBS, vault=archives, **options))
        storm = Storm(here, seeded(SEED, "users"), disk=disk)
        for plan in Plan.FREE, Plan.PREMIUM:
            for _ in range(max(2, JOBS // 20)):
                await storm.account(plan)
        for daemon in here.daemons.values():
            daemon.proxy.chance = seeded(SEED, daemon.verb)
            daemon.proxy.rules = [Rule("*", fault, share=share) for fault, share in shares_of(daemon.verb).items()]
        rules = [rule for daemon in here.daemons.values() for rule in daemon.proxy.rules]
        began = loop.time()
        happening = storm.doctor(), storm.stop_hosts(), storm.fill_disk(), storm.lose_names()
        beside = [asyncio.create_task(one) for one in happening]
        while len(storm.jobs) + len(storm.deleted) < JOBS:
            await storm.act()
            await asyncio.sleep(storm.chance.uniform(0, 0.8))
        await asyncio.sleep(5)
        ends = loop.time() + LONGEST_WEATHER_SECONDS
        while loop.time() < ends:  # daemons of a busy machine make few calls in a second
            enough = sum(rule.fired for rule in rules) > JOBS // 2 and storm.nameless and (storm.filled or not disk)
            if enough and await storm.half_have_ended():
                break
            await asyncio.sleep(1)
        for daemon in here.daemons.values():
            daemon.proxy.rules = []
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        for daemon in here.daemons.values():
            await daemon.stand_still(0)  # it goes on if the storm ended while it stood still
        weather_ended = loop.time()
        stormy = {message_id for daemon in here.daemons.values() for message_id in daemon.proxy.deliveries}
        late = await storm.again()
        jobs = await at_rest(here, storm.jobs, STEP_TIMEOUT_SECONDS + 6 * JOBS)
        calm = loop.time()
        found = await problems(here, jobs, mails_lost=len(here.daemons["notify"].proxy.calls))
        for job in jobs:
            account = await here.service.gas.accounts.get(job.user_id)
            assert account
            if job.tier is not (ENDS[account.plan] if job.status is Status.COMPLETED else Tier.NONE):
                found.append(f"{account.plan} and {job.status}/{job.tier}: {job}")
        archived = await here.archived()
        for user in storm.left:
            if traces := await storm.traces(user):
                found.append(f"left, and still there: {user} {traces}")
        for job in storm.deleted:
            kept = await here.service.copies(job) + [one for one in archived if f"/{job.job_id}/" in one]
            if kept or await here.service.gas.jobs.get(job.user_id, job.job_id):
                found.append(f"deleted, and still there: {job} {kept}")
        fired = Counter(rule.fault.name for rule in rules for _ in range(rule.fired))
        deaths = sum(daemon.deaths for daemon in here.daemons.values())
        unfit = here.daemons["annotate"].log.read_text().count("this host cannot work")
        ended = Counter(f"{job.status}/{job.tier}" for job in jobs)
        dead = await here.dead_letter_histories()
        # a message whose daemon died, or missed an answer, at each of its ten deliveries may end so: the doctor sends another,
        # and every job is where it should be. One that no fault befell, or that a daemon would not take, may not.
        found += [f"dead letter: {one}" for one in dead if one.reason or one.message_id not in stormy]
        print(
            f"{len(storm.jobs) + len(storm.deleted)} jobs, {backend}, seed {SEED}: {dict(ended)}, "
            f"{len(storm.deleted)} deleted, {len(storm.left)} accounts left, "
            f"{storm.stood_still} stood still, {storm.nameless} names not found, {storm.filled} times no room ({unfit} unfit), "
            f"{storm.large} large records, {late} late copies, clocks {ahead}, {deaths} ends of daemons, faults {dict(fired)}, "
            f"{len(stormy)} messages met it, "
            f"{weather_ended - began:.0f} s of storm, {calm - weather_ended:.0f} s until calm, {len(dead)} dead letters",
            *dead,
            sep="\n",
        )
        assert not found, "\n".join([*found, here.said()])
        assert fired.total() > JOBS // 2 and storm.left and storm.nameless and (storm.filled or not disk)
