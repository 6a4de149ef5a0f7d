"""`gas reference`: the bundles of this machine, built, verified and exchanged.

Exit codes: 0 done, 1 a bundle is at fault, 2 usage, 3 we are.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.annotate import HOME, Bundles
from app.engine.bundles import manifest as bundles
from app.engine.bundles.stores import FolderStore, Store, WebStore
from app.engine.errors import EngineError

reference = typer.Typer(no_args_is_help=True, help="Reference bundles: build, verify, list, push, pull.")
# How the scheme of a location becomes a store; the command line of the service adds `s3`.
STORES: dict[str, Callable[[str], Store]] = {
    "file": lambda location: FolderStore(Path(location.removeprefix("file://"))),
    "https": WebStore,
    "http": WebStore,
}


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

    _guarded(lambda: stores.push(bundles.find(bundle, folder), store_at(location), _step))


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
    _guarded(lambda: typer.echo(f"installed {stores.pull(bundle, version, folder, store_at(location), _step).folder}"))


def _step(name: str, size: int) -> None:
    typer.echo(f"{name}\t{size:,} bytes", file=sys.stderr)


def store_at(location: str) -> Store:
    """Returns the store at a location. Raises EngineError if there is none of its kind."""
    scheme = location.partition("://")[0] if "://" in location else "file"
    if scheme not in STORES:
        raise EngineError(f"There is no store for {location}; known: {', '.join(STORES)}.")
    return STORES[scheme](location)
