"""`gas remote` against a real portal: a file becomes one job, however often the command is given."""

from __future__ import annotations

import asyncio
import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.cli import remote
from app.domain.jobs import Fault, Tier, Trigger
from app.services.concurrency import TooManyRequests
from app.web import app_keys
from tests.support.client import VCF, gas
from tests.support.explored import HEADER, explored
from tests.support.portal import Portal, token
from tests.support.steps import ME

pytestmark = pytest.mark.usefixtures("home")


async def test_from_login_to_the_annotated_file(portal: Portal, tmp_path: Path, home: Path) -> None:
    secret = await token(await portal.signed_in(ME))
    file = tmp_path / "patient.vcf"
    file.write_text(VCF)
    assert (await gas("annotate", file)).exit_code == 1  # not signed in
    assert (await gas("login", portal.url, "--token", "wrong")).exit_code == 1
    assert not (home / "remote.json").exists()
    signed_in = await gas("login", portal.url + "/", "--token", secret)
    assert signed_in.exit_code == 0 and ME in signed_in.output
    assert stat.S_IMODE((home / "remote.json").stat().st_mode) == 0o600

    first, again = await gas("annotate", file), await gas("annotate", file)
    # the portal, in the same process, logs in between
    assert (first.exit_code, again.exit_code) == (3, 3)
    assert first.output.splitlines()[-1] == again.output.splitlines()[-1]
    (job,) = await portal.backend.jobs.page((await portal.account(ME)).user_id)
    assert job.status == "PENDING" and job.size == len(VCF) and job.file_name == "patient.vcf"
    renamed = tmp_path / "same.vcf"
    renamed.write_text(VCF)
    assert job.job_id in (await gas("status", renamed)).output
    assert (await gas("fetch", file)).exit_code == 3

    results = portal.backend.results
    for key in ("results/r", "results/i"):
        await results.s3.put_object(Bucket=results.name, Key=key, Body=key.encode())
    await portal.backend.jobs.advance(job.user_id, job.job_id, Trigger.CLAIM)
    end: dict[str, Any] = {"result": "results/r", "index": "results/i", "records": 1}
    await portal.backend.jobs.advance(job.user_id, job.job_id, Trigger.COMPLETE, **end)
    assert (await gas("annotate", file, "--wait")).exit_code == 0
    fetched = await gas("fetch", file, "--out", tmp_path / "out")
    assert fetched.exit_code == 0, fetched.output
    assert (tmp_path / "out" / "patient.annot.vcf.gz").read_bytes() == b"results/r"
    assert (tmp_path / "out" / "patient.annot.vcf.gz.tbi").read_bytes() == b"results/i"
    await portal.backend.jobs.advance(job.user_id, job.job_id, Trigger.ARCHIVED, result=None, archive="a")
    archived = await gas("fetch", job.job_id)
    assert archived.exit_code == 3 and Tier.ARCHIVED.lower() in archived.output


async def test_variants_are_printed_with_their_names(portal: Portal, tmp_path: Path) -> None:
    """A row for the transcript that stands for all, or one for each, over all pages."""
    assert (await gas("login", portal.url, "--token", await token(await portal.signed_in(ME)))).exit_code == 0
    rows = "chrM\t8567\t.\tT\tC\t.\t.\t.\nchrM\t8993\t.\tT\tG\t.\t.\t.\n"
    job = await explored(portal, tmp_path, HEADER + rows)
    printed = await gas("variants", job.job_id)
    assert printed.exit_code == 0, printed.output
    table = [line.split("\t") for line in printed.output.splitlines() if "\t" in line]
    found = [dict(zip(table[0], row, strict=True)) for row in table[1:]]
    names = ("position", "gene", "consequence", "hgvs_genomic", "hgvs_coding", "hgvs_protein")
    assert [found[1][name] for name in names] == [
        *("8993", "MT-ATP6", "missense_variant", "NC_012920.1:m.8993T>G", "c.467T>G", "p.Leu156Arg")
    ]
    each = await gas("variants", job.job_id, "--transcripts", "--region", "MT:8567")
    assert [line.split("\t")[4] for line in each.output.splitlines() if line.startswith("chrM")] == ["MT-ATP8", "MT-ATP6"]


