"""Finds what is stuck, and sends again the message that moves it: outbox, lease reaper and reconciler in one.

The overdue index says where to look; each record is read strongly before anything is said or done. With `full`, the table
is scanned and the buckets are listed as well; the scan also sees whose uploaded files are deleted soon.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any

import structlog
from botocore.exceptions import BotoCoreError, ClientError

from app.aws.archives import RetrievalState
from app.aws.queues import NotSent
from app.domain.accounts import Account, Plan
from app.domain.jobs import LONGEST_DEADLINE_SECONDS, RESTING, WAITING, Job, Status, Tier
from app.domain.keys import Gone, input_key, owner, uploader
from app.domain.messages import ArchiveDue, JobFinished, RetrievalLook
from app.domain.retrievals import retrieval
from app.engine.errors import EngineError
from app.process import systemd
from app.process.memory import freeze_gc
from app.process.metrics import Metric, Metrics
from app.services import deletions, privacy, references, submissions, subscriptions
from app.services.backend import Backend, backend
from app.services.sweep import sweep
from app.settings import Settings

log = structlog.get_logger()
FULL_LOOK_SECONDS = 86_400
"""Between two looks that scan the table and list the buckets."""

GRACE = 3
"""Seconds after which what looked wrong in a scan is looked at again before it is reported."""

NO_REFERENCE, OLD_CLINVAR = "reference not there", "old ClinVar"
UNSENT = "mail marked, and not sent"
WAITS, KEPT, NOT_RETRIEVED = "waits without a deadline", "free, and its result is kept", "being restored without a retrieval"
STALLED = {WAITS, KEPT, NOT_RETRIEVED}
"""What a look at the job mends."""


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be; `repaired` says what was done about it."""

    kind: str
    user_id: str
    job_id: str
    detail: str
    repaired: str = ""

    def as_dict(self) -> dict[str, str]:
        """The finding as JSON takes it."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.kind}: {self.user_id} {self.job_id} {self.detail}{f' -> {self.repaired}' if self.repaired else ''}"


async def examine(backend: Backend, *, repair: bool, full: bool = False) -> AsyncIterator[Finding]:
    """Every finding of one look; with `repair`, each is mended before it is yielded."""
    async for user_id, job_id in backend.jobs.overdue():
        job = await backend.jobs.get(user_id, job_id)
        if job and backend.jobs.is_overdue(job):
            done = await _repair(backend, job) if repair else ""
            yield Finding("overdue job", user_id, job_id, f"{job.status}/{job.tier}", done)
        elif job and repair and job.look_at and job.look_at < backend.now():
            await _look_later(backend, job)
    async for user_id in backend.accounts.overdue():
        account = await backend.accounts.get(user_id)
        if account and account.deadline and account.deadline < backend.now():
            done = await (_finish_erasing if account.erasing else _announce)(backend, account) if repair else ""
            what = "being deleted" if account.erasing else f"{account.plan}, version {account.version}"
            yield Finding("overdue account", user_id, "", what, done)
    if full:
        async for finding in _scan(backend, repair):
            yield finding
        async for finding in _unsent(backend):
            yield finding
        async for finding in _orphans(backend, repair):
            yield finding
        async for finding in _late_uploads(backend, repair):
            yield finding
        async for finding in _references(backend):
            yield finding
        if repair:
            await _sweep_inventory(backend)


async def examine_regularly(settings: Settings, every: int) -> None:
    """Looks and repairs every so many seconds until SIGTERM; and beside that fully, now and then once a day."""
    stop, metrics = asyncio.Event(), Metrics("doctor", settings.environment)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with backend(settings) as opened:
        looks = [
            asyncio.create_task(systemd.feed_watchdog()),
            asyncio.create_task(_regularly(opened, metrics, every)),
            asyncio.create_task(_regularly(opened, metrics, FULL_LOOK_SECONDS, full=True)),
        ]
        freeze_gc()
        systemd.ready()
        await stop.wait()
        systemd.notify("STOPPING=1")
        for look in looks:
            look.cancel()  # what it was repairing, the next one goes on with
        await asyncio.gather(*looks, return_exceptions=True)


async def _regularly(backend: Backend, metrics: Metrics, seconds: float, *, full: bool = False) -> None:
    while True:
        # a look that finds nothing says so: an alarm watches for a doctor that is silent
        metrics.add(Metric.VIOLATIONS, 0)
        metrics.add(Metric.REPAIRS, 0)
        try:
            async for finding in examine(backend, repair=True, full=full):
                log.warning("finding", **finding.as_dict())
                metrics.add(Metric.VIOLATIONS)
                metrics.add(Metric.REPAIRS, bool(finding.repaired))
        except Exception:
            # AWS had a bad moment: the next look is a few minutes away
            log.exception("look failed")
        metrics.flush()
        await asyncio.sleep(seconds)


async def _announce(backend: Backend, account: Account) -> str:
    await subscriptions.announce(backend, account)
    await backend.accounts.postpone(account)
    return "sent the change of plan again"


async def _finish_erasing(backend: Backend, account: Account) -> str:
    try:
        done = await privacy.erase(backend, account, None)  # a customer of Stripe is the portal's to delete: it has the key
    except ClientError as error:
        log.error("repair failed", user_id=account.user_id, error=repr(error))
        return ""
    return "deleted what was left" if done else ""


async def _repair(backend: Backend, job: Job) -> str:
    try:
        return await REPAIRS[_state(job)](backend, job)
    except (submissions.Refused, submissions.NotFound, ClientError, NotSent) as error:
        # one job that can't be moved now keeps no other job waiting: the next look tries again
        log.error("repair failed", user_id=job.user_id, job_id=job.job_id, error=repr(error))
        return ""


async def _look_later(backend: Backend, job: Job) -> None:
    try:
        await backend.jobs.look_again(job)
    except ClientError as error:
        log.error("look not planned", user_id=job.user_id, job_id=job.job_id, error=repr(error))


def _state(job: Job) -> Status | Tier:
    return job.status if job.status in WAITING else job.tier


async def _submit_or_delete(backend: Backend, job: Job) -> str:
    account = await backend.accounts.get(job.user_id)
    if account and await backend.inputs.head(input_key(job.user_id, job.job_id)):
        await submissions.submit(backend, account, job.job_id)
        return "submitted what was uploaded"
    if account is None:  # it was recorded while the account was deleted, and counted
        await privacy.forget_marks(backend, job.user_id)
    await submissions.delete(backend, job.user_id, job.job_id, at=job.rev)  # unless it was submitted just now
    return "deleted what was never uploaded"


async def _request(backend: Backend, job: Job) -> str:
    await submissions.request(backend, job, again=True)
    await backend.jobs.postpone(job, job.status)
    return "sent the request again"


async def _take_over(backend: Backend, job: Job) -> str:
    if _still_nobody(backend, job):
        await submissions.request(backend, job, again=True)
        await backend.jobs.update(job, repairs=job.repairs + 1)
    return "asked for another annotator"


async def _finish(backend: Backend, job: Job) -> str:
    if job.superseded:
        # back from the archive, and its thaw daemon may have sent no news: another one does the last steps again
        await backend.queues.send("restore_pendings", [RetrievalLook(**_about(backend, job), archive=job.superseded)])
    else:
        finished = JobFinished(**_about(backend, job), outcome="completed", mark=job.mark("completed"))
        await backend.topics.publish("job_results", finished, outcome="completed")
    await backend.jobs.postpone(job, Tier.AVAILABLE)
    return "result published again"


async def _finish_archival(backend: Backend, job: Job) -> str:
    await backend.queues.send("archive_requests", [ArchiveDue(**_about(backend, job))], delay=0)
    await backend.jobs.postpone(job, Tier.ARCHIVED)
    return "asked for the archival's last steps"


def _still_nobody(backend: Backend, job: Job) -> bool:
    """Is it time to ask (again) for somebody who takes the job over? The deadline of a lease is its owner's and stays, so
    this goes on until somebody has claimed the job, each time after twice as long."""
    lease = backend.jobs.deadline_seconds[_state(job)]
    waited = min(lease << job.repairs, LONGEST_DEADLINE_SECONDS) - lease
    return backend.now() >= (job.deadline or 0) + 1000 * waited


async def _look(backend: Backend, job: Job) -> str:
    look = RetrievalLook(**_about(backend, job), archive=job.archive)
    await backend.queues.send("restore_pendings", [look])
    patience_seconds = retrieval(backend.archive.retrievals, job.speed).patience_seconds
    await backend.jobs.postpone(job, Tier.RESTORING, most=patience_seconds)
    return "asked for a look at the retrieval"


async def _delete(backend: Backend, job: Job) -> str:
    await submissions.delete(backend, job.user_id, job.job_id)
    return "deleted it"


def _about(backend: Backend, job: Job) -> dict[str, Any]:
    """Of a message that stands in for one that was perhaps seen before: an earlier attempt may have died anywhere."""
    return {"user_id": job.user_id, "job_id": job.job_id, "occurred_at": backend.now(), "again": True}


REPAIRS: dict[Status | Tier, Callable[[Backend, Job], Awaitable[str]]] = {
    Status.UPLOADING: _submit_or_delete,
    Status.PENDING: _request,
    Status.RUNNING: _take_over,
    Status.FAILED: _request,
    Status.CANCELLED: _request,
    Status.DELETING: _delete,
    Tier.AVAILABLE: _finish,
    Tier.ARCHIVED: _finish_archival,
    Tier.RESTORING: _look,
}


async def _scan(backend: Backend, repair: bool) -> AsyncIterator[Finding]:
    """What the index can't show: records that wait without a deadline, and tiers that the plan does not allow."""
    suspects: list[tuple[str, str]] = []
    account: Account | None = None
    user_id, announcer = "", deletions.Announcer(backend)
    async for job in backend.jobs.scan():
        if job.user_id != user_id:  # a user's jobs come one after the other, so the account is read once
            user_id, account = job.user_id, await backend.accounts.get(job.user_id)
        if repair:
            await announcer.look(job, account)
        if await _problems(backend, job, account):
            suspects.append((job.user_id, job.job_id))
    await announcer.close()
    if suspects:
        await asyncio.sleep(GRACE)  # who is at work, as at a mail that is marked and about to be sent, may finish
    for user_id, job_id in suspects:
        if found := await backend.jobs.get(user_id, job_id):
            for problem in await _problems(backend, found, await backend.accounts.get(user_id)):
                done = ""
                if repair and problem in STALLED:
                    await backend.jobs.update(found, state=_state(found), deadline_seconds=0)
                    done = "made it overdue: the next look moves it on"
                detail = " ".join(sorted(found.mailed - found.sent)) if problem == UNSENT else f"{found.status}/{found.tier}"
                yield Finding(problem, user_id, job_id, detail, done)


