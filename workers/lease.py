"""Holds a claim on a job while the work is done: renews it, and stops the work when it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import structlog
from botocore.exceptions import BotoCoreError, ClientError

from app.domain.jobs import Job, State
from app.services.backend import Backend

log = structlog.get_logger()


class LeaseLost(Exception):
    """The record moved on: the user cancelled or deleted the job, or another attempt took it over."""


class RenewalFailed(RuntimeError):
    """Renewing the lease failed by a fault of ours: without it another attempt would work beside this one, unseen."""


@asynccontextmanager
async def lease(backend: Backend, job: Job, state: State, progress: Callable[[], dict[str, Any]] = dict) -> AsyncIterator[None]:
    """Renews the deadline of `state` at a third of its length, in one write with what `progress` returns.

    Progress that changed is written sooner. Raises LeaseLost out of the body, which is cancelled; likewise RenewalFailed where
    renewing fails in a way that no later try mends. Whatever else ends the body early gives the lease up at once, so that the
    next attempt does not wait for it to run out.
    """
    body = asyncio.current_task()
    assert body is not None
    lost = False
    broken: Exception | None = None

    async def renew() -> None:
        nonlocal broken
        try:
            await renewed()
        except Exception as error:
            log.exception("lease cannot be renewed")
            broken = error
            body.cancel()

    async def renewed() -> None:
        nonlocal lost
        third = backend.jobs.deadline_seconds[state] / 3
        step = min(third, backend.settings.progress_seconds)
        written, waited = progress(), 0.0
        while True:
            await asyncio.sleep(step)
            waited += step
            values = progress()
            if values == written and waited < third:
                continue
            try:
                kept = await backend.jobs.renew(job, state, **values)
            except (ClientError, BotoCoreError, OSError) as error:
                log.warning("lease not renewed", error=repr(error))
                continue
            if kept is None:
                lost = True
                body.cancel()
                return
            written, waited = values, 0.0

    renewal = asyncio.create_task(renew())
    try:
        yield
    except BaseException as failure:
        renewal.cancel()
        if lost and isinstance(failure, asyncio.CancelledError):
            body.uncancel()
            raise LeaseLost(job.job_id) from None
        if broken and isinstance(failure, asyncio.CancelledError):
            body.uncancel()
            failure = RenewalFailed(job.job_id)
            failure.__cause__ = broken
        await backend.jobs.update(job, state=state, deadline_seconds=0)
        raise failure
    finally:
        renewal.cancel()
