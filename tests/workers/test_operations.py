"""`gas account`: operators look, grant, revoke, and make accounts for load tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid

import pytest

from app.domain.accounts import Plan
from app.domain.jobs import Tier
from app.domain.messages import PlanChanged
from app.services import account_admin, submissions
from app.services.account_admin import Unclear
from app.services.identity import Secrets
from app.services.subscriptions import change_plan
from tests.support.service import Service, environment


async def test_granted_premium_brings_results_back_and_stripe_does_not_end_it(service: Service) -> None:
    account = await service.account()
    job = await service.in_archive(account)
    granted = await account_admin.grant(service.gas, account, "a course")
    assert (granted.plan, granted.version, granted.granted) == (Plan.PREMIUM, 1, True)
    (message,) = await service.sent("restore_requests")
    assert isinstance(message, PlanChanged) and message.plan_version == 1
    await service.handle("restore", message)
    assert (await service.now(job)).tier is Tier.RESTORING
    assert await change_plan(service.gas, account.user_id, Plan.FREE) is None  # what a webhook or the portal does
    assert await service.sent("restore_requests") == []
    assert (await account_admin.grant(service.gas, account, "again")).version == 1


async def test_revoked_premium_is_one_change_of_plan(service: Service) -> None:
    account = await service.account()
    await account_admin.grant(service.gas, account, "a course")
    revoked = await account_admin.revoke(service.gas, account, "it is over")
    assert (revoked.plan, revoked.version, revoked.granted) == (Plan.FREE, 2, False)
    assert sorted(getattr(one, "plan_version", 0) for one in await service.sent("restore_requests")) == [1, 2]
    lines = [line async for line in account_admin.history(service.gas, account)]
    assert [line.split("  ")[1].split()[0] for line in lines] == ["grant", "revoke"]
    assert lines[0].endswith("a course") and lines[1].endswith("it is over")


async def test_a_customer_of_stripe_is_not_revoked_blindly(service: Service) -> None:
    account = await service.account()
    await account_admin.grant(service.gas, account, "a course")
    customer = await service.gas.accounts.update(account.user_id, stripe_customer="cus_x")
    assert customer
    with pytest.raises(Unclear, match="GAS_STRIPE_SECRET_KEY"):
        await account_admin.revoke(service.gas, customer, "it is over")
    assert (await account_admin.find(service.gas, account.user_id)).granted


async def test_an_account_is_found_by_id_and_by_address(service: Service) -> None:
    account = await service.account()
    assert (await account_admin.find(service.gas, account.user_id)).user_id == account.user_id
    assert (await account_admin.find(service.gas, account.email)).user_id == account.user_id
    for nobody in (str(uuid.uuid4()), "nobody@example.org"):
        with pytest.raises(Unclear, match="0 accounts"):
            await account_admin.find(service.gas, nobody)
    twin = await service.account()
    await service.gas.accounts.update(twin.user_id, email=account.email)
    with pytest.raises(Unclear, match=account.user_id):
        await account_admin.find(service.gas, account.email)


async def test_a_tester_has_no_quotas_and_a_token_that_works(service: Service) -> None:
    account, token = await account_admin.create_load_test_account(service.gas, "load-1", Plan.FREE, 1)
    same, other = await account_admin.create_load_test_account(service.gas, "load-1", Plan.PREMIUM, 1)
    assert same.user_id == account.user_id and other != token and same.plan is Plan.PREMIUM
    assert account.email == account_admin.SIMULATOR
    kept = await Secrets(service.gas.accounts, "TOKEN").find(token)
    assert kept and kept[0].user_id == account.user_id
    for _ in range(account.limits.unfinished_jobs + 1):
        await submissions.prepare(service.gas, account, "a.vcf", "rcrs", {})


def gas(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app.cli.main", "account", *arguments]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120)


@pytest.mark.slow
async def test_the_commands(service: Service) -> None:
    named = environment(service.gas.settings)
    account = await service.account()
    granted = gas(named, "grant", account.email, "--reason", "a course")
    assert granted.returncode == 0 and json.loads(granted.stdout)["plan"] == "premium", granted.stderr
    shown = gas(named, "show", account.user_id)
    assert '"granted": true' in shown.stdout and "grant by" in shown.stdout
    assert gas(named, "revoke", account.user_id, "--reason", "over").returncode == 0
    tokens = [json.loads(line) for line in gas(named, "token", "one", "two", "--plan", "premium").stdout.splitlines()]
    assert [(one["name"], one["plan"]) for one in tokens] == [("one", "premium"), ("two", "premium")]
    nobody = gas(named, "show", "nobody@example.org")
    assert nobody.returncode == 1 and "0 accounts" in nobody.stderr and "Traceback" not in nobody.stderr
