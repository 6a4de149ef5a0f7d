"""What a job's state is called, looks like and means to its owner: one row for each Status and Tier of the domain."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.accounts import PLANS, Plan
from app.domain.jobs import UNFINISHED, Job, JobState, State, Status, Tier


@dataclass(frozen=True)
class Badge:
    """`tone` is a class of the theme; `meaning` is a sentence for the job's page."""

    label: str
    tone: str
    meaning: str


BADGES: dict[State, Badge] = {
    Status.UPLOADING: Badge("Uploading", "waiting", "We wait for the file. If the upload was interrupted, start it again."),
    Status.PENDING: Badge("In line", "waiting", "The file is here and waits for an annotator."),
    Status.RUNNING: Badge("Annotating", "active", "Your variants are being annotated."),
    Status.COMPLETED: Badge("Completed", "good", "The annotation is complete."),
    Status.FAILED: Badge("Failed", "bad", "The annotation failed."),
    Status.CANCELLED: Badge("Cancelled", "quiet", "You cancelled this annotation."),
    Status.DELETING: Badge("Deleting", "quiet", "The job and all its data are being deleted."),
    Tier.NONE: Badge("No results", "quiet", "There are no results yet."),
    Tier.AVAILABLE: Badge("Completed", "good", "The results are ready to download."),
    Tier.ARCHIVED: Badge("Archived", "quiet", "The annotated file is in the archive. Premium brings it back."),
    Tier.RESTORING: Badge("Restoring", "active", "The annotated file is on its way back from the archive."),
}

IMPACTS = {
    "HIGH": "likely to break the protein: a new stop, another reading frame, a lost splice site",
    "MODERATE": "changes the protein, by one amino acid or a few",
    "LOW": "within a gene, and hardly with an effect on the protein",
    "MODIFIER": "outside of what becomes protein, where an effect is hard to foretell",
}
"""What the engine's classes of impact mean, the severest first."""

MOVING = UNFINISHED | {Status.DELETING, Tier.RESTORING}
"""States in which somebody works on a job; besides, its results follow the plan."""

MAY_CHANGE = {plan: MOVING | {Tier.AVAILABLE if PLANS[plan].archives else Tier.ARCHIVED} for plan in Plan}
"""States that change by themselves, by plan."""

SHOWN: dict[str, frozenset[State]] = {
    "waiting": frozenset({Status.UPLOADING, Status.PENDING}),
    "running": frozenset({Status.RUNNING}),
    "completed": frozenset({Tier.AVAILABLE}),
    "archived": frozenset({Tier.ARCHIVED, Tier.RESTORING}),
    "failed": frozenset({Status.FAILED}),
    "cancelled": frozenset({Status.CANCELLED}),
    "unfinished": frozenset(UNFINISHED),
}
"""What the list can be narrowed to."""

COUNTED = tuple(name for name in SHOWN if name != "unfinished")
"""What its strip counts: a job is one of these, unless it is being deleted."""


def state(job: Job | JobState) -> State:
    """The one state that says most about a job: where its results are, once it is completed."""
    return job.tier if job.status is Status.COMPLETED and job.tier is not Tier.NONE else job.status


def badge(job: Job) -> Badge:
    """Returns what a job's state is called, looks like and means."""
    return BADGES[state(job)]


def may_change(job: Job | JobState, plan: Plan) -> bool:
    """May this job's state still change by itself? Then its page stays live."""
    return state(job) in MAY_CHANGE[plan]
