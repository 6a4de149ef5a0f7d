"""Every setting of GAS, declared once: `GAS_*` from the environment, each with what it means.

AWS itself is configured by the usual `AWS_*` variables. `gas settings` prints this table.
"""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cache
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import AWSSecretsManagerSettingsSource, BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from app.domain.accounts import PLANS, Plan, PlanLimits

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class Settings(BaseSettings):
    """All settings of one process. Raises ValueError where they cannot work together."""

    model_config = SettingsConfigDict(env_prefix="GAS_", frozen=True, extra="ignore", env_ignore_empty=True)

    environment: Literal["local", "dev", "prod"] = Field(
        "local", description="Where this runs. Anything but `local` refuses to start with a stand-in."
    )
    secret: str = Field("", description="Secret in Secrets Manager with further settings, as JSON by name; read at start.")
    public_url: str = Field(
        "http://127.0.0.1:8080", description="The portal's address as people type it; cookies and links follow it."
    )
    web_host: str = Field("127.0.0.1", description="Address that the portal listens on.")
    web_port: int = Field(8080, description="Port that the portal listens on.")
    contact: str = Field("", description="Mail address that people write to for help; shown on pages that say something failed.")
    operator_pages: str = Field(
        "",
        description="Folder with the operator's own `privacy.html`, `retention.html` and `terms.html`, shown within these pages.",
    )
    kept_days: dict[str, int] = Field(
        {"uploads": 30, "backups": 35, "logs": 30},
        description="Days that uploaded files, backups of the tables and logs are kept, as JSON, as pages and mails say.",
    )
    log_format: Literal["json", "console"] = Field("json", description="How log lines look.")

    queue_urls: dict[str, str] = Field({}, description="URL of each queue of the topology, as JSON.")
    topic_arns: dict[str, str] = Field({}, description="ARN of each topic of the topology, as JSON.")
    table_names: dict[str, str] = Field({}, description="Name of each table of the topology, as JSON.")
    bucket_names: dict[str, str] = Field({}, description="Name of each bucket of the topology, as JSON.")
    overdue_shards: int = Field(4, description="Partitions of the overdue index; as in the topology.")

    archive_backend: Literal["s3", "glacier"] = Field(
        "s3", description="Where results are archived: S3 storage classes or a classic vault."
    )
    archive_least_bytes: int = Field(
        0,
        ge=0,
        description="Results of free accounts that are smaller stay where they are, locked until an upgrade, which has them back "
        "at once: a copy into the archive costs more than it saves in years (`docs/measurements/cost.md`). 0: all are moved.",
    )
    archive_storage_class: str = Field("GLACIER", description="Storage class of archived results (s3 backend).")
    archive_restored_days: int = Field(2, description="Days that S3 keeps the temporary copy of a restored result (s3 backend).")
    vault: str = Field("", description="Name of the vault (glacier backend).")

    references: dict[str, str] = Field(
        {"rCRS": "rcrs"},
        description="Assemblies that jobs may name, each with its reference bundle as `id` (embedded), `id/version` or "
        "`id/latest` (pulled from GAS_BUNDLE_STORE), as JSON. A file whose job names none is annotated with the first that it "
        "fits.",
    )
    engine_limits: dict[str, float] = Field(
        {}, description="Caps on what is annotated, as JSON, instead of those in `app/engine/limits.py`."
    )
    deflate_level: int = Field(
        6,
        ge=1,
        le=9,
        description="How results are compressed: 1 takes a fifth of the CPU of 6 for a sixth more bytes, and to store these "
        "costs more within months.",
    )
    bundle_store: str = Field(
        "",
        description="Where annotators pull reference bundles from as they start, and the portal looks up genes: "
        "`s3://bucket/prefix` or a folder.",
    )
    renewal_days: int = Field(
        28,
        ge=0,
        description="Age of ClinVar, in days, from which on `gas reference renew` builds and pushes a newer one for what is "
        "offered as `id/latest`; 0: never.",
    )
    bundles: str = Field("", description="Folder of installed reference bundles, besides the embedded one.")
    free_upload_bytes: int = Field(PLANS[Plan.FREE].max_upload_bytes, description="Largest upload on the free plan, in bytes.")

    poll_seconds: int = Field(
        20, ge=1, le=20, description="Length of a long poll. On AWS idle polls are money; locally 1 stops faster."
    )
    visibility_seconds: int | None = Field(None, description="Instead of the queue's own visibility timeout; seconds in tests.")
    concurrency: dict[str, int] = Field(
        {}, description="Messages that a daemon works on at once, as JSON by verb, instead of its default."
    )
    giant_bytes: int = Field(
        20_000_000, description="Size of an input from which on a job is a giant: giants never take an annotator's last slot."
    )
    instance_metadata: str = Field(
        "",
        description="The instance metadata service, on a host of an autoscaling group: an annotator that finds its host unfit "
        "asks the group for another.",
    )
    drain_seconds: int = Field(90, description="How long a stopping daemon may finish what it holds.")
    lease_seconds: int = Field(60, description="How long a claim on a job holds without being renewed; it is renewed at a third.")
    progress_seconds: float = Field(5, description="Least time between two writes of a job's progress.")
    expedited_look_seconds: int = Field(60, description="Time between two looks at an Expedited retrieval.")
    standard_look_seconds: int = Field(900, le=900, description="Time between two looks at a Standard retrieval.")
    deadline_seconds: dict[str, int] = Field(
        {}, description="Seconds until a waiting job (or ACCOUNT) is overdue, as JSON by state, instead of the defaults."
    )
    doctor_seconds: int = Field(120, description="Time between two runs of the doctor.")
    page_jobs: int = Field(100, description="Jobs that one message of a change of plan walks.")

    mail_from: str = Field("gas@localhost", description="Sender of all mail, an identity verified in SES.")
    mail_configuration_set: str = Field("", description="SES configuration set that reports bounces.")
    mail_window_seconds: int = Field(
        300,
        ge=0,
        le=900,
        description="Once an account had three mails of a kind within so many seconds, the next wait as long and are one mail; "
        "0: each job has its own.",
    )
    deletion_notice_days: int = Field(
        5,
        ge=0,
        description="Days before the first of a week's uploaded files is deleted on which their owner is mailed that they will "
        "be; 0: no such mail.",
    )

    globus_client_id: str = Field("", description="Client id of this portal at Globus Auth.")
    globus_client_secret: SecretStr = Field(SecretStr(""), description="Its secret.")
    globus_url: str = Field("https://auth.globus.org", description="Globus Auth, or the local stand-in.")
    session_days: int = Field(7, description="How long a login lasts.")

    stripe_secret_key: SecretStr = Field(
        SecretStr(""), description="Stripe's secret API key; empty: plans are changed without payment (local only)."
    )
    stripe_webhook_secret: SecretStr = Field(SecretStr(""), description="What Stripe signs its webhooks with.")
    stripe_price_id: str = Field("", description="Price of the premium subscription at Stripe.")
    premium_price: str = Field(
        "", description="What premium costs, as the portal says it, for example `$20 a month`; empty: Stripe's page says it."
    )
    stripe_url: str = Field("https://api.stripe.com", description="Stripe's API, or the local stand-in.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the secret that the environment names: it is in no file and no environment."""
        name = os.environ.get("GAS_SECRET")
        secret = [AWSSecretsManagerSettingsSource(settings_cls, name, case_sensitive=False)] if name else []
        return (init_settings, env_settings, *secret)

    @model_validator(mode="after")
    def _no_stand_ins_in_production(self) -> Settings:
        if self.environment == "local":
            return self
        wrong = [
            f"GAS_{name.upper()} points at this machine"
            for name in ("public_url", "globus_url", "stripe_url")
            if urlsplit(getattr(self, name)).hostname in LOOPBACK
        ]
        wrong += [
            f"{name} points at this machine"
            for name in os.environ
            if name.startswith("AWS_ENDPOINT_URL") and urlsplit(os.environ[name]).hostname in LOOPBACK
        ]
        if not self.public_url.startswith("https://"):
            wrong.append("GAS_PUBLIC_URL must be https")
        if not self.queue_urls:
            wrong.append("GAS_QUEUE_URLS is empty")
        if wrong:
            raise ValueError(f"environment {self.environment} cannot start: " + "; ".join(wrong))
        return self

    def for_portal(self) -> Settings:
        """These settings, with all that only the portal may read. Raises ValueError with the names of what is missing."""
        secrets = {
            "GAS_GLOBUS_CLIENT_ID": self.globus_client_id,
            "GAS_GLOBUS_CLIENT_SECRET": self.globus_client_secret.get_secret_value(),
            "GAS_STRIPE_SECRET_KEY": self.stripe_secret_key.get_secret_value(),
            "GAS_STRIPE_WEBHOOK_SECRET": self.stripe_webhook_secret.get_secret_value(),
        }
        if self.environment != "local" and (missing := [name for name, value in secrets.items() if not value]):
            raise ValueError(f"environment {self.environment} cannot start the portal without {', '.join(missing)}")
        return self

    def bundle(self, assembly: str) -> str:
        """Id of the reference bundle of an assembly that is offered; of the first, if none is named."""
        return self.references[assembly or next(iter(self.references))].partition("/")[0]

    def limits(self, plan: Plan) -> PlanLimits:
        """The plan's row of the domain's table, with what this deployment sets itself."""
        return replace(PLANS[plan], max_upload_bytes=self.free_upload_bytes) if plan is Plan.FREE else PLANS[plan]


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
