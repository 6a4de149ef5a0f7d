"""The result, variant by variant: a table over all of it, one variant with everything that is known, filtered downloads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from functools import partial
from itertools import islice
from typing import Any
from urllib.parse import quote, urlencode

import structlog
from aiohttp import web

from app.domain.file_names import content_disposition, derived
from app.domain.jobs import Job, Tier
from app.engine.bundles.manifest import MITOCHONDRIAL
from app.engine.report import render
from app.engine.report.flags import FLAGS
from app.engine.report.html import star_text
from app.engine.report.what_matters import CLASSES
from app.explorer.expression import FIELDS, PRESETS, BadFilter
from app.explorer.matching import NATURAL
from app.explorer.query import Unknown
from app.explorer.reader import VariantPage
from app.explorer.record import Legend, Variant
from app.explorer.search import EXAMPLES, NUCLEAR_EXAMPLES, NotUnderstood
from app.services import saved
from app.services.saved import Kind
from app.services.submissions import Refused, find
from app.web.api.models import VariantFilter, VariantQuery
from app.web.app_keys import BACKEND, CONCURRENCY, EXPLORER, SETTINGS, TABLES, account
from app.web.pages import page, see_other
from app.web.spreadsheet import sheet
from app.web.states import IMPACTS, badge
from app.web.table_processes import Run
from app.web.table_rows import ROWS_AT_ONCE, Form
from app.web.views.job_page import counts

log = structlog.get_logger()

FORMS = {
    "vcf": "text/plain",
    "tsv": "text/tab-separated-values",
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
SAMPLES = 50
"""Whose genotypes a page shows; the file has all."""

FREQUENCIES = {
    "GAS_GNOMAD_AF": "gnomAD, all",
    "GAS_GNOMAD_GRPMAX_AF": "gnomAD, the group that has it most often",
    "GAS_GNOMAD_GRPMAX": "That group",
    "GAS_GNOMAD_HOM": "People with two copies",
    "GAS_GNOMAD_FILTER": "gnomAD's filters",
    "AF": "In your file",
}
"""Tags that say how often an allele is seen, and what they are called."""

GROUPS = {
    "afr": "African or African American",
    "ami": "Amish",
    "amr": "Admixed American",
    "asj": "Ashkenazi Jewish",
    "eas": "East Asian",
    "fin": "European (Finnish)",
    "mid": "Middle Eastern",
    "nfe": "European (non-Finnish)",
    "sas": "South Asian",
}
"""Genetic ancestry groups, as gnomAD names them, by its codes."""

COLUMNS: dict[str, tuple[str, Callable[[Variant], str]]] = {
    "rsid": ("rsID", lambda one: one.rsid),
    "significance": ("ClinVar", lambda one: one.significance + (f" {star_text(one.stars)}" if one.stars is not None else "")),
    "frequency": ("Frequency", lambda one: "" if one.frequency is None else f"{one.frequency:.3g}"),
    "hgvs": ("HGVS", lambda one: one.hgvs_genomic),
    "transcript": ("Transcript", lambda one: one.transcript),
    "exon": ("Exon", lambda one: next((t.exon for t in one.transcripts if t.transcript == one.transcript), "")),
    "region": ("Region", lambda one: ", ".join(one.regions)),
    "quality": ("QUAL", lambda one: one.quality),
    "filter": ("FILTER", lambda one: one.filters),
    "af": ("AF", lambda one: one.info.get("AF", "")),
    "genotype": ("Genotypes", lambda one: " ".join(call.partition(":")[0] for call in one.calls[1:4])),
}
"""Columns that the table can have besides: their title, and what they show of a variant."""

NOTHING = VariantPage([], None, 0, 1.0)


async def listing(request: web.Request) -> web.Response:
    """A page of the table of variants."""
    # a form sends its empty fields too
    given = {name: value for name, value in request.query.items() if value and name in VariantQuery.model_fields}
    asked = VariantQuery.model_validate(given)
    chosen = [name for name in request.query.getall("column", []) if name in COLUMNS]
    kept_by_user = await saved.listed(request.app[BACKEND], account(request).user_id)
    all_panels = saved.panels(kept_by_user[Kind.PANELS])
    found, problem = NOTHING, ""
    async with explored(request) as job:
        try:
            wanted = asked.filter(all_panels)
            found = await request.app[EXPLORER].page(job, wanted, cursor=asked.at, limit=asked.limit, sort=asked.sort)
        except (Unknown, NotUnderstood, BadFilter) as error:
            problem = str(error)
        counted = await counts(request, job)
        columns = [("column", name) for name in chosen]
        kept = [*asked.asked().items(), *([("sort", asked.sort)] if asked.sort != "position" else []), *columns]

        def kept_with(sort: str) -> str:
            """The same question, sorted by this; sorted by it already, the other way round."""
            natural = NATURAL[sort]
            turned = (sort if natural.startswith("-") else f"-{sort}") if asked.sort == natural else natural
            return urlencode([*asked.asked().items(), ("sort", turned), *columns])

        return await rendered(
            request,
            "variants.html",
            status=404 if problem else 200,
            job=job,
            asked=asked,
            found=found,
            problem=problem,
            here=urlencode(asked.asked()),
            filtered={name: value for name, value in asked.asked().items() if name != "q"},
            kept=kept,
            kept_with=kept_with,
            fields=FIELDS,
            chosen=chosen,
            columns=COLUMNS,
            sorts=NATURAL,
            presets=PRESETS,
            saved_filters=kept_by_user[Kind.FILTERS],
            panels=all_panels,
            examples=EXAMPLES if MITOCHONDRIAL.issuperset(counted.get("contigs", ())) else NUCLEAR_EXAMPLES,
            classes=CLASSES,
            counts=counted,
            impacts=IMPACTS,
        )


async def numbered(request: web.Request) -> web.Response:
    """Leads to the page of a variant by its number in the result, from 0. Raises Refused, NotFound."""
    async with explored(request) as job:
        at = await request.app[EXPLORER].row(job, int(request.match_info["row"]))
    return see_other(f"/annotations/{job.job_id}/variants/{at:x}")


async def variant(request: web.Request) -> web.Response:
    """The page of one variant. Raises Refused, NotFound."""
    found, legend, job = await one(request)
    return await rendered(
        request,
        "variant.html",
        job=job,
        variant=found,
        legend=legend,
        genotypes=found.genotypes(legend.samples, SAMPLES),
        links=links(found, job.assembly or job.bundle),
        impacts=IMPACTS,
        flags=FLAGS,
        classes=CLASSES,
        beside=await request.app[EXPLORER].beside(job, found.at),
        gene=await _in_gene(request, job, found),
        frequencies=[(words, GROUPS.get(value, value)) for tag, words in FREQUENCIES.items() if (value := found.info.get(tag))],
        back=request.query.get("back", "")[:2000],
    )


async def _in_gene(request: web.Request, job: Job, found: Variant) -> tuple[str, int, int, float] | None:
    """Name, first and last base of its gene, and how far along it the variant lies, 0 to 1; None where that is not known."""
    reference = await request.app[EXPLORER].references.reference_of(await counts(request, job))
    gene = reference.genes.find(found.gene) if reference and reference.genes and found.gene else None
    if not gene or not gene.begin <= found.position <= gene.end:
        return None
    return gene.name, gene.begin, gene.end, (found.position - gene.begin) / max(1, gene.end - gene.begin)


async def download(request: web.Request) -> web.StreamResponse:
    """Everything that is wanted, streamed. The whole VCF is a file that is there already."""
    async with explored(request) as job:
        return await _download(request, job, request.match_info["form"])


async def _download(request: web.Request, job: Job, form: str) -> web.StreamResponse:
    asked = VariantFilter.model_validate({name: value for name, value in request.query.items() if name not in ("column", "sort")})
    if form == "vcf" and not asked.asked():
        return see_other(request.path.removesuffix("variants.vcf") + "result")
    header, batches = await request.app[EXPLORER].open(job, asked.filter(await panels(request, asked)))
    pieces = _vcf(header, batches) if form == "vcf" else _table(request.app, form, await counts(request, job), batches)
    name = derived(job.file_name, f"{'variants' if asked.asked() else 'annot'}.{form}")
    answer = web.StreamResponse(headers={"Content-Disposition": content_disposition(name)})
    answer.content_type = FORMS[form]
    await answer.prepare(request)
    if request.method == "HEAD":  # a body here would be taken for the next answer
        return answer
    try:
        async with aclosing(pieces):  # whatever makes them ends with the answer, also where the reader leaves
            async for piece in pieces:
                await answer.write(piece)
        await answer.write_eof()
    except Exception:
        # half of it is sent: only a broken connection still shows the browser that it is not whole
        log.exception("download broke off", job_id=job.job_id)
        if request.transport:
            request.transport.abort()
    return answer


async def panels(request: web.Request, asked: VariantFilter) -> dict[str, str]:
    """The user's panels and the built-in ones by name, if one is asked for."""
    if not asked.panel:
        return {}
    return saved.panels((await saved.listed(request.app[BACKEND], account(request).user_id))[Kind.PANELS])


