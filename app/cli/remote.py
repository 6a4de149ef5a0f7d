"""`gas remote`: annotates files on a GAS somewhere else, by its API.

A file is known by its SHA-256, so that a command that is given again goes on where the one before stopped. Exit codes:
0 done, 3 not yet, 1 failed, 2 the command itself was wrong.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

import aiohttp
import typer
from pydantic import BaseModel

from app.cli.remote_answers import (
    AccountAnswer,
    BatchAnswer,
    Job,
    ShareAnswer,
    Upload,
    VariantsPage,
    problem,
    strange,
    understood,
    wait_seconds,
)
from app.cli.remote_state import Known, Stop
from app.domain.file_names import derived
from app.domain.keys import Output
from app.engine.reading.values import many

remote = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Annotate files on another GAS. Exit codes: 0 done, 3 not yet, 1 failed, 2 the command itself was wrong.",
)

DONE, FAILED, PENDING = 0, 1, 3
ENDS = {"COMPLETED": DONE, "FAILED": FAILED, "CANCELLED": FAILED}
LOOK_SECONDS = 3
AGAIN = {429, 500, 502, 503, 504}
RETRY_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before each further try, where the server does not say how many."""

CHUNK_BYTES = 1 << 20


M = TypeVar("M", bound=BaseModel)


@dataclass
class Gas:
    """The API of one GAS."""

    known: Known
    http: aiohttp.ClientSession

    async def ask(self, kind: type[M], method: str, path: str, **options: Any) -> M | None:
        """The answer, as `kind`; None if there is no such thing. Raises Stop with the problem's words.

        Waits where the server asks for it, and repeats what had no answer, half of one, or failed at the server: every request
        may be repeated.
        """
        headers = {"Authorization": f"Bearer {self.known.token}"} | options.pop("headers", {})
        waits = iter(RETRY_SECONDS)
        while True:
            wait = next(waits, None)
            try:
                async with self.http.request(method, f"{self.known.url}/api/v1{path}", headers=headers, **options) as answer:
                    body = await answer.read()
                    if answer.status not in AGAIN or wait is None:
                        return self._understood(kind, body, answer)
                    wait = wait_seconds(answer.headers.get("Retry-After"), wait)
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError):
                if wait is None:
                    raise
            await asyncio.sleep(wait)

    def _understood(self, kind: type[M], body: bytes, answer: aiohttp.ClientResponse) -> M | None:
        if answer.status == 404:
            return None
        if answer.status == 401:
            raise Stop(f"{self.known.url} does not know the token (any more): gas remote login {self.known.url}")
        if answer.status >= 400:
            raise problem(body, answer)
        return understood(kind, body, answer)

    async def job(self, job_id: str) -> Job:
        """Returns a job by its id. Raises Stop if there is none."""
        if found := await self.ask(Job, "GET", f"/jobs/{quote(job_id, safe='', errors='replace')}"):
            return found
        raise Stop(f"There is no job {job_id}.")

    async def without_bad_lines(self, job: Job) -> Job:
        """Runs a refused job again, its lines that are no records set aside."""
        path = f"/jobs/{quote(job.job_id, safe='')}/retry"
        return await self.ask(Job, "POST", path, json={"skip_bad": True}) or await self.job(job.job_id)

    async def submitted(
        self, file: Path, digest: str, assembly: str, *, skip_bad: bool = False, batch: dict[str, Any] | None = None
    ) -> Job:
        """The job of this file: the one that it has, if that did not fail, else a new one, uploaded and submitted.

        `batch` is what a new job says of the files that it is sent together with.
        `skip_bad`: one that was refused for lines that are no records, and could do without them, is run again without them.
        """
        # what is no UTF-8 in a name can't be sent
        wanted = {"file_name": os.fsencode(file.name).decode(errors="replace"), "assembly": assembly, **(batch or {})}
        name = f"{digest} {assembly}".rstrip()
        before = self.known.jobs.get(name, "")
        job = await self.ask(Job, "GET", f"/jobs/{quote(before, safe='')}") if before else None
        if job and ENDS.get(job.status, DONE) != FAILED and job.status != "UPLOADING":
            return job
        if job and skip_bad and job.status == "FAILED" and job.skippable:
            return await self.without_bad_lines(job)
        # a job that ended badly is not gone on with, and its key not used again
        key = f"{name}:{before if job and job.status != 'UPLOADING' else ''}"
        made = await self.ask(Upload, "POST", "/jobs", json=wanted, headers={"Idempotency-Key": key})
        if made is None:
            raise Stop(f"{self.known.url} is not a GAS.")
        self.known.remember(name, made.job.job_id)
        if made.job.status != "UPLOADING":
            return made.job
        await self.upload(file, made.url, made.fields)
        return await self.ask(Job, "POST", f"/jobs/{quote(made.job.job_id, safe='')}/submit") or made.job

    async def upload(self, file: Path, url: str, fields: dict[str, str]) -> None:
        """Posts the file to storage by the form that the API gave. Raises Stop if storage refuses it."""
        form = aiohttp.FormData(fields)
        with file.open("rb") as body:
            form.add_field("file", body, filename="input")
            async with self.http.post(url, data=form) as answer:
                if answer.status >= 400:
                    raise Stop(f"Storage refused the file ({answer.status}). Is it larger than your plan allows?")

    async def download(self, path: str, target: Path) -> None:
        """The file appears whole or not at all. The link that the API leads to is shown no token."""
        headers = {"Authorization": f"Bearer {self.known.token}"}
        async with self.http.get(f"{self.known.url}/api/v1{path}", headers=headers, allow_redirects=False) as answer:
            if answer.status != 303 or "Location" not in answer.headers:
                body = await answer.read()
                raise problem(body, answer) if answer.status >= 400 else strange(body, answer)
            link = answer.headers["Location"]
        async with self.http.get(link) as answer:
            if answer.status != 200 or answer.content_type == "text/html":
                raise strange(await answer.content.read(1000), answer)
            await _kept(answer, target)

    async def made(self, path: str, target: Path, **params: str) -> None:
        """As `download`, of what the API makes while it sends it."""
        headers = {"Authorization": f"Bearer {self.known.token}"}
        address = f"{self.known.url}/api/v1{path}"
        async with self.http.get(address, headers=headers, params=params, allow_redirects=False) as answer:
            if answer.status == 200 and answer.content_type != "text/html":
                await _kept(answer, target)
            else:
                body = await answer.read()
                raise problem(body, answer) if answer.status >= 400 else strange(body, answer)


