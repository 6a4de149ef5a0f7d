"""The adapters of one process, made from its settings and opened together."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from app.aws.accounts import SETTLE_SECONDS as SETTLE_SECONDS
from app.aws.accounts import Accounts
from app.aws.archive_s3 import S3Archive
from app.aws.archive_vault import VaultArchive
from app.aws.archives import Archive
from app.aws.clients import clients
from app.aws.items import items
from app.aws.jobs import Jobs, deadlines
from app.aws.mail import Mail
from app.aws.mail_digests import Digests
from app.aws.objects import Bucket
from app.aws.queues import Queues, Topics
from app.domain.jobs import DEADLINE_SECONDS
from app.settings import Settings

SERVICES = ("dynamodb", "s3", "sqs", "sns")


def clock() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Backend:
    """What services and daemons work with. `mail` is there only in the process that asked for it."""

    settings: Settings
    jobs: Jobs
    accounts: Accounts
    inputs: Bucket
    results: Bucket
    archive: Archive
    queues: Queues
    topics: Topics
    mail: Mail | None

    def now(self) -> int:
        """Milliseconds since 1970."""
        return self.jobs.now()


@asynccontextmanager
async def backend(settings: Settings, *, mail: bool = False) -> AsyncIterator[Backend]:
    """Opens the adapters on whatever AWS the environment points at."""
    vault = settings.archive_backend == "glacier"
    services = (*SERVICES, *(["glacier"] if vault else []), *(["sesv2"] if mail else []))
    tables, buckets = settings.table_names, settings.bucket_names
    async with clients(settings, *services) as aws:
        results, together = Bucket(aws["s3"], buckets["results"]), items(aws["dynamodb"])
        yield Backend(
            settings=settings,
            jobs=Jobs(
                aws["dynamodb"],
                tables["jobs"],
                tables["accounts"],
                settings.overdue_shards,
                deadlines(DEADLINE_SECONDS, settings.lease_seconds, settings.deadline_seconds),
                clock,
                together,
            ),
            accounts=Accounts(
                aws["dynamodb"],
                tables["accounts"],
                settings.overdue_shards,
                clock,
                together,
                settings.deadline_seconds.get("ACCOUNT", SETTLE_SECONDS),
            ),
            inputs=Bucket(aws["s3"], buckets["inputs"]),
            results=results,
            archive=VaultArchive(aws["glacier"], settings.vault, results, settings.topic_arns["retrievals"])
            if vault
            else S3Archive(results, settings.archive_storage_class, settings.archive_restored_days),
            queues=Queues(aws["sqs"], settings.queue_urls),
            topics=Topics(aws["sns"], settings.topic_arns),
            mail=_mail(aws["sesv2"], settings) if mail else None,
        )


def _mail(ses: Any, settings: Settings) -> Mail:
    return Mail(ses, settings.mail_from, settings.mail_configuration_set, digests=Digests(settings.mail_window_seconds))