async def rendered(request: web.Request, template: str, **values: Any) -> web.Response:
    """As `page`, in one of the explorer's threads: five hundred rows take a tenth of a second."""
    return await request.app[EXPLORER].reader.in_executor(partial(page, request, template, **values))


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
            price = request.app[SETTINGS].premium_price if job.tier is Tier.ARCHIVED else ""
            cost = f" It costs {price}." if price else ""
            stays = "What matters, counts and charts stay on the page of the annotation." if job.summary else ""
            raise Refused(f"There is nothing to explore now. {badge(job).meaning}{cost} {stays}".rstrip())
        yield job


def links(found: Variant, assembly: str = "") -> list[tuple[str, str]]:
    """Name and address of where else this variant or its gene is described."""
    known = []
    if found.rsid:
        known = [
            (f"dbSNP {found.rsid}", f"https://www.ncbi.nlm.nih.gov/snp/{found.rsid}"),
            (f"Ensembl {found.rsid}", f"https://www.ensembl.org/Homo_sapiens/Variation/Explore?{urlencode({'v': found.rsid})}"),
        ]
    if number := found.info.get("GAS_CLINVAR", ""):
        known.append((f"ClinVar {number}", f"https://www.ncbi.nlm.nih.gov/clinvar/variation/{quote(number)}/"))
    elif found.rsid:
        known.append((f"ClinVar {found.rsid}", f"https://www.ncbi.nlm.nih.gov/clinvar/?{urlencode({'term': found.rsid})}"))
    if "GAS_GNOMAD_AF" in found.info and len(found.ref) + len(found.alt) < 100:
        name = f"{found.contig.removeprefix('chr')}-{found.position}-{found.ref}-{found.alt}"
        known.append(("gnomAD", f"https://gnomad.broadinstitute.org/variant/{quote(name)}"))
    if found.gene:
        known.append(
            (f"Ensembl {found.gene}", f"https://www.ensembl.org/Homo_sapiens/Gene/Summary?{urlencode({'g': found.gene})}")
        )
    if found.contig in MITOCHONDRIAL and len(found.ref) + len(found.alt) < 100:
        name = f"{found.position}{found.ref}>{found.alt}"
        known.append((f"MITOMAP {name}", f"https://mitomap.org/cgi-bin/search_allele?{urlencode({'variant': name})}"))
    elif found.contig not in MITOCHONDRIAL and "GRCh38" in assembly:
        place = f"chr{found.contig.removeprefix('chr')}:{found.position - 20}-{found.position + 20}"
        known.append(("UCSC", f"https://genome.ucsc.edu/cgi-bin/hgTracks?{urlencode({'db': 'hg38', 'position': place})}"))
    return known


