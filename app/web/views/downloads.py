"""Everything of a job that can be taken away. Links to S3 are made at the click and live ten minutes."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from markupsafe import Markup

from app.domain.file_names import content_disposition, derived, stem, suffix
from app.domain.jobs import Job
from app.domain.keys import Gone, Output, input_key
from app.engine.report import render
from app.services.submissions import Refused, find
from app.web.app_keys import BACKEND, EXPLORER, account
from app.web.middlewares.headers import REPORT_POLICY
from app.web.pages import page, see_other


async def result(request: web.Request) -> web.Response:
    """Leads to the annotated file. Raises Refused, NotFound."""
    job = await _job(request)
    return await _link(request, job.result, derived(job.file_name, Output.RESULT), "application/gzip")


async def index(request: web.Request) -> web.Response:
    """Leads to the annotated file's index. Raises Refused, NotFound."""
    job = await _job(request)
    return await _link(request, job.index, derived(job.file_name, Output.INDEX), "application/octet-stream")


async def rejected(request: web.Request) -> web.Response:
    """Leads to the lines that were set aside. Raises Refused, NotFound."""
    job = await _job(request)
    return await _link(request, job.rejected, derived(job.file_name, Output.REJECTED), "text/tab-separated-values")


async def input_file(request: web.Request) -> web.Response:
    """Leads to the uploaded file. Raises Refused, NotFound."""
    job, inputs = await _job(request), request.app[BACKEND].inputs
    if not await inputs.head(key := input_key(job.user_id, job.job_id)):
        raise Refused("The uploaded file is not kept any more.")
    name = stem(job.file_name) + suffix(job.file_name)
    return see_other(await inputs.link(key, download_as=name, media_type="application/octet-stream"))


async def log(request: web.Request) -> web.Response:
    """The count log, rendered from the job's summary."""
    job = await _job(request)
    text = render.count_log(await summary_of(request, job), job.file_name)
    return web.Response(text=text, content_type="text/plain")


async def summary(request: web.Request) -> web.Response:
    """What was counted, as a page; with `?download` as a file that needs nothing else."""
    job = await _job(request)
    counted = await summary_of(request, job)
    if "download" not in request.query:
        report = Markup(render.body_html(counted))  # noqa: S704 - the engine has escaped it
        return page(request, "summary.html", job=job, report=report)
    name = derived(job.file_name, "summary.html")
    headers = {"Content-Security-Policy": REPORT_POLICY, "Content-Disposition": content_disposition(name)}
    return web.Response(text=render.html(counted, job.file_name), content_type="text/html", headers=headers)


async def _job(request: web.Request) -> Job:
    return await find(request.app[BACKEND], account(request).user_id, request.match_info["id"])


async def _link(request: web.Request, key: str | None, name: str, media_type: str) -> web.Response:
    if key is None:
        raise Refused("This file is not there to download now. The job's page says where it is.")
    return see_other(await request.app[BACKEND].results.link(key, download_as=name, media_type=media_type))


async def summary_of(request: web.Request, job: Job | None = None) -> dict[str, Any]:
    """What was counted in the job's result. Raises NotFound; Refused where there is nothing yet, or not any more."""
    job = job or await _job(request)
    if job.summary is None:
        raise Refused("There is no summary yet: it is written when the annotation is complete.")
    try:
        return await request.app[EXPLORER].summary(job)
    except Gone:
        raise Refused("The summary is not there any more.") from None
