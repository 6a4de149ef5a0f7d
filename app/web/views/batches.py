"""Files that were sent together: one page, and one archive of what came of them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import structlog
from aiohttp import web

from app.domain.file_names import content_disposition, derived
from app.domain.jobs import Job
from app.domain.keys import Gone, Output
from app.services.batches import EMPTY, jobs_of
from app.services.submissions import Refused
from app.web.app_keys import BACKEND, CONCURRENCY, account
from app.web.states import badge
from app.web.zip_stream import Member, zipped

log = structlog.get_logger()

LEFT_OUT = "left-out.txt"


async def results(request: web.Request) -> web.StreamResponse:
    """Every annotated VCF of the batch with its index, as one ZIP; what is not there to download is named in it.

    Raises Refused, TooManyRequests.
    """
    user_id, batch = account(request).user_id, request.match_info["id"]
    jobs = await jobs_of(request.app[BACKEND], user_id, batch)
    if not jobs:
        raise Refused(EMPTY)
    if not any(job.result for job in jobs):
        raise Refused("None of these results is there to download now. The page of the batch says where they are.")
    with request.app[CONCURRENCY].slot(user_id):
        return await _sent(request, jobs)


async def _sent(request: web.Request, jobs: list[Job]) -> web.StreamResponse:
    headers = {"Content-Disposition": content_disposition("results.zip")}
    answer = web.StreamResponse(headers=headers)
    answer.content_type = "application/zip"
    await answer.prepare(request)
    if request.method == "HEAD":  # a body here would be taken for the next answer
        return answer
    try:
        async for piece in zipped(_members(request, jobs)):
            await answer.write(piece)
        await answer.write_eof()
    except ConnectionResetError:
        return answer
    except Exception:
        # half of it is sent: only a broken connection still shows the browser that it is not whole
        log.exception("archive broke off", jobs=len(jobs))
        if request.transport:
            request.transport.abort()
    return answer


async def _members(request: web.Request, jobs: list[Job]) -> AsyncIterator[Member]:
    bucket, left_out = request.app[BACKEND].results, list[str]()
    for job in jobs:
        files = [(job.result, Output.RESULT), (job.index, Output.INDEX)] if job.result else []
        if not files:
            left_out.append(f"{job.file_name}: {badge(job).meaning}")
        for key, output in files:
            if not key:
                continue
            chunks = bucket.chunks(key)
            try:
                first = await anext(chunks, b"")
            except Gone:
                left_out.append(f"{derived(job.file_name, output)}: It is not there any more.")
                continue
            yield derived(job.file_name, output), _chained(first, chunks)
    if left_out:
        yield LEFT_OUT, _chained("\n".join([*left_out, ""]).encode())


async def _chained(first: bytes, rest: AsyncIterator[bytes] | None = None) -> AsyncIterator[bytes]:
    yield first
    if rest:
        async for chunk in rest:
            yield chunk
