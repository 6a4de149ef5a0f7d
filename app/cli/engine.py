"""`gas annotate` and `gas reference`: the engine and its bundles on a person's own machine.

Exit codes: 0 done, 1 the input is at fault, 2 usage, 3 we are.
"""

import gzip
import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from app.domain.file_names import derived
from app.engine import limits
from app.engine.bundles import manifest as bundles
from app.engine.bundles.stores import FolderStore, Store, WebStore
from app.engine.errors import EngineError
from app.engine.warmed import Warmed

reference = typer.Typer(no_args_is_help=True, help="Reference bundles: build, verify, list, push, pull.")
Bundles = Annotated[Path, typer.Option("--bundles", envvar="GAS_BUNDLES", help="The folder of installed bundles.")]
HOME = Path("bundles")
FORMATS: dict[str, tuple[tuple[str, str], ...]] = {
    "vcf": (("annot.vcf.gz", "annot.vcf.gz"), ("annot.vcf.gz.tbi", "annot.vcf.gz.tbi")),
    "tsv": (("table", "annot.tsv"),),
    "html": (("page", "summary.html"),),
    "log": (("log", "vcf.count.log"),),
}
"""What `--formats` can name: the files of each in the folder of a result, and how their names end."""

SUMMARY, REJECTED = ("summary.json", "summary.json"), ("rejected.tsv", "rejected.tsv")

# How the scheme of a location becomes a store; the command line of the service adds `s3`.
STORES: dict[str, Callable[[str], Store]] = {
    "file": lambda location: FolderStore(Path(location.removeprefix("file://"))),
    "https": WebStore,
    "http": WebStore,
}


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
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

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
    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%  {task.fields[records]:,} records"),
    )
    try:
        event: dict[str, Any] = {"event": "failed"}
        with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as bar, tempfile.TemporaryDirectory() as work:
            task = bar.add_task("reading", total=100, records=0)

            for event in engine_events([str(source.absolute()), work, *arguments], source.name, folder):
                if event["event"] == "progress":
                    bar.update(task, description=event["phase"], completed=event["percent"], records=event["records"])
            if event["event"] == "done":
                result = Result(Path(work), json.loads((Path(work) / SUMMARY[0]).read_text()))
                written = _publish(result, out, source.name, kinds)
    except Unwritable as fault:
        raise typer.BadParameter(str(fault)) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except Exception as fault:
        typer.echo(f"The annotation failed: {fault}", err=True)
        raise typer.Exit(3) from None
    _end_unless_done(event)
    summary = result.summary
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


@dataclass(frozen=True)
class Result:
    """What the engine made of a file: where its outputs are, and what they hold."""

    folder: Path
    summary: dict[str, Any]

    @property
    def vcf(self) -> Path:
        """The annotated VCF."""
        return self.folder / FORMATS["vcf"][0][0]


def engine_events(arguments: list[str], name: str, *folders: Path) -> Iterator[dict[str, Any]]:
    """What a job of the engine says, to its end; it is a child of a warmed process, as with the annotate daemon."""
    warmed = Warmed(*folders)
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


def _guarded(action: Callable[[], None]) -> None:
    try:
        action()
    except EngineError as fault:
        typer.echo(str(fault), err=True)
        raise typer.Exit(3) from None
    except Exception as fault:  # whatever a disk or a store has to say
        typer.echo(f"{type(fault).__name__}: {fault}", err=True)
        raise typer.Exit(3) from None


@reference.command("list")
def list_(folder: Bundles = HOME) -> None:
    """Name the installed bundles (id, version, assembly, tracks, bytes, folder) and their parts with their versions."""
    for root in (folder, bundles.EMBEDDED):
        for manifest in sorted(root.glob(f"[!.]*/{bundles.MANIFEST}")):
            try:
                found = bundles.load(manifest.parent)
            except EngineError as fault:
                typer.echo(str(fault), err=True)
                continue
            size = sum(file.bytes for file in found.files)
            typer.echo(
                f"{found.id}\t{found.version}\t{found.assembly}\t{len(found.tracks)} tracks\t{size:,} bytes\t{manifest.parent}"
            )
            for part in found.parts:
                typer.echo(_part(part))


@reference.command()
def verify(bundle: str, folder: Bundles = HOME) -> None:
    """Compare a bundle's files with its manifest; exit code 1 if any differs."""
    faults: list[str] = []
    _guarded(lambda: faults.extend(bundles.verify(bundles.find(bundle, folder))))
    for fault in faults:
        typer.echo(fault, err=True)
    if faults:
        raise typer.Exit(1)
    typer.echo(f"{bundle} agrees with its manifest")


Recipe = Annotated[str, typer.Argument(help="A recipe of the release, such as grch38, or the path of a TOML file.")]
Cache = Annotated[Path, typer.Option(help="Where downloads are.")]
Processes = Annotated[int, typer.Option(min=0, help="Processes that convert at the same time; 0: one a core.")]
Keep = Annotated[bool, typer.Option("--keep", help="Keep the downloads. Otherwise each is deleted once it is converted.")]
DOWNLOADS = Path("downloads")


