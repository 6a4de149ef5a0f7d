"""Jobs under `/api/v1`: create an upload, submit, look, list, cancel, delete."""

from __future__ import annotations

from aiohttp import web

from app.services import submissions
from app.web.api.models import JobOut, NewJob, UploadOut, VariantOut, VariantQuery, VariantsOut, job_out
from app.web.keys import BACKEND, EXPLORER, SETTINGS, account
from app.web.paths import job_id
from app.web.views.explorer import available

MOST = 100


async def create(request: web.Request) -> web.Response:
    wanted = NewJob.model_validate_json(await request.read())
    bundle = request.app[SETTINGS].default_bundle
    # a redirect at the end of a script's upload would arrive here without cookies
    fields = {"success_action_status": "201"}
    upload = await submissions.prepare(request.app[BACKEND], account(request), wanted.file_name, bundle, fields)
    out = UploadOut(job=JobOut.model_validate(upload.job), **upload.form)
    location = {"Location": f"/api/v1/jobs/{upload.job.job_id}"}
    return web.json_response(out.model_dump(mode="json"), status=201, headers=location)


async def submit(request: web.Request) -> web.Response:
    job = await submissions.submit(request.app[BACKEND], account(request), request.match_info["id"])
    return web.json_response(job_out(job))


async def get(request: web.Request) -> web.Response:
    job = await submissions.find(request.app[BACKEND], account(request).user_id, request.match_info["id"])
    return web.json_response(job_out(job))


async def listing(request: web.Request) -> web.Response:
    """Newest first; `next` is the `before` of the following page, or null."""
    limit = request.query.get("limit", "20")
    most = min(int(limit), MOST) if limit.isascii() and limit.isdigit() and int(limit) else 20
    before = job_id(request.query.get("before"))
    jobs = await request.app[BACKEND].jobs.page(account(request).user_id, before=before, limit=most + 1)
    following = jobs[most - 1].job_id if len(jobs) > most else None
    return web.json_response({"jobs": [job_out(job) for job in jobs[:most]], "next": following})


async def cancel(request: web.Request) -> web.Response:
    job = await submissions.cancel(request.app[BACKEND], account(request).user_id, request.match_info["id"])
    return web.json_response(job_out(job))


async def delete(request: web.Request) -> web.Response:
    await submissions.find(request.app[BACKEND], account(request).user_id, request.match_info["id"])
    await submissions.delete(request.app[BACKEND], account(request).user_id, request.match_info["id"])
    return web.Response(status=204)


async def variants(request: web.Request) -> web.Response:
    """A page of the result's variants in genomic order."""
    asked = VariantQuery.model_validate(dict(request.query))
    job = await available(request)
    found = await request.app[EXPLORER].page(job, asked.filter(), cursor=asked.at, limit=asked.limit)
    following = f"{found.next:x}" if found.next is not None else None
    shown = [VariantOut.model_validate(variant) for variant in found.variants]
    out = VariantsOut(variants=shown, next=following, looked=found.looked, share=round(found.share, 4))
    return web.json_response(out.model_dump(mode="json"))
