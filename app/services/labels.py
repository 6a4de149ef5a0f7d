"""What its owner says of a job: its name, tags and a note. None of it is a state, and none is part of a key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.domain.file_names import suffix
from app.domain.jobs import Job
from app.domain.limits import NOTE, TAG, TAGS
from app.services.backend import Backend
from app.services.submissions import NotFound, Refused, clean, find


async def label(
    backend: Backend,
    user_id: str,
    job_id: str,
    *,
    name: str | None = None,
    tags: Iterable[str] | None = None,
    note: str | None = None,
) -> Job:
    """Gives a job another name, other tags or another note, in one write; None leaves what there is. Raises Refused, NotFound.

    A name without the suffix of a VCF keeps the one that the file came with, so that what is taken away opens as before.
    """
    job, values = await find(backend, user_id, job_id), dict[str, Any]()
    if name is not None:
        values["file_name"] = _named(job, name)
    if tags is not None:
        values["tags"] = _tags(tags)
    if note is not None:
        values["note"] = _note(note) or None
    if not values:
        return job
    labelled = await backend.jobs.label(user_id, job_id, **values)
    if labelled is None:
        raise NotFound(job_id)
    return labelled


def _named(job: Job, name: str) -> str:
    given = clean(name)
    if not given:
        raise Refused("A name needs a letter, at least.")
    return given if suffix(given) else clean(given + suffix(job.file_name))


def _tags(tags: Iterable[str]) -> frozenset[str]:
    found = frozenset(filter(None, (clean(tag) for tag in tags)))
    if any(len(tag) > TAG.most for tag in found):
        raise Refused(TAG.sentence())
    if len(found) > TAGS.most:
        raise Refused(TAGS.sentence())
    return found


def _note(note: str) -> str:
    lines = note.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    kept = "\n".join(clean(line, most=NOTE.most + 1) for line in lines).strip()
    if len(kept) > NOTE.most:
        raise Refused(NOTE.sentence())
    return kept
