"""An annotator brings its reference bundles when it starts, and annotates each job on the assembly that its file is on."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from app.aws.bundle_store import S3Store
from app.domain.jobs import Fault, Job, Status
from app.domain.keys import input_key
from app.engine.bundles import manifest, stores
from app.services import submissions
from app.settings import Settings
from tests.support import genome
from tests.support.service import VCF, Service, spec, working
from workers.bundles import RENEWAL_SECONDS, Renewal, Unusable, install
from workers.runtime import run

NUCLEAR = VCF.partition(b"MT\t")[0] + f"chr1\t505\t.\t{genome.CHROMOSOME[504]}\tT\t.\t.\t.\n".encode()


@pytest.fixture
def offering(settings: Settings, tmp_path: Path) -> Settings:
    """A deployment that offers the made-up genome, too; its bundle is in S3."""
    bucket = settings.bucket_names["results"]
    stores.push(genome.bundle(tmp_path / "nuclear"), S3Store.at(f"s3://{bucket}/bundles"))
    references = {"rCRS": "rcrs", "GRCh99": "nuclear/1"}
    places = {"bundles": str(tmp_path / "host"), "bundle_store": f"s3://{bucket}/bundles"}
    return settings.model_copy(update={"references": references, **places})


async def submit(service: Service, body: bytes, assembly: str) -> Job:
    account = await service.account()
    upload = await submissions.prepare(service.gas, account, "a.vcf", assembly, {})
    key = input_key(account.user_id, upload.job.job_id)
    await service.gas.inputs.s3.put_object(Bucket=service.gas.inputs.name, Key=key, Body=body)
    return await submissions.submit(service.gas, account, upload.job.job_id)


@pytest.mark.slow
async def test_a_job_is_annotated_on_its_assembly(service: Service, offering: Settings) -> None:
    service = replace(service, gas=replace(service.gas, settings=offering))
    await install(offering)
    async with working(service.gas, spec("annotate")):
        named = await submit(service, NUCLEAR, "grch99")
        assert (named.assembly, named.bundle) == ("GRCh99", "nuclear")
        left_open = await submit(service, NUCLEAR, "")
        wrong = await submit(service, NUCLEAR, "rCRS")
        alien = await submit(service, NUCLEAR.replace(b"chr1", b"chr7"), "GRCh99")
        for job in (named, left_open, wrong):
            done = await service.until(job, lambda job: job.status is Status.COMPLETED)
            assert done.bundle == "nuclear"
            assert b"GENE1" in gzip.decompress(await service.gas.results.read(str(done.result)))
            notes = json.loads((await service.gas.results.read(str(done.summary)))[: done.summary_size])["notes"]
            told = "".join(example for note in notes for example in note["examples"])
            assert ("rCRS was chosen, but the file is on GRCh99" in told) is (job is wrong)
        failed = await service.until(alien, lambda job: job.status is Status.FAILED)
        assert failed.fault is Fault.USER and "'chr7' is not part of the installed reference GRCh99" in failed.message


@pytest.mark.slow
async def test_a_bundle_that_does_not_match_keeps_the_daemon_from_starting(service: Service, offering: Settings) -> None:
    (genes,) = [file for file in stores.latest("nuclear", S3Store.at(offering.bundle_store)).files if file.path == "genes.tsv"]
    key = f"bundles/{stores.stored_key('nuclear', genes)}"
    await service.gas.results.s3.put_object(Bucket=service.gas.results.name, Key=key, Body=b"#\n")
    with pytest.raises(Unusable, match=r"nuclear/1 of GRCh99 cannot be used.*genes\.tsv has 2 bytes instead of"):
        await install(offering)
    with pytest.raises(Unusable):
        await run([spec("annotate")], offering)
    assert not (Path(offering.bundles) / "nuclear").exists()


async def test_a_bundle_that_is_nowhere_is_named(offering: Settings) -> None:
    with pytest.raises(Unusable, match="nuclear/9 of GRCh99"):
        await install(offering.model_copy(update={"references": {"GRCh99": "nuclear/9"}}))
    with pytest.raises(Unusable, match="There is no reference bundle 'absent'"):
        await install(offering.model_copy(update={"references": {"GRCh99": "absent"}}))
    with pytest.raises(Unusable, match="GAS_BUNDLES and GAS_BUNDLE_STORE have to say"):
        await install(offering.model_copy(update={"bundle_store": ""}))


@pytest.mark.slow
async def test_several_annotators_of_a_host_pull_once_and_trust_what_is_untouched(offering: Settings) -> None:
    await asyncio.gather(install(offering), install(offering))
    fasta = Path(offering.bundles) / "nuclear" / "genome.fa"
    before = fasta.stat()
    await install(offering)
    assert fasta.stat().st_mtime_ns == before.st_mtime_ns
    os.truncate(fasta, 100)
    await install(offering)
    assert manifest.verify(manifest.find("nuclear", Path(offering.bundles))) == []


@pytest.mark.slow
async def test_a_newer_version_comes_without_a_restart(offering: Settings, tmp_path: Path) -> None:
    """And one that does not match stays away, while the one before it is used on."""
    now = [0.0]
    latest, renewal = offering.model_copy(update={"references": {"GRCh99": "nuclear/latest"}}), Renewal(lambda: now[0])
    await install(latest)
    host, store = Path(offering.bundles), S3Store.at(offering.bundle_store)
    assert manifest.find("nuclear", host).version == "1"
    for version, damaged, there in (("2", False, "2"), ("3", True, "2")):
        described = tmp_path / "nuclear" / manifest.MANIFEST
        (tmp_path / "nuclear" / "genes.tsv").write_text(f"GENE{version}\t1\t501\t650\tENSG1\n")
        described.write_text(
            genome.MANIFEST.replace('version = "1"', f'version = "{version}"') + manifest.file_table(described.parent)
        )
        newer = manifest.load(described.parent)
        stores.push(newer, store)
        if damaged:
            (genes,) = [file for file in newer.files if file.path == "genes.tsv"]
            store.put(tmp_path / "nuclear" / "genome.fa", stores.stored_key("nuclear", genes))
        renewal.look(latest)
        await renewal.done()
        assert manifest.find("nuclear", host).version != version, "it was looked for a moment ago"
        now[0] += RENEWAL_SECONDS
        renewal.look(latest)
        await renewal.done()
        assert manifest.find("nuclear", host).version == there
        assert manifest.verify(manifest.find("nuclear", host)) == []
