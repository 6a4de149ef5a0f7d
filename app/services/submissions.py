"""What a user can do to a job: prepare an upload, submit it, cancel, retry, delete. Limits of the plan hold here."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import unicodedata
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.accounts import Account
from app.domain.jobs import (
    BATCH_MS,
    CLOCKS_APART_MS,
    UNFINISHED,
    Fault,
    Job,
    State,
    Status,
    Trigger,
    batch_end,
    job_id,
)
from app.domain.keys import Gone, input_key
from app.domain.limits import BATCH_FILES, FILE_NAME
from app.domain.messages import JobRequested
from app.engine.reading.assembly import match_assembly
from app.services.backend import Backend
from app.services.sweep import sweep

DAY_MS = 86_400_000
RACES = 5
"""How often a request looks again whose Idempotency-Key another one took in the same moment."""

SEARCHED = 1000
"""Jobs that one search looks at, at most."""

SLOWEST_UPLOAD = 100_000
"""Bytes a second: who is slower may find the job gone that the file was for."""


class Refused(Exception):
    """The user can't have this now; the text says why and what to do."""


class NotFound(LookupError):
    """This user has no such job."""


@dataclass(frozen=True)
class Upload:
    """A job that waits for its file, and the form that uploads it straight to S3: `url` and `fields`."""

    job: Job
    form: dict[str, Any]


@dataclass(frozen=True)
class Batch:
    """Files that are sent together: the id of their batch, and how many they are to be. Without an id: a file alone."""

    batch_id: str = ""
    files: int = 0


NO_BATCH = Batch()


