"""The life of one job in one account: the protocol of the daemons, checked in every interleaving.

The handlers read like `workers/`: each `yield` is one AWS call. The checker crashes them between any two calls, duplicates,
reorders and loses messages, loses replies, lets leases expire under a living owner, fails retrievals, changes the plan,
cancels, retries and deletes. S1-S3 hold in every world that can be reached, Q1-Q6 in every world at rest, and rest can
always be reached.

    python -m tests.model.model [scenario ...]          all scenarios, some minutes
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from tests.model.checker import (
    SLOTS,
    Call,
    End,
    Explored,
    Handler,
    Handlers,
    Message,
    Proc,
    act,
    explore,
    read,
    sent,
    spend,
    started,
    steps,
)

Key = tuple[Any, ...]  # ("R", rev) in the results bucket, ("A", rev, id) in the archive; S3 has id 0, a vault makes its own
Steps = Generator[Call, Any, Any]


@dataclass(frozen=True, eq=False)
class Scenario:
    """What is explored: the state it starts in, the archive, whether mails about archives are followed, and who helps."""

    left: Budget
    start: str = "PENDING"
    vault: bool = False
    news: bool = False
    doctor: bool = True
    scan: bool = True


class Budget(NamedTuple):
    """How often each may happen."""

    flips: int = 0  # of the plan
    cancels: int = 0
    retries: int = 0
    deletes: int = 0
    crashes: int = 0
    replies: int = 0  # lost
    dups: int = 0
    stalls: int = 0  # leases that run out under a living owner
    faults: int = 0  # of the engine and of retrievals
    losses: int = 0  # of messages
    scans: int = 0  # of the doctor, at a wrong moment


class Job(NamedTuple):
    status: str
    tier: str
    rev: int
    result: Key | None
    archive: Key | None
    due: bool  # has a deadline, so that the doctor sees it
    mailed: tuple[Key, ...]
    submission: int


class Account(NamedTuple):
    plan: str
    version: int
    due: bool


class World(NamedTuple):
    scenario: Scenario
    job: Job | None
    account: Account
    store: frozenset[Key]  # copies that exist
    thaws: frozenset[tuple[Key, str]]
    messages: frozenset[Message]
    left: Budget
    procs: tuple[Proc, ...] = ()
    pending: tuple[tuple[str, Any], ...] | None = None  # a transaction that is decided and does not show yet
    mails: tuple[Key, ...] = ()
    excused: bool = False
    erased: bool = False
    broken: str | None = None


# --- the record: pure rules ------------------------------------------------------------------------------------------


def waits(job: Job) -> bool:
    """A state that waits for somebody has a deadline; every transition sets the one of the state that it enters."""
    return job.status in ("PENDING", "RUNNING", "DELETING") or job.tier in ("AVAILABLE", "ARCHIVING", "RESTORING")


def keeps(job: Job | None, key: Key) -> bool:
    """May the record need this copy? Those that it points to, and the one that the claim it is in may be writing."""
    return bool(job) and job.status != "DELETING" and (key in (job.result, job.archive) or key[1] == job.rev)  # type: ignore[union-attr]


def fresh(w: World) -> int:
    """A number that nothing mentions. (The product counts up, rev + 1; the model reuses numbers to stay finite.)"""
    used, stack = set[int](), [w.job, tuple(w.store), tuple(w.thaws), tuple(w.messages), w.procs, w.pending]
    while stack:
        found = stack.pop()
        if type(found) is int:
            used.add(found)
        elif isinstance(found, tuple):
            stack += found
    return next(number for number in range(1, 99) if number not in used)


def at(rev: int) -> Callable[[Job], bool]:
    return lambda job: job.rev == rev


def finished(job: Job) -> Key:
    return ("finished", job.submission)


# --- the AWS calls ---------------------------------------------------------------------------------------------------

READ_JOB = read("reads job", lambda w: w.job and w.job._replace(mailed=()))  # all reads are strongly consistent
READ_ACCOUNT = read("reads account", lambda w: w.account)
INVENTORY = read("lists all copies", lambda w: tuple(sorted(w.store)))
LIST = read("lists copies", lambda w: tuple(sorted(k for k in w.store if k[0] == "R" or not w.scenario.vault)))


def written(w: World, to: dict[str, Any]) -> World:
    assert w.job
    job = w.job._replace(**to)
    moved = {"status", "tier"} & set(to)
    return w._replace(job=job._replace(rev=fresh(w), due=waits(job)) if moved else job)


def update(where: Callable[[Job], bool], kind: str = "write", **to: Any) -> Call:
    """One conditional UpdateItem: replies the rev, or None. A new status or tier is a transition: rev + 1, new deadline.

    A claim also needs its deadline to have passed; under a living owner that costs a stall.
    """

    def effect(w: World) -> list[tuple[Any, World]]:
        if w.pending:
            return []  # TransactionConflict: the same write is tried again
        if not (w.job and where(w.job)):
            return [(None, w)]
        before, after = list[tuple[Any, World]](), written(w, to)
        if kind == "claim" and any(proc.owns == w.job.rev for proc in w.procs):
            before, after = [(None, w)], spend(after, stalls=1)
        assert after.job
        return before + [(after.job.rev, after)] * (after.left.stalls >= 0)

    return Call(f"job {to}", effect, kind)


def transact(plan: str, rev: int, **to: Any) -> Steps:
    """TransactWriteItems: the account has this plan and the job this rev. Serializable but not strictly: once decided, the
    account may change and the job may still be read as it was, until the new state shows. Writes to it conflict."""

    def effect(w: World) -> list[tuple[Any, World]]:
        ok = bool(w.account.plan == plan and w.job and w.job.rev == rev and not w.pending)
        return [(ok, w._replace(pending=tuple(to.items())) if ok else w)]

    ok = yield Call(f"transaction, plan {plan}, job {to}", effect, "write")
    if ok:
        yield Call("transaction returns", lambda w: [] if w.pending else [(True, w)], "read")
    return ok


def copy(key: Key, possible: Callable[[World], bool], label: str) -> Call:
    """One PUT, copy or upload, verified: replies the new copy's key, or None where its source is not there."""

    def effect(w: World) -> list[tuple[Any, World]]:
        new = key if key[0] == "R" else (*key, fresh(w) if w.scenario.vault else 0)
        return [(new, w._replace(store=w.store | {new})) if possible(w) else (None, w)]

    return Call(label, effect, "copy")


