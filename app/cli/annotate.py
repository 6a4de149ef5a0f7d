"""`gas annotate`: the engine on a person's own machine.

Exit codes: 0 done, 1 the input is at fault, 2 usage, 3 we are.
"""

import gzip
import json
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from app.domain.file_names import derived
from app.engine import limits, outputs
from app.engine.bundles import manifest as bundles
from app.engine.errors import EngineError
from app.engine.outputs import Result
from app.engine.warmed import Warmed

Bundles = Annotated[Path, typer.Option("--bundles", envvar="GAS_BUNDLES", help="The folder of installed bundles.")]
HOME = Path("bundles")
FORMATS: dict[str, tuple[tuple[str, str], ...]] = {
    "vcf": ((outputs.VCF, outputs.VCF), (outputs.INDEX, outputs.INDEX)),
    "tsv": (("table", "annot.tsv"),),
    "html": (("page", "summary.html"),),
    "log": (("log", "vcf.count.log"),),
}
"""What `--formats` can name: the files of each in the folder of a result, and how their names end."""

SUMMARY, REJECTED = (outputs.SUMMARY, outputs.SUMMARY), (outputs.REJECTED, outputs.REJECTED)


def annotate(
    source: Annotated[Path, typer.Argument(help="A VCF: plain, gzip, bgzip or BCF.", exists=True, dir_okay=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder for the results.", file_okay=False)],
    bundle: Annotated[str, typer.Option(help="The reference bundle; without it, the file decides.")] = "",
    folder: Bundles = HOME,
    limit: Annotated[
        list[str] | None, typer.Option(metavar="NAME=NUMBER", help=f"A cap: {', '.join(vars(limits.DEFAULT))}. May be repeated.")
    ] = None,
    jobs: Annotated[
        int, typer.Option(min=0, help="Processes to work with; the result is the same. 0: what the machine has.")
    ] = 0,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Set lines aside that are no records, if they are few (at most 20, or 1 %).")
    ] = False,
    distance: Annotated[
        int | None, typer.Option(min=0, max=1_000_000, help="Bases within which a transcript is upstream or downstream.")
    ] = None,
    level: Annotated[
        int, typer.Option(min=1, max=9, help="Of compression: 1 takes a fifth of the time of 6 for a sixth more bytes.")
    ] = 6,
    formats: Annotated[
        str, typer.Option(metavar="NAME,…", help=f"What is written: {', '.join(FORMATS)}; summary.json always is.")
    ] = ",".join(FORMATS),
) -> None:
    """Annotate a VCF on this machine, with the engine of the service and its messages.

    Every variant gets its consequences in each transcript (Sequence Ontology, HGVS) as Ensembl VEP has them, in INFO/CSQ; the
    one that stands for all in tags of its own; and what the reference bundle knows of it. The file may be unsorted, name its
    contigs otherwise, or lack parts of its header: what was repaired is in the log. In the result each record has one allele,
    at its leftmost place; its consequence is that of the allele as the file has it.

    \b
    Written into OUT, after the name of the file:
      NAME.annot.vcf.gz, .tbi  the annotated VCF, an allele a record, and index
      NAME.annot.tsv           a row for each allele and transcript
      NAME.summary.html        a page of charts, to look at or print
      NAME.summary.json        the same numbers for programs
      NAME.rejected.tsv        with --skip-bad: the lines that were set aside, and why
      NAME.vcf.count.log       counts, repairs and flags, provenance

    \b
    Exit codes:
      0   done
      1   the file is at fault: the message says what, where and what to do
      2   usage
      3   a fault of GAS

    \b
    Examples:
      gas annotate patient.vcf.gz -o results
      gas annotate exome.bcf -o results --bundle grch38 --bundles /data/bundles
      gas annotate genome.vcf.gz -o results --formats vcf
      gas reference list
    """
    try:
        if bundle:
            bundles.find(bundle, folder)
        limits.limited(limit or ())
        kinds = _formats(formats)
    except (EngineError, ValueError) as fault:
        raise typer.BadParameter(str(fault)) from None
    arguments = [f"--bundles={folder}", f"--jobs={jobs}", f"--level={level}", *([f"--bundle={bundle}"] if bundle else [])]
    arguments += [f"--limit={one}" for one in limit or ()]
    arguments += ["--skip-bad"] if skip_bad else []
    arguments += [f"--distance={distance}"] if distance is not None else []
    try:
        with tempfile.TemporaryDirectory() as work:
            event = _watched(engine_events([str(source.absolute()), work, *arguments], source.name, folder))
            if event["event"] == "done":
                result = Result(Path(work), json.loads((Path(work) / outputs.SUMMARY).read_text()))
                written = _publish(result, out, source.name, kinds)
    except Unwritable as fault:
        raise typer.BadParameter(str(fault)) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except Exception as fault:
        typer.echo(f"The annotation failed: {fault}", err=True)
        raise typer.Exit(3) from None
    _end_unless_done(event)
    _say(result.summary, written)


def _watched(events: Iterator[dict[str, Any]]) -> dict[str, Any]:
    """The last of the engine's events; what comes before moves a bar of progress on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%  {task.fields[records]:,} records"),
    )
    event: dict[str, Any] = {"event": "failed"}
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("reading", total=100, records=0)
        for event in events:
            if event["event"] == "progress":
                bar.update(task, description=event["phase"], completed=event["percent"], records=event["records"])
    return event


def _say(summary: dict[str, Any], written: list[Path]) -> None:
    """Prints what came of a file: counts, repairs, and where the results are."""
    typer.echo(f"{summary['records_in']:,} records read, {summary['records_out']:,} alleles annotated")
    if summary["set_aside"]:
        typer.echo(f"{summary['set_aside']:,} lines that are no records were set aside")
    for note in summary["notes"]:
        typer.echo(f"{note['kind']}: {note['message']} ({note['count']:,})")
    for path in written:
        typer.echo(str(path))


def _end_unless_done(event: dict[str, Any]) -> None:
    """Says what is wrong if the engine's last event is not that it is done, and exits with the code that means it."""
    if event["event"] == "rejected":
        typer.echo(event["message"], err=True)
        for one in event["faults"] if len(event["faults"]) > 1 else ():
            typer.echo(f"  {one['line']}\t{one['column']}\t{one['reason']}", err=True)
        if event["skippable"]:
            typer.echo("Correct the file, or annotate it without what cannot be read: --skip-bad", err=True)
        raise typer.Exit(1)
    if event["event"] != "done":
        typer.echo(f"The annotation failed: {event.get('message', 'the engine was killed')}", err=True)
        raise typer.Exit(3)


def engine_events(arguments: list[str], name: str, *folders: Path) -> Iterator[dict[str, Any]]:
    """What a job of the engine says, to its end; it is a child of a warmed process, as with the annotate daemon."""
    warmed = Warmed(*folders, rehearsed=False)
    child = warmed.start([*arguments, "--name-from-stdin"], name.encode(errors="replace"))
    try:
        with os.fdopen(child.stdout, "rb") as said:
            yield from map(json.loads, said)
    finally:
        with child.life:
            child.life.shutdown(socket.SHUT_WR)  # one that is still at work is killed
            while child.life.recv(100):
                pass
        os.close(child.stderr)
        warmed.close()


class Unwritable(Exception):
    """The results cannot be written where they were wanted."""


def _formats(text: str) -> list[str]:
    """The formats that a list names. Raises ValueError for one that there is not."""
    kinds = [kind.strip() for kind in text.split(",") if kind.strip()]
    if unknown := [kind for kind in kinds if kind not in FORMATS]:
        raise ValueError(f"There is no format {', '.join(unknown)}. The formats are {', '.join(FORMATS)}.")
    return kinds


def _publish(result: Result, out: Path, name: str, kinds: list[str]) -> list[Path]:
    """Render what is for people in the wanted formats, and put all of it into the folder, each file whole."""
    summary = result.summary
    for kind in kinds:
        if kind in RENDERED:
            RENDERED[kind](result, name)
    wanted = [*(file for kind in kinds for file in FORMATS[kind]), SUMMARY, *([REJECTED] if summary["set_aside"] else [])]
    files = {file: derived(name, ending) for file, ending in wanted}
    try:
        out.mkdir(parents=True, exist_ok=True)
        for made, called in files.items():
            partial = out / f".{called}.partial"
            shutil.move(result.folder / made, partial)
            os.replace(partial, out / called)
    except OSError as fault:
        raise Unwritable(f"The results cannot be written: {fault}") from fault
    return [out / called for called in files.values()]


def _table(result: Result, name: str) -> None:
    from app.engine.report import render

    summary = result.summary
    with gzip.open(result.vcf, "rt") as lines, (result.folder / "table").open("w", newline="") as table:
        table.writelines(render.tsv(lines, summary["tags"], render.provenance(summary)))


def _page(result: Result, name: str) -> None:
    from app.engine.report import render

    (result.folder / "page").write_text(render.html(result.summary, name))


def _log(result: Result, name: str) -> None:
    from app.engine.report import render

    (result.folder / "log").write_text(render.count_log(result.summary, name))


RENDERED: dict[str, Callable[[Result, str], None]] = {"tsv": _table, "html": _page, "log": _log}
"""How a format is made of a result."""
