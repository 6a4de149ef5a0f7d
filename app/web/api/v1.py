"""`/api/v1`: jobs from upload to deletion, variants of results, the account and its tokens."""

from __future__ import annotations

import asyncio
import json
import os
from functools import partial

from aiohttp import web

from app.domain.jobs import batch_id
from app.explorer.pasted import Pasted, convert
from app.explorer.reader import VariantPage
from app.services import shares, submissions
from app.services.batches import EMPTY
from app.services.labels import label
from app.services.references import at_hand
from app.services.submissions import Batch, Wanted
from app.settings import Settings
from app.web.api.models import (
    AccountOut,
    Again,
    BatchOut,
    CountsOut,
    JobOut,
    JobQuery,
    Keyed,
    LabelsIn,
    LimitsOut,
    NewJob,
    PartOut,
    PastedIn,
    PastedOut,
    ReferenceOut,
    ReferencesOut,
    ShareIn,
    ShareOut,
    TokenOut,
    TokensOut,
    UploadOut,
    VariantAloneOut,
    VariantOut,
    VariantQuery,
    VariantsOut,
    job_out,
)
from app.web.app_keys import BACKEND, EXPLORER, SETTINGS, SHARES, TOKENS, account
from app.web.auth import own_job
from app.web.live_list import Census, strip, total
from app.web.states import SHOWN
from app.web.views import explorer
from app.web.views.downloads import summary_of
from app.web.views.explorer import explored
from app.web.views.home import offered

MOST_SAMPLES = 1000

_dumps = partial(json.dumps, ensure_ascii=False, separators=(",", ":"))


async def create(request: web.Request) -> web.Response:
    """Makes a job and the form that its file is uploaded with. Raises Refused."""
    wanted = NewJob.model_validate_json(await request.read())
    keyed = Keyed(idempotency_key=request.headers.get("Idempotency-Key", ""))
    # a redirect at the end of a script's upload would arrive here without cookies
    fields = {"success_action_status": "201"}
    together = Batch(wanted.batch, wanted.batch_files)
    upload = await submissions.prepare(
        request.app[BACKEND], account(request), wanted.file_name, wanted.assembly, fields, keyed.idempotency_key, together
    )
    out = UploadOut(job=JobOut.model_validate(upload.job), **upload.form)
    location = {"Location": f"/api/v1/jobs/{upload.job.job_id}"}
    return web.json_response(text=out.model_dump_json(), status=201, headers=location)


async def submit(request: web.Request) -> web.Response:
    """Submits a job whose file is uploaded. Raises Refused, NotFound."""
    job = await submissions.submit(request.app[BACKEND], account(request), request.match_info["id"])
    return web.json_response(text=JobOut.model_validate(job).model_dump_json())


async def get(request: web.Request) -> web.Response:
    """Answers with one job. Raises NotFound."""
    return web.json_response(job_out(await own_job(request)), dumps=_dumps)


async def listing(request: web.Request) -> web.Response:
    """Newest first; `next` is the `before` of the following page, or null."""
    asked = JobQuery.model_validate(dict(request.query))
    wanted = Wanted(asked.text, SHOWN.get(asked.state), asked.tag, asked.batch)
    found, following = await submissions.search(
        request.app[BACKEND], account(request).user_id, wanted, before=asked.before or None, limit=asked.limit
    )
    out = {"jobs": [job_out(job) for job in found], "next": following}
    return web.json_response(out, dumps=_dumps)


async def counts(request: web.Request) -> web.Response:
    """How many jobs are in each state."""
    user = account(request)
    census = await Census.take(request.app[BACKEND].jobs, user.user_id, user.plan)
    out = CountsOut(**strip(census.states), counted=total(census.states))
    return web.json_response(text=out.model_dump_json())


async def share(request: web.Request) -> web.Response:
    """Makes a link to a result. Raises Refused, NotFound."""
    wanted = ShareIn.model_validate_json(await request.read() or b"{}")
    links, backend = request.app[SHARES], request.app[BACKEND]
    job = await submissions.find(backend, account(request).user_id, request.match_info["id"])
    secret = await shares.create(backend, links, job, wanted.days, wanted.password)
    url = f"{request.app[SETTINGS].public_url}/shared?key={secret}"
    out = ShareOut(url=url, digest=links.item(secret).partition("#")[2])
    return web.json_response(text=out.model_dump_json(), status=201)


async def revoke_share(request: web.Request) -> web.Response:
    """Revokes a link by its digest; one that is none is no error."""
    await request.app[SHARES].revoke_digest(account(request).user_id, request.match_info["digest"])
    return web.Response(status=204)


async def create_batch(request: web.Request) -> web.Response:
    """Makes the id of a batch; nothing is kept of it before a job names it."""
    out = BatchOut(batch_id=batch_id(request.app[BACKEND].now(), os.urandom(10)))
    return web.json_response(text=out.model_dump_json(), status=201)


async def batch(request: web.Request) -> web.Response:
    """How many jobs of a batch are in each state. Raises Refused."""
    user, found = account(request), request.match_info["id"]
    census = await Census.take(request.app[BACKEND].jobs, user.user_id, user.plan, found)
    if not census.newest:
        raise submissions.Refused(EMPTY)
    out = CountsOut(**strip(census.states), counted=total(census.states))
    return web.json_response(text=out.model_dump_json())


