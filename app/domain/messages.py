"""The typed messages on the wire, and the one reader of everything that arrives on a queue."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, get_args
from urllib.parse import unquote_plus

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from app.domain.keys import UUID, owner
from app.domain.uploads import Period

Id = Annotated[str, Field(pattern=f"^{UUID}$")]


VERSION = 1
"""Of the wire format. A field more is no new version; another meaning, or another value of a field, is."""

GREETING = "Successfully validated SNS topic for Amazon SES event publishing"
"""SES says so, in plain text, to a topic that events of mail are to be published to."""


class Unreadable(ValueError):
    """A body that is none of our messages: for the dead-letter queue."""


class Newer(Unreadable):
    """A message of a type, or of a version, that this release does not know: one of a newer release, for its daemons."""


class Message(BaseModel):
    """What every message carries. `event_id` is the same in every copy of a message; `occurred_at` is ms since 1970.

    Fields that this release does not know mean nothing to it, but are kept where a message is sent on.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    version: Literal[1] = 1
    event_id: str = Field(default_factory=lambda: str(uuid.uuid4()))
    user_id: Id
    occurred_at: int = 0
    again: bool = False  # stands in for a message that was seen before, so an earlier attempt may have died anywhere

    def body(self) -> str:
        """The message as JSON."""
        return self.model_dump_json()


class JobMessage(Message):
    """A message about one job."""

    job_id: Id


class JobRequested(JobMessage):
    """Annotate this job. `size` is the input's, in bytes: an annotator knows a giant before it claims it."""

    type: Literal["job_requested"] = "job_requested"
    size: int = 0


class JobFinished(JobMessage):
    """A job reached its end, or its result the archive. Subscriptions filter on `outcome`, which is also a message attribute."""

    type: Literal["job_finished"] = "job_finished"
    outcome: Literal["completed", "failed", "archived"]
    mark: str  # names the event, so that it has one mail at most


class ArchiveDue(JobMessage):
    """Look whether this job's result belongs into the archive by now."""

    type: Literal["archive_due"] = "archive_due"


class PlanChanged(Message):
    """Make every job's tier follow the plan; one message walks one page of jobs and sends itself on."""

    type: Literal["plan_changed"] = "plan_changed"
    plan_version: int
    before: str | None = None  # job id: go on with the jobs older than this one
    expedited_left: int | None = None  # Expedited retrievals that this change of plan may still start


class RetrievalLook(JobMessage):
    """Look whether this job's retrieval is done: our own slow look, and Glacier's or S3's notice."""

    type: Literal["retrieval_look"] = "retrieval_look"
    archive: str | None = None
    retrieval: str | None = None
    notice: bool = False  # from AWS: it starts no further polling


class ResultRestored(JobMessage):
    """A result is back from the archive."""

    type: Literal["result_restored"] = "result_restored"
    mark: str


class PlanEnding(Message):
    """Premium will end: it was cancelled, or the payment of the period until `period_ends` failed. `ends_at` is there where
    it is known; both are seconds since 1970."""

    type: Literal["plan_ending"] = "plan_ending"
    reason: Literal["cancelled", "unpaid"]
    subscription: str
    ends_at: int | None = None
    period_ends: int | None = None

    @property
    def mark(self) -> str:
        """Names the event, so that it has one mail at most: each payment that fails is another."""
        return f"{self.reason}:{self.subscription}:{self.ends_at or self.period_ends}"


class UploadsExpiring(Message):
    """What this user uploaded on the `days` days from `first_day` on, in days since 1970 (UTC), will be deleted soon."""

    MARK: ClassVar[str] = "uploads"

    type: Literal["uploads_expiring"] = "uploads_expiring"
    first_day: int = Field(ge=1, le=100_000)
    days: int = Field(ge=1, le=366)

    @property
    def period(self) -> Period:
        """Which uploads it is about."""
        return Period(self.first_day, self.days)

    @property
    def mark(self) -> str:
        """Names the event, so that it has one mail at most."""
        return f"{self.MARK}:{self.first_day}:{self.days}"


