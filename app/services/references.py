"""The reference bundles that a deployment offers, as their store says: which are there, their parts, and ClinVar's age."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.aws.objects import Bucket
from app.domain.keys import Gone
from app.engine.bundles import manifest
from app.engine.bundles.manifest import MANIFEST, Bundle
from app.engine.bundles.stores import LATEST
from app.engine.errors import EngineError
from app.settings import Settings

CLINVAR_DAYS = 62
"""Age of ClinVar, which has a new file every week, from which on it is reported."""


async def stored(store: str, s3: Any, key: str) -> bytes:
    """A file of a store of bundles, `s3://bucket/prefix` or a folder. Raises Gone."""
    parts = urlsplit(store)
    if parts.scheme == "s3":
        return await Bucket(s3, parts.netloc).read(f"{parts.path.strip('/')}/{key}".lstrip("/"))
    path = Path(store, key)
    if not path.is_file():
        raise Gone(key)
    return await asyncio.to_thread(path.read_bytes)


async def offered(settings: Settings, s3: Any, place: str) -> Bundle:
    """The manifest of what GAS_REFERENCES names as `id`, `id/version` or `id/latest`: of this host, or of the store.

    Raises Gone, EngineError, or an error of S3 where it cannot be had.
    """
    bundle_id, _, version = place.partition("/")
    if not version or not settings.bundle_store:
        return await asyncio.to_thread(manifest.find, bundle_id, *([Path(settings.bundles)] if settings.bundles else []))
    if version == LATEST:
        version = (await stored(settings.bundle_store, s3, f"{bundle_id}/{LATEST}")).decode().strip()
    described = await stored(settings.bundle_store, s3, f"{bundle_id}/{version}/{MANIFEST}")
    return manifest.described(described.decode(), Path(bundle_id, version))


def at_hand(settings: Settings, assembly: str) -> Bundle | None:
    """The reference on this host, beside the embedded ones, that a job is annotated with which names this assembly; or, where
    it names none that is offered, the first. None where this host has no such reference. It blocks."""
    if not settings.bundles:
        return None
    named = [assembly] if assembly in settings.references else settings.references
    beside = [bundle_id for one in named if not manifest.is_embedded(bundle_id := settings.bundle(one))]
    with suppress(EngineError):
        return manifest.find(beside[0], Path(settings.bundles)) if beside else None
    return None


def parts(bundle: Bundle) -> str:
    """The parts of a bundle with their versions, for people."""
    return ", ".join(f"{part.id} {part.version}" for part in bundle.parts)


def clinvar_days(bundle: Bundle) -> int:
    """Days since a bundle's ClinVar was made; 0 if it has none, or one without a date."""
    dated = next((part.date for part in bundle.parts if part.id == "clinvar" and part.date), "")
    try:
        return (datetime.now(UTC).date() - date.fromisoformat(dated)).days
    except ValueError:
        return 0
