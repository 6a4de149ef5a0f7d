"""What the API takes and gives."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.domain.jobs import Fault, Job, Status, Tier


class NewJob(BaseModel):
    model_config = ConfigDict(extra="forbid")

    file_name: str = Field(min_length=1, max_length=10_000)


class JobOut(BaseModel):
    """A job as its owner sees it. Times are milliseconds since 1970, sizes bytes."""

    model_config = ConfigDict(from_attributes=True)

    job_id: str
    status: Status
    tier: Tier
    file_name: str
    bundle: str
    size: int
    created_at: int
    submitted_at: int | None
    started_at: int | None
    finished_at: int | None
    phase: str
    records: int
    percent: int
    fault: Fault | None
    message: str
    line: int | None
    result_size: int


class UploadOut(BaseModel):
    """A new job and how to upload its file: a multipart POST of `fields`, then `file`, to `url`. Then submit the job."""

    job: JobOut
    url: str
    fields: dict[str, str]


def job_out(job: Job) -> dict[str, Any]:
    return JobOut.model_validate(job).model_dump(mode="json")
