"""Read-only links to one result: anyone who has the link sees what the job's page shows, until its end date, and nothing else.

A link is a secret of the account that is stored hashed, like a token; with it are kept the job, the end date and, where its
owner wants one, a password, as a salted hash.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets

import structlog

from app.domain.accounts import Account
from app.domain.jobs import Job, Status
from app.services.backend import Backend
from app.services.identity import Secrets
from app.services.submissions import Refused

log = structlog.get_logger()

DAYS = (7, 1, 30, 90)
"""How long a link may be good for; the first is offered."""

MOST = 50
"""Links of an account at once."""

MOST_PASSWORD = 200
DAY_SECONDS = 86_400
_COST = {"n": 1 << 14, "r": 8, "p": 1}


class PasswordNeeded(LookupError):
    """The link is good, and wants its password; `wrong` if another one was given."""

    def __init__(self, *, wrong: bool) -> None:
        super().__init__("a password is needed")
        self.wrong = wrong


async def create(backend: Backend, links: Secrets, job: Job, days: int, password: str = "") -> str:
    """A new link to a completed job, as its secret. Raises Refused."""
    if job.status is not Status.COMPLETED or not job.summary:
        raise Refused("There is no result to share yet.")
    if sum([1 async for _ in links.list(job.user_id)]) >= MOST:
        raise Refused(f"There are {MOST} links already. Please revoke one on your profile first.")
    now = backend.now() // 1000
    kept = await asyncio.to_thread(_hashed, password[:MOST_PASSWORD]) if password else ""
    ends = now + (days if days in DAYS else DAYS[0]) * DAY_SECONDS
    log.info("result shared", job_id=job.job_id, user_id=job.user_id, days=days, password=bool(password))
    return await links.issue(job.user_id, ends, created=now, job_id=job.job_id, name=job.file_name, password=kept)


async def opened(backend: Backend, links: Secrets, secret: str, password: str) -> tuple[Account, Job] | None:
    """Whose result the link shows, and the job; None if it is not, or not any more, good. Raises PasswordNeeded."""
    found = await links.find(secret)
    if found is None:
        return None
    account, kept = found
    if kept["password"] and not await asyncio.to_thread(_fits, kept["password"], password[:MOST_PASSWORD]):
        raise PasswordNeeded(wrong=bool(password))
    job = await backend.jobs.get(account.user_id, kept["job_id"])
    if job is None or job.status is not Status.COMPLETED:
        return None
    log.info("shared result seen", job_id=job.job_id, user_id=account.user_id)
    return account, job


def _hashed(password: str, salt: str = "") -> str:
    salt = salt or secrets.token_hex(16)
    return f"{salt}:{hashlib.scrypt(password.encode(), salt=salt.encode(), n=_COST['n'], r=_COST['r'], p=_COST['p']).hex()}"


def _fits(kept: str, password: str) -> bool:
    return hmac.compare_digest(kept, _hashed(password, kept.partition(":")[0]))
