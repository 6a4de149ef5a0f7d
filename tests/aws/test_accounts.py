"""The accounts table: logins, changes of plan, items that expire."""

from __future__ import annotations

import asyncio
import uuid

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