class MailReturned(Message):
    """Mail to this user came back, or was complained about: SES says so."""

    type: Literal["mail_returned"] = "mail_returned"
    address: str
    reason: Literal["bounce", "complaint"]


AnyMessage = (
    JobRequested
    | JobFinished
    | ArchiveDue
    | PlanChanged
    | RetrievalLook
    | ResultRestored
    | PlanEnding
    | UploadsExpiring
    | MailReturned
)
_MESSAGES: TypeAdapter[AnyMessage] = TypeAdapter(Annotated[AnyMessage, Field(discriminator="type")])
TYPES: tuple[type[Message], ...] = get_args(AnyMessage)
_NAMES = frozenset(kind.model_fields["type"].default for kind in TYPES)


def parse(body: str) -> list[AnyMessage]:
    """The messages in one queue body: of GAS, bare or in an SNS envelope, events of S3 and SES, or a vault's notice.

    An event may hold several records, and what S3 and SES send once, to try, holds none. Raises Newer for a message of a newer
    release, and Unreadable for anything else.
    """
    if body.startswith(GREETING):
        return []
    try:
        content = json.loads(body)
    except ValueError as error:
        raise Unreadable(f"not JSON: {error}") from None
    if not isinstance(content, dict):
        raise Unreadable("not a JSON object")
    try:
        for marks, read in _FORMS:
            if marks <= content.keys():
                return read(content)
        if _is_newer(content):
            raise Newer(f"type {content['type']}, version {content.get('version')}")
        return [_MESSAGES.validate_python(content)]
    except (ValidationError, KeyError, TypeError, AttributeError) as error:
        raise Unreadable(str(error)) from None


def seen_before(body: str) -> str:
    """The same message, of any release, as one that was seen before."""
    content = json.loads(body)
    return json.dumps({**content, "again": True}) if "type" in content else body


def _is_newer(content: dict[str, Any]) -> bool:
    kind, version = content.get("type"), content.get("version", VERSION)
    return isinstance(kind, str) and isinstance(version, int) and (kind not in _NAMES or version > VERSION)


def _s3_event(content: dict[str, Any]) -> list[AnyMessage]:
    looks: list[AnyMessage] = []
    for record in content["Records"]:
        key = unquote_plus(record["s3"]["object"]["key"])
        if record["eventName"].startswith("ObjectRestore:Completed") and (who := owner(key)):
            looks.append(RetrievalLook(user_id=who.user_id, job_id=who.job_id, archive=key, notice=True))
    return looks


def _vault_notice(content: dict[str, Any]) -> list[AnyMessage]:
    user_id, _, job_id = content["JobDescription"].partition("/")
    return [RetrievalLook(user_id=user_id, job_id=job_id, archive=content["ArchiveId"], retrieval=content["JobId"], notice=True)]


RECIPIENTS = {"bounce": "bouncedRecipients", "complaint": "complainedRecipients"}


def _mail_event(content: dict[str, Any]) -> list[AnyMessage]:
    """Of an event that SES publishes; bounces that may pass, and what else happens to mail, mean nothing to us."""
    reason, tags = content["eventType"].lower(), content["mail"].get("tags", {})
    about = content.get(reason, {})
    if reason not in RECIPIENTS or about.get("bounceType", "Permanent") != "Permanent" or "user_id" not in tags:
        return []
    occurred_at = round(datetime.fromisoformat(about["timestamp"]).timestamp() * 1000)
    return [
        MailReturned(user_id=tags["user_id"][0], occurred_at=occurred_at, address=recipient["emailAddress"], reason=reason)
        for recipient in about[RECIPIENTS[reason]]
    ]


_FORMS: tuple[tuple[set[str], Callable[[dict[str, Any]], list[AnyMessage]]], ...] = (
    ({"Type", "Message", "TopicArn"}, lambda content: parse(content["Message"])),
    ({"Records"}, _s3_event),
    ({"Service", "Event", "Bucket"}, lambda _: []),  # s3:TestEvent, sent when the notification is set up
    ({"JobId", "ArchiveId", "JobDescription"}, _vault_notice),
    ({"eventType", "mail"}, _mail_event),
)