def run_engine(key: Key) -> Call:
    """Annotates and uploads, or finds that the user's file is bad."""
    good = copy(key, lambda w: True, f"uploads {key}")
    return Call(good.label, lambda w: good.effect(w) + [(None, spend(w, faults=1))] * (w.left.faults > 0), "copy")


def begin(job: Job) -> Steps:
    """Starts the retrieval: Expedited, and only when that is refused, Standard. Already under way is success. False: the
    archive is gone, and the job is given up."""
    archive = job.archive

    def effect(w: World) -> list[tuple[Any, World]]:
        if archive not in w.store:
            return [("gone", w)]
        new = archive not in dict(w.thaws)
        begun = w._replace(thaws=w.thaws | {(archive, "running")}) if new else w
        return [("begun", begun)] + [("refused", spend(w, faults=1))] * (new and w.left.faults > 0)

    answer = yield Call(f"starts Expedited retrieval of {archive}", effect)
    if answer == "refused":
        answer = yield Call(f"starts Standard retrieval of {archive}", lambda w: effect(w)[:1])
    if answer == "gone":
        yield update(at(job.rev), tier="ARCHIVED")
    return answer != "gone"


def delete(key: Key) -> Call:
    def gone(w: World) -> World:
        return w._replace(store=w.store - {key}, thaws=frozenset(thaw for thaw in w.thaws if thaw[0] != key))

    return act(f"deletes {key}", gone)


def send(*messages: tuple[str, Any]) -> Call:
    def change(w: World) -> World:
        return sent(w, *(m for m in messages if m[0] != "notify" or m[1][0] == "finished" or w.scenario.news))

    return act("sends " + ", ".join(map(str, messages)), change)


# --- the protocol: one generator a daemon ----------------------------------------------------------------------------


def sweep(listing: Call | None, *known: Key | None) -> Steps:
    """The only code that deletes a copy: know that it exists, *then* read the record, then delete what that read does not
    need. No key is ever used twice, so what is unneeded once is unneeded for ever, however late the delete comes."""
    keys = {key for key in known if key}
    if listing:
        keys |= set((yield listing))
    found = tuple(sorted(keys))
    if found:
        for key in (yield read(f"reads job: needs {found}?", lambda w: tuple(k for k in found if not keeps(w.job, k)))):
            yield delete(key)


