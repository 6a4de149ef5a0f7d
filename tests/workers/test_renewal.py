"""gas-renew brings this month's ClinVar into the store of bundles: killed anywhere, with others at work, and with bad sources."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.aws.bundle_store import S3Store
from app.engine.bundles import build, manifest, recipes, stores
from app.services import renewal
from app.settings import Settings
from tests.support.killing import KILLING
from tests.support.recipes import CLINVAR, files, recipe
from tests.support.site import Site

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "ansible/roles/daemon/templates/scheduled.service.j2"
OLD, TODAY = "2020-01-05", datetime.now(UTC).date().isoformat()

# the unit's command in a process that is killed before its step of that number: what changes a name, deletes or uploads is one
CHILD = f"""{KILLING}
from app.aws.bundle_store import S3Store
for name in ("replace", "unlink", "rename", "rmdir", "link"):
    killing(os, name)
killing(S3Store, "put")
from app.cli.main import main
main()
"""


def dated(site: Site, text: str, date: str) -> None:
    """The site has this ClinVar from now on, of that date."""
    body = gzip.compress(text.replace("2026-11-22", date).encode(), mtime=0)
    site.files["clinvar.vcf.gz"] = body
    site.files["clinvar.vcf.gz.md5"] = f"{hashlib.md5(body).hexdigest()}  clinvar.vcf.gz\n".encode()


@pytest.fixture
def site() -> Iterator[Site]:
    with Site(files(manifest.find("rcrs"), "GRCh38")) as site:
        dated(site, CLINVAR, OLD)
        yield site


@pytest.fixture
def folder(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command is given: with the recipe of the release, of which every address is on loopback."""
    shutil.copy(recipe("GRCh38", site, tmp_path), tmp_path / "grch38")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def offering(folder: Path, settings: Settings) -> Settings:
    """A deployment whose store has GRCh38 with a ClinVar of years ago."""
    store = f"s3://{settings.bucket_names['results']}/bundles"
    made = build.build(folder / "grch38", folder / "built" / "grch38", folder / "cache")
    stores.push(made, S3Store.at(store))
    offered = {"rCRS": "rcrs", "GRCh38": "grch38/latest"}
    return settings.model_copy(update={"references": offered, "bundle_store": store})


def clinvar(store: S3Store) -> str:
    return {part.id: part.version for part in stores.latest("grch38", store).parts}["clinvar"]


def said(text: str, **wanted: str) -> list[dict[str, Any]]:
    """The lines that say this."""
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [line for line in lines if wanted.items() <= line.items()]


def test_only_what_follows_the_latest_version_and_has_a_recipe_is_renewed(settings: Settings) -> None:
    offered = {"rCRS": "rcrs", "GRCh38": "grch38/latest", "hg19": "grch37/3", "R64-1-1": "yeast/latest", "x": "absent/latest"}
    settings = settings.model_copy(update={"references": offered})
    assert renewal.renewable(settings) == ["grch38"]
    assert renewal.renewable(settings.model_copy(update={"renewal_days": 0})) == []
    assert [name for name in ("grch37", "grch38", "yeast") if "clinvar" in recipes.parts(recipes.named(name))] == [
        "grch37",
        "grch38",
    ]


