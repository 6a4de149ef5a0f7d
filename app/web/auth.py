"""Who a request comes from: a browser by its session, a program by its token."""

from __future__ import annotations

import asyncio

from aiohttp import web

from app.domain.accounts import Account
from app.domain.jobs import Job
from app.domain.keys import JOB_ID, user_of
from app.services import submissions
from app.services.identity import READ
from app.web import sessions
from app.web.app_keys import BACKEND, CSRF, JOB, TOKENS, account

SAFE = {"GET", "HEAD", "OPTIONS"}


def bearer(request: web.Request) -> str:
    """The token that a program shows; empty anywhere but in the API."""
    return request.headers.get("Authorization", "").partition(" ")[2] if request.path.startswith("/api/") else ""


async def by_token(request: web.Request, token: str) -> Account | None:
    """The token's owner. Raises HTTPForbidden where it may only read."""
    found = await request.app[TOKENS].find(token)
    if found is None:
        return None
    owner, kept = found
    if kept.get("scope") == READ and request.method not in SAFE:
        raise web.HTTPForbidden
    return owner


async def by_session(request: web.Request) -> Account | None:
    """The account that is signed in; the request knows the session's CSRF token then."""
    session = await sessions.find(request)
    if session is None:
        return None
    request[CSRF] = session.csrf
    return session.account


def begin_reading_job(request: web.Request, secret: str) -> None:
    """Reads the job that the address names in the same request to DynamoDB as the session or token with this `secret`.

    Its owner is who the secret says; whether that is true is not known yet, and `own_job` is asked only where it is.
    """
    job_id = request.match_info.get("id", "")
    if (user_id := user_of(secret)) and JOB_ID.fullmatch(job_id):
        request[JOB] = job = asyncio.create_task(request.app[BACKEND].jobs.get_batched(user_id, job_id), name="reads the job")
        job.add_done_callback(_looked_at)


async def own_job(request: web.Request) -> Job:
    """The job that the address names, as it was when the request came. Raises NotFound if it is none of the user's."""
    user_id, job_id = account(request).user_id, request.match_info["id"]
    return submissions.there(await request[JOB] if JOB in request else None, user_id, job_id)


def _looked_at(task: asyncio.Task[Job | None]) -> None:
    # a request without a session never awaits it
    if not task.cancelled():
        task.exception()


async def still_signed_in(request: web.Request) -> Account | None:
    """The account that sent the request, if what it showed is good even now: for answers that last."""
    if token := bearer(request):
        return await by_token(request, token)
    session = await sessions.find(request)
    return session.account if session else None
