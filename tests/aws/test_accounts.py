"""The accounts table: logins, changes of plan, items that expire."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from app.aws.dynamodb import CONFLICTS
from app.domain.accounts import Plan
from app.services.backend import Backend

USER = str(uuid.uuid4())


async def test_the_first_login_makes_a_free_account_and_later_ones_keep_its_plan(gas: Backend) -> None:
    first = await gas.accounts.login(USER, name="A", email="a@example.org")
    assert (first.plan, first.version, first.deadline) == (Plan.FREE, 0, None)
    await gas.accounts.change_plan(USER, Plan.PREMIUM)
    later = await gas.accounts.login(USER, name="B")
    assert (later.plan, later.name, later.email, later.created_at) == (Plan.PREMIUM, "B", "a@example.org", first.created_at)


async def test_a_login_that_says_nothing_of_the_person_is_a_login(gas: Backend) -> None:
    assert (await gas.accounts.login(USER)).user_id == USER


async def test_a_change_of_plan_counts_once_and_waits_until_it_is_settled(gas: Backend) -> None:
    await gas.accounts.login(USER)
    changes = await asyncio.gather(*(gas.accounts.change_plan(USER, Plan.PREMIUM) for _ in range(5)))
    (changed,) = [change for change in changes if change]
    assert changed.version == 1 and changed.deadline
    assert not await gas.accounts.clear_deadline(USER, 0)
    assert await gas.accounts.clear_deadline(USER, 1)
    account = await gas.accounts.get(USER)
    assert account and account.deadline is None


async def test_nobody_without_an_account_changes_a_plan(gas: Backend) -> None:
    assert await gas.accounts.change_plan(str(uuid.uuid4()), Plan.PREMIUM) is None


async def test_an_expired_item_is_gone_though_dynamodb_still_has_it(gas: Backend) -> None:
    await gas.accounts.put_item(USER, "SESSION#old", expires_at=gas.now() // 1000 - 1, seen=1)
    await gas.accounts.put_item(USER, "SESSION#new", expires_at=gas.now() // 1000 + 60, seen=2)
    assert await gas.accounts.item(USER, "SESSION#old") is None
    assert [item["seen"] async for item in gas.accounts.items(USER, "SESSION#")] == [2]
    await gas.accounts.delete_item(USER, "SESSION#new")
    assert await gas.accounts.item(USER, "SESSION#new") is None


async def test_a_counter_stops_at_its_limit_however_many_count_at_once(gas: Backend) -> None:
    ends = gas.now() // 1000 + 60
    counted = await asyncio.gather(*(gas.accounts.count(USER, "DAY#1", 3, expires_at=ends) for _ in range(8)))
    assert sum(counted) == 3


async def test_many_who_show_their_sessions_at_once_are_told_apart(gas: Backend) -> None:
    users = [str(uuid.uuid4()) for _ in range(60)]  # more than one request reads
    for user in users[1:]:
        await gas.accounts.login(user, name=user)
    for user in users:
        await gas.accounts.put_item(user, "SESSION#a", expires_at=gas.now() // 1000 + 60, seen=1)
        await gas.accounts.put_item(user, "SESSION#b", expires_at=gas.now() // 1000 - 60, seen=2)
    shown = [gas.accounts.get_with(user, item) for user in users for item in ("SESSION#a", "SESSION#b", "SESSION#c")]
    found = await asyncio.gather(*shown)
    assert [one[0].name for one in found[::3] if one] == users[1:], "and the one without an account is nobody"
    assert not any(found[1::3]) and not any(found[2::3])


CONFLICT = {"Error": {"Code": "TransactionConflictException", "Message": ""}}
CANCELLED = {
    "Error": {"Code": "TransactionCanceledException", "Message": ""},
    "CancellationReasons": [{"Code": "None"}, {"Code": "TransactionConflict"}],
}


async def test_a_write_that_meets_a_transaction_on_its_item_is_made_again(gas: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """As DynamoDB answers while another daemon's transaction asks for the account, or marks the same mail."""
    await gas.accounts.login(USER)
    left, real = 0, gas.accounts.dynamodb._make_api_call

    async def in_conflict(name: str, arguments: Any) -> Any:
        nonlocal left
        if left and name in ("UpdateItem", "TransactWriteItems"):
            left -= 1
            raise ClientError(CONFLICT if name == "UpdateItem" else CANCELLED, name)
        return await real(name, arguments)

    monkeypatch.setattr(gas.accounts.dynamodb, "_make_api_call", in_conflict)
    expires_at = gas.now() // 1000 + 60
    left = CONFLICTS - 1
    assert await gas.accounts.mark(USER, "batch:1", "token", expires_at=expires_at)
    left = CONFLICTS - 1
    assert await gas.accounts.change_plan(USER, Plan.PREMIUM)
    left = CONFLICTS
    with pytest.raises(ClientError, match="TransactionConflict"):
        await gas.accounts.change_plan(USER, Plan.FREE)
    assert left == 0 and not await gas.accounts.mark(USER, "batch:1", "other", expires_at=expires_at)


async def test_no_mail_is_marked_of_an_account_that_is_being_deleted(gas: Backend) -> None:
    user_id = str(uuid.uuid4())
    expires_at = gas.now() // 1000 + 60
    assert not await gas.accounts.mark(user_id, "batch:1", expires_at=expires_at)
    await gas.accounts.login(user_id)
    await gas.accounts.begin_erasing(user_id)
    assert not await gas.accounts.mark(user_id, "batch:1", expires_at=expires_at)
    assert await gas.accounts.unsent_of(user_id) == []
