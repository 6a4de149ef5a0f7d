"""Addresses that come from outside and lead somewhere inside."""

from __future__ import annotations

import re
from urllib.parse import quote

from app.domain.keys import JOB_ID, UUID
from app.domain.limits import NEXT_PATH

# one slash, and no backslash anywhere: browsers read that as a slash
_LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]*")
_UPLOADED = re.compile(rf"{UUID}/({UUID})/input")


def local_path(wanted: str) -> str:
    """`wanted` if it is a path of this portal, else `/`: no redirect leads elsewhere."""
    return wanted if len(wanted) <= NEXT_PATH.most and _LOCAL.fullmatch(wanted) else "/"


def with_next(path: str, back: str) -> str:
    """`path` that remembers where somebody wanted to go."""
    return path if local_path(back) == "/" else f"{path}?next={quote(back, safe='')}"


def uploaded_job(key: str) -> str | None:
    """The job id in an input's key, as S3 gives it back after an upload."""
    found = _UPLOADED.fullmatch(key)
    return found[1] if found else None


def job_id(text: str | None) -> str | None:
    """A job id, or None for anything else."""
    return text if text and JOB_ID.fullmatch(text) else None
