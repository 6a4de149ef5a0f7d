"""One annotation from beginning to end: read, annotate by the block, index, summarise, publish."""

import json
import os
import shutil
import sys
import tempfile
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

from app.engine.bundles import tags
from app.engine.bundles.gene_table import Places
from app.engine.bundles.manifest import Bundle
from app.engine.errors import EngineError, InputError
from app.engine.limits import DEFAULT, Limits
from app.engine.pipeline.block import Piece, Plan, Reader
from app.engine.pipeline.input_state import Facts
from app.engine.pipeline.pool import affordable, cores, workers
from app.engine.pipeline.presort import settle
from app.engine.pipeline.writer import Output, Unsettled
from app.engine.reading import assembly, headers
from app.engine.reading.diagnostics import Notes
from app.engine.reading.input_file import Source
from app.engine.reading.lines import Lines
from app.engine.report.counts import Tally

INLINE = 2 << 20  # bytes of an input that no other processes are started for
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
    jobs: int = 0,
) -> Result:
    """Annotate one file into `out_dir`; InputError if the file cannot be annotated. All three outputs appear, or none.

    `jobs` are the processes that work on it (0: as many as there are cores, if the file is large); the result is the same.
    `overruled` says why the bundle is not the one that was asked for, and goes into the log.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".work-", dir=out_dir))
    outputs = ExitStack()
    try:
        source = Source(input_path, limits)
        jobs = jobs or (min(cores(), affordable(bundle)) if source.size > INLINE else 1)
        places = Places(bundle) if source.size > INLINE else None
        facts, tally, output = _annotated(source, bundle, places, jobs, work, progress, outputs)
        if overruled:
            facts.notes.add("assembly", None, overruled)
        progress("indexing", tally.records, 100.0)
        versions = tool_versions()
        added = (*tags.declarations(tags.added(bundle)), *_provenance(source, bundle, versions))
        header = facts.header.text(facts.contigs(bundle), added=added)
        written = output.finish(header, work / VCF, work / INDEX)
        if written != facts.records + facts.splits or tally.records != written:
            raise EngineError(f"{facts.records} records and {facts.splits} splits came in, {written} records came out")
        summary = _summary(source, facts, tally, bundle, versions, name)
        (work / SUMMARY).write_text(json.dumps(summary, indent=1) + "\n")
        for made in (VCF, INDEX, SUMMARY):
            os.replace(work / made, out_dir / made)
        return Result(out_dir, summary)
    finally:
        outputs.close()
        shutil.rmtree(work, ignore_errors=True)


def _annotated(
    source: Source, bundle: Bundle, places: Places | None, jobs: int, work: Path, progress: Progress, outputs: ExitStack
) -> tuple[Facts, Tally, Output]:
    """The file annotated as it is read, or, if that turns out to be impossible, after it was settled."""
    try:
        lines, plan, facts = _opened(source, bundle, places)
        tally, output = _pieces(lines, plan, facts, jobs, work, progress, outputs)
        facts.check(bundle)
        return facts, tally, output
    except Unsettled:
        _, plan, facts = _opened(source, bundle, places)
    settled = settle(source, plan, facts, work, progress)
    settled.facts.check(bundle)
    copy = Source(settled.path, replace(source.limits, records=sys.maxsize, uncompressed_bytes=sys.maxsize))
    lines = Lines(copy, Notes(silent=True))
    lines.header()
    alleles = Facts(settled.facts.header, Notes(silent=True), copy.limits, dict(settled.facts.names))
    tally, output = _pieces(lines, settled.plan, alleles, jobs, work, progress, outputs)
    if alleles.records != settled.facts.records + settled.facts.splits:
        raise EngineError(f"{settled.facts.records} records, {settled.facts.splits} splits: {alleles.records} came back sorted")
    return settled.facts, tally, output


def _opened(source: Source, bundle: Bundle, places: Places | None) -> tuple[Lines, Plan, Facts]:
    """The lines after the header, and what the header says."""
    notes = Notes()
    lines = Lines(source, notes)
    header = headers.read(lines.header(), notes, source.limits)
    assembly.check_lengths(header, bundle)
    facts = Facts(header, notes, source.limits)
    return lines, Plan(header, bundle, source.limits, facts.names, places), facts


def _pieces(
    lines: Lines, plan: Plan, facts: Facts, jobs: int, work: Path, progress: Progress, outputs: ExitStack
) -> tuple[Tally, Output]:
    """All pieces of the result; Unsettled if they cannot be made one after the other."""
    tally, output = Tally(), outputs.enter_context(closing(Output(work / "body")))
    source = lines.source
    blocks = lines.numbered()
    waiting: deque[Future[Piece]] = deque()

    def take() -> None:
        piece = waiting.popleft().result()
        facts.add(piece.verdict)
        facts.early(plan.bundle)
        if not (facts.sorted and facts.settled):
            raise Unsettled
        output.add(piece)
        tally.merge(piece.tally)
        progress("annotating", facts.records, min(100 * source.position / source.size, 100.0))

    first = next(blocks, None)
    if first:
        _look(first, plan, facts)
    with workers(plan, jobs) as make:
        try:
            for block, before in chain([first] if first else [], blocks):
                waiting.append(make(block, before))
                while len(waiting) > jobs + 1:
                    take()
        except InputError:
            while waiting:
                take()  # what is wrong before that comes first
            raise
        while waiting:
            take()
    return tally, output


def _look(first: tuple[bytes, int], plan: Plan, facts: Facts) -> None:
    """Learn from the first block what the header should have said, so that every worker begins with it."""
    reader = Reader(plan)
    try:
        _, verdict = reader.read(*first)
        facts.learn(verdict)
        facts.settled = True
    finally:
        reader.close()


def tool_versions() -> dict[str, str]:
    """The versions of everything that computes."""
    from importlib.metadata import version

    from pysam.version import __bcftools_version__, __htslib_version__, __version__

    return {"gas": version("gas"), "bcftools": __bcftools_version__, "htslib": __htslib_version__, "pysam": __version__}


def _provenance(source: Source, bundle: Bundle, versions: dict[str, str]) -> tuple[bytes, ...]:
    tools = ",".join(f'{tool}="{version}"' for tool, version in versions.items())
    return (
        f'##GAS=<ID=run,bundle="{bundle.id}",bundle_version="{bundle.version}",assembly="{bundle.assembly}",'
        f'input_sha256="{source.sha256}",{tools}>'.encode(),
    )


def _summary(source: Source, facts: Facts, tally: Tally, bundle: Bundle, versions: dict[str, str], name: str) -> dict[str, Any]:
    return {
        "name": name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "bundle": {"id": bundle.id, "version": bundle.version, "title": bundle.title, "assembly": bundle.assembly},
        "versions": versions,
        "input": {
            "sha256": source.sha256,
            "bytes": source.size,
            "compression": source.compression,
            "vcf_version": facts.header.version,
            "samples": len(facts.header.samples),
        },
        "records_in": facts.records,
        "records_out": tally.records,
        "splits": facts.splits,
        "notes": facts.notes.summary(),
        "track_titles": {track.id: track.title for track in bundle.tracks},
        **tally.summary(),
    }
