"""Links to a result for people without an account: made and revoked by its owner, read-only for everybody else."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from app.domain.file_names import derived
from app.domain.jobs import Job
from app.domain.keys import Gone, Output
from app.services import shares
from app.services.submissions import Refused, find
from app.web.app_keys import BACKEND, EXPLORER, SETTINGS, SHARES, account
from app.web.pages import page, see_other
from app.web.views.job_page import result_values


async def create(request: web.Request) -> web.Response:
    """Makes a link, and shows it this once. Raises Refused, NotFound."""
    job = await find(request.app[BACKEND], account(request).user_id, request.match_info["id"])
    form = await request.post()
    days = str(form.get("days", ""))
    password = str(form.get("password", ""))
    secret = await shares.create(request.app[BACKEND], request.app[SHARES], job, int(days) if days.isdecimal() else 0, password)
    link = f"{request.app[SETTINGS].public_url}/shared?key={secret}"
    return page(request, "share.html", job=job, link=link, protected=bool(password))


async def revoke(request: web.Request) -> web.Response:
    """Revokes a link by its digest."""
    await request.app[SHARES].revoke_digest(account(request).user_id, request.match_info["digest"])
    return see_other("/profile#shares")


async def shown(request: web.Request) -> web.Response:
    """The result that a link is of, without anything else of the account; with `?get=summary` what was counted, as JSON, and with
    `?get=result` the annotated VCF, which it leads to. Raises NotFound, Refused."""
    secret = request.query.get("key", "")
    password = await _password(request) if request.method == "POST" else ""
    try:
        found = await shares.opened(request.app[BACKEND], request.app[SHARES], secret, password)
    except shares.PasswordNeeded as needed:
        return page(request, "shared_password.html", status=403 if needed.wrong else 200, key=secret, wrong=needed.wrong)
    if found is None:
        raise web.HTTPNotFound
    _, job = found
    summary = await _summary(request, job)
    if (wanted := request.query.get("get")) == "summary":
        return web.json_response(summary)
    link = await _download(request, job)
    if wanted == "result" and not link:
        raise Refused("The annotated VCF is in the archive now.")
    if wanted == "result":
        return see_other(link)
    return page(request, "shared.html", job=job, summary=summary, link=link, **result_values(summary))


async def _password(request: web.Request) -> str:
    """What was typed. Raises 400 where the body is no form: nothing has looked at it before, for there is no session."""
    try:
        return str((await request.post()).get("password", ""))
    except (ValueError, LookupError) as error:
        raise web.HTTPBadRequest from error


async def _summary(request: web.Request, job: Job) -> dict[str, Any]:
    try:
        return await request.app[EXPLORER].summary(job)
    except Gone:
        raise web.HTTPNotFound from None


async def _download(request: web.Request, job: Job) -> str:
    """A link to the annotated VCF that is good for ten minutes; empty while the result is in the archive."""
    if not job.result:
        return ""
    name = derived(job.file_name, Output.RESULT)
    return await request.app[BACKEND].results.link(job.result, download_as=name, media_type="application/gzip")
