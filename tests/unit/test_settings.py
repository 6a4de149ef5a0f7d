"""Settings: what a deployment needs, and what it refuses."""

from __future__ import annotations

import os
from typing import Any

import pytest
from pydantic import ValidationError

from app.domain.accounts import PLANS, Plan
from app.settings import Settings

DEPLOYED: dict[str, Any] = {
    "environment": "prod",
    "public_url": "https://gas.example.org",
    "queue_urls": {"job_requests": "https://sqs.us-east-1.amazonaws.com/1/q"},
}
SECRETS = {"globus_client_id": "i", "globus_client_secret": "s", "stripe_secret_key": "k", "stripe_webhook_secret": "w"}


@pytest.fixture(autouse=True)
def nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests of this process may have an emulator in the environment."""
    for name in [name for name in os.environ if name.startswith("AWS_ENDPOINT_URL")]:
        monkeypatch.delenv(name)


def test_a_daemon_needs_no_secret_of_the_portal_and_the_portal_all_of_them() -> None:
    with pytest.raises(ValueError, match="GAS_GLOBUS_CLIENT_SECRET"):
        Settings(**DEPLOYED).for_portal()
    assert Settings(**DEPLOYED, **SECRETS).for_portal()
    assert Settings().for_portal().environment == "local"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"public_url": "http://gas.example.org"}, "https"),
        ({"public_url": "https://127.0.0.1"}, "GAS_PUBLIC_URL points at this machine"),
        ({"globus_url": "http://localhost:1"}, "GAS_GLOBUS_URL points at this machine"),
        ({"stripe_url": "http://[::1]:1"}, "GAS_STRIPE_URL points at this machine"),
        ({"queue_urls": {}}, "GAS_QUEUE_URLS is empty"),
    ],
)
def test_production_refuses_to_start_with_a_stand_in(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Settings(**{**DEPLOYED, **change})


def test_production_refuses_an_emulator_of_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:5000")
    with pytest.raises(ValidationError, match="AWS_ENDPOINT_URL points at this machine"):
        Settings(**DEPLOYED)


def test_secrets_stay_out_of_what_is_printed() -> None:
    assert "hush" not in repr(Settings(stripe_secret_key="hush"))  # type: ignore[arg-type]


def test_every_setting_says_what_it_means() -> None:
    assert all((field.description or "").endswith(".") for field in Settings.model_fields.values())


def test_a_deployment_sets_the_free_plan_s_upload_and_nothing_else_of_it() -> None:
    settings = Settings(free_upload_bytes=7)
    assert settings.limits(Plan.FREE).max_upload_bytes == 7
    assert settings.limits(Plan.PREMIUM) == PLANS[Plan.PREMIUM]
