"""The jobs table. Every state change is one conditional write, made by `advance` from the domain's table.

Partition `user_id`, sort `job_id`: a user can only ever address their own jobs. All reads but `overdue` are strongly
consistent.

The index of what is overdue is sorted by `look_at`, which is not moved with each deadline, for that is two writes more: a job
that goes from its upload to its end in minutes has one look planned, and is out of the index before. A look that comes early
plans the next.
"""

from __future__ import annotations

import secrets
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

from botocore.exceptions import ClientError
from pydantic_core import to_json

from app.aws.clients import code
from app.aws.dynamodb import (
    BATCH_KEYS,
    batch_get,
    batch_get_tables,
    pages,
    record,
    to_wire,
    transacted,
    update,
    updated,
)
from app.aws.items import ItemKey, Items
from app.domain.accounts import Account, Plan
from app.domain.jobs import (
    LONGEST_DEADLINE_SECONDS,
    STEPS,
    UNFINISHED,
    Job,
    JobState,
    State,
    Status,
    Tier,
    Trigger,
    batch_end,
    changed,
)

J = TypeVar("J", Job, JobState)

Key = tuple[str, str]
"""User id and job id."""


@dataclass(frozen=True)
class Jobs:
    """`deadline_seconds` is seconds by waiting state; `now` returns milliseconds since 1970."""

    dynamodb: Any
    table: str
    accounts_table: str
    shards: int
    deadline_seconds: Mapping[State, int]
    now: Callable[[], int]
    reads: Items

    async def create(self, job: Job, *, deadline_seconds: int | None = None) -> Job:
        """Records a new UPLOADING job. Its id must be new. `deadline_seconds` (seconds) replaces that of the state."""
        job, put = self.creation(job, deadline_seconds=deadline_seconds)
        await self.dynamodb.put_item(**put)
        return job

    def creation(self, job: Job, *, deadline_seconds: int | None = None) -> tuple[Job, dict[str, Any]]:
        """The job as `create` records it, and the arguments of the write that does, also as a part of a transaction."""
        deadline = self._deadline(job.status, deadline_seconds)
        job = replace(job, deadline=deadline, look_at=self._look_at(job.status, deadline))
        item = to_wire({**asdict(job), "overdue_shard": self._shard(job.job_id)})
        return job, {"TableName": self.table, "Item": item, "ConditionExpression": "attribute_not_exists(job_id)"}

    async def get(self, user_id: str, job_id: str) -> Job | None:
        """Returns the job as it is now, read consistently; None if there is none."""
        answer = await self.dynamodb.get_item(TableName=self.table, Key=self._key(user_id, job_id), ConsistentRead=True)
        return record(Job, answer["Item"]) if "Item" in answer else None

    async def get_with_account(self, user_id: str, job_id: str) -> tuple[Job | None, Account | None]:
        """Returns the job and the account that it is of, as they are now, in one request; None for what there is not."""
        keys = {self.table: self._key(user_id, job_id), self.accounts_table: to_wire({"user_id": user_id, "item": "PROFILE"})}
        found = await batch_get_tables(self.dynamodb, {table: [key] for table, key in keys.items()})
        jobs, accounts = found.get(self.table, []), found.get(self.accounts_table, [])
        return (record(Job, jobs[0]) if jobs else None), (record(Account, accounts[0]) if accounts else None)

    async def get_batched(self, user_id: str, job_id: str) -> Job | None:
        """As `get`, for those who are many at once: together with what others look at in the same moment."""
        (item,) = await self.reads.get((ItemKey(self.table, user_id, "job_id", job_id),)) or (None,)
        return record(Job, item) if item else None

    async def get_many(self, keys: list[tuple[str, str]]) -> list[Job]:
        """Those of up to 100 (user id, job id) that exist, in no order, in one request where DynamoDB allows it."""
        items = await batch_get(self.dynamodb, self.table, [self._key(*key) for key in dict.fromkeys(keys)])
        return [record(Job, item) for item in items]

    async def look(self, keys: list[Key], seen: Mapping[Key, int]) -> dict[Key, tuple[int, Job | None]]:
        """Looks at up to 100 jobs again. Returns a mark of each record that exists, which is another one after any change, and
        the job itself unless `seen` has that mark: most that are looked at stand still, and to make a job of a record costs
        more than the rest.
        """
        items = await batch_get(self.dynamodb, self.table, [self._key(*key) for key in keys])
        marked = {(item["user_id"]["S"], item["job_id"]["S"]): (hash(to_json(item)), item) for item in items}
        return {key: (mark, None if seen.get(key) == mark else record(Job, item)) for key, (mark, item) in marked.items()}

    async def advance(
        self,
        user_id: str,
        job_id: str,
        trigger: Trigger,
        *,
        at: int | None = None,
        deadline_seconds: int | None = None,
        **values: Any,
    ) -> Job | None:
        """Makes the transition and returns the job as it is now, or None where the record does not allow it.

        Conditions: the state is one that `trigger` starts from; its rev is `at`, where given; a lease that is taken
        over has run out. `deadline_seconds` (seconds) replaces that of the new state. `values` are written with it.
        """
        to = STEPS[trigger]
        conditions, given = ["attribute_exists(#job_id)"], dict[str, Any]()
        for name, allowed in (("status", to.statuses), ("tier", to.tiers)):
            if allowed:
                marks = {f"{name}_{n}": state for n, state in enumerate(sorted(allowed))}
                conditions.append(f"#{name} IN ({', '.join(':' + mark for mark in marks)})")
                given |= marks
        if to.taken_over:
            conditions.append("(#status <> :leased OR #deadline < :time)")
            given |= {"leased": to.taken_over, "time": self.now()}
        if at is not None:
            conditions.append("#rev = :at")
            given["at"] = at
        values |= {name: state for name, state in (("status", to.status), ("tier", to.tier)) if state}
        planned = to.under_way and deadline_seconds is None
        waits = self._deadline_only(to.waiting) if planned and to.waiting else self._waits(job_id, to.waiting, deadline_seconds)
        write = update({**values, **waits}, " AND ".join(conditions), **given)
        write["UpdateExpression"] += " ADD #rev :one"
        if trigger is Trigger.CLAIM:
            write["UpdateExpression"] += ", #attempts :one"
            write["ExpressionAttributeNames"]["#attempts"] = "attempts"
        write["ExpressionAttributeNames"]["#rev"] = "rev"
        write["ExpressionAttributeValues"][":one"] = {"N": "1"}
        return await self._update(user_id, job_id, write)

    async def advance_while(self, job: Job, plan: Plan, trigger: Trigger, **values: Any) -> Job | None:
        """One transaction: the account has `plan`, and `job`, still at its rev, makes the transition. None where not.

        The deadline stays that of the state before: moving it would be two more writes, to the index.
        """
        values = {**values, **changed(job, trigger)}
        return replace(job, **values) if await self._transact(job, plan, values) else None

    async def clear_deadline_while(self, job: Job, plan: Plan) -> bool:
        """One transaction: the account has `plan`, and `job`, still at its rev, comes to rest at the next: no archiver that
        saw it before can move it any more, and nothing that one wrote is needed."""
        return await self._transact(job, plan, {**self._rests(job), "rev": job.rev + 1})

    async def clear_deadline(self, job: Job) -> None:
        """The job comes to rest, if it is still at its rev: every message is sent, and what was superseded is deleted."""
        if job.deadline is not None:
            await self._update(job.user_id, job.job_id, update(self._rests(job), "#rev = :at", at=job.rev))

    async def update(
        self, job: Job, *, deadline_seconds: int | None = None, state: State | None = None, **values: Any
    ) -> Job | None:
        """Writes `values` without a transition if the job is still at its rev; with `state`, moves its deadline ahead."""
        if state:
            values = {**self._waits(job.job_id, state, deadline_seconds), **values}
        return await self._update(job.user_id, job.job_id, update(values, "#rev = :at", at=job.rev))

    async def renew(self, job: Job, state: State, **values: Any) -> Job | None:
        """Writes `values` and moves the deadline of `state`, a lease, ahead, if the job is still at its rev."""
        values = {**self._deadline_only(state), **values}
        return await self._update(job.user_id, job.job_id, update(values, "#rev = :at", at=job.rev))

    async def look_again(self, job: Job) -> None:
        """Plans the doctor's next look at a job that it came to early."""
        write = update({"look_at": self._next_look()}, "#rev = :at AND #look_at = :planned", at=job.rev, planned=job.look_at)
        await self._update(job.user_id, job.job_id, write)

    async def label(self, user_id: str, job_id: str, **values: Any) -> Job | None:
        """Writes what its owner says of a job, in whatever state it is; None if there is none, or it is being deleted."""
        condition = "attribute_exists(#job_id) AND #status <> :deleting"
        return await self._update(user_id, job_id, update(values, condition, deleting=Status.DELETING))

    async def postpone(self, job: Job, state: State, *, most: int = LONGEST_DEADLINE_SECONDS) -> None:
        """Moves the deadline ahead after a message was sent to move the job on: the first time by that of the state, but no
        more than `most` seconds, and each time after by twice the time before."""
        later = min(min(self.deadline_seconds[state], most) << job.repairs, LONGEST_DEADLINE_SECONDS)
        await self.update(job, state=state, deadline_seconds=later, repairs=job.repairs + 1)

    async def mark(self, user_id: str, job_id: str, event: str, token: str | None = None) -> Job | None:
        """Marks that the mail for `event` is about to be sent; None if it was marked before, or there is no such end.

        `token` names the attempt: a caller with it may ask again, as a client does that missed the answer.
        """
        token = token or secrets.token_hex(4)
        write = {
            "UpdateExpression": "ADD #mailed :events, #mailing :tokens",
            "ConditionExpression": "#status IN (:completed, :failed) "
            "AND (NOT contains(#mailed, :event) OR contains(#mailing, :token))",
            "ExpressionAttributeNames": {"#mailed": "mailed", "#mailing": "mailing", "#status": "status"},
            "ExpressionAttributeValues": to_wire(
                {
                    **self._mail(event, token),
                    ":event": event,
                    ":token": _held(event, token),
                    ":completed": Status.COMPLETED,
                    ":failed": Status.FAILED,
                }
            ),
        }
        return await self._update(user_id, job_id, write)

    async def unmark(self, user_id: str, job_id: str, event: str, token: str) -> None:
        """Takes the mark of a mail that was certainly not sent back, if it is this attempt's: a late one of a client that asks
        again must not take that of another attempt."""
        write = {
            "UpdateExpression": "DELETE #mailed :events, #mailing :tokens",
            "ConditionExpression": "contains(#mailing, :token)",
            "ExpressionAttributeNames": {"#mailed": "mailed", "#mailing": "mailing"},
            "ExpressionAttributeValues": to_wire({**self._mail(event, token), ":token": _held(event, token)}),
        }
        await self._update(user_id, job_id, write)

    async def mark_sent(self, user_id: str, job_id: str, event: str, token: str = "") -> None:
        """Notes that the mail for `event` was handed over. A mark without this is a warning of the doctor."""
        write = {
            "UpdateExpression": "ADD #sent :events DELETE #mailing :tokens",
            "ConditionExpression": "attribute_exists(job_id)",
            "ExpressionAttributeNames": {"#sent": "sent", "#mailing": "mailing"},
            "ExpressionAttributeValues": to_wire(self._mail(event, token)),
        }
        await self._update(user_id, job_id, write)

    def _mail(self, event: str, token: str) -> dict[str, Any]:
        return {":events": {event}, ":tokens": {_held(event, token)}}

    async def remove(self, job: Job) -> None:
        """Removes the record of a DELETING job; any other is left alone."""
        try:
            await self.dynamodb.delete_item(
                TableName=self.table,
                Key=self._key(job.user_id, job.job_id),
                ConditionExpression="#status = :deleting",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues=to_wire({":deleting": Status.DELETING}),
            )
        except ClientError as error:
            if code(error) != "ConditionalCheckFailedException":
                raise

    async def page(self, user_id: str, *, before: str | None = None, after: str | None = None, limit: int = 20) -> list[Job]:
        """Up to `limit` jobs of one user, newest first: the newest of those older than job id `before`, where given, or the
        oldest of those newer than `after`."""
        bound = " AND job_id < :before" if before else " AND job_id > :after" if after else ""
        values = {":before": before, ":after": None if before else after}
        upwards = ":after" in bound
        jobs = await self._of_user(_job, user_id, bound, values, limit, Limit=limit, ScanIndexForward=upwards)
        return jobs[:: -1 if upwards else 1]

    async def states(self, user_id: str, limit: int, *, batch: str = "") -> list[JobState]:
        """The states of the newest `limit` jobs of one user, or of a batch, newest first."""
        names = [name for name in JobState._fields if batch or name != "batch"]
        return await self._of_user(
            _state,
            user_id,
            " AND job_id BETWEEN :first AND :last" if batch else "",
            {":first": batch, ":last": batch_end(batch)} if batch else {},
            limit,
            batch=batch,
            ProjectionExpression=", ".join(f"#{name}" for name in names),
            ExpressionAttributeNames={f"#{name}": name for name in names},
            ScanIndexForward=False,
            Limit=max(limit, BATCH_KEYS) if batch else limit,
        )

    async def _of_user(
        self,
        made: Callable[[Mapping[str, Any]], J],
        user_id: str,
        bound: str,
        values: Mapping[str, Any],
        most: int,
        *,
        batch: str = "",
        **query: Any,
    ) -> list[J]:
        """Up to `most` jobs of one user, and of the batch if one is given, with job ids as `bound` over :values says; each is
        `made` of its item."""
        jobs: list[J] = []
        found = pages(
            self.dynamodb,
            "query",
            TableName=self.table,
            KeyConditionExpression=f"user_id = :user{bound}",
            ExpressionAttributeValues=to_wire({":user": user_id, **values}),
            ConsistentRead=True,
            **query,
        )
        async for items in found:
            jobs += [job for job in map(made, items) if not batch or job.batch == batch]
            if len(jobs) >= most:
                break
        return jobs[:most]

    async def overdue(self) -> AsyncIterator[tuple[str, str]]:
        """(user id, job id) of the jobs that are to be looked at; from the index, so read each again before acting."""
        for shard in range(self.shards):
            query = pages(
                self.dynamodb,
                "query",
                TableName=self.table,
                IndexName="overdue",
                KeyConditionExpression="overdue_shard = :shard AND look_at < :now",
                ExpressionAttributeValues=to_wire({":shard": str(shard), ":now": self.now()}),
            )
            async for items in query:
                for item in items:
                    yield item["user_id"]["S"], item["job_id"]["S"]

    async def scan(self) -> AsyncIterator[Job]:
        """Every job there is: for the doctor's daily look."""
        async for items in pages(self.dynamodb, "scan", TableName=self.table, ConsistentRead=True):
            for item in items:
                yield record(Job, item)

    def is_overdue(self, job: Job) -> bool:
        """Whether the job's deadline has passed."""
        return job.deadline is not None and job.deadline < self.now()

    def _key(self, user_id: str, job_id: str) -> dict[str, Any]:
        return to_wire({"user_id": user_id, "job_id": job_id})

    def _shard(self, job_id: str) -> str:
        return str(zlib.crc32(job_id.encode()) % self.shards)

    def _deadline(self, state: State, deadline_seconds: int | None = None) -> int:
        return self.now() + 1000 * (self.deadline_seconds[state] if deadline_seconds is None else deadline_seconds)

    def _next_look(self) -> int:
        """Some time after a job that waits for an annotator is overdue."""
        return self.now() + 1400 * self.deadline_seconds[Status.PENDING]

    def _look_at(self, state: State, deadline: int) -> int:
        """The first look at a job whose deadline is this. One that is under way is left alone for minutes only, however long it
        may wait: the annotator that takes it up plans no look, and has a lease of a minute."""
        return min(deadline, self._next_look()) if state in UNFINISHED else deadline

    def _deadline_only(self, state: State) -> dict[str, Any]:
        return {"deadline": self._deadline(state), "repairs": None}

    def _waits(self, job_id: str, state: State | None, deadline_seconds: int | None) -> dict[str, Any]:
        if state is None:
            return {"overdue_shard": None, "look_at": None, "deadline": None, "repairs": None}
        deadline = self._deadline(state, deadline_seconds)
        look_at = self._look_at(state, deadline)
        return {"overdue_shard": self._shard(job_id), "look_at": look_at, "deadline": deadline, "repairs": None}

    def _rests(self, job: Job) -> dict[str, Any]:
        return {**self._waits(job.job_id, None, None), "superseded": None}

    async def _update(self, user_id: str, job_id: str, write: dict[str, Any]) -> Job | None:
        item = await updated(self.dynamodb, self.table, self._key(user_id, job_id), write)
        return record(Job, item) if item else None

    async def _transact(self, job: Job, plan: Plan, values: dict[str, Any]) -> bool:
        items = [
            {
                "ConditionCheck": {
                    "TableName": self.accounts_table,
                    "Key": to_wire({"user_id": job.user_id, "item": "PROFILE"}),
                    "ConditionExpression": "#plan = :plan",
                    "ExpressionAttributeNames": {"#plan": "plan"},
                    "ExpressionAttributeValues": to_wire({":plan": plan}),
                }
            },
            {
                "Update": {
                    "TableName": self.table,
                    "Key": self._key(job.user_id, job.job_id),
                    **update(values, "#rev = :at", at=job.rev),
                }
            },
        ]
        return await transacted(self.dynamodb, items)  # one user's archives share the account's item, so conflicts are ordinary


_STATUSES = {one.value: one for one in Status}
_TIERS = {one.value: one for one in Tier}


def _job(item: Mapping[str, Any]) -> Job:
    return record(Job, item)


def _state(item: Mapping[str, Any]) -> JobState:
    """What `record` makes of it, at a quarter of the cost: a list has a thousand of them."""
    try:
        return JobState(
            item["job_id"]["S"],
            _STATUSES[item["status"]["S"]],
            _TIERS[item["tier"]["S"]],
            int(item["rev"]["N"]),
            int(item["percent"]["N"]),
            item["batch"]["S"] if "batch" in item else "",
        )
    except KeyError:  # an attribute that is not there has a default, and a state that there is not is an error
        return record(JobState, item)


def _held(event: str, token: str) -> str:
    return f"{event} {token}"


def deadlines(defaults: Mapping[State, int], lease: int, overrides: Mapping[str, int]) -> dict[State, int]:
    """Seconds by state: the domain's table with this deployment's lease and overrides."""
    return {
        **defaults,
        Status.RUNNING: lease,
        **{state: overrides[state] for state in defaults if state in overrides},
    }
