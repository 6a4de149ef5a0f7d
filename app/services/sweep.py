"""The only code that deletes a copy of data.

The order is what makes it safe: know that a copy exists, *then* read the record, then delete what that read neither points
to nor is writing. No key is ever used twice, so however late a delete comes, it is harmless.
"""

from __future__ import annotations

from app.domain.jobs import RESULTS, Job
from app.domain.keys import owner, results_prefix
from app.services.backend import Backend


async def sweep(
    backend: Backend,
    user_id: str,
    job_id: str,
    *known: str | None,
    rev: int | None = None,
    listing: bool = False,
    read: Job | None = None,
) -> None:
    """Deletes the copies of one job that its record does not need.

    `known` are copies that were just recorded or named by a message; `rev` is under what rev they were written, where
    their name does not say it. With `listing`, whatever is found under the job's prefixes as well. `read` is the record as
    a write of the caller left it, after it knew of all these copies: that write was the read.
    """
    results = {key for key in known if key and key.startswith(RESULTS)}
    archives = {key for key in known if key} - results
    if listing:
        results |= {key async for key in backend.results.list(results_prefix(user_id, job_id))}
        archives |= {archive async for archive in backend.archive.list(user_id, job_id)}
    if not results | archives:
        return
    job = read if read and not listing else await backend.jobs.get(user_id, job_id)
    await backend.results.delete(sorted(key for key in results if not _needed(job, key, rev)))
    for archive in sorted(archives):
        if not _needed(job, archive, rev):
            await backend.archive.delete(archive)


def _needed(job: Job | None, copy: str, rev: int | None) -> bool:
    written = owner(copy)
    return job is not None and job.keeps(copy, written.rev if written else rev)