@pytest.mark.parametrize(
    ("name", "saved"),
    [
        ("é" * 120 + ".vcf", "é" * 75),  # 244 bytes: file systems take 255, suffix and all
        ("x" * 245 + ".vcf", "x" * 150),
        ("../../up:and away.VCF.BGZ", "_.._up_and away"),
    ],
    ids=["two bytes a letter", "one byte a letter", "folders and signs"],
)
async def test_a_result_is_saved_under_a_name_that_any_folder_takes(
    portal: Portal, tmp_path: Path, name: str, saved: str
) -> None:
    secret = await token(await portal.signed_in(ME))
    results = portal.backend.results
    for key in ("results/r", "results/i"):
        await results.s3.put_object(Bucket=results.name, Key=key, Body=key.encode())
    end = {"result": "results/r", "index": "results/i", "records": 1}
    job = await portal.job(ME, (Trigger.SUBMIT, {}), (Trigger.CLAIM, {}), (Trigger.COMPLETE, end), file_name=name)
    await gas("login", portal.url, "--token", secret)
    fetched = await gas("fetch", job.job_id, "--out", tmp_path / "out")
    assert fetched.exit_code == 0, fetched.output
    made = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert made == {f"{saved}.annot.vcf.gz": b"results/r", f"{saved}.annot.vcf.gz.tbi": b"results/i"}


async def test_what_failed_is_said_and_begins_anew(portal: Portal, tmp_path: Path) -> None:
    secret = await token(await portal.signed_in(ME))
    file = tmp_path / "patient.vcf"
    file.write_text(VCF)
    await gas("login", portal.url, "--token", secret)
    await gas("annotate", file)
    (job,) = await portal.backend.jobs.page((await portal.account(ME)).user_id)
    await portal.backend.jobs.advance(job.user_id, job.job_id, Trigger.CLAIM)
    await portal.backend.jobs.advance(job.user_id, job.job_id, Trigger.FAIL, fault=Fault.USER, message="Line 3 has no ALT.")
    failed = await gas("status", file)
    assert failed.exit_code == 1 and "Line 3 has no ALT." in failed.output
    assert (await gas("annotate", file)).exit_code == 3
    assert len(await portal.backend.jobs.page(job.user_id)) == 2


async def test_a_refused_file_is_annotated_without_its_bad_lines(portal: Portal, tmp_path: Path) -> None:
    secret = await token(await portal.signed_in(ME))
    file = tmp_path / "patient.vcf"
    file.write_text(VCF)
    await gas("login", portal.url, "--token", secret)
    assert (await gas("annotate", file, "--skip-bad")).exit_code == 3
    (job,) = await portal.backend.jobs.page((await portal.account(ME)).user_id)
    faults = [{"line": line, "column": "POS", "reason": f"POS is {line}x.", "text": ""} for line in (3, 5)]
    refusal: dict[str, Any] = {"fault": Fault.USER, "message": "Line 3: POS is 3x.", "faults": json.dumps(faults), "skippable": 2}
    await portal.backend.jobs.advance(job.user_id, job.job_id, Trigger.CLAIM)
    await portal.backend.jobs.advance(job.user_id, job.job_id, Trigger.FAIL, **refusal)
    refused = await gas("status", file)
    assert refused.exit_code == 1
    assert "5\tPOS\tPOS is 5x." in refused.output and "--skip-bad" in refused.output
    assert (await gas("annotate", file, "--skip-bad")).exit_code == 3
    (again,) = await portal.backend.jobs.page(job.user_id)
    assert (again.status, again.skip_bad) == ("PENDING", True)

    results = portal.backend.results
    keys: dict[str, Any] = {name: f"results/{name}" for name in ("result", "index", "rejected")}
    for name, key in keys.items():
        await results.s3.put_object(Bucket=results.name, Key=key, Body=name.encode())
    await portal.backend.jobs.advance(job.user_id, job.job_id, Trigger.CLAIM)
    await portal.backend.jobs.advance(job.user_id, job.job_id, Trigger.COMPLETE, **keys, records=1, set_aside=2)
    fetched = await gas("fetch", file, "--out", tmp_path / "out")
    assert fetched.exit_code == 0, fetched.output
    assert (tmp_path / "out" / "patient.rejected.tsv").read_bytes() == b"rejected"
    assert "2 lines set aside" in (await gas("status", file)).output


