"""What the page of one job knows: facts that neither its record nor its template has."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web
from markupsafe import Markup

from app.domain.accounts import PLANS, Plan
from app.domain.jobs import Job, Status, Tier
from app.domain.keys import Gone
from app.domain.retrievals import retrieval
from app.engine.report.flags import FLAGS
from app.web.app_keys import BACKEND, DURATIONS, EXPLORER, QUEUE_VIEW, RESULT_CACHE, SETTINGS, account
from app.web.pages import kept_part
from app.web.states import badge, may_change, state

MOST_CONTIGS = 30

LATE = 60_000
"""Milliseconds that what was due may be late, before the page says nothing of it any more."""

CHARTS = (
    ("Impact", "impacts", 4),
    ("Consequences", "consequences", 12),
    ("Genes with the most variants", "genes", 12),
    ("Kinds of variants", "types", 10),
    ("Single-base changes", "substitutions", 12),
    ("Contigs", "contigs", 30),
    ("Allele frequency in the file", "frequencies", 10),
    ("Genotypes", "genotypes", 8),
)
"""Title, key of the summary, and how many rows."""


async def view(request: web.Request, job: Job) -> dict[str, Any]:
    """Values for the templates of a job."""
    request.app[DURATIONS].observe([job])
    return {
        "job": job,
        "faults": json.loads(job.faults or "[]"),
        "state": state(job),
        "badge": badge(job),
        "assembly": _assembly(request, job),
        "may_change": may_change(job, account(request).plan),
        "result_html": await _result_html(request, job),
        "now": request.app[BACKEND].now(),
        "archived_at": await _archived_at(request, job),
        "restored": _restored(request, job),
        "premium": PLANS[Plan.PREMIUM],
        **await _expected(request, job),
    }


async def _result_html(request: web.Request, job: Job) -> Markup:
    """The charts of a result, and where it comes from: half of what a page costs, and for ever the same."""

    async def render() -> Markup:
        summary, along = await counts(request, job), await _along(request, job)
        values = {"job": job, "summary": summary, "charts": charts(summary), "along": along, "flags": FLAGS}
        return kept_part(request.app, "annotation_result.html", **values)

    # there is no picture along the contigs without the result
    return await request.app[RESULT_CACHE].once(f"{job.summary} {job.result}", render) if job.summary else Markup("")


async def counts(request: web.Request, job: Job) -> dict[str, Any]:
    """What the engine counted in the result; nothing where there is no summary."""
    try:
        return await request.app[EXPLORER].summary(job) if job.summary else {}
    except Gone:
        return {}


def charts(summary: dict[str, Any]) -> list[tuple[str, dict[str, int]]]:
    """Title and counts of each chart that has something to compare."""
    shown = [(title, dict(list(summary.get(name, {}).items())[:most])) for title, name, most in CHARTS]
    return [(title, numbers) for title, numbers in shown if len(list(filter(None, numbers.values()))) > 1]


async def _along(request: web.Request, job: Job) -> list[tuple[str, str, str]]:
    """A picture of where on each contig the variants are: name, path of an SVG of 100 by 20, and its words."""
    try:
        along = await request.app[EXPLORER].density(job) if job.result and job.index else {}
    except Gone:
        along = {}
    return [(name, _path(bins), _peak(length, bins)) for name, (length, bins) in list(along.items())[:MOST_CONTIGS] if any(bins)]


def _path(bins: list[float]) -> str:
    top = max(bins)
    return "M0 20" + "".join(f"V{20 - (20 * one / top):.3g}h{100 / len(bins):g}" for one in bins) + "V20Z"


def _peak(length: int, bins: list[float]) -> str:
    step, most = length / len(bins), bins.index(max(bins))
    return f"most of them between {most * step + 1:,.0f} and {(most + 1) * step:,.0f}"


async def _expected(request: web.Request, job: Job) -> dict[str, Any]:
    """What to say while a job waits: how many are in line, when it should start and be done, the last sign of the worker."""
    backend, pace = request.app[BACKEND], request.app[DURATIONS]
    if job.status is Status.PENDING:
        return {"waiting": await request.app[QUEUE_VIEW].waiting(), "wait": pace.wait(), "duration": pace.duration(job)}
    if job.status is Status.RUNNING and job.started_at:
        ran = backend.now() - job.started_at
        whole = ran * 100 // job.percent if job.percent >= 10 else pace.duration(job)
        # the lease is renewed with every sign of life
        heard = (job.deadline or 0) - 1000 * backend.jobs.deadline_seconds[Status.RUNNING]
        return {"left": max(0, whole - ran) if whole else None, "heard": max(0, backend.now() - heard)}
    return {}


async def _archived_at(request: web.Request, job: Job) -> int | None:
    """When (ms since 1970) the result moves to the archive, as far as it is known to."""
    user = account(request)
    if job.tier is not Tier.AVAILABLE or not job.finished_at or not PLANS[user.plan].archives:
        return None
    due = job.finished_at + 1000 * await request.app[QUEUE_VIEW].retention()
    # given back by the archive, or restored: when its turn comes again, the record does not say
    return due if due > request.app[BACKEND].now() - 10 * LATE else None


def _restored(request: web.Request, job: Job) -> tuple[int, int] | None:
    """Between which moments (ms since 1970) the result should be back; None if that is past, or not known."""
    if job.tier is not Tier.RESTORING or not job.speed or not job.deadline:
        return None
    backend = request.app[BACKEND]
    takes = retrieval(backend.archive.retrievals, job.speed)
    deadline_seconds = min(takes.patience_seconds, backend.jobs.deadline_seconds[Tier.RESTORING])
    began = min(job.deadline - 1000 * deadline_seconds, backend.now())
    latest = began + 1000 * takes.most_seconds
    return (began + 1000 * takes.least_seconds, latest) if latest + LATE > backend.now() else None


def _assembly(request: web.Request, job: Job) -> str:
    """The assembly that was chosen, or that the file decides."""
    offered = request.app[SETTINGS].references
    return job.assembly or (next(iter(offered)) if len(offered) == 1 else "as the file says")