async def _kept(answer: aiohttp.ClientResponse, target: Path) -> None:
    part = target.with_name(f"{target.name}.{os.getpid()}.part")  # another command may fetch the same
    try:
        with part.open("wb") as file:
            async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                file.write(chunk)
        part.replace(target)
    finally:
        with suppress(OSError):
            part.unlink()


@remote.command()
def login(
    url: Annotated[str, typer.Argument(help="Address of the portal.")],
    token: Annotated[
        str, typer.Option(prompt="Token (make one on your profile)", hide_input=True, envvar="GAS_REMOTE_TOKEN", help="A token.")
    ],
) -> None:
    """Keep the address and a token of a GAS, after trying them."""
    known = Known(url=url.rstrip("/"), token=token.strip())

    async def work(gas: Gas) -> int:
        account = await gas.ask(AccountAnswer, "GET", "/account")
        if account is None:
            raise Stop(f"{known.url} is not a GAS.")
        known.sign_in()
        typer.echo(f"Signed in at {known.url} as {account.email or account.user_id}, on the {account.plan} plan.")
        return DONE

    _run(work, known)


@remote.command()
def annotate(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A VCF, plain or compressed, or BCF.")],
    wait: Annotated[bool, typer.Option(help="Wait until it is done.")] = False,
    assembly: Annotated[str, typer.Option(help="Assembly that the file is on; without it, the file decides.")] = "",
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="After a refusal: set lines aside that are no records, if they are few.")
    ] = False,
) -> None:
    """Upload a file and have it annotated; given again, goes on with the same job."""

    async def work(gas: Gas) -> int:
        job, skips = await gas.submitted(file, _digest(file), assembly, skip_bad=skip_bad), skip_bad
        while wait and (job.status not in ENDS or (skips and job.status == "FAILED" and job.skippable)):
            if job.status in ENDS:
                job, skips = await gas.without_bad_lines(job), False
            await asyncio.sleep(LOOK_SECONDS)
            job = await gas.job(job.job_id)
        return _said(job)

    _run(work)


@remote.command()
def status(what: Annotated[str, typer.Argument(help="A file that was annotated, or a job id.")]) -> None:
    """Say how far a job is."""

    async def work(gas: Gas) -> int:
        return _said(await gas.job(_job_of(gas.known, what)))

    _run(work)


