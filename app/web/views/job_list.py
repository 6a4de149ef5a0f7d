"""The list of the user's jobs: a page of it, narrowed to what is looked for, alive, and what can be done to many at once."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Self
from urllib.parse import urlencode

from aiohttp import web

from app.domain.jobs import Job
from app.domain.limits import TAG
from app.services import submissions
from app.services.submissions import Wanted
from app.web.app_keys import ACCOUNT, BACKEND, DURATIONS, LIVE, QUEUE_VIEW, STREAMS, account
from app.web.auth import still_signed_in
from app.web.live_list import MOST_COUNTED, Census, ListWatch, strip, total
from app.web.pages import fragment, page, see_other
from app.web.paths import job_id
from app.web.states import SHOWN
from app.web.streams import EventStream, streamed

PAGE = 20

FIRST_LOOK_SECONDS, LONGEST_LOOK_SECONDS = 15, 300
"""How long after a change the newest job is asked for, each time after twice as long, and at last how often."""

NARROWED = ("text", "state", "tag", "batch")
"""What a list is narrowed by, as its forms carry it."""

SAID = ("deleted", "cancelled", "left")
"""What became of jobs that were chosen, as numbers in the address."""

REFRESH_SECONDS = {False: 5, True: 15}
"""Between two times that a list is sent; longer where it is narrowed, for a search reads more."""


@dataclass(frozen=True)
class Asked:
    """What the address of a list asks for: its narrowing, and where the page begins."""

    text: str = ""
    state: str = ""
    tag: str = ""
    batch: str = ""
    before: str = ""
    after: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        """Reads it from an address, or from a form that carries one; what can't be meant is left out."""
        return cls(
            text=query.get("text", "").strip()[:500],
            state=query.get("state", "") if query.get("state") in SHOWN else "",
            tag=query.get("tag", "").strip()[: TAG.most],
            batch=job_id(query.get("batch")) or "",
            before=job_id(query.get("before")) or "",
            after=job_id(query.get("after")) or "",
        )

    @property
    def narrowed(self) -> bool:
        """Whether not all jobs are wanted."""
        return bool(self.text or self.state or self.tag)

    @property
    def wanted(self) -> Wanted:
        """The narrowing."""
        return Wanted(self.text, SHOWN.get(self.state), self.tag, self.batch)

    def address(self, **others: Any) -> str:
        """The address of this list with some values changed; those of the place are left out unless given."""
        values = {**asdict(self), "before": "", "after": "", **others}
        query = urlencode({name: value for name, value in values.items() if value and name != "batch"})
        return f"{self.path}?{query}" if query else self.path

    @property
    def path(self) -> str:
        """The page of all jobs, or of the batch."""
        return f"/batches/{self.batch}" if self.batch else "/annotations"


async def listing(request: web.Request) -> web.Response:
    """A page of the user's jobs, or of those that a search finds."""
    asked, user = _asked(request), account(request)
    census = await Census.take(request.app[BACKEND].jobs, user.user_id, user.plan, asked.batch)
    said = {name: int(value) if (value := request.query.get(name, "")[:4]).isdecimal() else 0 for name in SAID}
    if asked.batch and not census.newest:
        if any(said.values()):  # the last of it went, and the list of all jobs says so
            return see_other(Asked().address(**said))
        raise submissions.NotFound(asked.batch)
    found = await _found(request, asked)
    if asked.after and not found["newer"]:
        return see_other(asked.address())  # the first page, and a whole one
    seen = {"before": asked.before, "after": asked.after, "seen": census.fingerprint}
    values = {
        **found,
        **await _counts(request, census.states),
        "said": said,
        "events": asked.address(**seen).replace("?", "/events?", 1),
    }
    return page(request, "annotations.html", **values)


