"""One message of each kind."""

from __future__ import annotations

from app.domain.messages import AnyMessage, MailReturned, PlanEnding

USER, JOB = "0b7e4a3c-55d1-4a62-9c1d-d30a33ad0001", "01a20ff4-9083-771f-83cd-03a8ce75863d"
FIELDS = {
    "outcome": "completed",
    "mark": "finished:1",
    "plan_version": 3,
    "job_id": JOB,
    "subscription": "sub_1",
    "address": "a@b",
    "first_day": 20_000,
    "days": 7,
}
REASONS = {PlanEnding: "cancelled", MailReturned: "bounce"}


def example(kind: type) -> AnyMessage:
    values = FIELDS | {"reason": REASONS.get(kind, "")}
    return kind(user_id=USER, **{name: value for name, value in values.items() if name in kind.model_fields})