def annotate(again: bool, _: Any) -> Steps:
    rev = yield update(lambda job: job.status in ("PENDING", "RUNNING"), "claim", status="RUNNING")
    ended = None
    if rev:
        result = yield run_engine(("R", rev))
        to = {"status": "COMPLETED", "tier": "AVAILABLE", "result": result} if result else {"status": "FAILED"}
        ended = yield update(at(rev), **to)
    job = yield READ_JOB
    if job and job.status == "RUNNING":
        return End.LOOK  # somebody has a live lease, or it was mine
    if job and job.status in ("COMPLETED", "FAILED"):
        yield send(*[("archive", None)] * (job.status == "COMPLETED"), ("notify", finished(job)))
    if again or not ended:
        yield from sweep(LIST)
    return End.DONE


def archive(again: bool, _: Any) -> Steps:
    job = yield READ_JOB
    archived = None
    if job and (job.tier == "ARCHIVING" or (job.tier == "AVAILABLE" and job.due)):
        account = yield READ_ACCOUNT
        if account.plan == "premium" and job.tier == "ARCHIVING":
            yield update(at(job.rev), tier="AVAILABLE")  # stop whoever is at it
            return End.RETRY
        if account.plan == "premium":
            if not (yield from transact("premium", job.rev, due=False)):
                return End.RETRY
        else:
            rev = yield update(at(job.rev), "claim", tier="ARCHIVING")
            if not rev:
                return End.LOOK
            archived = yield copy(("A", rev), lambda w: job.result in w.store, f"copies {job.result} to archive {rev}")
            if not (archived and (yield from transact("free", rev, tier="ARCHIVED", archive=archived, result=None))):
                yield update(at(rev), tier="AVAILABLE")  # if it is still mine, give it back
                yield from sweep(None, archived)
                return End.RETRY
    if archived or (again and job and job.tier == "ARCHIVED"):
        yield send(("notify", ("archived", (archived or job.archive)[1])))
    yield from sweep(LIST if again else None, job.result if archived else None)
    return End.DONE


def restore(again: bool, version: int) -> Steps:
    """Makes the tier of each of the user's jobs follow the plan, after every change of plan."""
    account = yield READ_ACCOUNT
    if account.version != version or not account.due:
        return End.DONE
    job = yield READ_JOB
    if job and account.plan == "premium":
        to = {"ARCHIVING": "AVAILABLE", "ARCHIVED": "RESTORING"}.get(job.tier)  # stop the archiver, or undo its work
        if to:
            rev = yield update(at(job.rev), tier=to)
            if not rev:
                return End.RETRY
            job = job._replace(rev=rev, tier=to)
        if job.tier == "RESTORING" and (yield from begin(job)):
            yield send(("thaw", (job.archive, "look")))
    if job and account.plan == "free" and job.tier == "AVAILABLE":
        if not (yield update(at(job.rev), due=True)):  # also where it has one: a write, which conflicts, and not a read
            return End.RETRY
        yield send(("archive", None))
    yield settle_account(version)
    return End.DONE


def settle_account(version: int) -> Call:
    def settled(w: World) -> World:
        return w._replace(account=w.account._replace(due=w.account.due and w.account.version != version))

    return act(f"account: no deadline if still version {version}", settled)


def thaw(again: bool, about: tuple[Key, str]) -> Steps:
    archive_key, kind = about
    job = yield READ_JOB
    restored = None
    if job and job.tier == "RESTORING":
        state = yield read("looks at retrieval", lambda w: dict(w.thaws).get(job.archive))
        if state != "ready":
            under_way = state or (yield from begin(job))  # failed, expired, or never started
            return End.LOOK if under_way and kind == "look" else End.DONE
        restored = yield copy(("R", job.rev), lambda w: (job.archive, "ready") in w.thaws, f"copies back {job.archive}")
        if not (restored and (yield update(at(job.rev), tier="AVAILABLE", result=restored, archive=None))):
            return End.RETRY
    if restored or (again and job and job.tier == "AVAILABLE"):
        yield send(("archive", None), ("notify", ("restored", (restored or job.result)[1])))
    yield from sweep(LIST if again else None, archive_key, job.archive if restored else None)
    return End.DONE


def notify(_: bool, event: Key) -> Steps:
    """Mark, then send: at most one mail."""
    if (yield mark(event)):
        yield mail(event)
    return End.DONE


def mark(event: Key) -> Call:
    def effect(w: World) -> list[tuple[Any, World]]:
        if w.pending:
            return []
        if not w.job or w.job.status not in ("COMPLETED", "FAILED") or event in w.job.mailed:
            return [(None, w)]
        return [(True, w._replace(job=w.job._replace(mailed=(*w.job.mailed, event))))]

    return Call(f"marks {event}", effect, "mark")


