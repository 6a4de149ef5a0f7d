"""What the page of one job knows: facts that neither its record nor its template has."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from aiohttp import web

from app.annotation.errors import EngineError
from app.annotation.reference import find
from app.aws.objects import Gone
from app.domain.accounts import PLANS
from app.domain.jobs import Job, Status, Tier
from app.web.keys import BACKEND, QUEUE_VIEW, account
from app.web.states import RETRIEVAL_TIMES, badge, moves, state

CHARTS = (
    ("Impact", "impacts", 4),
    ("Consequences", "consequences", 12),
    ("Types", "types", 10),
    ("Genes with the most variants", "genes", 12),
    ("Contigs", "contigs", 30),
    ("Allele frequency", "frequencies", 10),
    ("Single-base changes", "substitutions", 12),
)
"""Title, key of the summary, and how many rows."""


async def view(request: web.Request, job: Job) -> dict[str, Any]:
    """Values for the templates of a job."""
    return {
        "job": job,
        "state": state(job),
        "badge": badge(job),
        "reference": _title(job.bundle),
        "moves": moves(job, account(request).plan),
        "waiting": await request.app[QUEUE_VIEW].waiting() if job.status is Status.PENDING else 0,
        "charts": charts(await counts(request, job)),
        "archived_at": await _archived_at(request, job),
        "retrieval_time": RETRIEVAL_TIMES[job.speed] if job.speed else "some hours",
    }


async def counts(request: web.Request, job: Job) -> dict[str, Any]:
    """What the engine counted in the result; nothing where there is no summary."""
    if not job.summary:
        return {}
    try:
        return json.loads(await request.app[BACKEND].results.read(job.summary))
    except Gone:
        return {}


def charts(summary: dict[str, Any]) -> list[tuple[str, dict[str, int]]]:
    """Title and counts of each chart that has something to show."""
    shown = [(title, dict(list(summary.get(name, {}).items())[:most])) for title, name, most in CHARTS]
    return [(title, numbers) for title, numbers in shown if any(numbers.values())]


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
