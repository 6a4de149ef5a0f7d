"""Outputs are settings: every name is one that the daemons read, and what they get makes them start."""

from __future__ import annotations

import json
import os

import pytest

from app.local.topology import load
from app.settings import Settings

SECRETS = {"GAS_GLOBUS_CLIENT_SECRET": "a", "GAS_STRIPE_SECRET_KEY": "b", "GAS_STRIPE_WEBHOOK_SECRET": "c"}


def test_every_output_is_a_setting(deployment) -> None:
    known = {f"GAS_{name.upper()}" for name in Settings.model_fields}
    assert set(deployment.output("settings")) <= known
    (secret,) = deployment.planned("aws_secretsmanager_secret").values()
    assert set(SECRETS) <= known and all(name in secret["description"] for name in SECRETS)


def test_daemons_start_with_the_outputs(deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    # another test's emulator may be named in the environment of this process
    for name in [name for name in os.environ if name.startswith("AWS_ENDPOINT_URL")]:
        monkeypatch.delenv(name)
    for name, value in {**deployment.output("settings"), **SECRETS}.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    topology = load()
    assert settings.environment == deployment.environment
    assert settings.archive_backend == deployment.backend
    assert set(settings.queue_urls) == set(topology["queues"])
    assert set(settings.topic_arns) == set(topology["topics"])
    assert set(settings.table_names) == set(topology["tables"])
    assert set(settings.bucket_names) == set(topology["buckets"])
    assert bool(settings.vault) == (deployment.backend == "glacier")
    assert settings.references == Settings.model_fields["references"].default


def test_every_daemon_runs_somewhere(deployment) -> None:
    tiers = {tier: json.loads(said)["gas_daemons"] for tier, said in deployment.output("deployments").items()}
    consumers = {queue["consumer"] for queue in load()["queues"].values()}
    assert sorted(daemon for daemons in tiers.values() for daemon in daemons) == sorted({*consumers, "doctor", "web"})
    assert set(tiers) == set(deployment.output("group_names"))
