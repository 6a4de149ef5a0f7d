"""A job, its states, and the one table of how they may change.

`status` says how far the work is, `tier` where the results are. Code never assigns either: it asks the jobs table to
`advance` a job by a `Trigger`, and the conditions of that write are derived from `TRANSITIONS`.
"""

from __future__ import annotations

import uuid
import zlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar


class Status(StrEnum):
    """How far the annotation of a job is."""

    UPLOADING = "UPLOADING"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    DELETING = "DELETING"


class Tier(StrEnum):
    """Where the results of a job are; NONE until it is COMPLETED."""

    NONE = "NONE"
    AVAILABLE = "AVAILABLE"
    ARCHIVED = "ARCHIVED"
    RESTORING = "RESTORING"


class Trigger(StrEnum):
    """What moves a job from one state to another."""

    SUBMIT = "submit"
    CLAIM = "claim"
    COMPLETE = "complete"
    FAIL = "fail"
    CANCEL = "cancel"
    RETRY = "retry"
    DELETE = "delete"
    ARCHIVED = "archived"
    STAY = "stay"
    UNLOCK = "unlock"
    RESTORE = "restore"
    RESTORED = "restored"
    RETRIEVAL_LOST = "give up"


class Fault(StrEnum):
    """Whose mistake a failure is: what we tell the user depends on it."""

    USER = "user"
    SYSTEM = "system"


class Speed(StrEnum):
    """Retrieval tiers of Glacier; `app.domain.retrievals` says how long each takes."""

    EXPEDITED = "Expedited"
    STANDARD = "Standard"


State = Status | Tier
S = TypeVar("S", Status, Tier)

TRANSITIONS: dict[tuple[State, Trigger], State] = {
    (Status.UPLOADING, Trigger.SUBMIT): Status.PENDING,
    (Status.PENDING, Trigger.CLAIM): Status.RUNNING,
    (Status.RUNNING, Trigger.CLAIM): Status.RUNNING,
    (Status.RUNNING, Trigger.COMPLETE): Status.COMPLETED,
    (Tier.NONE, Trigger.COMPLETE): Tier.AVAILABLE,
    (Status.UPLOADING, Trigger.FAIL): Status.FAILED,
    (Status.RUNNING, Trigger.FAIL): Status.FAILED,
    (Status.UPLOADING, Trigger.CANCEL): Status.CANCELLED,
    (Status.PENDING, Trigger.CANCEL): Status.CANCELLED,
    (Status.RUNNING, Trigger.CANCEL): Status.CANCELLED,
    (Status.FAILED, Trigger.RETRY): Status.PENDING,
    (Tier.AVAILABLE, Trigger.ARCHIVED): Tier.ARCHIVED,
    (Tier.AVAILABLE, Trigger.STAY): Tier.AVAILABLE,  # and what an archiver writes under the rev before is never needed
    (Tier.ARCHIVED, Trigger.UNLOCK): Tier.AVAILABLE,  # of a result that stayed where it is
    (Tier.ARCHIVED, Trigger.RESTORE): Tier.RESTORING,
    (Tier.RESTORING, Trigger.RESTORED): Tier.AVAILABLE,
    (Tier.RESTORING, Trigger.RETRIEVAL_LOST): Tier.ARCHIVED,
    **{(status, Trigger.DELETE): Status.DELETING for status in Status if status is not Status.DELETING},
    **{(tier, Trigger.DELETE): Tier.NONE for tier in Tier},
}

RESTING: frozenset[State] = frozenset({Status.FAILED, Status.CANCELLED, Tier.AVAILABLE, Tier.ARCHIVED})
"""States in which a job may stay: it is entered with a deadline, which goes when the news has been sent and what the
transition made superfluous has been deleted (of AVAILABLE: when the account is premium)."""

WAITING: frozenset[State] = RESTING | {
    Status.UPLOADING,
    Status.PENDING,
    Status.RUNNING,
    Status.DELETING,
    Tier.RESTORING,
}
"""States that are entered with something left to do: each transition into one of them sets a deadline."""

