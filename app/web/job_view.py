"""What the page of one job knows: facts that neither its record nor its template has."""

from __future__ import annotations

from functools import cache
from typing import Any

from aiohttp import web

from app.annotation.errors import EngineError
from app.annotation.reference import find
from app.domain.accounts import PLANS
from app.domain.jobs import Job, Status, Tier
from app.web.keys import BACKEND, QUEUE_VIEW, account
from app.web.states import RETRIEVAL_TIMES, badge, moves, state


async def view(request: web.Request, job: Job) -> dict[str, Any]:
    """Values for the templates of a job."""
    return {
        "job": job,
        "state": state(job),
        "badge": badge(job),
        "reference": _title(job.bundle),
        "moves": moves(job, account(request).plan),
        "waiting": await request.app[QUEUE_VIEW].waiting() if job.status is Status.PENDING else 0,
        "archived_at": await _archived_at(request, job),
        "retrieval_time": RETRIEVAL_TIMES[job.speed] if job.speed else "some hours",
    }


async def _archived_at(request: web.Request, job: Job) -> int | None:
    """When (ms since 1970) the result moves to the archive, as far as it is known to."""
    user = account(request)
    if job.tier is not Tier.AVAILABLE or not job.finished_at or not PLANS[user.plan].archives:
        return None
    due = job.finished_at + 1000 * await request.app[QUEUE_VIEW].retention()
    # given back by the archive, or restored: when its turn comes again, the record does not say
    return due if due > request.app[BACKEND].now() - 600_000 else None


@cache
def _title(bundle: str) -> str:
    """What a reference bundle is called; its id, where it is none of the embedded ones."""
    try:
        return find(bundle).title
    except EngineError:
        return bundle
