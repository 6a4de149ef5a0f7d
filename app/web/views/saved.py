"""What a user keeps to ask of any result: filters and gene panels, kept in the explorer, deleted on the profile."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from aiohttp import web

from app.services import saved
from app.services.saved import Kind
from app.services.submissions import Refused, find
from app.web.api.models import SavedIn, SavedOut, VariantQuery
from app.web.app_keys import BACKEND, account
from app.web.pages import see_other


async def keep(request: web.Request) -> web.Response:
    """Keeps the question of an explorer's page, or its genes as a panel, and leads back to it. Raises Refused, NotFound."""
    form, user_id = await request.post(), account(request).user_id
    job = await find(request.app[BACKEND], user_id, request.match_info["id"])
    query, kind = str(form.get("query", "")), Kind.PANELS if form.get("kind") == Kind.PANELS else Kind.FILTERS
    text = dict(parse_qsl(query)).get("genes", "") if kind is Kind.PANELS else query
    await _keep(request, kind, str(form.get("name", "")), text)
    return see_other(f"/annotations/{job.job_id}/variants?{urlencode(parse_qsl(query))}")


async def forget(request: web.Request) -> web.Response:
    """Deletes a filter or a panel by its name."""
    name = str((await request.post()).get("name", ""))
    await saved.forget(request.app[BACKEND], account(request).user_id, Kind(request.match_info["kind"]), name)
    return see_other("/profile#saved")


async def listing(request: web.Request) -> web.Response:
    """Answers with all that is kept."""
    found = await saved.listed(request.app[BACKEND], account(request).user_id)
    out = SavedOut(filters=found[Kind.FILTERS], panels=found[Kind.PANELS])
    return web.json_response(text=out.model_dump_json())


async def put(request: web.Request) -> web.Response:
    """Keeps a filter or a panel. Raises Refused."""
    wanted = SavedIn.model_validate_json(await request.read())
    await _keep(request, Kind(request.match_info["kind"]), wanted.name, wanted.text)
    return await listing(request)


async def delete(request: web.Request) -> web.Response:
    """Deletes a filter or a panel by its name; one that is not there is no error."""
    name = request.match_info["name"]
    await saved.forget(request.app[BACKEND], account(request).user_id, Kind(request.match_info["kind"]), name)
    return web.Response(status=204)


async def _keep(request: web.Request, kind: Kind, name: str, text: str) -> None:
    if kind is Kind.PANELS:
        text = " ".join(saved.genes(text))
    else:
        given = parse_qsl(text.removeprefix("?"))
        asked = VariantQuery.model_validate({field: value for field, value in given if field in VariantQuery.model_fields})
        if not asked.asked():
            raise Refused("Nothing is asked for: there is no filter to keep.")
        asked.filter({asked.panel: ""})  # raises where it cannot be read
        text = urlencode([(field, value) for field, value in given if field not in ("cursor", "limit")])
    await saved.keep(request.app[BACKEND], account(request).user_id, kind, name, text)
