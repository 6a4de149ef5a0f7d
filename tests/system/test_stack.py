"""What the README promises, and what has to survive."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import os
import random
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from aiohttp import ClientSession, CookieJar

from tests.support.proxy import CALLS, Fault, Proxy, Rule, serving
from tests.support.stack import GAS, OWN, Person, Stack, insist, patience, sign_in, started

pytestmark = pytest.mark.slow

T = TypeVar("T")
JOBS = int(os.environ.get("GAS_SYSTEM_JOBS", "6"))
SEED = int(os.environ.get("GAS_SYSTEM_SEED", "1"))
UNSENT = '"mail marked, and not sent"'
FREE_JOBS = 10
"""Jobs of one free user, within the plan's limits."""


def vcf(records: int) -> bytes:
    """A file of `records` + 1 records with known answers."""
    head = b"##fileformat=VCFv4.2\n##contig=<ID=MT,length=16569>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    known = (b"MT\t3243\t.\tA\tG\t.\t.\t.\n", b"MT\t11778\t.\tG\tA\t.\t.\t.\n")
    return head + b"".join(known[0] for _ in range(records)) + known[1]


def test_the_demo_sees_every_step(tmp_path: Path) -> None:
    options = ["--demo", "--port", "0", "--retention", "3s", "--retrieval", "2s", "--folder", str(tmp_path)]
    played = subprocess.run([GAS, "stack", *options], env=OWN, capture_output=True, text=True, timeout=300)
    assert played.returncode == 0, played.stdout + played.stderr
    assert "Every step was seen to happen." in played.stdout


async def test_every_job_is_done_exactly_once_and_comes_back_while_aws_fails_and_daemons_are_killed(
    emulator: str, tmp_path: Path
) -> None:
    aws = Proxy(emulator, lambda: None, chance=random.Random(SEED))
    async with serving(aws), AsyncExitStack() as sessions:
        stack = await sessions.enter_async_context(aside(started(tmp_path, "--annotators", "2", aws=aws.url)))
        killer = Killer(stack, random.Random(SEED))
        people = []
        for number in range(1 + -(-JOBS // FREE_JOBS)):
            http = await sessions.enter_async_context(ClientSession(cookie_jar=CookieJar(unsafe=True)))
            people.append(await sign_in(http, stack.portal, f"person{number}@example.org"))
        await people[0].subscribe()
        killing = asyncio.create_task(killer.kill_now_and_then())
        aws.rules = [Rule("*", fault, share=0.01) for fault in CALLS if fault not in (Fault.KILL_BEFORE, Fault.KILL_AFTER)]
        records = {}
        for number in range(JOBS):
            upload = partial(people[number % len(people)].upload, f"{number}.vcf", vcf(number * 50))
            records[await insist(upload)] = number * 50 + 1
        await until_all(people, lambda person, job: job["tier"] == ("AVAILABLE" if person is people[0] else "ARCHIVED"), stack)
        await asyncio.gather(*(insist(person.subscribe) for person in people[1:]))
        await until_all(people, lambda person, job: job["tier"] == "AVAILABLE", stack)
        killing.cancel()
        fired, aws.rules = {rule.fault: rule.fired for rule in aws.rules}, []
        assert sum(fired.values()) > JOBS and len(killer.kills) > 1, (fired, killer.kills)
        for person in people:
            for job in await person.jobs():
                result = gzip.decompress(await person.call("GET", f"/annotations/{job['job_id']}/result")).decode()
                assert sum(not line.startswith("#") for line in result.splitlines()) == records.pop(job["job_id"])
        assert records == {}
        # a mail is marked before it is sent, so a kill between the two, or a mark whose answer is lost, costs that mail
        for _ in patience(180):
            findings = (await asyncio.to_thread(stack.gas, "doctor", "--full", "--json")).stdout
            if findings.count('"kind"') == findings.count(UNSENT):
                break
            await asyncio.sleep(2)
        free = JOBS - len(range(0, JOBS, len(people)))
        lost = killer.kills["notify"] * 10 + fired[Fault.DROP]
        expected = {"ready": JOBS, "archived": free, "back": free}
        sent = Counter(mail["subject"].rpartition(" ")[2] for mail in stack.mails())
        assert findings.count('"kind"') == findings.count(UNSENT) <= lost, findings
        assert all(expected[word] - lost <= count <= expected[word] for word, count in sent.items()), (
            sent,
            expected,
            killer.kills,
        )


@asynccontextmanager
async def aside(blocking: AbstractContextManager[T]) -> AsyncIterator[T]:
    """Enters and leaves a blocking context in a thread, so that what runs here goes on."""
    entered = await asyncio.to_thread(blocking.__enter__)
    try:
        yield entered
    finally:
        await asyncio.to_thread(blocking.__exit__, None, None, None)


async def test_on_an_emulator_of_its_own_the_stack_goes_on_where_it_was_killed(emulator: str, tmp_path: Path) -> None:
    jobs = []
    with started(tmp_path, aws=emulator) as stack:
        async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as http:
            person = await sign_in(http, stack.portal, "somebody@example.org")
            jobs += [await person.upload(f"{number}.vcf", vcf(number)) for number in range(5)]
        stack.kill()
    with started(tmp_path, aws=emulator) as stack:
        async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as http:
            person = await sign_in(http, stack.portal, "somebody@example.org")
            await until_all([person], lambda person, job: job["tier"] == "ARCHIVED", stack)
            assert sorted(job["job_id"] for job in await person.jobs()) == sorted(jobs)
        # a mail that was marked, and not sent, when everything died is an operator's to send: nothing else may be left
        for _ in patience(60):
            findings = stack.gas("doctor", "--full", "--json").stdout
            if findings.count('"kind"') == findings.count(UNSENT):
                break
            await asyncio.sleep(1)
        assert findings.count('"kind"') == findings.count(UNSENT) <= len(jobs), findings
        sent = stack.gas("account", "send-mail", "somebody@example.org", "--reason", "the power went")
        assert sent.returncode == 0, sent.stdout + sent.stderr
        for _ in patience(60):
            if (silent := stack.gas("doctor", "--full")).returncode == 0:
                break
            await asyncio.sleep(1)
        assert silent.returncode == 0, silent.stdout


@dataclass
class Killer:
    stack: Stack
    chance: random.Random
    kills: Counter[str] = field(default_factory=Counter)

    async def kill_now_and_then(self) -> None:
        """SIGKILL to a daemon chosen at random, as often as there are jobs."""
        while sum(self.kills.values()) < JOBS:
            await asyncio.sleep(self.chance.uniform(0.3, 1.5))
            daemons = self.stack.daemons()
            victim = self.chance.choice(sorted(daemons))
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
                self.kills[daemons[victim]] += 1


async def until_all(people: list[Person], holds: Callable[[Person, dict[str, Any]], bool], stack: Stack) -> None:
    """Waits until every job of everybody satisfies `holds`."""
    waiting: list[dict[str, Any]] = []
    for _ in patience(180 + 3 * JOBS):
        waiting = [job for person in people for job in await insist(person.jobs) if not holds(person, job)]
        if not waiting:
            return
        await asyncio.sleep(1)
    raise AssertionError(f"never: {waiting}\n{stack.logs()}")