@reference.command()
def build(
    recipe: Recipe,
    folder: Bundles = HOME,
    parts: Annotated[str, typer.Option("--with", help="Optional parts to build, too, with commas between.")] = "",
    cache: Cache = DOWNLOADS,
    processes: Processes = 0,
    keep: Keep = False,
) -> None:
    """Build a bundle from a recipe: download, check, convert, describe.

    A bundle has parts: its sequence, its genes, and tracks of what is known. Those that the recipe calls optional are built if
    they are named. Parts that the bundle has already are kept.

    Interrupted, it goes on where it stopped when the command is given again: downloads at their last byte, conversions at the
    last chromosome.

    \b
    Examples:
      gas reference build grch38 --bundles /data/bundles
      gas reference build grch38 --with gnomad,dbsnp --bundles /data/bundles
      gas reference push grch38 s3://my-bucket/bundles --bundles /data/bundles
    """
    _build(recipe, folder, cache, chosen=_names(parts), processes=processes, keep=keep)


@reference.command()
def update(
    recipe: Recipe,
    parts: Annotated[list[str], typer.Argument(help="Parts to build anew, such as clinvar.")],
    folder: Bundles = HOME,
    cache: Cache = DOWNLOADS,
    processes: Processes = 0,
    keep: Keep = False,
) -> None:
    """Build some parts of a bundle anew, such as this month's ClinVar; all others stay as they are.

    \b
    Example:
      gas reference update grch38 clinvar --bundles /data/bundles
    """
    _build(recipe, folder, cache, renewed=parts, processes=processes, keep=keep)


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _build(recipe: str, folder: Path, cache: Path, **options: Any) -> None:
    from rich.console import Console
    from rich.progress import DownloadColumn, Progress, TransferSpeedColumn

    from app.engine.bundles import build as builder
    from app.engine.bundles import recipes

    try:
        path = recipes.named(recipe)
        target = folder / recipes.read(path)["id"]
        unknown = {*options.get("chosen", ()), *options.get("renewed", ())} - set(recipes.parts(path))
        if unknown:
            raise ValueError(f"There is no part {', '.join(sorted(unknown))}; {recipe} has {', '.join(recipes.parts(path))}.")
    except ValueError as fault:
        raise typer.BadParameter(str(fault)) from None
    with Progress(*Progress.get_default_columns(), DownloadColumn(), TransferSpeedColumn(), console=Console(stderr=True)) as bar:
        tasks = {}

        def progress(name: str, done: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=total)
            bar.update(tasks[name], completed=done)

        _guarded(lambda: typer.echo(_built(builder.build(path, target, cache, progress, **options))))


def _built(bundle: bundles.Bundle) -> str:
    count = len(bundle.left_out)
    left_out = f"; {count:,} transcripts that contradict themselves are left out, see its {bundles.MANIFEST}" if count else ""
    return "\n".join([f"built {bundle.id} {bundle.version} in {bundle.folder}{left_out}", *map(_part, bundle.parts)])


def _part(part: bundles.Part) -> str:
    """A line about a part: its version, and what was left out of it."""
    faults = ((part.mismatches, "alleles contradict the sequence"), (part.repeated, "are there twice"))
    left_out = "".join(f"; {count:,} {words} and were left out" for count, words in faults if count)
    rows = f", {part.rows:,} rows" if part.rows else ""
    return f"  {part.id}\t{part.version}{rows}{left_out}"


Location = Annotated[str, typer.Argument(help="A store: s3://bucket/prefix, or a folder.")]


@reference.command()
def push(bundle: str, location: Location, folder: Bundles = HOME) -> None:
    """Upload a bundle to a store, as `id/version/`; the manifest comes last, so that half a bundle is none."""
    from app.engine.bundles import stores

    _guarded(lambda: stores.push(bundles.find(bundle, folder), _store(location), _step))


@reference.command()
def pull(
    bundle: Annotated[
        str, typer.Argument(help="The bundle's id; or the address of a published version, such as https://…/grch38/3.")
    ],
    version: Annotated[str, typer.Argument(help="Its version, or `latest`.")] = "",
    location: Annotated[str, typer.Argument(help="A store: s3://bucket/prefix, https://host/path, or a folder.")] = "",
    folder: Bundles = HOME,
) -> None:
    """Fetch a bundle from a store, unless it is here; it is installed only if every checksum agrees.

    Of a bundle that is here in another version, only the files that differ are fetched.

    \b
    Examples:
      gas reference pull grch38 3 s3://my-bucket/bundles --bundles /data/bundles
      gas reference pull https://example.org/bundles/grch38/latest --bundles /data/bundles
    """
    from app.engine.bundles import stores

    if "://" in bundle and not version:
        location, bundle, version = bundle.rstrip("/").rsplit("/", 2)
    if not (version and location):
        raise typer.BadParameter("give the version and the store of the bundle, or its address")
    _guarded(lambda: typer.echo(f"installed {stores.pull(bundle, version, folder, _store(location), _step).folder}"))


def _step(name: str, size: int) -> None:
    typer.echo(f"{name}\t{size:,} bytes", file=sys.stderr)


def _store(location: str) -> Store:
    scheme = location.partition("://")[0] if "://" in location else "file"
    if scheme not in STORES:
        raise EngineError(f"There is no store for {location}; known: {', '.join(STORES)}.")
    return STORES[scheme](location)