async def test_a_file_that_is_waited_for_is_run_again_once(
    portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --skip-bad and --wait a refusal is followed by one more run; what is refused then stays refused."""
    monkeypatch.setattr(remote, "LOOK_SECONDS", 0.01)
    file = tmp_path / "patient.vcf"
    file.write_text(VCF)
    await gas("login", portal.url, "--token", await token(await portal.signed_in(ME)))
    user_id = (await portal.account(ME)).user_id

    async def refuse_twice() -> None:
        for _ in range(2):
            while not (pending := [one for one in await portal.backend.jobs.page(user_id) if one.status == "PENDING"]):
                await asyncio.sleep(0.01)
            await portal.backend.jobs.advance(user_id, pending[0].job_id, Trigger.CLAIM)
            end: dict[str, Any] = {"fault": Fault.USER, "message": "Line 3: POS is 3x.", "skippable": 1}
            await portal.backend.jobs.advance(user_id, pending[0].job_id, Trigger.FAIL, **end)

    ended, _ = await asyncio.gather(gas("annotate", file, "--wait", "--skip-bad"), refuse_twice())
    assert ended.exit_code == 1 and "Line 3: POS is 3x." in ended.output
    (job,) = await portal.backend.jobs.page(user_id)
    assert job.skip_bad


COMMAND = """
import sys, typer
home = sys.argv.pop(1)
typer.get_app_dir = lambda name: home
from app.cli.remote import remote
remote()
"""


@pytest.mark.parametrize("count", [pytest.param(7, marks=pytest.mark.slow), pytest.param(20, marks=pytest.mark.night)])
async def test_commands_at_once_are_as_many_jobs(count: int, portal: Portal, tmp_path: Path, home: Path) -> None:
    """Processes of their own against a real portal: each job is known afterwards, and none is forgotten or made twice."""
    await gas("login", portal.url, "--token", await token(await portal.signed_in(ME)))
    files = [tmp_path / f"p{number}.vcf" for number in range(count)]
    for number, file in enumerate(files):
        file.write_text(VCF.replace("3243", str(3243 + number)).replace("\tA\t", "\tN\t"))

    async def annotate(file: Path) -> tuple[int | None, bytes]:
        command = [sys.executable, "-c", COMMAND, str(home), "annotate", str(file)]
        child = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said, _ = await child.communicate()
        return child.returncode, said

    ended = await asyncio.gather(*map(annotate, files))
    assert [code for code, _ in ended] == [3] * count, ended
    jobs = await portal.backend.jobs.page((await portal.account(ME)).user_id, limit=50)
    assert {job.file_name for job in jobs} == {file.name for file in files} and len(jobs) == count
    assert {job.status for job in jobs} == {"PENDING"}
    by_name = {job.file_name: job.job_id for job in jobs}
    for file in files:
        assert by_name[file.name] in (await gas("status", file)).output


async def test_another_assembly_is_another_job(portal: Portal, tmp_path: Path) -> None:
    await gas("login", portal.url, "--token", await token(await portal.signed_in(ME)))
    file = tmp_path / "x.vcf"
    file.write_text(VCF)
    for _ in range(2):
        assert (await gas("annotate", file)).exit_code == (await gas("annotate", file, "--assembly", "rCRS")).exit_code == 3
    chosen, free = await portal.backend.jobs.page((await portal.account(ME)).user_id)
    assert (chosen.assembly, free.assembly) == ("rCRS", "")
    assert chosen.job_id in (await gas("status", file)).output
    wrong = await gas("annotate", file, "--assembly", "mm10")
    assert wrong.exit_code == 1 and "is not offered here" in wrong.output


async def test_an_upload_that_broke_off_goes_on_with_the_same_job(
    portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await gas("login", portal.url, "--token", await token(await portal.signed_in(ME)))
    file = tmp_path / "x.vcf"
    file.write_text(VCF)
    real = remote.Gas.upload

    async def broken(*_: object) -> None:
        raise OSError("the line is down")

    monkeypatch.setattr(remote.Gas, "upload", broken)
    assert (await gas("annotate", file)).exit_code == 1
    monkeypatch.setattr(remote.Gas, "upload", real)
    assert (await gas("annotate", file)).exit_code == 3
    (job,) = await portal.backend.jobs.page((await portal.account(ME)).user_id)
    assert job.status == "PENDING"


async def test_what_may_pass_is_asked_again(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = await token(await portal.signed_in(ME))
    monkeypatch.setattr(remote, "RETRY_SECONDS", (0.01, 0.01))
    answers = iter([TooManyRequests("full"), RuntimeError("broken")])
    taken = portal.app[app_keys.LIMITS].take

    def sometimes(user_id: str) -> tuple[bool, dict[str, str]]:
        if error := next(answers, None):
            raise error
        return taken(user_id)

    monkeypatch.setattr(portal.app[app_keys.LIMITS], "take", sometimes)
    assert (await gas("login", portal.url, "--token", secret)).exit_code == 0
    assert next(answers, None) is None


async def test_a_file_of_another_is_not_known(portal: Portal, tmp_path: Path) -> None:
    await gas("login", portal.url, "--token", await token(await portal.signed_in(ME)))
    file = tmp_path / "x.vcf"
    file.write_text(VCF)
    assert "was not annotated from here" in (await gas("fetch", file)).output
    theirs = await portal.job("other@example.org") if await portal.signed_in("other@example.org") else None
    assert theirs and (await gas("status", theirs.job_id)).exit_code == 1
