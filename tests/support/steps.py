"""The steps that take a job of the portal's tests to each of its states, and the person whose job it is."""

from __future__ import annotations

from typing import Any

from app.domain.jobs import Speed, Trigger

ME = "a@example.org"
RESULT = {"result": "results/x", "result_size": 1000}
Steps = list[tuple[Trigger, dict[str, Any]]]
SUBMIT: Steps = [(Trigger.SUBMIT, {"size": 10, "submitted_at": 1})]
CLAIM: Steps = [*SUBMIT, (Trigger.CLAIM, {"started_at": 1})]
COMPLETE: Steps = [*CLAIM, (Trigger.COMPLETE, {"finished_at": 2000, "records": 19, **RESULT})]
ARCHIVED: Steps = [*COMPLETE, (Trigger.ARCHIVED, {"result": None, "archive": "archive/x"})]
RESTORE: Steps = [*ARCHIVED, (Trigger.RESTORE, {"speed": Speed.STANDARD})]