def mail(event: Key) -> Call:
    return act(f"mails {event}", lambda w: w._replace(mails=(*w.mails, event)), "mail")


def change_plan(_: bool, plan: str) -> Steps:
    def effect(w: World) -> list[tuple[Any, World]]:
        version = w.account.version + 1
        return [(version, w._replace(account=Account(plan, version, True)))]

    version = yield Call(f"account: {plan}, version + 1, deadline", effect)
    yield send(("restore", version))
    return End.DONE


def retry_job(_: bool, __: Any) -> Steps:
    job = yield READ_JOB
    if job and job.status == "FAILED" and (yield update(at(job.rev), status="PENDING", submission=job.submission + 100)):
        yield send(("annotate", None))
    return End.DONE


def delete_job(_: bool, __: Any) -> Steps:
    """Asked by the user; and by the doctor, for a DELETING job that is overdue."""
    yield update(lambda job: job.status != "DELETING", status="DELETING", tier="NONE")
    job = yield READ_JOB
    if job and job.status == "DELETING":
        yield from sweep(LIST, job.archive)

        def gone(w: World) -> World:
            return w._replace(job=None, erased=True) if w.job and w.job.status == "DELETING" else w

        yield act("removes the record if DELETING", gone)
    return End.DONE


def scan(_: bool, __: Any) -> Steps:
    """The doctor's search for orphans in the bucket and in the vault's inventory."""
    yield from sweep(INVENTORY)
    return End.DONE


DAEMONS: dict[str, Handler] = {"annotate": annotate, "archive": archive, "restore": restore, "thaw": thaw, "notify": notify}
OTHERS: dict[str, Handler] = {
    "change_plan": change_plan, "retry_job": retry_job, "delete_job": delete_job, "scan": scan,
}  # fmt: skip


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
            "AVAILABLE": [("archive", None), ("notify", finished(w.job))],
            "ARCHIVING": [("archive", None)],
            "RESTORING": [("thaw", (w.job.archive, "look"))],
        }
        messages = repairs[w.job.tier]
        yield f"doctor sends {messages[0][0]}", sent(w, *messages)


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
    job = Job("PENDING", "NONE", 1, None, None, True, (), 100)
    message, store, plan = ("annotate", False, None), frozenset[Key](), "free"
    if scenario.start == "AVAILABLE":
        job = job._replace(status="COMPLETED", tier="AVAILABLE", result=("R", 0))
        message, store = ("archive", False, None), frozenset({("R", 0)})
    if scenario.start == "RESTORING":
        job = job._replace(status="COMPLETED", tier="RESTORING", archive=("A", 0, 0))
        message, store, plan = ("thaw", False, (job.archive, "look")), frozenset({("A", 0, 0)}), "premium"  # type: ignore[assignment]
    mails = (finished(job),) if store else ()
    account = Account(plan, 100, False)
    return World(
        scenario, job._replace(mailed=mails), account, store, frozenset(), frozenset({message}), scenario.left, mails=mails
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
    "plan flips, crash": Scenario(Budget(flips=1, crashes=1, faults=1), "AVAILABLE"),
    "plan flips, reply lost": Scenario(Budget(flips=1, replies=1, faults=1), "AVAILABLE"),
    "plan flips, duplicate, stall": Scenario(Budget(flips=1, dups=1, stalls=1), "AVAILABLE"),
    "plan flips twice": Scenario(Budget(flips=2), "AVAILABLE"),
    "plan flips, message lost": Scenario(Budget(flips=1, crashes=1, losses=1), "AVAILABLE"),
    "restoring": Scenario(Budget(crashes=1, faults=1), "RESTORING", news=True),
    "restoring, plan flips": Scenario(Budget(flips=1, crashes=1), "RESTORING"),
    "restoring, plan flips twice": Scenario(Budget(flips=2), "RESTORING"),
    "restoring, delete": Scenario(Budget(deletes=1, replies=1), "RESTORING"),
    "vault, plan flips": Scenario(Budget(flips=1, crashes=1), "AVAILABLE", vault=True),
    "without the doctor": Scenario(Budget(flips=1, crashes=1), "AVAILABLE", doctor=False, scan=False),
}


def main(names: list[str]) -> int:
    gc.disable()  # millions of tuples and no cycles
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
