"""Whatever call a daemon dies or fails at, each job ends in its one right state, without a copy or a mail too many.

The calls are learned by watching one message being handled without faults, so that new code is covered by itself.
A sample of the faults runs by default, every one of them with GAS_FAULTS=all. How many calls a message takes depends on how busy
the machine is (progress is written by the clock), so that some are not reached; a sample goes on until as many as it has fired.
"""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import Any

import pytest

from app.aws.accounts import MAIL
from app.local.vault import Vault
from tests.support.forks import Forks
from tests.support.lanes import ALL, SAMPLE, SEED, Lane, lane, seeded
from tests.support.proxy import CALLS, Call, Rule
from tests.support.scenarios import SCENARIOS, Scenario, at_rest, problems
from workers import VERBS

pytestmark = pytest.mark.slow

LEASES = (2, 6) if ALL else (6,)
"""Seconds, of the lanes beside the first: those of a dead daemon run out before its message comes back, or after."""

LANES = [(verb, "s3") for verb in VERBS] + [(verb, "glacier") for verb in ("archive", "restore", "thaw")]
"""Daemons, and the archive that they work with: the vault for those that speak to it."""

TIMED = {"sqs.ChangeMessageVisibility", "sqs.GetQueueAttributes", "sqs.GetQueueUrl"}
"""Heartbeats come when they come, and the others belong to the start."""


async def play(lane: Lane, scenario: Scenario, rule: Rule | None = None) -> list[Call]:
    """One message of `scenario` under `rule`; returns the calls that its daemon made until all was quiet."""
    proxy = lane.daemons[scenario.verb].proxy
    proxy.forget()
    proxy.rules = [rule] if rule else []
    began = await scenario.begin(lane.service)
    (job,) = await at_rest(lane, [began])
    found = await problems(lane, [job], mails_lost=scenario.mails_lost if rule and scenario.verb == "notify" else 0)
    found += [f"dead letter {body}" for body in await lane.dead_letters()]
    if (job.status, job.tier) != (scenario.status, scenario.tier):
        found.append(f"ends {job.status}/{job.tier}")
    if (told := {mark.partition(":")[0] for mark in job.mailed}) != scenario.told:
        found.append(f"told of {told}")
    marks = [one["item"] async for one in lane.service.gas.accounts.items(job.user_id, MAIL + scenario.marked)]
    if scenario.marked and len(marks) != 1:
        found.append(f"the account's mail has the marks {marks}")
    assert not found, "\n".join([f"{scenario.begin.__name__}, {rule}:", *found, str(job), lane.said()])
    await lane.forget(job)
    return [call for call in proxy.calls if call.operation not in TIMED]


@pytest.mark.parametrize(("verb", "backend"), LANES)
async def test_a_fault_at_every_call(
    verb: str, backend: str, aws: dict[str, Any], vault: Vault, forks: Forks, tmp_path: Path
) -> None:
    cases: list[tuple[Scenario, Rule]] = []
    missed, failures, fired = list[str](), list[str](), list[Rule]()
    archives = vault if backend == "glacier" else None

    async def watch(here: Lane) -> None:
        for scenario in SCENARIOS:
            if scenario.verb == verb:
                calls = await play(here, scenario)
                possible = [(call, fault) for call in calls for fault in CALLS if fault.befalls(call.operation)]
                cases.extend((scenario, Rule(call.operation, fault, call.number)) for call, fault in possible)
                print(f"{scenario.begin.__name__}: {', '.join(map(str, calls))}")
        seeded(SEED, verb).shuffle(cases)

    async def work_in(here: Lane) -> None:
        """Until all is done, or a failure leaves this lane's queues in disorder."""
        while waiting and (ALL or len(fired) < SAMPLE):
            scenario, rule = waiting.pop()
            try:
                await play(here, scenario, rule)
            except AssertionError as failure:
                failures.append(str(failure))
                return
            if rule.fired:
                fired.append(rule)
            else:
                missed.append(f"{rule.operation}#{rule.number} {rule.fault.name}")

    async def work(lease: int) -> None:
        while waiting and (ALL or len(fired) < SAMPLE):
            async with lane(aws, forks, tmp_path / uuid.uuid4().hex, [verb], lease=lease, vault=archives) as here:
                await work_in(here)

    async with lane(aws, forks, tmp_path / "watched", [verb], vault=archives) as watched:
        await watch(watched)
        waiting = list(cases)
        async with asyncio.TaskGroup() as lanes:
            lanes.create_task(work_in(watched))
            for lease in LEASES:
                lanes.create_task(work(lease))
    print(f"{verb}, {backend}: {len(fired)} of {len(cases)} faults, {len(failures)} failures, not reached: {missed}")
    assert not failures, "\n\n".join(failures)
    assert len(fired) >= (len(cases) * 3 // 4 if ALL else min(SAMPLE, len(cases))), missed
