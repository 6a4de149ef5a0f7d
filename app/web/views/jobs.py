"""The user's jobs: the list, one job with its live state, and what can be done to it."""

from __future__ import annotations

import json
from contextlib import aclosing, nullcontext, suppress
from urllib.parse import urlencode

import structlog
from aiohttp import web

from app.domain.jobs import UNFINISHED, State, Status, Tier
from app.services import submissions
from app.web.api.models import job_out
from app.web.app_keys import ACCOUNT, BACKEND, DURATIONS, LIVE, STREAMS, account
from app.web.auth import still_signed_in
from app.web.pages import fragment, page, see_other
from app.web.paths import job_id
from app.web.states import may_change
from app.web.streams import EventStream
from app.web.views.job_page import view

log = structlog.get_logger()

PAGE = 20
SHOWN: dict[str, frozenset[State]] = {
    "unfinished": frozenset(UNFINISHED),
    "completed": frozenset({Tier.AVAILABLE, Tier.ARCHIVING}),
    "archived": frozenset({Tier.ARCHIVED, Tier.RESTORING}),
    "failed": frozenset({Status.FAILED}),
    "cancelled": frozenset({Status.CANCELLED}),
}
"""What the list can be narrowed to."""


async def listing(request: web.Request) -> web.Response:
    """A page of the user's jobs, or of those that a search finds."""
    before, user_id = job_id(request.query.get("before")), account(request).user_id
    asked = {"text": request.query.get("text", "").strip()[:500], "state": request.query.get("state", "")}
    here = {name: value for name, value in asked.items() if value}
    if here:
        jobs, older = await submissions.search(request.app[BACKEND], user_id, asked["text"], SHOWN.get(asked["state"]), before)
    else:
        jobs = await request.app[BACKEND].jobs.page(user_id, before=before, limit=PAGE + 1)
        older = jobs[PAGE - 1].job_id if len(jobs) > PAGE else None
    return page(
        request,
        "annotations.html",
        jobs=jobs[:PAGE],
        older=older,
        before=before,
        asked=asked,
        states=SHOWN,
        here=urlencode(here),
    )


async def bulk(request: web.Request) -> web.Response:
    """Cancels or deletes the chosen jobs; those that are another's, or past that, are left alone."""
    form, backend, user_id = await request.post(), request.app[BACKEND], account(request).user_id
    for chosen in list(filter(None, (job_id(str(one)) for one in form.getall("job", []))))[:PAGE]:
        with suppress(submissions.NotFound, submissions.Refused):
            await submissions.find(backend, user_id, chosen)
            await (submissions.delete if form.get("do") == "delete" else submissions.cancel)(backend, user_id, chosen)
    return see_other("/annotations")


async def job(request: web.Request) -> web.Response:
    """The page of one job. Raises NotFound."""
    backend, user_id = request.app[BACKEND], account(request).user_id
    found = await submissions.find(backend, user_id, request.match_info["id"])
    if found.status in UNFINISHED:
        request.app[DURATIONS].observe(await backend.jobs.page(user_id, limit=PAGE))
    return page(request, "annotation.html", **await view(request, found))


async def events(request: web.Request) -> web.StreamResponse:
    """The job's panel (for the API: the job), again at every change.

    `end` says that nothing more happens; a stream that just stops begins anew. Raises NotFound, TooManyRequests.
    """
    found_id = request.match_info["id"]
    await submissions.find(request.app[BACKEND], account(request).user_id, found_id)
    user = account(request)
    with nullcontext() if user.quota_exempt else request.app[STREAMS].slot(user.user_id):
        return await _streamed(request, found_id)


async def _streamed(request: web.Request, found_id: str) -> web.StreamResponse:
    await (stream := EventStream()).prepare(request)
    try:
        with suppress(ConnectionResetError, TimeoutError):
            await _send_changes(request, stream, found_id)
    except Exception:
        # an answer that has begun can't become a page that says so; broken off, it begins anew
        log.exception("live page broke off", job_id=found_id)
        if request.transport:
            request.transport.abort()
    return stream


async def _send_changes(request: web.Request, stream: EventStream, found_id: str) -> None:
    shown = None
    async with aclosing(request.app[LIVE].watch(account(request).user_id, found_id)) as changes:
        async for found in changes:
            if found is shown:
                await stream.ping()
                continue
            request[ACCOUNT] = user = await still_signed_in(request)
            if user is None:
                break
            if request.path.startswith("/api/"):
                await stream.send("job", json.dumps(job_out(found)))
            else:
                await stream.send("panel", fragment(request, "annotation_panel.html", **await view(request, found)))
            if not may_change(found, user.plan):
                await stream.send("end", "")
                break
            shown = found


async def cancel(request: web.Request) -> web.Response:
    """Cancels a job. Raises Refused, NotFound."""
    await submissions.cancel(request.app[BACKEND], account(request).user_id, request.match_info["id"])
    return see_other(f"/annotations/{request.match_info['id']}")


async def retry(request: web.Request) -> web.Response:
    """Runs a failed job again, with `skip_bad` without the lines that are no records. Raises Refused, NotFound."""
    skip_bad = bool((await request.post()).get("skip_bad"))
    await submissions.retry(request.app[BACKEND], account(request), request.match_info["id"], skip_bad=skip_bad)
    return see_other(f"/annotations/{request.match_info['id']}")


async def renew(request: web.Request) -> web.Response:
    """Annotates the file of a completed job once more, with the references as they are now. Raises Refused, NotFound."""
    made = await submissions.renew(request.app[BACKEND], account(request), request.match_info["id"])
    return see_other(f"/annotations/{made.job_id}")


async def delete(request: web.Request) -> web.Response:
    """Deletes a job with all its data. Raises Refused, NotFound."""
    await submissions.find(request.app[BACKEND], account(request).user_id, request.match_info["id"])
    await submissions.delete(request.app[BACKEND], account(request).user_id, request.match_info["id"])
    return see_other("/annotations")