DEADLINE_SECONDS: dict[State, int] = {
    Status.UPLOADING: 3600,  # at least: the upload form is good for ten minutes, and a large file takes its time
    Status.PENDING: 300,
    Status.RUNNING: 60,  # a lease, renewed at a third
    Status.DELETING: 300,
    Status.FAILED: 600,
    Status.CANCELLED: 3600,  # the message of a job in a long line comes late
    Tier.AVAILABLE: 1200,  # the retention of five minutes, and time to be late
    Tier.ARCHIVED: 600,
    Tier.RESTORING: 16 * 3600,  # at most; see app.domain.retrievals
}
"""Seconds after which a job in a waiting state is overdue; twice as many after each time that the doctor moved it on, up to
LONGEST_DEADLINE_SECONDS: a daemon that is down for a day finds a few duplicates of each message, not hundreds."""

LONGEST_DEADLINE_SECONDS = 86_400

BATCH_MS = 86_400_000
"""How long a batch takes jobs, in milliseconds."""

CLOCKS_APART_MS = 60_000

RESULTS = "results/"
"""What the keys of results begin with, and no id of an archive does."""

UNFINISHED = frozenset({Status.UPLOADING, Status.PENDING, Status.RUNNING})


@dataclass(frozen=True)
class Step:
    """What one trigger demands and does: `statuses` and `tiers` it starts from (empty: any), and what it leads to."""

    statuses: frozenset[Status]
    tiers: frozenset[Tier]
    status: Status | None
    tier: Tier | None

    @property
    def waiting(self) -> State | None:
        """The state whose deadline the job carries after this step; None where nothing has to be done."""
        return next((state for state in (self.status, self.tier) if state in WAITING), None)

    @property
    def taken_over(self) -> State | None:
        """The state that this step may only leave for itself when its deadline has passed: a lease that ran out."""
        return self.status if self.status in self.statuses else None

    @property
    def under_way(self) -> bool:
        """Whether it starts from jobs that somebody works on or waits for, so that a look of the doctor at them is planned."""
        return bool(self.statuses) and self.statuses <= UNFINISHED


def step(trigger: Trigger) -> Step:
    """The row of `TRANSITIONS` for `trigger`. Every trigger leads to one status, one tier, or one of each."""
    statuses, tiers = _rows(Status, trigger), _rows(Tier, trigger)
    return Step(
        statuses=frozenset(statuses),
        tiers=frozenset(tiers),
        status=next(iter(statuses.values()), None),
        tier=next(iter(tiers.values()), None),
    )


def _rows(kind: type[S], trigger: Trigger) -> dict[S, S]:
    return {
        source: to
        for (source, by), to in TRANSITIONS.items()
        if by is trigger and isinstance(source, kind) and isinstance(to, kind)
    }


