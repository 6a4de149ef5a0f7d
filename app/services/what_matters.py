"""The first lines of what matters in a result, for a mail: names and classes, read from the stored summary."""

from __future__ import annotations

import json
from typing import Any

from app.domain.jobs import Job
from app.domain.keys import Gone
from app.engine.report import heteroplasmy_words
from app.services.backend import Backend

MOST = 5
"""Lines in a mail; the page has all."""

_LABELS = {
    "confirmed": "confirmed in a disease",
    "pathogenic": "pathogenic by ClinVar",
    "unreviewed": "pathogenic by ClinVar, without criteria",
    "high": "high impact",
    "protein_change": "change of a protein that is not known to be common",
}


async def lines(backend: Backend, job: Job) -> list[str]:
    """At most MOST lines, the first that matter, and one about the mitochondrion of a single sample; none without a summary."""
    if not job.summary or not job.summary_size:
        return []
    try:
        text, _ = await backend.results.range(job.summary, 0, job.summary_size)
    except Gone:
        return []
    summary: dict[str, Any] = json.loads(text)
    found: list[dict[str, Any]] = summary.get("what_matters", [])
    return [*(_line(one) for one in found[:MOST]), *heteroplasmy_words.lines(summary.get("heteroplasmy", {}))]


def _line(one: dict[str, Any]) -> str:
    names = (one["hgvs_protein"].replace("%3D", "="), one["hgvs_genomic"].rpartition(":")[2])
    name = ", ".join(filter(None, names)) or f"{one['contig']}:{one['position']}"
    return f"{one['gene']} {name}: {_LABELS.get(one['class'], one['class'])}".strip()
