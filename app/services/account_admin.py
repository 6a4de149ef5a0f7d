"""What operators do with accounts. Each act leaves an AUDIT item at the account: what, who, why."""

from __future__ import annotations

import getpass
import secrets
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from app.aws.mail import MailRefused
from app.domain.accounts import Account, Plan
from app.domain.keys import USER_ID
from app.services import unsent
from app.services.backend import Backend
from app.services.billing import billing
from app.services.identity import WRITE, Secrets
from app.services.subscriptions import change_plan

TESTERS = uuid.UUID("6b0a1a52-6a52-4a4e-8f0e-6f2b6d1f0f5e")
"""Namespace of the user ids of accounts made for load tests: the same name is the same account."""

SIMULATOR = "success@simulator.amazonses.com"
"""SES takes mail to it, lets it count for no reputation, and delivers none. Source: SES's developer guide."""

DAY_SECONDS = 86_400


class Unclear(LookupError):
    """There is no such account, or more than one; or it can't be said here what it should become."""


async def find(backend: Backend, who: str) -> Account:
    """The account with this user id or, by reading the whole table, with this mail address. Raises Unclear."""
    one = await backend.accounts.get(who) if USER_ID.fullmatch(who) else None
    found = [one] if one else [account async for account in backend.accounts.with_email(who)]
    if len(found) != 1:
        names = ", ".join(account.user_id for account in found)
        raise Unclear(f"{len(found)} accounts have {who}{': name one of ' + names if found else ''}")
    return found[0]


async def grant(backend: Backend, account: Account, reason: str) -> Account:
    """Gives premium that stays whatever Stripe says, until it is revoked. May be repeated."""
    await backend.accounts.update(account.user_id, granted=True)
    await _note(backend, account, "grant", reason)
    await change_plan(backend, account.user_id, Plan.PREMIUM)
    return await _now(backend, account)


async def revoke(backend: Backend, account: Account, reason: str) -> Account:
    """Takes granted premium back; what is paid for at Stripe stays. May be repeated. Raises Unclear without Stripe's key."""
    async with billing(backend) as paid:
        if account.stripe_customer and paid is None:
            raise Unclear("this account is a customer at Stripe: GAS_STRIPE_SECRET_KEY is needed to see whether it pays")
        await backend.accounts.update(account.user_id, granted=None)
        await _note(backend, account, "revoke", reason)
        if account.stripe_customer and paid:
            await paid.sync_plan(account.user_id, account.stripe_customer)
        else:
            await change_plan(backend, account.user_id, Plan.FREE)
    return await _now(backend, account)


async def send_mail(backend: Backend, account: Account, reason: str) -> AsyncIterator[str]:
    """Sends what was marked, and not sent; a line for each. Raises Unclear where SES refuses."""
    await _note(backend, account, "send-mail", reason)
    try:
        async for line in unsent.send(backend, account):
            yield line
    except MailRefused as refused:
        raise Unclear(f"SES refused it, and the mark stays: {refused}") from refused


async def create_load_test_account(backend: Backend, name: str, plan: Plan, days: int) -> tuple[Account, str]:
    """An account for load tests, whose mail SES takes and does not deliver, without quotas, and an API token for it."""
    user_id = str(uuid.uuid5(TESTERS, name))
    account = await backend.accounts.login(user_id, name=name, email=SIMULATOR)
    await backend.accounts.update(user_id, quota_exempt=True)
    await change_plan(backend, user_id, plan)
    await _note(backend, account, "token", f"{name}, good for {days} days")
    now = backend.now() // 1000
    tokens = Secrets(backend.accounts, "TOKEN")
    token = await tokens.issue(user_id, now + days * DAY_SECONDS, created=now, name="load test", scope=WRITE)
    return await _now(backend, account), token


async def history(backend: Backend, account: Account) -> AsyncIterator[str]:
    """What operators did with this account, a line each, oldest first."""
    async for item in backend.accounts.items(account.user_id, "AUDIT#"):
        yield f"{item['at']}  {item['act']} by {item['operator']}: {item['reason']}"


async def _note(backend: Backend, account: Account, act: str, reason: str) -> None:
    when = datetime.fromtimestamp(backend.now() // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    item = f"AUDIT#{backend.now():013d}#{secrets.token_hex(4)}"
    await backend.accounts.put_item(account.user_id, item, at=when, act=act, operator=getpass.getuser(), reason=reason)


async def _now(backend: Backend, account: Account) -> Account:
    found = await backend.accounts.get(account.user_id)
    if found is None:
        raise Unclear(f"{account.user_id} was deleted meanwhile")
    return found
