"""`gas check` on a deployment that works, and on ones that lack something: it says what, and what to do."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from botocore.exceptions import ClientError, NoCredentialsError

from app.aws.jobs import Jobs
from app.aws.mail import Mail
from app.engine.bundles import manifest
from app.services.check import PROBES, CheckResult, State, check, verdict
from app.settings import Settings
from workers import VERBS

DAEMONS = tuple(PROBES)


@pytest.fixture
async def world(aws: dict[str, Any], settings: Settings) -> AsyncIterator[Settings]:
    """A deployment whose Globus and Stripe answer."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({})

    app = web.Application()
    app.add_routes([web.get("/jwk.json", answer)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield settings.model_copy(update={"globus_url": url, "stripe_url": url})
    await runner.cleanup()


async def findings(settings: Settings, *daemons: str) -> dict[str, CheckResult]:
    return {finding.name: finding async for finding in check(settings, daemons or DAEMONS)}


def test_every_daemon_is_looked_after() -> None:
    assert set(PROBES) == {"web", *VERBS, "doctor"}


async def test_a_deployment_that_works_is_well(world: Settings) -> None:
    found = await findings(world)
    assert {name for name, finding in found.items() if finding.state is State.WRONG} == set()
    assert {"Globus", "Stripe", "bundle rcrs", "queue job_requests", "jobs can be written"} <= set(found)
    assert verdict(found.values()) in (0, 3)


async def test_nothing_is_left_behind(world: Settings, aws: dict[str, Any]) -> None:
    await findings(world)
    for table in world.table_names.values():
        assert (await aws["dynamodb"].scan(TableName=table))["Count"] == 0
    for bucket in world.bucket_names.values():
        assert (await aws["s3"].list_objects_v2(Bucket=bucket))["KeyCount"] == 0


async def test_things_that_do_not_exist_are_named_with_their_setting(world: Settings) -> None:
    wrong = world.model_copy(
        update={
            "table_names": {**world.table_names, "jobs": "no-such-table"},
            "bucket_names": {**world.bucket_names, "results": "no-such-bucket"},
            "queue_urls": {**world.queue_urls, "job_requests": world.queue_urls["job_requests"] + "x"},
        }
    )
    found = await findings(wrong, "annotate")
    for name, setting in (
        ("jobs can be read", "GAS_TABLE_NAMES"),
        ("results can be listed", "GAS_BUCKET_NAMES"),
        ("queue job_requests", "GAS_QUEUE_URLS"),
    ):
        assert found[name].state is State.WRONG
        assert setting in found[name].remedy
    assert verdict(found.values()) == 1


async def test_settings_that_are_missing_are_named(world: Settings) -> None:
    found = await findings(world.model_copy(update={"queue_urls": {}}), "notify")
    assert "job_requests" not in str(found) and "notifications" in found["queue notifications"].says
    found = await findings(world.model_copy(update={"environment": "prod"}), "web")
    assert "GAS_STRIPE_SECRET_KEY" in found["settings of the portal"].says
    found = await findings(world.model_copy(update={"table_names": {}}), "web")
    assert found["settings"].state is State.WRONG


async def test_third_parties_that_do_not_answer_are_beyond_us(world: Settings) -> None:
    nowhere = "http://127.0.0.1:9"
    found = await findings(world.model_copy(update={"globus_url": nowhere, "stripe_url": nowhere}), "web")
    assert {found["Globus"].state, found["Stripe"].state} == {State.BEYOND}
    assert verdict(found.values()) == 3


async def test_a_damaged_bundle_is_found(world: Settings, tmp_path: Path) -> None:
    shutil.copytree(manifest.EMBEDDED / "rcrs", tmp_path / "mine")
    settings = world.model_copy(update={"bundles": str(tmp_path)})
    assert (await findings(settings, "annotate"))["bundle mine"].state is State.WELL
    next(path for path in (tmp_path / "mine").iterdir() if path.name != manifest.MANIFEST).write_bytes(b"")
    assert (await findings(settings, "annotate"))["bundle mine"].state is State.WRONG


async def test_parts_their_age_and_what_is_wanted_are_said(world: Settings, tmp_path: Path) -> None:
    shutil.copytree(manifest.EMBEDDED / "rcrs", tmp_path / "mine")
    settings = world.model_copy(update={"bundles": str(tmp_path), "references": {"rCRS": "rcrs", "X": "mine/9", "Y": "absent/1"}})
    found = await findings(settings, "annotate")
    assert "sequence NC_012920.1" in found["bundle mine"].says
    assert found["reference X"].says == f"mine/9 is wanted, and version {manifest.find('rcrs').version} is here"
    assert found["reference Y"].says == "absent/1 is wanted, and no version is here"
    described = tmp_path / "mine" / manifest.MANIFEST
    clinvar = '[[parts]]\nid = "clinvar"\ntitle = "ClinVar"\nversion = "2020-01-05"\ndate = "2020-01-05"\n\n[[parts]]'
    described.write_text(described.read_text().replace("[[parts]]", clinvar, 1))
    old = (await findings(settings, "annotate"))["bundle mine"]
    assert old.state is State.BEYOND and "its ClinVar is" in old.says and "gas reference update rcrs clinvar" in old.remedy


@pytest.mark.parametrize(
    ("said", "state", "words"),
    [
        ("ExpiredTokenException", State.WRONG, "aws sts get-caller-identity"),
        ("UnrecognizedClientException", State.WRONG, "aws sts get-caller-identity"),
        ("InvalidSignatureException", State.WRONG, "timedatectl"),
        ("AccessDeniedException", State.WRONG, "grants.tf"),
        ("ThrottlingException", State.BEYOND, "quotas"),
        ("InternalServerError", State.BEYOND, "health.aws.amazon.com"),
        ("ValidationException", State.WRONG, "API reference"),
    ],
)
async def test_what_aws_says_is_named_as_what_it_is(
    world: Settings, monkeypatch: pytest.MonkeyPatch, said: str, state: State, words: str
) -> None:
    """Credentials, permission, throttling and a service that fails are four things, and none of them is a route."""

    async def refused(*_: object, **__: object) -> None:
        raise ClientError({"Error": {"Code": said, "Message": ""}}, "GetItem")

    monkeypatch.setattr(Jobs, "get", refused)
    finding = (await findings(world, "annotate"))["jobs can be read"]
    assert (finding.state, finding.says) == (state, f"AWS says {said}")
    assert words in finding.remedy and "route" not in finding.remedy


async def test_credentials_that_are_not_there_are_named(world: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(*_: object, **__: object) -> None:
        raise NoCredentialsError

    monkeypatch.setattr(Jobs, "get", refused)
    finding = (await findings(world, "annotate"))["jobs can be read"]
    assert finding.state is State.WRONG and "instance profile" in finding.remedy


def account(**said: Any) -> dict[str, Any]:
    """What GetAccount of SES says of an account that may send."""
    quota = {"Max24HourSend": 50_000.0, "MaxSendRate": 14.0, "SentLast24Hours": 3.0, **said.pop("quota", {})}
    return {"ProductionAccessEnabled": True, "SendingEnabled": True, "SendQuota": quota, **said}


@pytest.mark.parametrize(
    ("said", "name", "state", "words"),
    [
        (account(), "SES quota", State.WELL, "14 mails a second, 50,000 a day, of which 3 are sent"),
        (account(quota={"SentLast24Hours": 49_000.0}), "SES quota", State.BEYOND, "49,000 are sent"),
        (account(SendingEnabled=False), "SES sending", State.WRONG, "paused"),
        (account(ProductionAccessEnabled=False), "SES sandbox", State.BEYOND, "the account is in it"),
    ],
)
async def test_the_account_at_ses_is_shown_with_its_rate_quota_and_sandbox(
    world: Settings, monkeypatch: pytest.MonkeyPatch, said: dict[str, Any], name: str, state: State, words: str
) -> None:
    class Ses:
        async def get_account(self) -> dict[str, Any]:
            return said

        async def get_email_identity(self, EmailIdentity: str) -> dict[str, Any]:
            return {"VerifiedForSendingStatus": True}

    standing = Mail.standing
    monkeypatch.setattr(Mail, "standing", lambda mail: standing(replace(mail, ses=Ses())))
    finding = (await findings(world, "notify"))[name]
    assert finding.state is state and words in finding.says


async def test_a_sender_that_nobody_verified_is_wrong(world: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    found = await findings(world.model_copy(update={"mail_from": "GAS <gas@nobody.example.net>"}), "notify")
    states = {name: finding.state for name, finding in found.items() if name.startswith("SES")}
    # the emulator may not know the state of an account
    assert states.get("SES identity", State.WRONG) is State.WRONG and State.WELL not in states.values()
