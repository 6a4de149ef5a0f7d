"""The archive of results: one Protocol, and two backends that keep its promises.

What `store` returns exists and is whole; `start` may be repeated; `bring_back` verifies what it wrote; `delete` of what is
gone is no error. `archive_s3` has S3's Glacier storage classes, `archive_vault` the classic vault, which takes no new AWS
customers since December 2025.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from app.domain.jobs import Job, Speed
from app.domain.keys import Owner
from app.domain.retrievals import Retrievals


class RetrievalState(Enum):
    """How a retrieval stands. NONE: never started, failed or expired, so it has to be started (again)."""

    NONE = "none"
    RUNNING = "running"
    READY = "ready"


class Damaged(RuntimeError):
    """A copy is not what it was made from. It is never recorded."""


@dataclass(frozen=True)
class Started:
    """What a retrieval was started with: the speed may be slower than asked; a vault gives it an id."""

    speed: Speed
    retrieval: str | None = None


class Archive(Protocol):
    """Where results are archived: what both backends guarantee."""

    @property
    def retrievals(self) -> Retrievals:
        """The speeds that the archive has, and how long each takes."""

    async def store(self, job: Job, rev: int) -> str | None:
        """Copies the job's result under `rev` and returns the archive id; None if the result is not there."""

    async def start(self, job: Job, speed: Speed) -> Started:
        """Starts the retrieval of the job's archive. One already under way is success. Raises Gone."""

    async def retrieval_state(self, job: Job, retrieval: str | None = None) -> RetrievalState:
        """How the retrieval stands; `retrieval` is the id that a notice brought, where the record has none yet."""

    async def bring_back(self, job: Job, key: str, retrieval: str | None = None) -> bool:
        """Copies a retrieved archive to `key` in the results bucket, verified; False if it is not readable (any more)."""

    async def delete(self, archive: str) -> None:
        """Deletes one archive; one that is not there is no error."""

    def list(self, user_id: str, job_id: str) -> AsyncIterator[str]:
        """Archive ids of one job, where the backend can list them (a vault can't)."""

    def inventory(self) -> AsyncIterator[tuple[str, Owner]]:
        """Every archive of a backend that can't list them, and whose it is, as it was counted last; asks for a new count.

        A vault counts once a day, and takes hours to tell: what comes was asked for by an earlier call, and may be gone since.
        """
