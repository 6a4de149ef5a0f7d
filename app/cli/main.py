"""The `gas` command: each part of the service, and what operators do with it."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Coroutine
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from app.cli.annotate import annotate
from app.cli.lazy import LazyGroup
from app.cli.reference import STORES, reference, store_at
from app.engine.bundles.stores import Store
from workers import VERBS

if TYPE_CHECKING:
    from app.services.backend import Backend
    from app.settings import Settings

app = typer.Typer(
    cls=LazyGroup,
    rich_markup_mode=None,  # what draws the boxes takes longer to import than all the rest
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="GAS, a genomics annotation service. Settings come from GAS_* and AWS_* variables: `gas settings` lists them.",
)
Verb = StrEnum("Verb", {verb: verb for verb in VERBS})  # type: ignore[misc]
Daemon = StrEnum("Daemon", {name: name for name in ("web", *VERBS, "doctor")})  # type: ignore[misc]
T = TypeVar("T")


def seconds(text: str) -> int:
    """Seconds from `300`, `300s`, `5m` or `1h`. Raises BadParameter."""
    match = re.fullmatch(r"(\d+)(s|m|h)?", text.strip())
    if not match:
        raise typer.BadParameter(f"{text!r} is not a time: write 300, 300s or 5m")
    return int(match[1]) * {"s": 1, "m": 60, "h": 3600, None: 1}[match[2]]


def settings() -> Settings:
    """The settings of this process, whose library is imported only by the commands that need them."""
    from app.settings import settings

    return settings()


def _logs(service: str) -> None:
    from app.process import logs

    logs.configure(settings().log_format, service=service)


def _run(work: Coroutine[Any, Any, T]) -> T:
    import asyncio

    return asyncio.run(work)


def _loop(main: Coroutine[Any, Any, None]) -> None:
    import uvloop

    uvloop.run(main)


@app.command()
def web() -> None:
    """Run the portal and its API until SIGTERM."""
    from app.web.main import run

    run(settings().for_portal())


@app.command()
def worker(verbs: Annotated[list[Verb], typer.Argument(help="One or more daemons for this process.")]) -> None:
    """Run daemons until SIGTERM, each on its queue: annotate, archive, restore, thaw, notify."""
    from workers.runtime import run

    specs = [import_module(f"workers.{verb}").SPEC for verb in verbs]
    _logs("worker")
    _loop(run(specs, settings()))


@app.command()
def doctor(
    repair: Annotated[bool, typer.Option(help="Mend what can be mended.")] = False,
    full: Annotated[bool, typer.Option(help="Also scan the table and list the buckets: a daily look.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a finding.")] = False,
    every: Annotated[int, typer.Option(help="Look again every so many seconds until SIGTERM; 0: once.")] = 0,
) -> None:
    """Look for jobs and accounts that are stuck. Exit code 1 if there was anything to report."""
    from app.services.backend import backend
    from app.services.doctor import examine, examine_regularly

    _logs("doctor")

    async def once() -> int:
        count = 0
        async with backend(settings()) as opened:
            async for finding in examine(opened, repair=repair, full=full):
                count += 1
                typer.echo(json.dumps(finding.as_dict()) if as_json else finding)
        if not as_json:
            typer.echo(f"{count} findings" if count else "All is well.")
        return count

    if every:
        _loop(examine_regularly(settings(), every))
    else:
        raise typer.Exit(1 if _run(once()) else 0)


@app.command()
def check(
    daemons: Annotated[list[Daemon] | None, typer.Argument(help="Those that shall run here; without any: all.")] = None,
) -> None:
    """Look whether daemons could work here, before they do. Exit code 1: something is wrong; 3: only what is beyond us."""
    from app.services.check import CheckResult, verdict
    from app.services.check import check as examine

    async def look() -> list[CheckResult]:
        found = []
        async for finding in examine(settings(), daemons or list(Daemon)):
            typer.echo(finding)
            found.append(finding)
        return found

    try:
        settings()
    except ValueError as error:
        typer.echo(f"wrong   settings: {error}\n        → `gas settings` says what each one means and may be")
        raise typer.Exit(1) from None
    raise typer.Exit(verdict(_run(look())))


dlq = typer.Typer(no_args_is_help=True, help="Messages that failed for good: look at them, and send them again.")
app.add_typer(dlq, name="dlq")


async def _with_backend(work: Callable[[Backend], Awaitable[T]]) -> T:
    from app.services.backend import backend

    async with backend(settings()) as opened:
        return await work(opened)


@dlq.command("list")
def list_dead_letters() -> None:
    """Count the dead letters of each queue. Exit code 1 if there are any."""
    from app.services import dead_letters

    counts = _run(_with_backend(dead_letters.count))
    for queue, waiting in counts.items():
        typer.echo(f"{waiting:>6}  {queue}")
    raise typer.Exit(1 if any(counts.values()) else 0)


@dlq.command("show")
def show_dead_letters(queue: str, most: Annotated[int, typer.Option(help="How many at most.")] = 20) -> None:
    """Show dead letters of a queue, one JSON object each; they stay."""
    from app.services import dead_letters

    for letter in _run(_with_backend(lambda opened: dead_letters.peek(opened, queue, most))):
        typer.echo(json.dumps(letter.as_dict()))


@dlq.command("redrive")
def redrive_dead_letters(queue: str, job: Annotated[str, typer.Option(help="Only those of this job, by its id.")] = "") -> None:
    """Send the dead letters of a queue to it again, once the cause is mended; unreadable ones stay."""
    from app.services import dead_letters

    sent, stay = _run(_with_backend(lambda opened: dead_letters.redrive(opened, queue, job)))
    typer.echo(f"{sent} sent again, {stay} stay")


def _s3_store(location: str) -> Store:
    from app.aws.bundle_store import S3Store

    return S3Store.at(location)


STORES["s3"] = _s3_store
app.command()(annotate)
app.add_typer(reference, name="reference")


@reference.command()
def renew(
    folder: Annotated[Path, typer.Argument(help="Where it works. What it leaves there spares the next run work.")],
    ended: Annotated[str, typer.Option(metavar="RESULT", help="Do nothing, and report that a run ended like this.")] = "",
) -> None:
    """Bring ClinVar up to date in what GAS_REFERENCES offers as `id/latest`: pull, update, check, push to GAS_BUNDLE_STORE.

    Nothing is done while it is younger than GAS_RENEWAL_DAYS. A schedule runs this; it may be killed and given again at any
    time. Exit code 3 if a reference could not be renewed.
    """
    from app.services import renewal

    _logs(renewal.VERB)
    if ended:
        renewal.ended(settings(), ended)
    elif renewal.renewable(settings()) and renewal.renew(settings(), store_at(settings().bundle_store), folder):
        raise typer.Exit(3)


@app.command("settings")
def show_settings() -> None:
    """List every setting: its name, its default and what it means."""
    from app.settings import Settings

    for name, field in Settings.model_fields.items():
        typer.echo(f"GAS_{name.upper()}  [{field.default}]\n    {field.description}")


@app.command()
def stack(
    retention: Annotated[int, typer.Option(parser=seconds, metavar="TIME", help="Until free results are archived.")] = "5m",  # type: ignore[assignment]
    retrieval: Annotated[int, typer.Option(parser=seconds, metavar="TIME", help="That a retrieval takes.")] = "1m",  # type: ignore[assignment]
    port: Annotated[int, typer.Option(help="The portal's port; another free one is taken if it is not free.")] = 8080,
    archive: Annotated[str, typer.Option(help="Archive backend: s3 or glacier.")] = "s3",
    annotators: Annotated[int, typer.Option(help="Number of annotate daemons.")] = 1,
    folder: Annotated[Path, typer.Option(help="Where logs and the environment of the stack are written.")] = Path(".local"),
    aws: Annotated[str, typer.Option(metavar="URL", envvar="AWS_ENDPOINT_URL", help="An AWS emulator that runs already.")] = "",
    bundles: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="A folder of reference bundles to offer, too.")
    ] = None,
    demo: Annotated[bool, typer.Option(help="Play a user's whole journey, print its timeline, and stop.")] = False,
) -> None:
    """Run the whole service on this machine, on stand-ins for AWS, Globus and Stripe, until Ctrl-C.

    A TIME is 300, 300s, 5m or 1h. What the stand-ins hold is forgotten at the end. With another emulator of AWS, jobs and
    files are there; mail and the vault keep their stand-ins, unless AWS_ENDPOINT_URL_SESV2 and AWS_ENDPOINT_URL_GLACIER say
    where else they are.
    """
    from app.local.stack import Options, main

    options = Options(retention, retrieval, port, archive, annotators, folder, aws, bundles)
    raise typer.Exit(main(options, demo=demo))


def main() -> None:
    """Runs the command line; ends the process with the command's exit code."""
    app()


if __name__ == "__main__":
    main()
