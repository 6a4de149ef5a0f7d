"""What belongs to a user and is theirs to take away or to have deleted."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from app.aws.clients import ungrouped
from app.domain.accounts import Account
from app.domain.jobs import UNFINISHED, Job
from app.services.backend import Backend
from app.services.submissions import DAY_MS, delete

PAGE = 50
PROFILE = "PROFILE"
JOBS_AT_ONCE = 10
"""Jobs of an account that are deleted side by side: each takes eight calls, one after the other."""

ERASE_SECONDS = 20
"""Seconds that one request deletes; what is left then, the next one does."""

HIDDEN = {"item", "user_id", "csrf", "password"}
SECRET = {"mail_key"}
KEPT = {
    "sessions": "SESSION#",
    "tokens": "TOKEN#",
    "shares": "SHARE#",
    "saved": "SAVED#",
    "counts": "DAY#",
    "marks": "MARK#",
    "audit": "AUDIT#",
}
"""What is kept beside the profile, by its name in the export."""


@dataclass(frozen=True)
class Usage:
    """What is used of the plan now."""

    unfinished: int
    today: int  # submissions since midnight, UTC


async def usage(backend: Backend, account: Account) -> Usage:
    """Counts the unfinished jobs of the account, and its submissions of today (UTC)."""
    newest = await backend.jobs.page(account.user_id, limit=2 * account.limits.unfinished_jobs)
    counted = await backend.accounts.item(account.user_id, f"DAY#{backend.now() // DAY_MS}")
    return Usage(sum(job.status in UNFINISHED for job in newest), (counted or {}).get("seen", 0))


async def export(backend: Backend, account: Account) -> AsyncIterator[str]:
    """Everything that is kept about the user, as one JSON document in pieces. Files are named, not contained."""
    profile = {name: value for name, value in asdict(account).items() if name not in SECRET}
    yield '{"account": ' + json.dumps(profile, default=sorted)
    for name, prefix in KEPT.items():
        kept = [_shown(one) async for one in backend.accounts.items(account.user_id, prefix)]
        yield f',\n"{name}": {json.dumps(kept)}'
    yield ',\n"jobs": ['
    separator, before = "", None
    while jobs := await backend.jobs.page(account.user_id, before=before, limit=PAGE):
        for job in jobs:
            yield separator + json.dumps(_job(backend, job))
            separator = ",\n"
        before = jobs[-1].job_id
    yield "]}\n"


class Shop(Protocol):
    """Where an account may be a customer."""

    async def forget(self, account: Account) -> None:
        """Deletes the customer there. May be repeated."""


async def erase(backend: Backend, account: Account, shop: Shop | None) -> bool:
    """Deletes the account with all its data, the record that it was there last. False if time ran out, or if the account is a
    customer of Stripe, which can't be asked here: again, then.

    It may end anywhere: the account is marked before anything goes, and the doctor goes on with what is marked. Tokens go
    before the jobs, so that no program adds more meanwhile; sessions after the jobs, so that the user can go on.
    """
    user_id, until = account.user_id, time.monotonic() + ERASE_SECONDS
    await backend.accounts.begin_erasing(user_id)
    for prefix in ("TOKEN#", "SHARE#"):
        await _forget(backend, user_id, prefix)
    if not await _delete_jobs(backend, user_id, until):
        return False
    if shop:
        await shop.forget(account)
        await backend.accounts.update(user_id, stripe_customer=None)  # what goes on with it needs no key of the shop
    elif account.stripe_customer:
        return False
    for prefix in ("SESSION#", "SAVED#", "DAY#", "MARK#", "AUDIT#"):
        await _forget(backend, user_id, prefix)
    # what was submitted in another tab before the account was marked
    if not await _delete_jobs(backend, user_id, until):
        return False
    await backend.accounts.delete_item(user_id, PROFILE)
    return True


async def forget_marks(backend: Backend, user_id: str) -> None:
    """Deletes what a request may have left of an account that is gone: its counts and its idempotency keys."""
    for prefix in ("DAY#", "MARK#"):
        await _forget(backend, user_id, prefix)


async def _delete_jobs(backend: Backend, user_id: str, until: float) -> bool:
    while jobs := await backend.jobs.page(user_id, limit=PAGE):
        for start in range(0, len(jobs), JOBS_AT_ONCE):
            with ungrouped():
                async with asyncio.TaskGroup() as deletions:
                    for job in jobs[start : start + JOBS_AT_ONCE]:
                        deletions.create_task(delete(backend, user_id, job.job_id))
            if time.monotonic() > until:
                return False
    return True


async def _forget(backend: Backend, user_id: str, prefix: str) -> None:
    async for one in backend.accounts.items(user_id, prefix):
        await backend.accounts.delete_item(user_id, one["item"])


def _shown(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in HIDDEN}


def _job(backend: Backend, job: Job) -> dict[str, Any]:
    values = {name: sorted(value) if isinstance(value, frozenset) else value for name, value in asdict(job).items()}
    return {**values, "address": f"{backend.settings.public_url}/annotations/{job.job_id}"}
