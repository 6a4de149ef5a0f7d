"""The daemons, as generators that read like `workers/`: each `yield` is one AWS call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.model.calls import (
    INVENTORY,
    LIST,
    READ_ACCOUNT,
    READ_JOB,
    Account,
    Job,
    Key,
    Steps,
    World,
    at,
    begin,
    copy,
    delete,
    finished,
    fresh,
    keeps,
    run_engine,
    send,
    transact,
    update,
)
from tests.support.model.checker import Call, End, Handler, act, read, sent, spend


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


def gone(*known: Key | None) -> Steps:
    """The same where this handler's own write, which came after it knew of these copies, says that the record needs none."""
    for key in sorted({key for key in known if key}):
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
    if again or not ended or (job and job.attempts > 1):
        yield from sweep(LIST)
    if job and job.status in ("FAILED", "CANCELLED"):
        yield rest(at(job.rev))
    return End.DONE


def rest(where: Callable[[Job], bool]) -> Call:
    """Nobody waits any more, and nothing is left that the record knows to be superfluous."""
    return update(where, "rest", due=False, superseded=None)


def archive(again: bool, _: Any) -> Steps:
    job, account = yield from read_both()
    archived = None
    if job and job.tier == "AVAILABLE" and job.due:
        rev, listing = job.rev, LIST if again or job.attempts > 1 or job.superseded else None
        if account.plan == "premium":
            if again:  # a copy that an archiver left under this rev would look needed
                rev = yield stay(rev)
            if not rev:
                return End.RETRY
            yield from sweep(listing, job.superseded)
            if not (yield from transact("premium", rev, tier="AVAILABLE", due=False, superseded=None)):
                return End.RETRY
            return End.DONE
        yield from sweep(listing, job.superseded)
        if job.small:
            archived, left = job.result, None
        else:
            archived = yield copy(("A", rev), lambda w: job.result in w.store, f"copies {job.result} to archive {rev}")
            left = job.result
        to = {"tier": "ARCHIVED", "archive": archived, "result": None, "superseded": left}
        if not (archived and (yield from transact("free", rev, **to))):
            if not job.small:
                yield stay(rev)
                yield from sweep(None, archived)
            return End.RETRY
    if archived or (again and job and job.tier == "ARCHIVED"):
        copy_id = archived or job.archive
        yield send(("notify", ("archived", copy_id[1])))
        yield from gone(left) if archived else sweep(LIST if again else None, job.superseded)
        yield rest(lambda now: now.tier == "ARCHIVED" and now.archive == copy_id)  # at its rev
    elif again:
        yield from sweep(LIST)
    return End.DONE


def read_both() -> Steps:
    """One request for both, which reads them in either order."""
    seen = yield Call(
        "reads job or account",
        lambda w: [((True, w.job and w.job._replace(mailed=())), w), ((False, w.account), w)],
        "read",
    )
    if seen[0]:
        return seen[1], (yield READ_ACCOUNT)
    return (yield READ_JOB), seen[1]


def stay(rev: int) -> Call:
    """The result stays where it is, under another rev: what an archiver wrote under this one is never needed."""
    return update(at(rev), tier="AVAILABLE")


def restore(again: bool, version: int) -> Steps:
    """Makes the tier of each of the user's jobs follow the plan, after every change of plan."""
    account = yield READ_ACCOUNT
    if account.version != version or not account.due:
        return End.DONE
    job = yield READ_JOB
    if job and account.plan == "premium":
        to = {"AVAILABLE": "AVAILABLE", "ARCHIVED": "RESTORING"}.get(job.tier)  # stop the archiver, or undo its work
        in_place = job.tier == "ARCHIVED" and job.archive[0] == "R"
        if in_place:
            if not (yield update(at(job.rev), tier="AVAILABLE", result=job.archive, archive=None)):
                return End.RETRY
            yield send(("archive", None))
        elif to and job.due | (to == "RESTORING"):
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
    if job and job.tier == "RESTORING" and kind == "notice":
        restored = yield from bring_back(job)  # it says that the copy is there
    if job and job.tier == "RESTORING" and not restored:
        state = yield read("looks at retrieval", lambda w: dict(w.thaws).get(job.archive))
        if state != "ready":
            under_way = state or (yield from begin(job))  # failed, expired, or never started
            return End.LOOK if under_way and kind == "look" else End.DONE
        restored = yield from bring_back(job)
        if not restored:
            return End.RETRY
    if restored or (again and job and job.tier == "AVAILABLE"):
        yield send(("archive", None), ("notify", ("restored", (restored or job.result)[1])))
    if restored and not again:
        yield from gone(archive_key, job.archive)
    elif again:  # else the handler that moved the job deletes, or the archive daemon, which reads of it in the record
        yield from sweep(LIST, archive_key, job.archive if restored else None)
    return End.DONE