@remote.command()
def fetch(
    what: Annotated[str, typer.Argument(help="A file that was annotated, or a job id.")],
    out: Annotated[Path, typer.Option(help="Folder for the annotated VCF and its index.")] = Path(),
) -> None:
    """Download the annotated VCF and its index, and the lines that were set aside, if there are any."""

    async def work(gas: Gas) -> int:
        job = await gas.job(_job_of(gas.known, what))
        if job.status != "COMPLETED" or job.tier != "AVAILABLE":
            return _said(job) or PENDING
        out.mkdir(parents=True, exist_ok=True)
        aside = (("rejected", Output.REJECTED),) if job.set_aside else ()
        for path, output in (*aside, ("index", Output.INDEX), ("result", Output.RESULT)):
            await gas.download(f"/jobs/{quote(job.job_id, safe='')}/{path}", out / derived(job.file_name, output))
        typer.echo(out / derived(job.file_name, Output.RESULT))
        return DONE

    _run(work)


@remote.command()
def batch(
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="VCFs, plain or compressed, or BCFs.")],
    wait: Annotated[bool, typer.Option(help="Wait until all are done.")] = False,
    assembly: Annotated[str, typer.Option(help="Assembly that the files are on; without it, each file decides.")] = "",
    out: Annotated[Path | None, typer.Option(help="With --wait: folder for results.zip, which has all results.")] = None,
) -> None:
    """Upload files that belong together: they have one page and one mail. Given again, goes on with the same jobs."""

    async def work(gas: Gas) -> int:
        made = await gas.ask(BatchAnswer, "POST", "/batches")
        if made is None:
            raise Stop(f"{gas.known.url} is not a GAS.")
        together = {"batch": made.batch_id, "batch_files": len(files)} if len(files) > 1 else {}
        jobs = [await gas.submitted(file, _digest(file), assembly, batch=together) for file in files]
        while wait and any(job.status not in ENDS for job in jobs):
            await asyncio.sleep(LOOK_SECONDS)
            jobs = [job if job.status in ENDS else await gas.job(job.job_id) for job in jobs]
        code = max((_said(job) for job in jobs), key=(DONE, PENDING, FAILED).index)
        for batch_id in dict.fromkeys(job.batch for job in jobs if job.batch):
            typer.echo(f"{gas.known.url}/batches/{batch_id}")
            if wait and out:
                out.mkdir(parents=True, exist_ok=True)
                name = "results.zip" if batch_id == jobs[0].batch else f"results-{batch_id}.zip"
                await gas.made(f"/batches/{batch_id}/results.zip", out / name)
        return code

    _run(work)


@remote.command()
def export(
    what: Annotated[str, typer.Argument(help="A file that was annotated, or a job id.")],
    form: Annotated[str, typer.Option(help="vcf, tsv, csv or xlsx.")] = "tsv",
    where: Annotated[str, typer.Option(help="A filter over columns, such as 'impact>=MODERATE and not frequency>=0.001'.")] = "",
    out: Annotated[Path, typer.Option(help="Folder for the file.")] = Path(),
) -> None:
    """Download the variants of a result, all or those that a filter finds, as one file."""

    async def work(gas: Gas) -> int:
        if form not in FORMS:
            raise Stop(f"There is no form {form}: choose one of {', '.join(FORMS)}.")
        job = await gas.job(_job_of(gas.known, what))
        out.mkdir(parents=True, exist_ok=True)
        suffix = ".gz" if form == "vcf" and not where else ""
        target = out / derived(job.file_name, f"variants.{form}{suffix}")
        path = f"/jobs/{quote(job.job_id, safe='')}"
        if suffix:
            await gas.download(f"{path}/result", target)
        else:
            await gas.made(f"{path}/variants.{form}", target, **({"where": where} if where else {}))
        typer.echo(target)
        return DONE

    _run(work)


@remote.command()
def share(
    what: Annotated[str, typer.Argument(help="A file that was annotated, or a job id.")],
    days: Annotated[int, typer.Option(help="How long the link is good for: 1, 7, 30 or 90.")] = 7,
    password: Annotated[str, typer.Option(envvar="GAS_REMOTE_SHARE_PASSWORD", help="Wanted from who opens it.")] = "",
) -> None:
    """Make a read-only link to a result and print it."""

    async def work(gas: Gas) -> int:
        job = await gas.job(_job_of(gas.known, what))
        wanted = {"days": days, "password": password}
        made = await gas.ask(ShareAnswer, "POST", f"/jobs/{quote(job.job_id, safe='')}/shares", json=wanted)
        if made is None:
            raise Stop(f"There is no job {job.job_id}.")
        typer.echo(made.url)
        return DONE

    _run(work)