async def _problems(backend: Backend, job: Job, account: Account | None) -> list[str]:
    plan = account.plan if account and account.deadline is None else None
    state = _state(job)
    problems = {
        WAITS: state in WAITING - RESTING and not job.deadline,
        KEPT: plan is Plan.FREE and state is Tier.AVAILABLE and not job.deadline,
        "premium, and its result is archived": plan is Plan.PREMIUM and job.tier is Tier.ARCHIVED and not job.deadline,
        NOT_RETRIEVED: job.tier is Tier.RESTORING and await backend.archive.retrieval_state(job) is RetrievalState.NONE,
        "no account": account is None,
        UNSENT: job.mailed != job.sent,
    }
    return [problem for problem, found in problems.items() if found]


async def _unsent(backend: Backend) -> AsyncIterator[Finding]:
    """Mails about accounts; those about jobs are found with their jobs."""
    suspects = {mail async for mail in backend.accounts.unsent()}
    if suspects:
        await asyncio.sleep(GRACE)
        async for user_id, event in backend.accounts.unsent():
            if (user_id, event) in suspects:
                yield Finding(UNSENT, user_id, "", event)


async def _references(backend: Backend) -> AsyncIterator[Finding]:
    """References that are offered and cannot be had, or whose ClinVar is old: somebody has to build a newer one."""
    for assembly, place in backend.settings.references.items():
        try:
            bundle = await references.offered(backend.settings, backend.results.s3, place)
        except (Gone, ClientError, BotoCoreError, EngineError, OSError) as error:
            yield Finding(NO_REFERENCE, "", "", f"{assembly} is offered, and {place} cannot be had: {error!r}")
            continue
        if (days := references.clinvar_days(bundle)) > references.CLINVAR_DAYS:
            says = f"{assembly}, {bundle.id} {bundle.version}: {days} days old (its parts: {references.parts(bundle)})"
            yield Finding(OLD_CLINVAR, "", "", f"{says}; gas reference update {bundle.id} clinvar, then gas reference push")