STEPS: dict[Trigger, Step] = {trigger: step(trigger) for trigger in Trigger}


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One annotation job, as its record says. Times are milliseconds since 1970, sizes are bytes."""

    user_id: str
    job_id: str
    status: Status = Status.UPLOADING
    tier: Tier = Tier.NONE
    rev: int = 1  # counts transitions; every key of a copy carries the rev of the claim that wrote it
    deadline: int | None = None  # when it is overdue, if it still waits then
    look_at: int | None = None  # when the doctor looks whether it is
    repairs: int = 0  # how often the doctor moved it on since its last transition

    file_name: str = ""  # what the user called it: data, never part of a key
    tags: frozenset[str] = field(default_factory=frozenset)  # the user's own words for it
    note: str = ""  # the user's
    batch: str = ""  # id of the files that it was sent together with, if any
    batch_files: int = 0  # how many they were to be
    assembly: str = ""  # that the user named, if any
    bundle: str = ""  # id of the reference bundle: the one asked for, at the end the one used
    size: int = 0  # of the input
    etag: str = ""  # of the input as it was submitted: a later overwrite is noticed
    submitted_at: int | None = None
    started_at: int | None = None
    finished_at: int | None = None
    attempts: int = 0  # claims since the last submission or retry
    outage_attempts: int = 0  # those of them that ended because AWS did not answer as it should

    phase: str = ""
    records: int = 0
    percent: int = 0

    fault: Fault | None = None
    message: str = ""  # the words for a failure
    line: int | None = None  # of the input, where a failure has one
    faults: str = ""  # the first lines that are no records, as JSON; see `engine.errors.LineFault`
    skippable: int = 0  # lines that could be set aside, after a failure for which they are to blame
    skip_bad: bool = False  # whether lines that are no records are to be set aside: the user's choice after a failure
    set_aside: int = 0  # lines that were

    result: str | None = None  # keys in the results bucket
    index: str | None = None
    summary: str | None = None  # what was counted, and behind it the columns that questions are answered from
    summary_size: int = 0  # of the first part; 0: there is no other
    rejected: str | None = None  # what was set aside, if anything was
    result_size: int = 0
    result_checksum: str = ""  # CRC64NVME of the whole result, as S3 said it when it took it: copies are compared with it
    archive: str | None = None  # id in the archive; of a result too small to be moved, its key in the results bucket
    superseded: str | None = None  # the copy that the last move made superfluous, until it is deleted
    retrieval: str | None = None  # id of a vault's retrieval job
    speed: Speed | None = None  # of the retrieval under way
    mailed: frozenset[str] = field(default_factory=frozenset)  # marks of notify: events that had their one mail
    sent: frozenset[str] = field(default_factory=frozenset)  # those whose mail was handed over

    @property
    def created_at(self) -> int:
        """Milliseconds since 1970, out of the UUIDv7."""
        return int(self.job_id[:8] + self.job_id[9:13], 16)

    @property
    def locked_in_place(self) -> bool:
        """Whether the result is archived by its state only, and lies where it always did."""
        return self.archive is not None and self.archive.startswith(RESULTS)

    @property
    def tries(self) -> int:
        """Claims that count against the job: an outage of AWS uses up none."""
        return self.attempts - self.outage_attempts

    def mark(self, outcome: str) -> str:
        """Names what happened to this job, the same however often it is published, in few bytes: records are billed by the kB."""
        if outcome in ("completed", "failed"):
            return f"finished:{self.submitted_at}"
        copy = self.archive if outcome == "archived" else self.result
        return f"{outcome}:{zlib.crc32(str(copy).encode()):x}"

    def keeps(self, copy: str, rev: int | None) -> bool:
        """May this record need `copy`, written under `rev` (None: not known)? What it does not need once, it never does."""
        if self.status is Status.DELETING:
            return False
        return copy in (self.result, self.index, self.summary, self.rejected, self.archive) or rev == self.rev


class JobState(NamedTuple):
    """What a user's jobs are counted and compared by. A tuple, for a list has a thousand of them."""

    job_id: str
    status: Status = Status.UPLOADING
    tier: Tier = Tier.NONE
    rev: int = 1
    percent: int = 0
    batch: str = ""


def job_id(now: int, randomness: bytes) -> str:
    """A UUIDv7 (RFC 9562) from milliseconds since 1970 and ten random bytes: ids sort by time of creation."""
    value = (now & (2**48 - 1)) << 80 | int.from_bytes(randomness[:10], "big")
    value = value & ~(0xF << 76) | 0x7 << 76  # version
    value = value & ~(0x3 << 62) | 0x2 << 62  # variant
    return str(uuid.UUID(int=value))


def batch_id(now: int, randomness: bytes) -> str:
    """The id of files that are sent together: as of a job, but older than any of theirs, however far clocks are apart."""
    return job_id(now - CLOCKS_APART_MS, randomness)


def batch_end(batch: str) -> str:
    """The id that all jobs of a batch come before: a batch takes jobs for a day."""
    return str(uuid.UUID(int=min(uuid.UUID(batch).int + (BATCH_MS << 80), 2**128 - 1)))


def changed(job: Job, trigger: Trigger) -> dict[str, Any]:
    """The attributes that `trigger` gives to `job`, besides the deadline; for writes that reply nothing."""
    to = STEPS[trigger]
    return {"rev": job.rev + 1, "status": to.status or job.status, "tier": to.tier or job.tier}
