"""What a GAS answers to `gas remote`, checked: between the two is any number of proxies, and each may answer instead."""

from __future__ import annotations

import math
import time
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import aiohttp
from pydantic import BaseModel, ValidationError

from app.cli.remote_state import Stop

SHOWN = 80
"""Letters of a strange answer that are shown."""

LONGEST_WAIT_SECONDS = 60.0

M = TypeVar("M", bound=BaseModel)


class Line(BaseModel):
    """A line of the file that is no record."""

    line: int
    column: str = ""
    reason: str


class Job(BaseModel):
    """A job, as far as the command line looks at it."""

    job_id: str
    file_name: str
    status: str
    batch: str = ""
    tier: str = "NONE"
    message: str | None = None
    records: int | None = None
    faults: list[Line] = []
    skippable: int = 0
    set_aside: int = 0


class Upload(BaseModel):
    """A new job and the form that uploads its file."""

    job: Job
    url: str = ""
    fields: dict[str, str] = {}


class BatchAnswer(BaseModel):
    """A new batch."""

    batch_id: str


class ShareAnswer(BaseModel):
    """A new link to a result."""

    url: str


class AccountAnswer(BaseModel):
    """Who is signed in."""

    user_id: str
    email: str = ""
    plan: str = ""


class VariantsPage(BaseModel):
    """A page of variants, and where the next one begins."""

    variants: list[dict[str, Any]]
    next: str | None = None


class ProblemAnswer(BaseModel):
    """Why something was refused (RFC 9457)."""

    detail: str


def understood(kind: type[M], body: bytes, answer: aiohttp.ClientResponse) -> M:
    """The answer as `kind`. Raises Stop where it is none, with its first letters."""
    try:
        return kind.model_validate_json(body)
    except ValidationError:
        raise strange(body, answer) from None


def problem(body: bytes, answer: aiohttp.ClientResponse) -> Stop:
    """The words of a refusal, or what else came."""
    try:
        return Stop(ProblemAnswer.model_validate_json(body).detail)
    except ValidationError:
        return strange(body, answer)


def strange(body: bytes, answer: aiohttp.ClientResponse) -> Stop:
    """The words about an answer that no GAS gives."""
    text = " ".join(body[: 4 * SHOWN].decode(errors="replace").split())
    said = "".join(letter if letter.isprintable() else "?" for letter in text)[:SHOWN]
    place = f"{answer.url.host}, or a proxy before it,"
    return Stop(f"{place} answered {answer.status}, and not as a GAS does: {said or 'nothing'}")


def wait_seconds(asked: str | None, otherwise: float) -> float:
    """Seconds until the next try: as Retry-After asks, in seconds or as a date (RFC 9110), but never longer than a minute."""
    try:
        seconds = float(asked or "")
    except ValueError:
        try:
            seconds = parsedate_to_datetime(asked or "").timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return otherwise
    return min(max(seconds, 0.0), LONGEST_WAIT_SECONDS) if math.isfinite(seconds) else otherwise
