"""One job of the user's with its live state, and what can be done to it."""

from __future__ import annotations

import json
from contextlib import aclosing, nullcontext
from functools import partial

from aiohttp import web

from app.domain.jobs import UNFINISHED
from app.services import submissions
from app.services.labels import label
from app.web.api.models import job_out
from app.web.app_keys import ACCOUNT, BACKEND, DURATIONS, LIVE, STREAMS, account
from app.web.auth import own_job, still_signed_in
from app.web.pages import fragment, page, see_other
from app.web.states import may_change
from app.web.streams import EventStream, streamed
from app.web.views.job_list import PAGE
from app.web.views.job_page import view


async def job(request: web.Request) -> web.Response:
    """The page of one job. Raises NotFound."""
    found = await own_job(request)
    if found.status in UNFINISHED:
        request.app[DURATIONS].observe(await request.app[BACKEND].jobs.page(found.user_id, limit=PAGE))
    return page(request, "annotation.html", **await view(request, found))


async def events(request: web.Request) -> web.StreamResponse:
    """The job's panel (for the API: the job), again at every change.

    `end` says that nothing more happens; a stream that just stops begins anew. Raises NotFound, TooManyRequests.
    """
    found_id = request.match_info["id"]
    await submissions.find(request.app[BACKEND], account(request).user_id, found_id)
    user = account(request)
    with nullcontext() if user.quota_exempt else request.app[STREAMS].slot(user.user_id):
        return await streamed(request, partial(_send_changes, request, found_id))


async def _send_changes(request: web.Request, found_id: str, stream: EventStream) -> None:
    shown = None
    async with aclosing(request.app[LIVE].watch(account(request).user_id, found_id, stream.beat)) as changes:
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


async def relabel(request: web.Request) -> web.Response:
    """Gives a job another name, tags (between commas) and note. Raises Refused, NotFound."""
    form, found = await request.post(), request.match_info["id"]
    name, tags, note = (str(form.get(one, "")) for one in ("name", "tags", "note"))
    await label(request.app[BACKEND], account(request).user_id, found, name=name, tags=tags.split(","), note=note)
    return see_other(f"/annotations/{found}")


async def delete(request: web.Request) -> web.Response:
    """Deletes a job with all its data. Raises Refused, NotFound."""
    await submissions.find(request.app[BACKEND], account(request).user_id, request.match_info["id"])
    await submissions.delete(request.app[BACKEND], account(request).user_id, request.match_info["id"])
    return see_other("/annotations?deleted=1")