async def bulk(request: web.Request) -> web.Response:
    """Cancels or deletes the chosen jobs, the latter after a question; those that are past that are left alone."""
    form, backend, user_id = await request.post(), request.app[BACKEND], account(request).user_id
    asked = Asked.of({name: str(form.get(name, "")) for name in NARROWED})
    ids = list(dict.fromkeys(filter(None, (job_id(str(one)) for one in form.getall("job", [])))))[:PAGE]
    deletes = form.get("do") == "delete"
    if deletes and ids and not form.get("sure"):
        chosen = [job for job in await backend.jobs.get_many([(user_id, one) for one in ids]) if job.job_id in ids]
        if not chosen:
            return see_other(asked.address(left=len(ids)))
        return page(request, "delete_jobs.html", chosen=sorted(chosen, key=lambda job: job.job_id, reverse=True), asked=asked)
    done = 0
    for one in ids:
        with suppress(submissions.NotFound, submissions.Refused):
            await submissions.find(backend, user_id, one)
            await (submissions.delete if deletes else submissions.cancel)(backend, user_id, one)
            done += 1
    return see_other(asked.address(**{"deleted" if deletes else "cancelled": done, "left": len(ids) - done}))


async def events(request: web.Request) -> web.StreamResponse:
    """The list, again after every change. Raises TooManyRequests, and NotFound for a batch without a job of the user's."""
    user, batch = account(request), _asked(request).batch
    if batch and not await request.app[BACKEND].jobs.states(user.user_id, 1, batch=batch):
        raise submissions.NotFound(batch)
    with nullcontext() if user.quota_exempt else request.app[STREAMS].slot(user.user_id):
        return await streamed(request, partial(_send_changes, request))


async def _send_changes(request: web.Request, stream: EventStream) -> None:
    asked, user, jobs, live = _asked(request), account(request), request.app[BACKEND].jobs, request.app[LIVE]
    census = await Census.take(jobs, user.user_id, user.plan, asked.batch)
    stale = census.fingerprint != request.query.get("seen")
    pause, sendable, watch = float(FIRST_LOOK_SECONDS), 0.0, ListWatch(user.plan, beat=stream.beat)
    watch.look = time.monotonic() + pause
    watch.learn(census)
    with live.viewing(watch):
        while not watch.ended:
            live.look_at(watch, set(watch.known))
            if stale and time.monotonic() >= sendable:
                request[ACCOUNT] = signed_in = await still_signed_in(request)
                if signed_in is None:
                    return
                values = {**await _found(request, asked), **await _counts(request, watch.states)}
                await stream.send("panel", fragment(request, "annotations_list.html", **values))
                stale, sendable = False, time.monotonic() + REFRESH_SECONDS[asked.narrowed]
            await watch.wait(max(0.0, sendable - time.monotonic()) if stale else None)
            stale, watch.changed = stale or watch.changed, False
            if time.monotonic() >= watch.look:
                newest = await jobs.states(user.user_id, 1, batch=asked.batch)
                pause = min(2 * pause, LONGEST_LOOK_SECONDS)
                if (newest[0].job_id if newest else "") != census.newest:
                    census = await Census.take(jobs, user.user_id, user.plan, asked.batch)
                    watch.learn(census)
                    stale, pause = True, float(FIRST_LOOK_SECONDS)
                watch.look = time.monotonic() + pause
            if not stale:
                await stream.ping()


def _asked(request: web.Request) -> Asked:
    return Asked.of({**request.query, "batch": request.match_info.get("id", "")})


async def _found(request: web.Request, asked: Asked) -> dict[str, Any]:
    """The jobs of a page, and where the pages beside it begin."""
    user_id = account(request).user_id
    jobs, more = await submissions.search(
        request.app[BACKEND], user_id, asked.wanted, before=asked.before or None, after=asked.after or None, limit=PAGE
    )
    if asked.after:
        newer, older = more, jobs[-1].job_id if jobs else None
    else:
        newer, older = jobs[0].job_id if asked.before and jobs else None, more
    return {"jobs": jobs, "newer": newer, "older": older, "asked": asked, **await _line(request, jobs)}


async def _line(request: web.Request, jobs: list[Job]) -> dict[str, Any]:
    """How long the line is, where one of the jobs waits in it, and how long those waited that started lately."""
    request.app[DURATIONS].observe(jobs)
    if not any(job.status == "PENDING" for job in jobs):
        return {"waiting": 0, "wait": None}
    return {"waiting": await request.app[QUEUE_VIEW].waiting(), "wait": request.app[DURATIONS].wait()}


async def _counts(request: web.Request, states: Any) -> dict[str, Any]:
    return {"strip": strip(states), "total": total(states), "most_counted": MOST_COUNTED}