async def test_an_old_clinvar_is_renewed_and_a_recent_one_left(
    site: Site, offering: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = S3Store.at(offering.bundle_store)
    before, asked = stores.latest("grch38", store), len(site.asked)
    dated(site, CLINVAR, TODAY)
    assert renewal.renew(offering, store, tmp_path / "host") == 0
    newest = stores.latest("grch38", store)
    assert newest.version == f"3_clinvar-{TODAY}"
    assert {name for name in site.asked[asked:] if "clinvar" not in name} == set()
    changed = {file.path for file in {*newest.files} - {*before.files}}
    assert changed <= {"clinvar.track"}, "no other part was touched"
    assert manifest.verify(stores.pull("grch38", "latest", tmp_path / "annotator", store)) == []
    (age,) = said(capsys.readouterr().out, verb="renew", deployment="gas-local")
    assert age["clinvar_age"][0] in (0, renewal.DAY_SECONDS), "today's, or midnight has just passed"
    asked = len(site.asked)
    assert renewal.renew(offering, store, tmp_path / "host") == 0
    assert len(site.asked) == asked and stores.latest("grch38", store).version == newest.version
    assert renewal.renew(offering.model_copy(update={"renewal_days": 9999}), store, tmp_path / "other") == 0
    assert not (tmp_path / "other" / "grch38").exists()


async def test_what_its_server_has_had_before_is_not_pushed_again(site: Site, offering: Settings, tmp_path: Path) -> None:
    store = S3Store.at(offering.bundle_store)
    assert renewal.renew(offering, store, tmp_path / "host") == 0
    assert stores.latest("grch38", store).version == "3"
    dated(site, CLINVAR, "2019-12-29")
    assert renewal.renew(offering, store, tmp_path / "host") == 0
    assert (stores.latest("grch38", store).version, clinvar(store)) == ("3", OLD)


LESS = "".join(line for line in CLINVAR.splitlines(keepends=True) if "CLNSIGCONF" not in line)


@pytest.mark.parametrize(
    ("text", "words"),
    [(LESS, r"ClinVar \S+ has 2 rows that can be used, and 2020-01-05 has 3"), ("<html>moved</html>\n", "clinvar")],
    ids=["rows are gone", "no VCF"],
)
async def test_a_clinvar_that_is_not_one_is_not_pushed(
    site: Site, offering: Settings, tmp_path: Path, text: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store = S3Store.at(offering.bundle_store)
    dated(site, text, TODAY)
    assert renewal.renew(offering, store, tmp_path / "host") == 1
    assert stores.latest("grch38", store).version == "3"
    out = capsys.readouterr().out
    (line,) = said(out, event="not renewed", bundle="grch38")
    assert re.search(words, line["why"])
    assert not said(out, verb="renew"), "an age that is not known is not reported"


async def test_a_reference_that_cannot_be_renewed_is_said_and_keeps_no_other_back(
    site: Site, folder: Path, offering: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another recipe than the one that the bundle was built from builds none of its other parts anew."""
    store = S3Store.at(offering.bundle_store)
    dated(site, CLINVAR, TODAY)
    offered = {"GRCh37": "grch37/latest", "GRCh38": "grch38/latest"}
    assert renewal.renew(offering.model_copy(update={"references": offered}), store, tmp_path / "host") == 1
    assert clinvar(store) == TODAY
    described, asked = (folder / "grch38").read_text(), len(site.asked)
    (folder / "grch38").write_text(described.replace('version = "Ensembl 116"', 'version = "Ensembl 117"'))
    always = offering.model_copy(update={"renewal_days": 1})
    stores.push(manifest.load(folder / "built" / "grch38"), store)
    assert renewal.renew(always, store, tmp_path / "host") == 1
    assert site.asked[asked:] == []
    lines = said(capsys.readouterr().out, event="not renewed")
    assert [line["bundle"] for line in lines] == ["grch37", "grch38"]
    assert "grch38 has no part sequence as this release's recipe describes it" in lines[1]["why"]


async def test_a_disk_that_is_too_small_is_said_before_anything_is_fetched(
    offering: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(renewal, "SPARE_BYTES", 1 << 60)
    store = S3Store.at(offering.bundle_store)
    assert renewal.renew(offering, store, tmp_path / "host") == 1
    (line,) = said(capsys.readouterr().out, event="not renewed")
    assert re.search(r"has [\d,]+ bytes left, and grch38 needs 1,152,\S+: a larger volume_gb", line["why"])
    assert not (tmp_path / "host" / "grch38").exists()


def command(which: str, **variables: str) -> list[str]:
    """Arguments of `gas` as the unit has them, its variables filled in."""
    (line,) = re.findall(rf"^{which}=/opt/gas/current/venv/bin/gas (.*)$", UNIT.read_text(), re.MULTILINE)
    for name, value in {"{{ daemon_command }}": "reference renew ${STATE_DIRECTORY}", **variables}.items():
        line = line.replace(name, value)
    return shlex.split(line)


def environment(settings: Settings) -> Mapping[str, str]:
    named = {"GAS_REFERENCES": json.dumps(settings.references), "GAS_BUNDLE_STORE": settings.bundle_store}
    return {**os.environ, **named, "PYTHONPATH": str(ROOT), "GAS_ENVIRONMENT": "local"}


@pytest.mark.parametrize("stride", [pytest.param(21, marks=pytest.mark.slow), pytest.param(7, marks=pytest.mark.night)])
async def test_the_units_command_is_killed_again_and_again_and_given_again(
    stride: int, site: Site, folder: Path, offering: Settings, tmp_path: Path
) -> None:
    """After each, an annotator gets a bundle that is whole: the one before, and in the end the new one."""
    store = S3Store.at(offering.bundle_store)
    dated(site, CLINVAR, TODAY)
    arguments = command("ExecStart", **{"${STATE_DIRECTORY}": str(tmp_path / "host")})
    killed = 0
    for step in range(0, 400, stride):
        done = subprocess.run(
            [sys.executable, "-c", CHILD, str(step), *arguments], env=environment(offering), capture_output=True, text=True
        )
        if done.returncode != -signal.SIGKILL:
            break
        killed += 1
        assert manifest.verify(stores.pull("grch38", "latest", tmp_path / "annotator", store)) == []
    assert done.returncode == 0, done.stderr
    assert killed > 3
    assert [line["version"] for line in said(done.stderr, event="looked", service="renew", bundle="grch38")]
    assert clinvar(store) == TODAY
    assert manifest.verify(stores.pull("grch38", "latest", tmp_path / "annotator", store)) == []
    assert list((tmp_path / "host" / "downloads").iterdir()) == []
    for result, failures in (("success", 0), ("oom-kill", 1)):
        reported = command("ExecStopPost", **{"${STATE_DIRECTORY}": "x", "${SERVICE_RESULT}": result})
        ran = [sys.executable, "-m", "app.cli.main", *reported]
        done = subprocess.run(ran, env=environment(offering), capture_output=True, text=True)
        (line,) = said(done.stdout, verb="renew")
        assert line["renewal_failures"] == failures, done.stderr


@pytest.mark.slow
async def test_runs_at_the_same_time_do_not_harm_each_other(site: Site, folder: Path, offering: Settings, tmp_path: Path) -> None:
    """Two on one host, and one on another."""
    store = S3Store.at(offering.bundle_store)
    dated(site, CLINVAR, TODAY)
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "app.cli.main", *command("ExecStart", **{"${STATE_DIRECTORY}": str(tmp_path / host)})],
            env=environment(offering),
            stderr=subprocess.PIPE,
            text=True,
        )
        for host in ("one", "one", "two")
    ]
    spoken = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], spoken
    assert clinvar(store) == TODAY
    assert manifest.verify(stores.pull("grch38", "latest", tmp_path / "annotator", store)) == []
    assert sum(bool(said(text, event="renewed")) for text in spoken[:2]) == 1 or said(spoken[2], event="renewed")
