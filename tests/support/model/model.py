"""The life of one job in one account: the protocol of the daemons, checked in every interleaving.

The handlers read like `workers/`: each `yield` is one AWS call. The checker crashes them between any two calls, duplicates,
reorders and loses messages, loses replies, lets leases expire under a living owner, fails retrievals, refuses mails, changes
the plan, cancels, retries and deletes. S1-S3 hold in every world that can be reached, Q1-Q6 in every world at rest, and rest can
always be reached.

    python -m tests.support.model.model [scenario ...]          all scenarios, some minutes
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

from tests.support.model.calls import Account, Budget, Job, Key, Scenario, World, finished, keeps, written
from tests.support.model.checker import SLOTS, Explored, Handlers, explore, sent, spend, started, steps
from tests.support.model.protocol import DAEMONS, OTHERS

# --- the world around it ---------------------------------------------------------------------------------------------


def idle(w: World) -> bool:
    return not (w.messages or w.procs or w.pending or any(state == "running" for _, state in w.thaws))


def orphans(w: World) -> list[Key]:
    return [key for key in w.store if not keeps(w.job, key)]


def doctor(w: World) -> Iterator[tuple[str, World]]:
    """What the doctor does about an overdue account and an overdue job: it sends the message that moves it."""
    if w.account.due:
        yield "doctor sends restore", sent(w, ("restore", w.account.version))
    if w.job and w.job.due and w.job.status == "DELETING":
        yield "doctor goes on deleting", started(w, "delete_job")
    elif w.job and w.job.due:
        repairs: dict[str, list[tuple[str, Any]]] = {
            "NONE": [("annotate", None)],
            "AVAILABLE": [("archive", None)],
            "ARCHIVED": [("archive", None)],
            "RESTORING": [("thaw", (w.job.archive, "look"))],
        }
        messages, news = repairs[w.job.tier], [("notify", finished(w.job))] * (w.job.tier == "AVAILABLE")
        if w.job.tier == "AVAILABLE" and w.job.superseded:
            messages, news = [("thaw", (w.job.superseded, "look"))], []
        yield f"doctor sends {messages[0][0]}", sent(sent(w, *news), *messages, again=True)


def users(w: World) -> Iterator[tuple[str, World]]:
    """What the user may do now."""
    free, left, status = len(w.procs) < SLOTS, w.left, w.job and w.job.status
    if left.flips and free:
        plan = "free" if w.account.plan == "premium" else "premium"
        yield f"user goes {plan}", started(spend(w, flips=1), "change_plan", plan)
    if left.cancels and status in ("PENDING", "RUNNING") and not w.pending:
        yield "user cancels", written(spend(w, cancels=1), {"status": "CANCELLED"})
    if left.retries and status == "FAILED" and free:
        yield "user runs it again", started(spend(w, retries=1), "retry_job")
    if left.deletes and w.job and free:
        yield "user deletes", started(spend(w, deletes=1), "delete_job")


def successors(w: World, handlers: Handlers) -> Iterator[tuple[str, World]]:
    """Every step that anybody can take: (words, next world)."""
    left, free, calm = w.left, len(w.procs) < SLOTS, idle(w)
    yield from steps(w, handlers, DAEMONS, handlers.table if w.scenario.doctor else DAEMONS)
    for key, state in w.thaws:
        others = w.thaws - {(key, state)}
        if state == "running":
            yield "retrieval completes; notice", sent(w._replace(thaws=others | {(key, "ready")}), ("thaw", (key, "notice")))
        if left.faults:
            yield f"retrieval {state} FAILS or expires", spend(w, faults=1)._replace(thaws=others)
    if w.pending:
        yield "transaction shows", written(w._replace(pending=None), dict(w.pending))
    yield from users(w)
    if w.scenario.doctor and free and (calm or left.dups):  # at leisure, or at the wrong moment
        for words, after in doctor(w):
            yield words, after if calm else spend(after, dups=1)
    if w.scenario.scan and free and ((left.scans and w.store) or (calm and orphans(w))):
        yield "doctor scans", started(w if calm else spend(w, scans=1), "scan")


# --- the properties --------------------------------------------------------------------------------------------------


def unsafe(w: World) -> str | None:
    """What must never be."""
    job = w.job
    if (
        job
        and job.status == "COMPLETED"
        and (job.archive if job.tier in ("ARCHIVED", "RESTORING") else job.result) not in w.store
    ):
        return f"S1: the result is gone, the record says {job.tier}"
    if job and sum(proc.owns == job.rev for proc in w.procs) > 1:
        return "S2: two owners"
    if job and (job.tier != "NONE") != (job.status == "COMPLETED"):
        return f"S2: {job.status} and {job.tier}"
    if job and w.erased:
        return "S3: the record is back after its deletion"
    return "Q5: a second mail" if len(set(w.mails)) < len(w.mails) else w.broken


def unfinished(w: World) -> str | None:
    """What must not be at rest: nothing in flight, nothing running, and nothing left that the doctor would do."""
    job, plan = w.job, w.account.plan
    if orphans(w):
        return f"Q3: orphan {orphans(w)[0]}"
    if job and job.status not in ("COMPLETED", "FAILED", "CANCELLED"):
        return f"Q4: {job.status} for ever"
    if job and job.status == "COMPLETED" and job.tier != {"free": "ARCHIVED", "premium": "AVAILABLE"}[plan]:
        return f"{'Q1' if plan == 'free' else 'Q2'}: {plan} and {job.tier} for ever"
    told = {finished(job)} | ({("archived", job.archive[1])} if w.scenario.news and job.archive else set()) if job else set()
    if job and job.status != "CANCELLED" and not w.excused and not told <= set(w.mails):
        return "Q5: no mail"
    return "Q6: the doctor has something to report" if (job and job.due) or w.account.due else None


def at_rest(w: World) -> bool:
    return idle(w) and not (w.scenario.doctor and any(doctor(w))) and not (w.scenario.scan and orphans(w))


def first(scenario: Scenario) -> World:
    """The world that a scenario begins with: a submitted job, one that has just completed, or one on its way back."""
    job = Job("PENDING", "NONE", 1, None, None, True, (), 100, small=scenario.small)
    message, store, plan = ("annotate", False, None), frozenset[Key](), "free"
    if scenario.start == "AVAILABLE":
        job = job._replace(status="COMPLETED", tier="AVAILABLE", result=("R", 0))
        message, store = ("archive", False, None), frozenset({("R", 0)})
    if scenario.start == "RESTORING":
        job = job._replace(status="COMPLETED", tier="RESTORING", archive=("A", 0, 0))
        message, store, plan = ("thaw", False, (job.archive, "look")), frozenset({("A", 0, 0)}), "premium"  # type: ignore[assignment]
    mails = (finished(job),) if store else ()
    marks = tuple((event, 0) for event in mails)
    account = Account(plan, 100, False)
    return World(
        scenario, job._replace(mailed=marks), account, store, frozenset(), frozenset({message}), scenario.left, mails=mails
    )


def check(scenario: Scenario) -> Explored:
    """Goes through every world of one scenario."""
    handlers = Handlers({**DAEMONS, **OTHERS})
    return explore(
        first(scenario),
        lambda w: successors(w, handlers),
        lambda w, rest: unsafe(w) or (unfinished(w) if rest else None),
        at_rest,
    )


SCENARIOS = {
    "annotate": Scenario(Budget(crashes=1, dups=1, stalls=1)),
    "annotate, cancel": Scenario(Budget(replies=1, dups=1, cancels=1)),
    "annotate, delete": Scenario(Budget(crashes=1, deletes=1)),
    "annotate, fails, runs again": Scenario(Budget(crashes=1, faults=1, retries=1)),
    "annotate without the doctor": Scenario(Budget(crashes=1, stalls=1), doctor=False, scan=False),
    "archive": Scenario(Budget(crashes=1, dups=1), "AVAILABLE", news=True),
    "archive, SES refuses, crash": Scenario(Budget(crashes=1, refusals=2), "AVAILABLE", news=True),
    "archive, SES refuses, reply lost, duplicate": Scenario(Budget(replies=1, dups=1, refusals=1), "AVAILABLE", news=True),
    "annotate, SES refuses": Scenario(Budget(dups=1, refusals=1)),
    "plan flips, crash": Scenario(Budget(flips=1, crashes=1, faults=1), "AVAILABLE"),
    "plan flips, reply lost": Scenario(Budget(flips=1, replies=1, faults=1), "AVAILABLE"),
    "plan flips, duplicate, stall": Scenario(Budget(flips=1, dups=1, stalls=1), "AVAILABLE"),
    "plan flips twice": Scenario(Budget(flips=2), "AVAILABLE"),
    "plan flips, message lost": Scenario(Budget(flips=1, crashes=1, losses=1), "AVAILABLE"),
    "restoring": Scenario(Budget(crashes=1, faults=1), "RESTORING", news=True),
    "restoring, plan flips": Scenario(Budget(flips=1, crashes=1), "RESTORING"),
    "restoring, plan flips twice": Scenario(Budget(flips=2), "RESTORING"),
    "restoring, delete": Scenario(Budget(deletes=1, replies=1), "RESTORING"),
    "annotate, message lost, no scans": Scenario(Budget(crashes=1, losses=1), scan=False),
    "annotate, fails, message lost, no scans": Scenario(Budget(crashes=1, losses=1, faults=1), scan=False),
    "annotate, cancel, message lost, no scans": Scenario(Budget(crashes=1, losses=1, cancels=1), scan=False),
    "archive, message lost, no scans": Scenario(Budget(crashes=1, losses=1), "AVAILABLE", scan=False, news=True),
    "restoring, message lost, no scans": Scenario(Budget(crashes=1, losses=1), "RESTORING", scan=False),
    "plan flips, message lost, no scans": Scenario(Budget(flips=1, crashes=1, losses=1), "AVAILABLE", scan=False),
    "vault, restoring, message lost, no scans": Scenario(Budget(crashes=1, losses=1), "RESTORING", vault=True, scan=False),
    "vault, plan flips": Scenario(Budget(flips=1, crashes=1), "AVAILABLE", vault=True),
    "small, plan flips": Scenario(Budget(flips=1, crashes=1, dups=1), "AVAILABLE", small=True, news=True),
    "small, plan flips twice": Scenario(Budget(flips=2, replies=1), "AVAILABLE", small=True),
    "small, plan flips, message lost, no scans": Scenario(
        Budget(flips=1, crashes=1, losses=1), "AVAILABLE", small=True, scan=False
    ),
    "small, delete": Scenario(Budget(flips=1, deletes=1, crashes=1), "AVAILABLE", small=True),
    "without the doctor": Scenario(Budget(flips=1, crashes=1), "AVAILABLE", doctor=False, scan=False),
}


def main(names: list[str]) -> int:
    for name in names or SCENARIOS:
        began = time.monotonic()
        explored = check(SCENARIOS[name])
        print(
            f"{name:32} {explored.worlds:9,} worlds {time.monotonic() - began:6.1f} s  {explored.violation or 'ok'}", flush=True
        )
        if explored.violation:
            print("\n".join(f"    {number:2}. {step}" for number, step in enumerate(explored.way, 1)))
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
