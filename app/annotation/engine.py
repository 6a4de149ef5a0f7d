"""One annotation from beginning to end: survey, stream, finish, index, summarise, publish."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.annotation import bcftools, bgzf, pipeline
from app.annotation.errors import EngineError
from app.annotation.finisher import Finisher
from app.annotation.intake import Survey, survey
from app.annotation.limits import DEFAULT, Limits
from app.annotation.reference import Bundle
from app.annotation.source import Source

VCF, INDEX, SUMMARY = "annot.vcf.gz", "annot.vcf.gz.tbi", "summary.json"
Progress = Callable[[str, int, float], None]


@dataclass(frozen=True)
class Result:
    """Where the outputs are and what they hold."""

    folder: Path
    summary: dict[str, Any]

    @property
    def vcf(self) -> Path:
        return self.folder / VCF


def _silent(phase: str, records: int, percent: float) -> None:
    """Progress that nobody watches."""


def annotate(
    input_path: Path,
    out_dir: Path,
    *,
    name: str,
    bundle: Bundle,
    overruled: str = "",
    progress: Progress = _silent,
    limits: Limits = DEFAULT,
) -> Result:
    """Annotate one file into `out_dir`; InputError if the file cannot be annotated. All three outputs appear, or none.

    `overruled` says why the bundle is not the one that was asked for, and goes into the log.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".work-", dir=out_dir))
    try:
        found = survey(Source(input_path, limits), bundle, progress)
        if overruled:
            found.notes.add("assembly", None, overruled)
        finisher = Finisher(found, bundle)
        versions = tool_versions()
        expected = max(found.records + found.splits, 1)
        progress("annotating", 0, 0.0)
        with bgzf.Writer(work / VCF) as result, pipeline.stream(found, bundle, work) as batches:
            result.write(finisher.header(_provenance(found, bundle, versions)))
            for lines in batches:
                finisher.lines(lines, result.write)
                progress("annotating", finisher.tally.records, min(100 * finisher.tally.records / expected, 100.0))
        if pipeline.normalised(work) != found.records:
            raise EngineError(f"{found.records} records came in, bcftools norm has read {pipeline.normalised(work)}")
        progress("indexing", finisher.tally.records, 100.0)
        finisher.check(_index(work))
        for remark in pipeline.remarks(work):
            found.notes.add("warning", None, remark)
        summary = _summary(found, finisher, bundle, versions, name)
        (work / SUMMARY).write_text(json.dumps(summary, indent=1) + "\n")
        for output in (VCF, INDEX, SUMMARY):
            os.replace(work / output, out_dir / output)
        return Result(out_dir, summary)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def tool_versions() -> dict[str, str]:
    """The versions of everything that computes."""
    from importlib.metadata import version

    from pysam.version import __bcftools_version__, __htslib_version__, __version__

    return {"gas": version("gas"), "bcftools": __bcftools_version__, "htslib": __htslib_version__, "pysam": __version__}


def _index(work: Path) -> int:
    """Index the result; the number of records that the index counts."""
    messages, counted = work / "index.log", work / "index.count"
    for arguments, output in (
        (("index", "--tbi", str(work / VCF)), messages),
        (("index", "--nrecords", str(work / VCF)), counted),
    ):
        with messages.open("ab") as stderr, output.open("ab") as stdout:
            if status := bcftools.spawn(*arguments, stdout=stdout, stderr=stderr).wait():
                raise EngineError(
                    f"bcftools {arguments[0]} ended with status {status}: {messages.read_text('utf-8', 'replace')[-500:]}"
                )
    return int(counted.read_text() or 0)


def _provenance(found: Survey, bundle: Bundle, versions: dict[str, str]) -> tuple[bytes, ...]:
    tools = ",".join(f'{tool}="{version}"' for tool, version in versions.items())
    return (
        f'##GAS=<ID=run,bundle="{bundle.id}",bundle_version="{bundle.version}",assembly="{bundle.assembly}",'
        f'input_sha256="{found.source.sha256}",{tools}>'.encode(),
    )


def _summary(found: Survey, finisher: Finisher, bundle: Bundle, versions: dict[str, str], name: str) -> dict[str, Any]:
    tally = finisher.tally
    return {
        "name": name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "bundle": {"id": bundle.id, "version": bundle.version, "title": bundle.title, "assembly": bundle.assembly},
        "versions": versions,
        "input": {
            "sha256": found.source.sha256,
            "bytes": found.source.size,
            "compression": found.source.compression,
            "vcf_version": found.header.version,
            "samples": len(found.header.samples),
        },
        "records_in": found.records,
        "records_out": tally.records,
        "splits": found.splits,
        "notes": found.notes.summary(),
        "track_titles": {track.id: track.title for track in bundle.tracks},
        **tally.summary(),
    }
