"""One annotation from beginning to end: read, annotate by the block, index, summarise, publish."""

import json
import os
import re
import shutil
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any

from app import __version__
from app.engine.bundles import tags
from app.engine.bundles.manifest import Bundle
from app.engine.errors import EngineError, InputError
from app.engine.formats import bgzf
from app.engine.formats.columns import COLUMNS
from app.engine.limits import DEFAULT, Limits
from app.engine.outputs import INDEX, REJECTED, SUMMARY, VCF, Result
from app.engine.pipeline.block import AnnotatedPieces, AnnotationContext, BlockStats, Worker
from app.engine.pipeline.input_state import InputState
from app.engine.pipeline.pool import affordable, cores, ended, workers
from app.engine.pipeline.presort import presort
from app.engine.pipeline.writer import NeedsPresort, ResultWriter
from app.engine.reading import assembly, headers
from app.engine.reading.allele_batch import AlleleBatch
from app.engine.reading.diagnostics import Diagnostics
from app.engine.reading.input_file import InputFile
from app.engine.reading.lines import Lines
from app.engine.reading.rejections import Rejections
from app.engine.report.counts import Counts

INLINE = 2 << 20  # bytes of an input that no other processes are started for
_VERSION = re.compile(r'^__(\w+)__ = "([^"]+)"', re.MULTILINE)
Progress = Callable[[str, int, float], None]


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
    distance: int | None = None,
    skip_bad: bool = False,
    level: int = bgzf.LEVEL,
) -> Result:
    """Annotate one file into `out_dir`; InputError if the file cannot be annotated. All four outputs appear, or none.

    `skip_bad`: lines that are no records, if they are few, are set aside into a fifth output, `rejected.tsv`.
    `jobs` are the processes that work on it (0: as many as there are cores, if the file is large); the result is the same.
    `distance`: bases within which a transcript is upstream or downstream, instead of what the bundle says.
    `level`: of compression, from 1 (quick) to 9 (small).
    `overruled` says why the bundle is not the one that was asked for, and goes into the log.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".work-", dir=out_dir))
    outputs = ExitStack()
    try:
        source = InputFile(input_path, limits)
        jobs = jobs or (min(cores(), affordable()) if source.size > INLINE else 1)
        aside = work / REJECTED if skip_bad else None
        state, totals, output = _annotated(source, bundle, distance, level, jobs, work, progress, outputs, aside)
        if overruled:
            state.notes.add("assembly", None, overruled)
        progress("indexing", totals.records, 100.0)
        versions = tool_versions()
        added = (*tags.declarations(tags.added(bundle)), *_provenance(source, bundle, versions))
        header = state.header.text(state.contigs(bundle), added=added)
        written = output.finish(header, work / VCF, work / INDEX, work / COLUMNS)
        totals.flags.update(output.flags)
        if written != state.records + state.splits or totals.records != written:
            raise EngineError(f"{state.records} records and {state.splits} splits came in, {written} records came out")
        summary = _summary(source, state, totals, bundle, versions, name)
        summary |= {"distributions": output.distributions.summary(), "what_matters": output.what_matters.summary()}
        if found := output.heteroplasmy.summary([sample.decode("utf-8", "replace") for sample in state.header.samples]):
            summary["heteroplasmy"] = found
        (work / SUMMARY).write_text(json.dumps(summary, indent=1) + "\n")
        for made in (VCF, INDEX, COLUMNS, SUMMARY, *((REJECTED,) if state.rejections.count else ())):
            os.replace(work / made, out_dir / made)
        return Result(out_dir, summary)
    finally:
        outputs.close()
        shutil.rmtree(work, ignore_errors=True)


def _annotated(
    source: InputFile,
    bundle: Bundle,
    distance: int | None,
    level: int,
    jobs: int,
    work: Path,
    progress: Progress,
    outputs: ExitStack,
    aside: Path | None,
) -> tuple[InputState, Counts, ResultWriter]:
    """The file annotated as it is read, or, if that turns out to be impossible, after it was settled."""
    try:
        lines, context, state = _opened(source, bundle, distance, level, aside)
        totals, output = _pieces(lines, context, state, jobs, work, progress, outputs)
        state.finish(bundle)
        return state, totals, output
    except NeedsPresort:
        _, context, state = _opened(source, bundle, distance, level, aside)
    presorted = presort(source, context, state, work, progress)
    presorted.state.finish(bundle)
    copy = InputFile(presorted.path, replace(source.limits, records=sys.maxsize, uncompressed_bytes=sys.maxsize))
    lines = Lines(copy, Diagnostics(silent=True))
    lines.header()
    alleles = InputState(presorted.state.header, Diagnostics(silent=True), copy.limits, dict(presorted.state.names))
    totals, output = _pieces(lines, presorted.context, alleles, jobs, work, progress, outputs)
    if alleles.records != presorted.state.records + presorted.state.splits:
        raise EngineError(
            f"{presorted.state.records} records, {presorted.state.splits} splits: {alleles.records} came back sorted"
        )
    return presorted.state, totals, output


def _opened(
    source: InputFile, bundle: Bundle, distance: int | None, level: int, aside: Path | None
) -> tuple[Lines, AnnotationContext, InputState]:
    """The lines after the header, and what the header says."""
    notes = Diagnostics()
    lines = Lines(source, notes)
    header = headers.read(lines.header(), notes, source.limits)
    assembly.check_lengths(header, bundle)
    state = InputState(header, notes, source.limits, rejections=Rejections(aside))
    return lines, AnnotationContext(header, bundle, source.limits, state.names, distance=distance, level=level), state


def _pieces(
    lines: Lines, context: AnnotationContext, state: InputState, jobs: int, work: Path, progress: Progress, outputs: ExitStack
) -> tuple[Counts, ResultWriter]:
    """All pieces of the result; Unsettled if they cannot be made one after the other."""
    writer = ResultWriter(work / "body", samples=bool(context.header.samples), level=context.level)
    totals, output = Counts(), outputs.enter_context(closing(writer))
    source = lines.source
    blocks = lines.numbered()
    waiting: deque[Future[AnnotatedPieces]] = deque()

    def take() -> None:
        stats, pieces = waiting.popleft().result()
        state.add(stats)
        state.early(context.bundle)
        if not (state.sorted and state.presorted):
            raise NeedsPresort
        for piece in pieces:
            output.add(piece)
            totals.merge(piece.totals)
        progress("annotating", state.records, min(100 * source.position / source.size, 100.0))

    first = next(blocks, None)
    begun = _look(first, context, state, keep=jobs == 1) if first else None
    with workers(context, jobs, begun[0] if begun else None) as make:
        try:
            if begun:
                waiting.append(ended(begun[0].made(*begun[1])))
            for block, before in chain([first] if first and not begun else [], blocks):
                waiting.append(make(block, before))
                while len(waiting) > jobs + 1:
                    take()
        except InputError:
            while waiting:
                take()  # what is wrong before that comes first
            raise
        while waiting:
            take()
    return totals, output


Begun = tuple[Worker, tuple[list[AlleleBatch], BlockStats]]
"""A worker and what it has read of the first block."""


def _look(first: tuple[bytes, int], context: AnnotationContext, state: InputState, *, keep: bool) -> Begun | None:
    """Learns from the first block what the header should have said, so that every worker begins with it.

    With `keep`, returns what was read, unless it would be read otherwise now.
    """
    worker, kept = Worker(context), False
    try:
        batches, stats = worker.reader.read(*first)
        state.apply_header(stats)
        state.presorted = True
        named = all(batch.name in state.names for batch in batches)  # or they are called otherwise from now on
        kept = keep and named and not stats.header_updates and stats.sorted
        return (worker, (batches, stats)) if kept else None
    finally:
        if not kept:
            worker.close()


@cache
def tool_versions() -> Mapping[str, str]:
    """The versions of everything that computes."""
    spec = find_spec("pysam")
    assert spec and spec.origin
    # read, not imported: nothing else of pysam is needed to annotate, and it costs a small job a fifth of its time
    found = dict(_VERSION.findall(Path(spec.origin).with_name("version.py").read_text()))
    names = {"bcftools": "bcftools_version", "htslib": "htslib_version", "pysam": "version"}
    return MappingProxyType({"gas": __version__, **{tool: found[name] for tool, name in names.items()}})


def _provenance(source: InputFile, bundle: Bundle, versions: Mapping[str, str]) -> tuple[bytes, ...]:
    tools = ",".join(f'{tool}="{version}"' for tool, version in versions.items())
    parts = (
        f'##GAS=<ID=part,name="{part.id}",version="{part.version}",date="{part.date}",licence="{part.licence}">'.encode()
        for part in bundle.parts
    )
    return (
        f'##GAS=<ID=run,bundle="{bundle.id}",bundle_version="{bundle.version}",assembly="{bundle.assembly}",'
        f'input_sha256="{source.sha256}",{tools}>'.encode(),
        *parts,
    )


def _summary(
    source: InputFile, state: InputState, totals: Counts, bundle: Bundle, versions: Mapping[str, str], name: str
) -> dict[str, Any]:
    return {
        "name": name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "bundle": {"id": bundle.id, "version": bundle.version, "title": bundle.title, "assembly": bundle.assembly},
        "parts": [
            {"id": part.id, "title": part.title, "version": part.version, "date": part.date, "licence": part.licence}
            for part in bundle.parts
        ],
        "versions": dict(versions),
        "input": {
            "sha256": source.sha256,
            "bytes": source.size,
            "compression": source.compression,
            "vcf_version": state.header.version,
            "samples": len(state.header.samples),
        },
        "records_in": state.records + state.rejections.count,
        "records_out": totals.records,
        "splits": state.splits,
        "set_aside": state.rejections.count,
        "rejected": [fault.shown() for fault in state.rejections.first],
        "notes": state.notes.summary(),
        "track_titles": {track.id: track.title for track in bundle.tracks},
        **totals.summary(),
    }
