"""The protocol holds in every interleaving, and the checker notices when any of its rules is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.model import calls, checker, model, protocol
from tests.support.model.calls import Budget, Key, Scenario, Steps, World
from tests.support.model.checker import Call, End
from tests.support.model.model import check

QUICK = ["annotate without the doctor", "archive", "restoring, delete", "annotate, message lost, no scans"]

LONG = [
    "annotate, cancel",
    "annotate, delete",
    "annotate, SES refuses",
    "archive, SES refuses, reply lost, duplicate",
    "archive, message lost, no scans",
    "vault, restoring, message lost, no scans",
]
"""Scenarios for the slow lane."""

LONGER = ["vault, plan flips", "without the doctor"]
"""Their likes; `make test-night` checks these, and the whole model."""


def marked(names: list[str], mark: pytest.MarkDecorator) -> list[Any]:
    return [pytest.param(name, marks=mark) for name in names]


@pytest.mark.parametrize("name", [*QUICK, *marked(LONG, pytest.mark.slow), *marked(LONGER, pytest.mark.night)])
def test_the_protocol_holds(name: str) -> None:
    explored = check(model.SCENARIOS[name])
    assert not explored.violation, "\n".join([explored.violation, *explored.way])
    assert explored.worlds > 1_000


def any_rev(_: int) -> Callable[[Any], bool]:
    return lambda job: True


def read_then_list(listing: Call | None, *known: Key | None) -> Steps:
    job = yield calls.READ_JOB
    for key in {*(key for key in known if key), *((yield listing) if listing else ())}:
        if not calls.keeps(job, key):
            yield calls.delete(key)


def rev_stays(w: World) -> int:
    """Keys of the next claim are those of the last."""
    return w.job.rev if w.job else 1


def any_plan(_: str, rev: int, **to: Any) -> Steps:
    return (yield calls.update(calls.at(rev), **to))


def mail_then_mark(_: bool, event: Key) -> Steps:
    marked = yield checker.read(f"is {event} marked?", lambda w: not w.job or event in dict(w.job.mailed))
    if not marked:
        yield protocol.mail(event)
        yield protocol.mark(event)
    return End.DONE


def refused_for_good(_: bool, event: Key) -> Steps:
    """Leaves the mark of a mail that SES did not take."""
    if token := (yield protocol.mark(event)):
        yield protocol.mail(event, token)
    return End.DONE


def unmark_the_unknown(_: bool, event: Key) -> Steps:
    """Takes a lost answer for a refusal."""
    token = yield protocol.mark(event)
    if token and (yield protocol.mail(event, token)) != "taken":
        yield protocol.unmark(event, token)
        return End.LOOK
    return End.DONE


def unmark_anyone(event: Key, _: int) -> Call:
    def effect(w: World) -> list[tuple[Any, World]]:
        left = tuple(mark for mark in w.job.mailed if mark[0] != event) if w.job else ()
        return [(True, w._replace(job=w.job and w.job._replace(mailed=left)))]

    return Call(f"takes any mark of {event}", effect, "unmark")


def mail_only(_: bool, event: Key) -> Steps:
    yield protocol.mail(event)
    return End.DONE


def settle_any_version(_: int) -> Call:
    return checker.act("account: no deadline", lambda w: w._replace(account=w.account._replace(due=False)))


def publish_only_what_i_ended(again: bool, _: Any) -> Steps:
    """Takes a lost race for success."""
    rev = yield calls.update(lambda job: job.status in ("PENDING", "RUNNING"), "claim", status="RUNNING")
    if rev:
        result = yield calls.run_engine(("R", rev))
        if (yield calls.update(calls.at(rev), status="COMPLETED", tier="AVAILABLE", result=result)):
            yield calls.send(("archive", None), ("notify", ("finished", 100)))
    job = yield calls.READ_JOB
    if job and job.status == "RUNNING":
        return End.LOOK
    yield from protocol.sweep(calls.LIST)
    return End.DONE


def no_deadline(_: Any) -> bool:
    return False


def only_work_waits(job: Any) -> bool:
    """Ends are at rest at once, whatever their daemon still has to tell and to delete."""
    return job.status in ("PENDING", "RUNNING", "DELETING") or job.tier in ("AVAILABLE", "RESTORING")


WRITTEN, SENT = calls.written, checker.sent


def forget_the_superseded(w: World, to: dict[str, Any]) -> World:
    return WRITTEN(w, {name: value for name, value in to.items() if name != "superseded"})


def as_if_new(w: World, *messages: tuple[str, Any], again: bool = False) -> Any:
    return SENT(w, *messages)


def keep_what_it_points_to(job: Any, key: Key) -> bool:
    """Forgets the copy that the claim is writing just now."""
    return bool(job) and key in (job.result, job.archive)


def stay_under_this_rev(rev: int) -> Call:
    return checker.read("the job is as it was", lambda w: rev if w.job and w.job.rev == rev else None)


def leave_what_is_available(again: bool, version: int) -> Steps:
    """An upgrade that writes to no result which an archiver may be at."""
    account = yield calls.READ_ACCOUNT
    job = yield calls.READ_JOB
    if job and account.plan == "premium" and job.tier == "AVAILABLE":
        yield protocol.settle_account(version)
        return End.DONE
    return (yield from protocol.restore(again, version))


def forget_deliveries(again: bool, about: Any) -> Steps:
    """An archiver that looks again without saying that an earlier attempt may have died anywhere."""
    return (yield from protocol.archive(False, about))


BROKEN: dict[str, tuple[Scenario, dict[str, Any], dict[str, Any]]] = {
    "a write is conditional on the rev of its claim": (
        Scenario(Budget(stalls=1, dups=1)), {"protocol.at": any_rev}, {}),
    "a sweep knows what exists before it reads the record": (
        Scenario(Budget(flips=1, crashes=1), "AVAILABLE"), {"protocol.sweep": read_then_list}, {}),
    "a sweep leaves what a claim is writing": (
        Scenario(Budget(crashes=1, dups=1)), {"protocol.keeps": keep_what_it_points_to}, {}),
    "no key is used twice": (
        Scenario(Budget(flips=1, crashes=1, stalls=1, dups=1), "AVAILABLE"), {"calls.fresh": rev_stays}, {}),
    "the archive transaction asks for the plan": (
        Scenario(Budget(flips=1), "AVAILABLE"), {"protocol.transact": any_plan}, {}),
    "a result stays under another rev": (
        Scenario(Budget(flips=1, crashes=1), "AVAILABLE", doctor=False, scan=False), {"protocol.stay": stay_under_this_rev}, {}),
    "an upgrade writes to what an archiver may be at": (
        Scenario(Budget(flips=1), "AVAILABLE"), {}, {"restore": leave_what_is_available}),
    "a mail is marked": (
        Scenario(Budget(dups=1)), {}, {"notify": mail_only}),
    "a mail is marked before it is sent": (
        Scenario(Budget(crashes=1)), {}, {"notify": mail_then_mark}),
    "the mark of a refused mail is taken back": (
        Scenario(Budget(refusals=1), "AVAILABLE", news=True), {}, {"notify": refused_for_good}),
    "a mail of which nobody knows stays marked": (
        Scenario(Budget(refusals=1), "AVAILABLE", news=True), {}, {"notify": unmark_the_unknown}),
    "a mark is taken back only by the attempt that has it": (
        Scenario(Budget(replies=1, dups=1, refusals=1), "AVAILABLE", news=True), {"protocol.unmark": unmark_anyone}, {}),
    "an account is settled at the version that was read": (
        Scenario(Budget(flips=2, losses=1), "AVAILABLE"), {"protocol.settle_account": settle_any_version}, {}),
    "losing a race is not success": (
        Scenario(Budget(crashes=1), doctor=False, scan=False), {}, {"annotate": publish_only_what_i_ended}),
    "a state that waits has a deadline": (
        Scenario(Budget(losses=1)), {"calls.waits": no_deadline}, {}),
    "an end is no rest before its daemon has told and swept": (
        Scenario(Budget(crashes=1, losses=1), "AVAILABLE", scan=False), {"calls.waits": only_work_waits}, {}),
    "the record knows what it made superfluous": (
        Scenario(Budget(crashes=1, losses=2), "RESTORING", vault=True, scan=False), {"calls.written": forget_the_superseded}, {}),
    "the doctor's message says that it stands in for another": (
        Scenario(Budget(crashes=1, losses=1), "AVAILABLE", scan=False), {"model.sent": as_if_new}, {}),
    "who was delivered before looks for what an earlier attempt left": (
        Scenario(Budget(crashes=1), "AVAILABLE", doctor=False, scan=False), {}, {"archive": forget_deliveries}),
}  # fmt: skip


@pytest.mark.parametrize("rule", BROKEN)
def test_the_checker_notices_a_missing_rule(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario, functions, daemons = BROKEN[rule]
    for name, function in functions.items():
        monkeypatch.setattr(f"tests.support.model.{name}", function)
    for name, handler in daemons.items():
        monkeypatch.setitem(protocol.DAEMONS, name, handler)
    assert check(scenario).violation
