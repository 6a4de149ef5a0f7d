"""The S3 key scheme: keys are made of user id, job id and rev only. File names are data and never part of a key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from app.domain.jobs import RESULTS

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
USER_ID = re.compile(UUID)
JOB_ID = re.compile(UUID)
_INPUT = re.compile(rf"({UUID})/({UUID})/input")
_LABEL = re.compile(rf"({UUID})/({UUID})/(\d+)")
_COPY = re.compile(rf"(results|archive)/({UUID})/({UUID})/(\d+)/[a-z.]+")


class Output(StrEnum):
    """The objects that a completed job stores. The first is the one that is archived."""

    RESULT = "annot.vcf.gz"
    INDEX = "annot.vcf.gz.tbi"
    SUMMARY = "summary.json"  # with the columns behind it: one object more would cost a request a job
    REJECTED = "rejected.tsv"  # only where lines were set aside


COLUMNS = "annot.columns"
"""What the engine writes besides; it is stored behind the summary, in the same object."""


class Gone(LookupError):
    """Nothing is stored under a key, or not what was asked for."""


def input_key(user_id: str, job_id: str) -> str:
    """Returns the key of the uploaded file, in the inputs bucket."""
    return f"{user_id}/{job_id}/input"


def uploader(key: str) -> tuple[str, str] | None:
    """The user id and job id of an uploaded file, read from its key; None for a key that this scheme did not make."""
    match = _INPUT.fullmatch(key)
    return (match[1], match[2]) if match else None


def results_prefix(user_id: str, job_id: str) -> str:
    """Returns the prefix of all that a job has in the results bucket, but for archives."""
    return f"{RESULTS}{user_id}/{job_id}/"


def archive_prefix(user_id: str, job_id: str) -> str:
    """Returns the prefix of all archives of a job, in the results bucket."""
    return f"archive/{user_id}/{job_id}/"


def output_key(user_id: str, job_id: str, rev: int, output: Output) -> str:
    """Carries the rev of the claim that writes it, so that no key is ever used twice."""
    return f"{results_prefix(user_id, job_id)}{rev}/{output}"


def archive_key(user_id: str, job_id: str, rev: int) -> str:
    """Returns the key of an archive; it carries the rev of the claim that writes it."""
    return f"{archive_prefix(user_id, job_id)}{rev}/{Output.RESULT}"


def archive_label(user_id: str, job_id: str, rev: int) -> str:
    """The description of an archive for a vault, which makes its own ids."""
    return f"{user_id}/{job_id}/{rev}"


@dataclass(frozen=True)
class Owner:
    """Whose copy something is, and under which rev it was written."""

    user_id: str
    job_id: str
    rev: int


def owner(key: str) -> Owner | None:
    """Whose copy this is, read from its key; None for a key that this scheme did not make."""
    match = _COPY.fullmatch(key)
    return Owner(match[2], match[3], int(match[4])) if match else None


def labelled(label: str) -> Owner | None:
    """Whose archive this is, read from its description in the vault; None for what GAS did not put there."""
    match = _LABEL.fullmatch(label)
    return Owner(match[1], match[2], int(match[3])) if match else None


def user_of(secret: str) -> str:
    """The user id that a session, a token or a link of GAS begins with; empty if it is none."""
    user_id = secret.partition(".")[0]
    return user_id if USER_ID.fullmatch(user_id) else ""