async def _sweep_inventory(backend: Backend) -> None:
    """Deletes archives that no record needs and that only an inventory can name: of attempts that died before they recorded one.

    They are no findings: an inventory also names what has been deleted since it was made.
    """
    async for archive, who in backend.archive.inventory():
        await sweep(backend, who.user_id, who.job_id, archive, rev=who.rev)


async def _orphans(backend: Backend, repair: bool) -> AsyncIterator[Finding]:
    """Results and archives that no record needs, and that are still there a while later: who made them superfluous deletes
    them, and a listing is old when its last key is looked at."""
    suspects = [key for prefix in ("results/", "archive/") async for key in _unneeded(backend, prefix)]
    if suspects:
        await asyncio.sleep(GRACE)
    for key in suspects:
        who = owner(key)
        if who and key in [found async for found in _unneeded(backend, key)]:
            if repair:
                await sweep(backend, who.user_id, who.job_id, key)
            yield Finding("orphan", who.user_id, who.job_id, key, "deleted it" if repair else "")


async def _late_uploads(backend: Backend, repair: bool) -> AsyncIterator[Finding]:
    """Uploaded files without a job: its form was used after the job, or its account, was deleted. Every form has a job first."""
    suspects = [key async for key in backend.inputs.list("") if await _has_no_job(backend, key)]
    if suspects:
        await asyncio.sleep(GRACE)  # who deletes a job just now deletes its record before or after its file
    for key in suspects:
        if await _has_no_job(backend, key) and await backend.inputs.head(key):
            if repair:
                await backend.inputs.delete([key])
            user_id, job_id = uploader(key) or ("", "")
            yield Finding("upload without a job", user_id, job_id, key, "deleted it" if repair else "")


async def _has_no_job(backend: Backend, key: str) -> bool:
    who = uploader(key)
    return who is not None and await backend.jobs.get(*who) is None


async def _unneeded(backend: Backend, prefix: str) -> AsyncIterator[str]:
    """Keys that no record needs. Those of one job come one after the other, so its record is read once."""
    read: tuple[str, str] | None = None
    job: Job | None = None
    async for key in backend.results.list(prefix):
        if who := owner(key):
            if (who.user_id, who.job_id) != read:
                read = who.user_id, who.job_id
                job = await backend.jobs.get(*read)
            if job is None or not job.keeps(key, who.rev):
                yield key