FORMS = ("vcf", "tsv", "csv", "xlsx")

SHOWN = (
    *("contig", "position", "ref", "alt", "gene", "consequence", "impact", "transcript", "hgvs_genomic", "hgvs_coding"),
    *("hgvs_protein", "flags", "rsid", "known"),
)
"""What `gas remote variants` prints of a variant, by the names of the API."""


@remote.command()
def variants(
    what: Annotated[str, typer.Argument(help="A file that was annotated, or a job id.")],
    region: Annotated[str, typer.Option(help="A contig, a position or a range, such as MT:3200-3300.")] = "",
    gene: Annotated[str, typer.Option(help="Symbol of a gene.")] = "",
    consequence: Annotated[str, typer.Option(help="The most severe one: a Sequence Ontology term.")] = "",
    impact: Annotated[str, typer.Option(help="HIGH, MODERATE, LOW or MODIFIER.")] = "",
    transcripts: Annotated[bool, typer.Option(help="A row for each transcript, instead of the one that stands for all.")] = False,
) -> None:
    """Print the variants of a result with their consequences and HGVS names, as a table with tabs."""
    asked = {"region": region, "gene": gene, "consequence": consequence, "impact": impact}

    async def work(gas: Gas) -> int:
        job = await gas.job(_job_of(gas.known, what))
        typer.echo("\t".join(SHOWN))
        query: dict[str, str] = {name: value for name, value in asked.items() if value}
        while True:
            page = await gas.ask(VariantsPage, "GET", f"/jobs/{quote(job.job_id, safe='')}/variants", params=query)
            if page is None:
                raise Stop(f"The variants of {job.job_id} are not there any more.")
            for one in page.variants:
                for row in [_in_transcript(one, each) for each in one.get("transcripts", [])] if transcripts else [one]:
                    typer.echo("\t".join(_cell(row.get(name, "")) for name in SHOWN))
            if page.next is None:
                return DONE
            query["cursor"] = page.next

    _run(work)


def _in_transcript(variant: dict[str, Any], one: dict[str, Any]) -> dict[str, Any]:
    """A variant as it is in one of its transcripts."""
    names = {name: one.get(name, "") for name in ("gene", "consequence", "impact", "transcript")}
    return variant | names | {"hgvs_coding": one.get("dna", ""), "hgvs_protein": one.get("protein", "")}


def _cell(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _said(job: Job) -> int:
    """Prints the job's state and returns the exit code that means it; the lines at fault go to standard error."""
    state = job.tier if job.status == "COMPLETED" else job.status
    words = job.message or (f"{job.records:,} records" if job.records else "")
    aside = f"{many(job.set_aside, 'line')} set aside" if job.set_aside else ""
    typer.echo("\t".join(filter(None, (job.job_id, job.file_name, state.lower(), words, aside))))
    for one in job.faults if len(job.faults) > 1 else ():
        typer.echo(f"  {one.line}\t{one.column}\t{one.reason}", err=True)
    if job.status == "FAILED" and job.skippable:
        typer.echo("Correct the file, or have it annotated without what cannot be read: --skip-bad", err=True)
    return ENDS.get(job.status, PENDING)


def _job_of(known: Known, what: str) -> str:
    path = Path(what)
    if not path.is_file():
        return what
    digest = _digest(path)
    if job_ids := [job_id for name, job_id in known.jobs.items() if name.startswith(digest)]:
        return job_ids[-1]
    raise Stop(f"{what} was not annotated from here: gas remote annotate {what}")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _run(work: Callable[[Gas], Awaitable[int]], known: Known | None = None) -> None:
    async def session() -> int:
        async with _opened(known or Known.read()) as gas:
            return await work(gas)

    try:
        code = asyncio.run(session())
    except (Stop, aiohttp.ClientError, OSError, ValueError) as error:  # ValueError: a URL or header that aiohttp can't send
        typer.echo((str(error) or type(error).__name__).encode(errors="replace").decode(), err=True)
        code = FAILED
    raise typer.Exit(code)


@asynccontextmanager
async def _opened(known: Known) -> Any:
    if not known.url:
        raise Stop("Please sign in first: gas remote login https://…")
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, connect=30, sock_read=120)) as http:
        yield Gas(known, http)
