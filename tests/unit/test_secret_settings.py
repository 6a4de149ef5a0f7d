"""Settings that are secrets come from Secrets Manager when a process starts, and from nowhere else."""

from __future__ import annotations

import json
import uuid

import boto3
import pytest
from botocore.exceptions import ClientError

from app.settings import Settings


@pytest.fixture
def secret(aws_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The ARN of a secret with three settings."""
    values = {"GAS_GLOBUS_CLIENT_SECRET": "g", "GAS_STRIPE_SECRET_KEY": "s", "GAS_STRIPE_WEBHOOK_SECRET": "w"}
    manager = boto3.client("secretsmanager")
    arn = manager.create_secret(Name=f"test/{uuid.uuid4()}", SecretString=json.dumps(values))["ARN"]
    monkeypatch.setenv("GAS_SECRET", arn)
    return arn


def test_a_secret_gives_settings(secret: str) -> None:
    settings = Settings()
    assert settings.globus_client_secret.get_secret_value() == "g"
    assert settings.stripe_webhook_secret.get_secret_value() == "w"
    assert secret.rpartition(":")[2] in settings.secret
    assert "'g'" not in repr(settings) and "'w'" not in repr(settings)


def test_the_environment_comes_first(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAS_STRIPE_SECRET_KEY", "mine")
    assert Settings().stripe_secret_key.get_secret_value() == "mine"


def test_a_secret_that_is_not_there_stops_the_start(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAS_SECRET", secret + "-no")
    with pytest.raises(ClientError):
        Settings()
