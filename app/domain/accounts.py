"""An account and what its plan allows: one table."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Plan(StrEnum):
    """What an account has."""

    FREE = "free"
    PREMIUM = "premium"


class Notice(StrEnum):
    """Kinds of mail about jobs: each can be turned off by its recipient."""

    FINISHED = "finished"
    ARCHIVED = "archived"
    RESTORED = "restored"
    DELETED = "deleted"


@dataclass(frozen=True)
class PlanLimits:
    """What a plan allows; sizes are bytes."""

    max_upload_bytes: int
    unfinished_jobs: int  # at once
    daily_submissions: int  # a day, UTC
    archives: bool  # results move to the archive after the retention
    expedited_retrievals: int  # an upgrade; the rest is retrieved at Standard speed
    expedited_max_bytes: int  # a larger result is retrieved at Standard speed


PLANS: dict[Plan, PlanLimits] = {
    Plan.FREE: PlanLimits(
        max_upload_bytes=150_000,
        unfinished_jobs=20,
        daily_submissions=100,
        archives=True,
        expedited_retrievals=0,
        expedited_max_bytes=0,
    ),
    Plan.PREMIUM: PlanLimits(
        max_upload_bytes=5_000_000_000,  # what one presigned POST can carry is 5 GiB
        unfinished_jobs=500,
        daily_submissions=5_000,
        archives=False,
        expedited_retrievals=100,
        expedited_max_bytes=250_000_000,  # AWS: Expedited is for archives up to about 250 MB
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One user's account. `version` counts changes of plan; `deadline` (ms since 1970) is there until a change is settled,
    or the account is gone."""

    user_id: str  # the `sub` of Globus Auth, a UUID
    plan: Plan = Plan.FREE
    version: int = 0
    deadline: int | None = None
    name: str = ""
    email: str = ""
    username: str = ""
    organization: str = ""
    stripe_customer: str | None = None
    granted: bool = False  # premium as an operator's gift: it stays whatever Stripe says
    quota_exempt: bool = False  # counts neither unfinished jobs nor submissions: for load tests
    muted: frozenset[str] = frozenset()  # notices that are turned off
    mail_key: str = field(default="", repr=False)  # signs the links in mails that turn a notice off
    undeliverable: str = ""  # the address from which a mail came back, until its owner says that it works again
    bounce_reason: str = ""  # why: bounce or complaint
    address_confirmed_at: int | None = None  # when its owner last said so; what came back before is settled
    erasing: bool = False  # its owner had it deleted: what is left of it goes, and no job is added
    created_at: int | None = None
    seen_at: int | None = None  # the last login

    @property
    def reachable(self) -> bool:
        """May mail be sent to this account's address?"""
        return bool(self.email) and self.email != self.undeliverable

    @property
    def limits(self) -> PlanLimits:
        """What the account's plan allows."""
        return PLANS[self.plan]
