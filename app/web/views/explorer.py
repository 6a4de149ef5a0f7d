"""The result, variant by variant: a table over all of it, one variant with everything that is known, filtered downloads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any
from urllib.parse import urlencode

import structlog
from aiohttp import web

from app.domain.file_names import content_disposition, derived
from app.domain.jobs import Job
from app.engine.bundles.manifest import MITOCHONDRIAL
from app.engine.report import render
from app.engine.report.flags import FLAGS
from app.explorer.query import Unknown
from app.explorer.reader import VariantPage
from app.explorer.record import Legend, Variant
from app.services.submissions import Refused, find
from app.web.api.models import VariantFilter, VariantQuery
from app.web.app_keys import BACKEND, CONCURRENCY, EXPLORER, account
from app.web.pages import page, see_other
from app.web.states import IMPACTS, badge
from app.web.views.job_page import counts

log = structlog.get_logger()

FORMS = {"vcf": "text/plain", "tsv": "text/tab-separated-values"}
SAMPLES = 50
"""Whose genotypes a page shows; the file has all."""

NOTHING = VariantPage([], None, 0, 1.0)


async def listing(request: web.Request) -> web.Response:
    """A page of the table of variants."""
    # a form sends its empty fields too
    given = {name: value for name, value in request.query.items() if value and name in VariantQuery.model_fields}
    asked = VariantQuery.model_validate(given)
    found, problem = NOTHING, ""
    async with explored(request) as job:
        try:
            found = await request.app[EXPLORER].page(job, asked.filter(), cursor=asked.at, limit=asked.limit)
        except Unknown as error:
            problem = str(error)
    return page(
        request,
        "variants.html",
        status=404 if problem else 200,
        job=job,
        asked=asked,
        found=found,
        problem=problem,
        here=urlencode(asked.asked()),
        counts=await counts(request, job),
        impacts=IMPACTS,
    )


async def variant(request: web.Request) -> web.Response:
    """The page of one variant. Raises Refused, NotFound."""
    found, legend, job = await one(request)
    return page(
        request,
        "variant.html",
        job=job,
        variant=found,
        legend=legend,
        genotypes=found.genotypes(legend.samples, SAMPLES),
        links=links(found),
        impacts=IMPACTS,
        flags=FLAGS,
        back=request.query.get("back", "")[:2000],
    )


async def download(request: web.Request) -> web.StreamResponse:
    """Everything that is wanted, streamed. The whole VCF is a file that is there already."""
    async with explored(request) as job:
        return await _download(request, job, request.match_info["form"])


async def _download(request: web.Request, job: Job, form: str) -> web.StreamResponse:
    asked = VariantFilter.model_validate(dict(request.query))
    if form == "vcf" and not asked.asked():
        return see_other(request.path.removesuffix("variants.vcf") + "result")
    header, batches = await request.app[EXPLORER].open(job, asked.filter())
    pieces = _vcf(header, batches) if form == "vcf" else _tsv(await counts(request, job), batches)
    name = derived(job.file_name, f"{'variants' if asked.asked() else 'annot'}.{form}")
    answer = web.StreamResponse(headers={"Content-Disposition": content_disposition(name)})
    answer.content_type = FORMS[form]
    await answer.prepare(request)
    if request.method == "HEAD":  # a body here would be taken for the next answer
        return answer
    try:
        async for piece in pieces:
            await answer.write(piece)
        await answer.write_eof()
    except Exception:
        # half of it is sent: only a broken connection still shows the browser that it is not whole
        log.exception("download broke off", job_id=job.job_id)
        if request.transport:
            request.transport.abort()
    return answer


async def one(request: web.Request) -> tuple[Variant, Legend, Job]:
    """The variant at the place that the address names, and what explains it."""
    async with explored(request) as job:
        explorer = request.app[EXPLORER]
        return await explorer.variant(job, int(request.match_info["at"], 16)), await explorer.legend(job), job


@asynccontextmanager
async def explored(request: web.Request) -> AsyncIterator[Job]:
    """The job, with its result at hand, for one turn. Raises NotFound, Busy; Refused, with where the result is instead."""
    user_id = account(request).user_id
    with request.app[CONCURRENCY].slot(user_id):
        job = await find(request.app[BACKEND], user_id, request.match_info["id"])
        if not job.result or not job.index:
            raise Refused(f"There is nothing to explore now. {badge(job).meaning} Summary and log, once written, stay.")
        yield job


def links(found: Variant) -> list[tuple[str, str]]:
    """Name and address of where else this variant or its gene is described."""
    known = []
    if found.rsid:
        known = [
            (f"dbSNP {found.rsid}", f"https://www.ncbi.nlm.nih.gov/snp/{found.rsid}"),
            (f"ClinVar {found.rsid}", f"https://www.ncbi.nlm.nih.gov/clinvar/?{urlencode({'term': found.rsid})}"),
            (f"Ensembl {found.rsid}", f"https://www.ensembl.org/Homo_sapiens/Variation/Explore?{urlencode({'v': found.rsid})}"),
        ]
    if found.gene:
        known.append(
            (f"Ensembl {found.gene}", f"https://www.ensembl.org/Homo_sapiens/Gene/Summary?{urlencode({'g': found.gene})}")
        )
    if found.contig in MITOCHONDRIAL and len(found.ref) + len(found.alt) < 100:
        name = f"{found.position}{found.ref}>{found.alt}"
        known.append((f"MITOMAP {name}", f"https://mitomap.org/cgi-bin/search_allele?{urlencode({'variant': name})}"))
    return known


async def _vcf(header: bytes, batches: AsyncIterator[list[bytes]]) -> AsyncIterator[bytes]:
    yield header
    async for lines in batches:
        if lines:
            yield b"\n".join([*lines, b""])


async def _tsv(summary: dict[str, Any], batches: AsyncIterator[list[bytes]]) -> AsyncIterator[bytes]:
    tags, origin = list(summary.get("tags", {})), render.provenance(summary) if summary else ""
    yield "".join(render.tsv([], tags, origin)).encode()
    async for lines in batches:
        rows = render.tsv((line.decode("utf-8", "replace") for line in lines), tags, origin)
        next(rows)
        # a few hundred at a time, so that others get their turn
        while some := "".join(islice(rows, 200)):
            yield some.encode()
