"""Jobs from submission to the archive and back, through the daemons."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from app.domain.accounts import Plan
from app.domain.jobs import Fault, Status, Tier
from app.services import submissions
from tests.support.service import VCF, Service

pytestmark = pytest.mark.usefixtures("daemons")


async def subjects(aws: dict[str, Any], address: str) -> list[str]:
    """Subjects of the mails that the emulator took for one address."""
    from moto.ses.models import ses_backends

    sent = ses_backends["123456789012"]["us-east-1"].sent_messages
    return [mail.subject for mail in sent if mail.destinations["ToAddresses"] == [address]]


@pytest.mark.parametrize("archive_backend", ["s3", "glacier"], indirect=True)
async def test_a_free_result_is_archived_and_comes_back_with_premium(service: Service) -> None:
    account = await service.account()
    job = await service.submit(account, name='<script>"x"</script>.vcf')
    done = await service.until(job, lambda job: job.tier is Tier.ARCHIVED and job.deadline is None)
    assert (done.status, done.result, done.superseded) == (Status.COMPLETED, None, None)
    await service.change(account, Plan.PREMIUM)
    back = await service.until(job, lambda job: job.tier is Tier.AVAILABLE)
    body = gzip.decompress(await service.gas.results.read(str(back.result))).decode()
    assert "MT-ND1" in body and "p.Arg340His" in body
    await service.until(job, lambda job: job.deadline is None)
    await service.until_quiet()
    assert await service.findings() == []
    assert sorted(await service.copies(job)) == sorted([str(back.result), str(back.index), str(back.summary)])
    expected = ["GAS: Your annotation is ready", "GAS: Your result was archived", "GAS: Your result is back"]
    assert sorted(await subjects(service.aws, account.email)) == sorted(expected)


async def test_a_premium_result_stays(service: Service) -> None:
    job = await service.submit(await service.account(Plan.PREMIUM))
    await service.until(job, lambda job: job.tier is Tier.AVAILABLE and job.deadline is None)
    await service.until_quiet()
    assert await service.findings() == []


async def test_a_result_is_archived_after_a_downgrade(service: Service) -> None:
    account = await service.account(Plan.PREMIUM)
    job = await service.submit(account)
    await service.until(job, lambda job: job.tier is Tier.AVAILABLE and job.deadline is None)
    await service.change(account, Plan.FREE)
    await service.until(job, lambda job: job.tier is Tier.ARCHIVED)
    await service.until_quiet()
    assert await service.findings() == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b"this is no VCF at all\n" * 3, "VCF"),
        (b"<!doctype html><html><body>Sign in</body></html>", "HTML"),
        (VCF + b"MT\t3460\t.\n", "Line 5"),
        (VCF.replace(b"MT\t", b"Y\t"), "Y"),
        (b"x" * 150_001, "150"),
    ],
)
async def test_a_bad_file_ends_failed_with_a_sentence(service: Service, body: bytes, words: str) -> None:
    job = await service.submit(await service.account(), body)
    failed = await service.until(job, lambda job: job.status is Status.FAILED)
    assert failed.fault is Fault.USER and words in failed.message, failed.message
    assert "Traceback" not in failed.message
    await service.until_quiet()
    assert await service.copies(job) == []


async def test_lines_that_are_no_records_are_set_aside_at_the_users_word(service: Service) -> None:
    account = await service.account(Plan.PREMIUM)
    job = await service.submit(account, VCF + b"MT\tx\t.\tG\tA\t.\t.\t.\n")
    failed = await service.until(job, lambda job: job.status is Status.FAILED)
    (fault,) = json.loads(failed.faults)
    assert (failed.skippable, failed.line, fault["column"]) == (1, fault["line"], "POS")
    await submissions.retry(service.gas, account, job.job_id, skip_bad=True)
    done = await service.until(job, lambda job: job.tier is Tier.AVAILABLE and job.deadline is None)
    assert (done.set_aside, done.faults, done.skippable, done.skip_bad) == (1, "", 0, True)
    assert b'POS is "x"' in await service.gas.results.read(str(done.rejected))
    await service.until_quiet()
    assert await service.findings() == []
    assert sorted(await service.copies(job)) == sorted(map(str, (done.result, done.index, done.summary, done.rejected)))
    await submissions.delete(service.gas, account.user_id, job.job_id)
    assert await service.copies(job) == []


@pytest.mark.parametrize("name", ["../../etc/passwd", "a" * 5000, "-rf --help.vcf", "\U0001f9ec\u202e\x00\ud800.vcf", "  "])
async def test_any_file_name_works(service: Service, name: str) -> None:
    job = await service.submit(await service.account(Plan.PREMIUM), name=name)
    done = await service.until(job, lambda job: job.status is not Status.PENDING and job.status is not Status.RUNNING)
    assert done.status is Status.COMPLETED, done.message
