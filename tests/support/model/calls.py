"""The world of the model: one job, one account, their copies; the pure rules of the record; and each AWS call as an effect."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, NamedTuple

from tests.support.model.checker import Call, Message, Proc, act, read, sent, spend

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
    small: bool = False  # so is the result


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
    refusals: int = 0  # mails that SES does not take, or of which nobody knows
    scans: int = 0  # of the doctor, at a wrong moment


class Job(NamedTuple):
    status: str
    tier: str
    rev: int
    result: Key | None
    archive: Key | None
    due: bool  # has a deadline, so that the doctor sees it
    mailed: tuple[tuple[Key, int], ...]  # marks, each with the token of the attempt that has it
    submission: int
    attempts: int = 0  # claims since the submission: none, one, or more (2)
    superseded: Key | None = None  # what the last transition made superfluous, until it is deleted
    small: bool = False  # its result is not worth a copy


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
    """A state that waits for somebody has a deadline; every transition sets the one of the state that it enters. Ends wait, too:
    for their news to be told and what they made superfluous to be deleted."""
    return job.status in ("PENDING", "RUNNING", "DELETING", "FAILED", "CANCELLED") or job.tier != "NONE"


def keeps(job: Job | None, key: Key) -> bool:
    """May the record need this copy? Those that it points to, and the one that the claim it is in may be writing."""
    return bool(job) and job.status != "DELETING" and (key in (job.result, job.archive) or key[1] == job.rev)  # type: ignore[union-attr]


def fresh(w: World) -> int:
    """A number that nothing mentions. (The product counts up, rev + 1; the model reuses numbers to stay finite.)"""
    used, stack = set[int](), list[Any]([w.job, tuple(w.store), tuple(w.thaws), tuple(w.messages), w.procs, w.pending])
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
    if to.get("status") == "RUNNING":
        job = job._replace(attempts=min(2, job.attempts + 1))
    moved = {"status", "tier"} & set(to)
    return w._replace(job=job._replace(rev=fresh(w), due=to.get("due", waits(job))) if moved else job)


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
