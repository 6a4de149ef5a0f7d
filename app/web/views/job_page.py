"""What the page of one job knows: facts that neither its record nor its template has."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from markupsafe import Markup

from app.domain.accounts import PLANS, Plan
from app.domain.jobs import Job, Status, Tier
from app.domain.keys import Gone
from app.domain.limits import FILE_NAME, NOTE, TAG, TAGS
from app.domain.retrievals import retrieval
from app.engine.bundles.manifest import Part
from app.engine.report import heteroplasmy_words
from app.engine.report.charts import Chart, drawn
from app.engine.report.counts import FREQUENCIES
from app.engine.report.distributions import bins
from app.engine.report.flags import FLAGS
from app.engine.report.html import frequency, names, reviewed
from app.engine.report.what_matters import CLASSES, NOT_ADVICE
from app.web.app_keys import BACKEND, DURATIONS, EXPLORER, QUEUE_VIEW, RESULT_CACHE, SETTINGS, account
from app.web.pages import kept_part
from app.web.states import badge, may_change, state
from app.web.views import along
from app.web.views.along import Along

SAID: dict[str, Callable[[dict[str, Any]], Any]] = {"names": names, "frequency": frequency, "reviewed": reviewed}
"""How a line of what matters is put in words."""

MOST = {"name": FILE_NAME.most, "tags": TAGS.most, "tag": TAG.most, "note": NOTE.most}
"""How long may be what a job's owner says of it."""

LATE = 60_000
"""Milliseconds that what was due may be late, before the page says nothing of it any more."""


def _equals(field: str) -> Callable[[str], str]:
    return lambda label: "" if "'" in label else f"{field}='{label}'"


def _binned(field: str) -> Callable[[str], str]:
    """The filter of a bin of `Distributions`."""
    edges = {words: (first, last) for words, first, last in bins(field)}

    def where(label: str) -> str:
        first, last = edges.get(label, (0, None))
        return f"{field}>={first:g}" + (f" and {field}<{last:g}" if last is not None else "")

    return where


def _up_to(label: str) -> str:
    """The filter of an interval of allele frequencies."""
    labels = [words for _, words in FREQUENCIES]
    at = labels.index(label)
    most = f"af<={FREQUENCIES[at][0]:g}"
    return f"{most} and af>{FREQUENCIES[at - 1][0]:g}" if at else most


def _genotype(label: str) -> str:
    words = {"homozygous alternative": "homozygous", "haploid alternative": "hemizygous", "heterozygous": "heterozygous"}
    return f"genotype={words[label]}" if label in words else ""


FILTERS: dict[str, Callable[[str], str]] = {
    "impacts": _equals("impact"),
    "consequences": _equals("consequence"),
    "genes": _equals("gene"),
    "types": _equals("type"),
    "contigs": _equals("contig"),
    "frequencies": _up_to,
    "fraction": _binned("fraction"),
    "genotypes": _genotype,
    "substitutions": _equals("change"),
    "depth": _binned("depth"),
    "quality": _binned("quality"),
}
"""How the explorer is asked for the records of a row, by the key of the chart."""

SEEN = 6
"""Charts that are shown at once."""

SEEN_FIRST = 10
"""Lines of what matters that are shown at once; the others are folded."""


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
        "newer": await _newer(request, job),
        "restored": _restored(request, job),
        "premium": PLANS[Plan.PREMIUM],
        "most": MOST,
        "input_until": (until := _input_until(request, job)),
        "input_kept": until is None or request.app[BACKEND].now() < until,
        **await _expected(request, job),
    }


async def _result_html(request: web.Request, job: Job) -> Markup:
    """The charts of a result, and where it comes from: half of what a page costs, and for ever the same."""

    async def render() -> Markup:
        address = f"/annotations/{job.job_id}/variants" if job.result and job.index else ""
        summary, contigs = await counts(request, job), await _along(request, job, address)
        values = {"job": job, "summary": summary, "along": contigs, **result_values(summary, address)}
        return kept_part(request.app, "annotation_result.html", **values)

    # there is no picture along the contigs without the result
    return await request.app[RESULT_CACHE].once(f"{job.summary} {job.result}", render) if job.summary else Markup("")


def result_values(summary: dict[str, Any], address: str = "") -> dict[str, Any]:
    """What the charts and the list of what matters are drawn from; `address` is the explorer's, where there is one."""
    found = {"charts": charts(summary, address), "flags": FLAGS, "address": address, "classes": CLASSES, "said": SAID}
    return found | {"seen": SEEN, "seen_first": SEEN_FIRST, "heteroplasmy": heteroplasmy_words, "not_advice": NOT_ADVICE}


async def counts(request: web.Request, job: Job) -> dict[str, Any]:
    """What the engine counted in the result; nothing where there is no summary."""
    try:
        return await request.app[EXPLORER].summary(job) if job.summary else {}
    except Gone:
        return {}


def charts(summary: dict[str, Any], address: str = "") -> list[tuple[Chart, dict[str, int], dict[str, str]]]:
    """Each chart that has something to compare, its counts, and where its rows lead, below the `address` of the explorer."""
    found, samples = [], summary.get("input", {}).get("samples", 0)
    for chart, shown in drawn(summary):
        # a genotype is counted in each sample, and looked for in the first that has the allele
        linked = address and (chart.key != "genotypes" or samples <= 1)
        asked = {label: FILTERS[chart.key](label) for label, count in shown.items() if count} if linked else {}
        links = {label: f"{address}?{urlencode({'where': where})}" for label, where in asked.items() if where}
        found.append((chart, shown, links))
    return found


async def _newer(request: web.Request, job: Job) -> list[tuple[Part, str]]:
    """The parts of the reference that are newer now than what the result was made with, each with the version that was used."""
    summary = await counts(request, job) if job.status is Status.COMPLETED else {}
    used = {part["id"]: part for part in summary.get("parts", ())}
    offered = request.app[SETTINGS].references.values()
    place = next((one for one in offered if one.partition("/")[0] == summary.get("bundle", {}).get("id")), "")
    bundle = await request.app[EXPLORER].references.bundle_of(place) if used and place else None
    return [(part, used[part.id]["version"]) for part in bundle.parts if _is_newer(part, used.get(part.id))] if bundle else []


def _is_newer(part: Part, used: Mapping[str, Any] | None) -> bool:
    """By their dates; a part without them is newer if its version is another."""
    if not used or part.version == used["version"]:
        return False
    return not (part.date and used.get("date")) or part.date > used["date"]


async def _along(request: web.Request, job: Job, address: str) -> list[Along]:
    """Where on each contig the variants are; nothing without the result."""
    try:
        return along.drawn(await request.app[EXPLORER].density(job), address) if address else []
    except Gone:
        return []


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


def _input_until(request: web.Request, job: Job) -> int | None:
    """When (ms since 1970) the uploaded file is deleted, as far as the deployment says it; None: it does not."""
    days = request.app[SETTINGS].kept_days.get("uploads")
    return job.created_at + days * 86_400_000 if days else None


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
