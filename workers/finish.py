"""The last steps of a transition, the same for every daemon: publish, delete what it made superfluous, clear the deadline."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from app.domain.jobs import Job, State, Status, Tier
from app.domain.messages import JobFinished, JobMessage, ResultRestored
from app.services.backend import Backend
from app.services.sweep import sweep

Outcome = Literal["completed", "failed", "archived"]


@dataclass(frozen=True)
class Ending:
    """What is published of a state that a daemon brings a job to, and whether the job rests then: has no deadline any more."""

    publish: Callable[[Backend, Job], Awaitable[None]] | None
    rests: bool


async def finish(
    backend: Backend,
    message: JobMessage,
    job: Job | None,
    state: State | None,
    *copies: str | None,
    listing: bool,
    moved: bool = False,
) -> None:
    """Does all that is left to do once `job` is in `state`, no matter which delivery brought it there.

    Every step may be repeated, and the deadline goes last: a daemon that dies in between leaves it, and the doctor has all
    steps done again. Without a job, or in a state that is no ending, it only deletes: of `copies`, and of all that lies
    under the job's prefixes where `listing` asks for that, what the record does not need. `moved`: `job` is what this very
    delivery made of the record.
    """
    ending = ENDINGS.get(state) if job and state else None
    if job and ending and ending.publish:
        await ending.publish(backend, job)
    superseded = job.superseded if job and ending else None
    await sweep(backend, message.user_id, message.job_id, *copies, superseded, listing=listing, read=job if moved else None)
    if job and ending and ending.rests:
        await backend.jobs.clear_deadline(job)


def _job_results(outcome: Outcome) -> Callable[[Backend, Job], Awaitable[None]]:
    async def publish(backend: Backend, job: Job) -> None:
        news = JobFinished(
            user_id=job.user_id, job_id=job.job_id, occurred_at=backend.now(), outcome=outcome, mark=job.mark(outcome)
        )
        await backend.topics.publish("job_results", news, outcome=outcome)

    return publish


async def _results_restored(backend: Backend, job: Job) -> None:
    # also to the archive daemon, which looks at the plan after the retention: it may have changed again meanwhile
    news = ResultRestored(user_id=job.user_id, job_id=job.job_id, occurred_at=backend.now(), mark=job.mark("restored"))
    await backend.topics.publish("results_restored", news)


ENDINGS: dict[State, Ending] = {
    Status.COMPLETED: Ending(_job_results("completed"), rests=False),  # the archive daemon decides about its result
    Status.FAILED: Ending(_job_results("failed"), rests=True),
    Status.CANCELLED: Ending(None, rests=True),
    Tier.ARCHIVED: Ending(_job_results("archived"), rests=True),
    Tier.AVAILABLE: Ending(_results_restored, rests=False),  # back from the archive: as above
}