async def prepare(
    backend: Backend,
    account: Account,
    file_name: str,
    assembly: str,
    fields: Mapping[str, str],
    key: str = "",
    batch: Batch = NO_BATCH,
) -> Upload:
    """Records an UPLOADING job and makes its upload form. Raises Refused at a limit of the plan.

    `batch`: the files that it is sent together with.
    `assembly` is one of those that are offered, by any of its names; empty: the file decides.
    The same `key` within a day is the same job: a client that repeats a request whose answer got lost makes no second one.
    """
    name, assembly = clean(file_name) or "upload.vcf", _offered(backend, assembly)
    limits = backend.settings.limits(account.plan)
    bundle = backend.settings.bundle(assembly)
    fresh = job_id(backend.now(), os.urandom(10))
    _check_batch(backend, batch)
    job = Job(
        user_id=account.user_id,
        job_id=fresh,
        file_name=name,
        assembly=assembly,
        bundle=bundle,
        batch=batch.batch_id,
        batch_files=batch.files,
    )
    deadline_seconds = max(backend.jobs.deadline_seconds[Status.UPLOADING], limits.max_upload_bytes // SLOWEST_UPLOAD)
    if key:
        job = await _once(backend, job, key, deadline_seconds)
    else:
        job = await backend.jobs.create(job, deadline_seconds=deadline_seconds)
    most = limits.max_upload_bytes
    form = await backend.inputs.upload_form(input_key(job.user_id, job.job_id), most_bytes=most, fields=fields)
    if job.job_id != fresh:
        return Upload(job, form)
    try:
        # now that it is there: many requests at once would each see too few before
        if key:
            await _check_still_there(backend, account, key)
        await _check_limits(backend, account, job.job_id)
    except Refused:
        await delete(backend, account.user_id, job.job_id)
        raise
    return Upload(job, form)


async def submit(backend: Backend, account: Account, job_id: str) -> Job:
    """Sends an uploaded job to the annotators; may be repeated. A file that the plan does not allow ends FAILED.

    Raises NotFound, and Refused while the file is not there.
    """
    job = await find(backend, account.user_id, job_id)
    if job.status is not Status.UPLOADING:
        return job
    # believed is only what S3 says: whatever a browser checked or a policy promised is checked again here
    stored = await backend.inputs.head(input_key(job.user_id, job.job_id))
    if stored is None:
        raise Refused("The file has not arrived yet. Please upload it again.")
    if problem := _problem(backend, account, stored.size):
        values: dict[str, Any] = {"fault": Fault.USER, "message": problem, "finished_at": backend.now()}
        failed = await backend.jobs.advance(job.user_id, job_id, Trigger.FAIL, at=job.rev, size=stored.size, **values)
        if failed:
            await backend.jobs.clear_deadline(failed)  # the submitter learns it from the response
        return failed or await find(backend, account.user_id, job_id)
    submitted = await backend.jobs.advance(
        job.user_id,
        job_id,
        Trigger.SUBMIT,
        size=stored.size,
        etag=stored.etag,
        submitted_at=backend.now(),
    )
    if submitted is None:
        return await find(backend, account.user_id, job_id)
    await request(backend, submitted)
    return submitted


async def request(backend: Backend, job: Job, *, again: bool = False) -> None:
    """Asks the annotators for this job; `again` where an earlier attempt may have died anywhere."""
    message = JobRequested(user_id=job.user_id, job_id=job.job_id, occurred_at=backend.now(), again=again, size=job.size)
    await backend.topics.publish("job_requests", message)


async def cancel(backend: Backend, user_id: str, job_id: str) -> Job:
    """Stops a job that has not ended; its annotator notices at its next write. Raises NotFound, Refused."""
    cancelled = await backend.jobs.advance(user_id, job_id, Trigger.CANCEL, finished_at=backend.now())
    if cancelled and cancelled.submitted_at is None:
        await backend.jobs.clear_deadline(cancelled)  # no annotator was asked
    job = cancelled or await find(backend, user_id, job_id)
    if job.status is not Status.CANCELLED:
        raise Refused(f"This job is {job.status.lower()} already: there is nothing left to cancel.")
    return job


async def retry(backend: Backend, account: Account, job_id: str, *, skip_bad: bool = False) -> Job:
    """Runs a failed job again on the same file; `skip_bad` without the lines that are no records. Raises NotFound, Refused."""
    job = await find(backend, account.user_id, job_id)
    if job.status is not Status.FAILED:
        raise Refused("Only a failed job can be run again.")
    await _check_limits(backend, account, job_id)
    stored = await backend.inputs.head(input_key(job.user_id, job_id))
    if stored is None:
        raise Refused("The uploaded file is not kept any more. Please upload it again.")
    if problem := _problem(backend, account, stored.size):
        raise Refused(problem)
    cleared: dict[str, Any] = dict.fromkeys(
        ("fault", "message", "line", "faults", "started_at", "finished_at", "phase", "records", "percent")
    )
    again = await backend.jobs.advance(
        account.user_id,
        job_id,
        Trigger.RETRY,
        at=job.rev,
        **cleared,
        skippable=0,
        skip_bad=skip_bad or job.skip_bad,
        attempts=0,
        outage_attempts=0,
        size=stored.size,
        etag=stored.etag,
        submitted_at=backend.now(),
    )
    if again is None:
        return await find(backend, account.user_id, job_id)
    await request(backend, again, again=True)
    return again


async def renew(backend: Backend, account: Account, job_id: str) -> Job:
    """Annotates the file of a completed job once more, as a job of its own: with the references as they are now.

    Raises NotFound, Refused.
    """
    job = await find(backend, account.user_id, job_id)
    if job.status is not Status.COMPLETED:
        raise Refused("Only a completed job can be made anew with newer references.")
    stored = await backend.inputs.head(input_key(job.user_id, job_id))
    if stored is None:
        raise Refused("The uploaded file is not kept any more. Please upload it again.")
    if problem := _problem(backend, account, stored.size):
        raise Refused(problem)
    upload = await prepare(backend, account, job.file_name, job.assembly, {})
    try:
        await _check_still_there(backend, account, "")
        await backend.inputs.copy(stored, input_key(job.user_id, upload.job.job_id))
    except (Gone, Refused) as error:
        await delete(backend, account.user_id, upload.job.job_id)
        if isinstance(error, Refused):
            raise
        raise Refused("The uploaded file is not kept any more. Please upload it again.") from error
    return await submit(backend, account, upload.job.job_id)


async def delete(backend: Backend, user_id: str, job_id: str, *, at: int | None = None) -> None:
    """Deletes a job with all its data, where given only if it is still `at` this rev.

    The tombstone keeps a late message from bringing anything back; may be repeated.
    """
    await backend.jobs.advance(user_id, job_id, Trigger.DELETE, at=at)
    job = await backend.jobs.get(user_id, job_id)
    if job and job.status is Status.DELETING:
        await sweep(backend, user_id, job_id, job.archive, job.superseded, listing=True)
        await backend.inputs.delete([input_key(user_id, job_id)])
        await backend.jobs.remove(job)


@dataclass(frozen=True)
class Wanted:
    """Which jobs a list is narrowed to: text in the name, tags or note, the states that they may be in, a tag, a batch."""

    text: str = ""
    states: frozenset[State] | None = None
    tag: str = ""
    batch: str = ""

    def has(self, job: Job) -> bool:
        """Whether the job is one of them."""
        if (self.states is not None and not {job.status, job.tier} & self.states) or (self.tag and self.tag not in job.tags):
            return False
        if self.batch and self.batch != job.batch:
            return False
        return self.text.lower() in "\n".join((job.file_name, job.note, *job.tags)).lower()


EVERYTHING = Wanted()


async def search(
    backend: Backend, user_id: str, wanted: Wanted, *, before: str | None = None, after: str | None = None, limit: int = 20
) -> tuple[list[Job], str | None]:
    """The wanted jobs next to `before` among the older ones, or to `after` among the newer, newest first; and where to go on in
    that direction, if there may be more.

    One call looks at a thousand jobs at most: it may find none, and still say where to go on.
    """
    found: list[Job] = []
    forward, at = bool(after), after or before
    first, last = (wanted.batch, batch_end(wanted.batch)) if wanted.batch else ("", "~")
    if wanted.batch and not forward:
        at = min(at or last, last)
    chunk = limit + 1 if wanted == EVERYTHING else SEARCHED // 10
    for _ in range(10):
        jobs = await backend.jobs.page(user_id, **{"after" if forward else "before": at}, limit=chunk)
        for job in reversed(jobs) if forward else jobs:
            at = job.job_id
            if not first <= at < last:
                return _newest_first(found, forward), None
            if wanted.has(job):
                found.append(job)
                if len(found) > limit:
                    return _newest_first(found[:limit], forward), found[limit - 1].job_id
        if len(jobs) < chunk:
            return _newest_first(found, forward), None
    return _newest_first(found, forward), at


def _newest_first(jobs: list[Job], forward: bool) -> list[Job]:
    return jobs[::-1] if forward else jobs


async def find(backend: Backend, user_id: str, job_id: str) -> Job:
    """The user's own job. Raises NotFound, also for one that is being deleted."""
    return there(await backend.jobs.get_batched(user_id, job_id), user_id, job_id)


def there(job: Job | None, user_id: str, job_id: str) -> Job:
    """The job that was read, if it is this one of the user's. Raises NotFound, also for one that is being deleted."""
    if job is None or (job.user_id, job.job_id) != (user_id, job_id) or job.status is Status.DELETING:
        raise NotFound(job_id)
    return job


def _offered(backend: Backend, assembly: str) -> str:
    """The assembly as it is offered; empty if none is named. Raises Refused for one that is not."""
    offered = backend.settings.references
    found = match_assembly(assembly, offered)
    if assembly and not found:
        raise Refused(f"The assembly {assembly[:40]!r} is not offered here. Choose one of {', '.join(offered)}, or none.")
    return found or ""


def _check_batch(backend: Backend, batch: Batch) -> None:
    if batch.files > BATCH_FILES.most:
        raise Refused(BATCH_FILES.sentence())
    age = backend.now() - (uuid.UUID(batch.batch_id).int >> 80) if batch.batch_id else 0
    if not 0 <= age < BATCH_MS - 2 * CLOCKS_APART_MS:
        raise Refused("This batch takes no more files: a batch is good for a day. Please begin a new one.")


def _mark(key: str) -> str:
    return f"MARK#key:{hashlib.sha256(key.encode()).hexdigest()}"


async def _once(backend: Backend, job: Job, key: str, deadline_seconds: int) -> Job:
    """The job that stands for this key: this new one, unless there is one already. Raises Refused if that was for another file.

    A deleted one is replaced by one with an id of its own, for late messages and sweeps may know the old one.
    """
    mark, expires_at = _mark(key), (backend.now() + DAY_MS) // 1000
    for _ in range(RACES):
        kept = await backend.accounts.item(job.user_id, mark) or {}
        if kept and (kept["file_name"], kept["assembly"]) != (job.file_name, job.assembly):
            raise Refused("This Idempotency-Key was used for another file or assembly. Please choose a new one for each request.")
        known = await backend.jobs.get(job.user_id, kept["job_id"]) if kept else None
        if known and known.status is not Status.DELETING:
            return known
        values = {"job_id": job.job_id, "file_name": job.file_name, "assembly": job.assembly}
        made, put = backend.jobs.creation(job, deadline_seconds=deadline_seconds)
        was = kept.get("job_id", "")
        # both or neither: there is no job without its mark, however late a request is, and a marked job that is gone was deleted
        if await backend.accounts.put_once(job.user_id, mark, put, was, expires_at=expires_at, **values):
            return made
        await asyncio.sleep(random.uniform(0, 0.1))
    raise Refused("Many requests came with this Idempotency-Key at once. Please try again in a moment.")


async def _check_still_there(backend: Backend, account: Account, key: str) -> None:
    """Raises Refused if the account is deleted meanwhile. The deletion marks the account before it lists jobs, and this looks
    at the mark after the job is recorded: one of the two sees the other, and the job goes.

    A job without a key needs no such look, which costs a request: only who is signed in can submit it, and the doctor deletes
    what stays UPLOADING without an account.
    """
    now = await backend.accounts.get(account.user_id)
    if now is None or now.erasing:
        if key:
            await backend.accounts.delete_item(account.user_id, _mark(key))
        raise Refused("This account is being deleted: it takes no more jobs.")


def clean(name: str, most: int = FILE_NAME.most) -> str:
    """Any name, but for what neither a process argument nor UTF-8 can carry: control characters and lone surrogates."""
    return "".join(c for c in name if unicodedata.category(c) not in ("Cc", "Cs")).strip()[:most]


def _problem(backend: Backend, account: Account, size: int) -> str:
    """What is wrong with a file of this size, in a sentence; empty if nothing is."""
    most = backend.settings.limits(account.plan).max_upload_bytes
    if size == 0:
        return "The file is empty (0 bytes). Please upload it again."
    if size > most:
        return f"The file has {size:,} bytes; the {account.plan} plan takes up to {most:,}. " + (
            "Upgrade to premium, or upload a smaller file." if account.limits.archives else "Please split the file."
        )
    return ""


async def _check_limits(backend: Backend, account: Account, job_id: str) -> None:
    """Counts the submission of this job. Other unfinished ones are looked for among the newest, twice as many as the plan
    allows at once. Raises Refused."""
    if account.quota_exempt:
        return
    limits = account.limits
    newest = await backend.jobs.page(account.user_id, limit=2 * limits.unfinished_jobs)
    unfinished = sum(job.status in UNFINISHED and job.job_id != job_id for job in newest)
    if unfinished >= limits.unfinished_jobs:
        raise Refused(
            f"You have {unfinished} unfinished jobs, and the {account.plan} plan takes {limits.unfinished_jobs} at once. "
            "Wait for one to finish, or cancel one."
        )
    day = backend.now() // DAY_MS
    expires_at = (day + 2) * DAY_MS // 1000
    if not await backend.accounts.count(account.user_id, f"DAY#{day}", limits.daily_submissions, expires_at=expires_at):
        raise Refused(
            f"The {account.plan} plan takes {limits.daily_submissions} submissions a day (UTC). Please come back tomorrow."
        )