def bring_back(job: Job) -> Steps:
    yield from sweep(None, job.superseded)
    restored = yield copy(("R", job.rev), lambda w: (job.archive, "ready") in w.thaws, f"copies back {job.archive}")
    to = {"tier": "AVAILABLE", "result": restored, "archive": None, "superseded": job.archive}
    return restored if restored and (yield update(at(job.rev), **to)) else None


def notify(_: bool, event: Key) -> Steps:
    """Mark, then send: at most one mail. What SES certainly did not take is unmarked, and tried again later."""
    token = yield mark(event)
    if token and (yield mail(event, token)) == "refused":
        if not (yield unmark(event, token)):
            return End.RETRY
        return End.LOOK
    return End.DONE


def mark(event: Key) -> Call:
    """Replies the token of this attempt. (The product's attempt makes it up, so that a client that asks again has it.)"""

    def effect(w: World) -> list[tuple[Any, World]]:
        if w.pending:
            return []
        if not w.job or w.job.status not in ("COMPLETED", "FAILED") or event in dict(w.job.mailed):
            return [(None, w)]
        token = fresh(w)
        return [(token, remarked(w, event, token))]

    return Call(f"marks {event}", effect, "mark")


def unmark(event: Key, token: int) -> Call:
    def effect(w: World) -> list[tuple[Any, World]]:
        if w.pending:
            return []
        return [(True, remarked(w, event, None) if w.job and (event, token) in w.job.mailed else w)]

    return Call(f"takes the mark of {event} back", effect, "unmark")


def remarked(w: World, event: Key, token: int | None) -> World:
    """With this token at the mark of the event, or without the mark. 0: the mail is gone, and the token of no use any more."""
    assert w.job
    others = {mark for mark in w.job.mailed if mark[0] != event}
    return w._replace(job=w.job._replace(mailed=tuple(sorted(others | ({(event, token)} if token is not None else set())))))


def mail(event: Key, token: int = 0) -> Call:
    """SES takes it, refuses it, or leaves open which."""

    def effect(w: World) -> list[tuple[Any, World]]:
        gone = w._replace(mails=(*w.mails, event))
        taken = remarked(gone, event, 0) if w.job and (event, token) in w.job.mailed else gone
        ends: list[tuple[Any, World]] = [("taken", taken)]
        if w.left.refusals:
            less = spend(w, refusals=1)
            ends += [("refused", less), ("unknown", less._replace(excused=True)), ("unknown", spend(gone, refusals=1))]
        return ends

    return Call(f"mails {event}", effect, "mail")


def change_plan(_: bool, plan: str) -> Steps:
    def effect(w: World) -> list[tuple[Any, World]]:
        version = w.account.version + 1
        return [(version, w._replace(account=Account(plan, version, True)))]

    version = yield Call(f"account: {plan}, version + 1, deadline", effect)
    yield send(("restore", version))
    return End.DONE


def retry_job(_: bool, __: Any) -> Steps:
    job = yield READ_JOB
    if (
        job
        and job.status == "FAILED"
        and (yield update(at(job.rev), status="PENDING", submission=job.submission + 100, attempts=0))
    ):
        yield act("sends annotate, again", lambda w: sent(w, ("annotate", None), again=True))
    return End.DONE


def delete_job(_: bool, __: Any) -> Steps:
    """Asked by the user; and by the doctor, for a DELETING job that is overdue."""
    yield update(lambda job: job.status != "DELETING", status="DELETING", tier="NONE")
    job = yield READ_JOB
    if job and job.status == "DELETING":
        yield from sweep(LIST, job.archive, job.superseded)

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