async def relabel(request: web.Request) -> web.Response:
    """Gives a job another name, tags or note. Raises Refused, NotFound."""
    wanted = LabelsIn.model_validate_json(await request.read())
    user_id, found = account(request).user_id, request.match_info["id"]
    job = await label(request.app[BACKEND], user_id, found, name=wanted.file_name, tags=wanted.tags, note=wanted.note)
    return web.json_response(text=JobOut.model_validate(job).model_dump_json())


async def references(request: web.Request) -> web.Response:
    """The references that are offered, with the versions of their parts."""
    found = [
        ReferenceOut(
            assembly=assembly,
            bundle=place.partition("/")[0],
            version=bundle.version if bundle else "",
            parts=[PartOut.model_validate(part) for part in bundle.parts] if bundle else [],
        )
        for assembly, place, bundle in await offered(request)
    ]
    return web.json_response(ReferencesOut(references=found).model_dump(mode="json"))


async def cancel(request: web.Request) -> web.Response:
    """Cancels a job. Raises Refused, NotFound."""
    job = await submissions.cancel(request.app[BACKEND], account(request).user_id, request.match_info["id"])
    return web.json_response(text=JobOut.model_validate(job).model_dump_json())


async def retry(request: web.Request) -> web.Response:
    """Runs a failed job again, with `skip_bad` without the lines that are no records. Raises Refused, NotFound."""
    wanted = Again.model_validate_json(await request.read() or b"{}")
    job = await submissions.retry(request.app[BACKEND], account(request), request.match_info["id"], skip_bad=wanted.skip_bad)
    return web.json_response(text=JobOut.model_validate(job).model_dump_json())


async def summary(request: web.Request) -> web.Response:
    """Answers with what was counted in the result. Raises Refused, NotFound."""
    return web.json_response(await summary_of(request))


async def delete(request: web.Request) -> web.Response:
    """Deletes a job with all its data. Raises Refused, NotFound."""
    await submissions.find(request.app[BACKEND], account(request).user_id, request.match_info["id"])
    await submissions.delete(request.app[BACKEND], account(request).user_id, request.match_info["id"])
    return web.Response(status=204)


async def variants(request: web.Request) -> web.Response:
    """A page of the result's variants in genomic order."""
    asked = VariantQuery.model_validate(dict(request.query))
    wanted = asked.filter(await explorer.panels(request, asked))
    async with explored(request) as job:
        found = await request.app[EXPLORER].page(job, wanted, cursor=asked.at, limit=asked.limit, sort=asked.sort)
        return web.json_response(text=await request.app[EXPLORER].reader.in_executor(_page_of_variants, found))


def _page_of_variants(found: VariantPage) -> str:
    following = f"{found.next:x}" if found.next is not None else None
    shown = [VariantOut.model_validate(variant) for variant in found.variants]
    said = {name: getattr(found, name) for name in ("total", "first", "understood", "hint", "looked")}
    return VariantsOut(variants=shown, next=following, share=round(found.share, 4), **said).model_dump_json()


async def variant(request: web.Request) -> web.Response:
    """Answers with one variant. Raises Refused, NotFound."""
    found, legend, _ = await explorer.one(request)
    genotypes = dict(found.genotypes(legend.samples, MOST_SAMPLES))
    out = VariantAloneOut(**VariantOut.model_validate(found).model_dump(), genotypes=genotypes)
    return web.json_response(text=out.model_dump_json())


def _converted(settings: Settings, wanted: PastedIn) -> Pasted:
    found = at_hand(settings, wanted.assembly)
    return convert(wanted.text, found, chosen=wanted.assembly in settings.references)


async def pasted(request: web.Request) -> web.Response:
    """Makes a VCF of variants as people write them; what is not understood is named by its line."""
    wanted = PastedIn.model_validate_json(await request.read())
    found = await asyncio.to_thread(_converted, request.app[SETTINGS], wanted)
    return web.json_response(PastedOut.model_validate(found).model_dump(mode="json"))


async def who(request: web.Request) -> web.Response:
    """Answers with the account that the token stands for."""
    user = account(request)
    limits = LimitsOut.model_validate(request.app[SETTINGS].limits(user.plan))
    out = AccountOut(user_id=user.user_id, name=user.name, email=user.email, plan=user.plan, limits=limits)
    return web.json_response(text=out.model_dump_json())


async def tokens(request: web.Request) -> web.Response:
    """Answers with what is kept of each token."""
    kept = [one async for one in request.app[TOKENS].list(account(request).user_id)]
    out = TokensOut(tokens=[TokenOut(**{"scope": "write", **one}, digest=one["item"].partition("#")[2]) for one in kept])
    return web.json_response(text=out.model_dump_json())


async def revoke_token(request: web.Request) -> web.Response:
    """Revokes a token by its digest; one that is none is no error."""
    await request.app[TOKENS].revoke_digest(account(request).user_id, request.match_info["digest"])
    return web.Response(status=204)