def _table(
    app: web.Application, form: str, summary: dict[str, Any], batches: AsyncIterator[list[bytes]]
) -> AsyncGenerator[bytes, None]:
    run = app[EXPLORER].reader.in_executor
    if form == "xlsx":
        return _xlsx(summary, batches, run)
    tags, provenance = tuple(summary.get("tags", {})), render.provenance(summary) if summary else ""
    return app[TABLES].table(Form(form, tags, provenance), batches, run)


async def _vcf(header: bytes, batches: AsyncIterator[list[bytes]]) -> AsyncGenerator[bytes, None]:
    yield header
    async for lines in batches:
        if lines:
            yield b"\n".join([*lines, b""])


async def _xlsx(summary: dict[str, Any], batches: AsyncIterator[list[bytes]], run: Run) -> AsyncGenerator[bytes, None]:
    """An Excel file is a zip, whose parts have to be complete before the first byte can be sent."""
    with sheet() as made:
        async for rows in _tables(summary, batches):
            while await run(made.add, islice(rows, ROWS_AT_ONCE)):
                pass
        await asyncio.to_thread(made.close)
        with made.path.open("rb") as file:
            while piece := await run(file.read, 1 << 18):
                yield piece


async def _tables(summary: dict[str, Any], batches: AsyncIterator[list[bytes]]) -> AsyncIterator[Iterator[list[str]]]:
    """The rows of the table, the titles first."""
    tags, origin = list(summary.get("tags", {})), render.provenance(summary) if summary else ""
    yield render.cells([], tags, origin)
    async for lines in batches:
        rows = render.cells((line.decode("utf-8", "replace") for line in lines), tags, origin)
        next(rows)
        yield rows
