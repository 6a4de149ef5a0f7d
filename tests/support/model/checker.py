"""A small explicit-state model checker for message-driven handlers.

A handler is a generator that yields one `Call` (one atomic effect on the world) at a time and returns how its message ends.
Its whole state is the tuple of replies that it has had: it is replayed on them to find its next call. `steps` runs handlers
under faults, each bounded by a budget in `world.left`; `explore` goes through every world there is, breadth first.

A world is a NamedTuple, hashable all through, with at least the fields of `World` here.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any, NamedTuple, Protocol

SLOTS = 2
"""Handlers that run at the same time."""

Message = tuple[str, bool, Any]  # handler, received before, argument


class End(Enum):
    """How a handler leaves its message."""

    DONE = "deletes its message"
    RETRY = "puts its message back"  # the same message, received once more
    LOOK = "looks again"  # a fresh message, which says whether this one was received before


class World(Protocol):
    """What the checker needs of a world. `left`: budgets of crashes, replies, dups, losses and what else a model spends;
    `excused`: a fault that may cost a mail has happened; `broken`: the words for a rule that was seen broken."""

    messages: frozenset[Message]
    procs: tuple[Proc, ...]
    left: Any
    excused: bool
    broken: str | None
    job: Any

    def _replace(self, **values: Any) -> Any: ...


class Call(NamedTuple):
    """`effect` replies each (reply, next world) that may happen; none of them: the call blocks."""

    label: str
    effect: Callable[[Any], list[tuple[Any, Any]]]
    kind: str = "act"  # or read, copy, claim, write, mark, mail, unmark


class Proc(NamedTuple):
    name: str
    again: bool
    arg: Hashable
    history: tuple[Any, ...] = ()
    owns: int | None = None  # what its last claim replied


Handler = Callable[[bool, Any], Generator[Call, Any, End]]


class Handlers:
    """Handlers by name, and what each of their processes does next."""

    def __init__(self, table: dict[str, Handler]) -> None:
        self.table = table
        self._replayed: dict[tuple[Any, ...], Call | End] = {}

    def upcoming(self, proc: Proc) -> Call | End:
        key = proc[:4]
        if key not in self._replayed:
            handler = self.table[proc.name](proc.again, proc.arg)
            try:
                call = next(handler)
                for reply in proc.history:
                    call = handler.send(reply)
            except StopIteration as ended:
                call = ended.value
            self._replayed[key] = call
        return self._replayed[key]


def read(label: str, see: Callable[[Any], Any]) -> Call:
    return Call(label, lambda w: [(see(w), w)], "read")


def act(label: str, change: Callable[[Any], Any], kind: str = "act") -> Call:
    return Call(label, lambda w: [(None, change(w))], kind)


def spend(w: Any, **budgets: int) -> Any:
    return w._replace(left=w.left._replace(**{name: getattr(w.left, name) - n for name, n in budgets.items()}))


def sent(w: Any, *messages: tuple[str, Any], again: bool = False) -> Any:
    """With these messages on their way; `again`: they stand in for some that were seen before."""
    return w._replace(messages=w.messages | {(name, again, arg) for name, arg in messages})


def started(w: Any, name: str, arg: Hashable = None, again: bool = False) -> Any:
    return _running(w, w.procs, Proc(name, again, arg))


def _running(w: Any, procs: tuple[Proc, ...], proc: Proc) -> Any:
    return w._replace(procs=tuple(sorted((*procs, proc), key=hash)))


def steps(w: Any, handlers: Handlers, daemons: Iterable[str], mortal: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """Every step of a process, and everything that can happen to a process or a message: (words, next world)."""
    for number, proc in enumerate(w.procs):
        others = w.procs[:number] + w.procs[number + 1 :]
        put_back = {(proc.name, True, proc.arg)} if proc.name in daemons else set()
        yield from _steps_of(w, proc, others, handlers.upcoming(proc), put_back, proc.name in mortal)
    yield from _deliveries(w)


def _steps_of(
    w: Any, proc: Proc, others: tuple[Proc, ...], call: Call | End, put_back: set[Message], mortal: bool
) -> Iterator[tuple[str, Any]]:
    who = proc.name + "'" * proc.again
    if w.left.crashes and proc.history and mortal:
        mail_lost = isinstance(call, Call) and call.kind in ("mail", "unmark")
        dead = spend(w, crashes=1)._replace(procs=others, messages=w.messages | put_back, excused=w.excused or mail_lost)
        yield f"{who}: CRASH", dead
    if isinstance(call, End):
        left_behind = {End.DONE: set[Message](), End.RETRY: put_back, End.LOOK: {(proc.name, proc.again, proc.arg)}}[call]
        yield f"{who}: {call.value}", w._replace(procs=others, messages=w.messages | left_behind)
        return
    for reply, after in call.effect(w):
        owns = reply if call.kind == "claim" and reply else proc.owns
        if reply and call.kind == "write" and proc.owns not in (None, w.job and w.job.rev):
            after = after._replace(broken="S2: wrote under a claim that has been taken over")
        yield f"{who}: {call.label} -> {reply}", _running(after, others, proc._replace(history=(*proc.history, reply), owns=owns))
        if reply and w.left.replies and call.kind in ("claim", "write", "mark"):  # done, and its caller takes it as failed
            unheard = spend(after, replies=1)._replace(excused=w.excused or call.kind == "mark")
            yield f"{who}: {call.label} -> REPLY LOST", _running(unheard, others, proc._replace(history=(*proc.history, None)))
        if call.kind == "unmark" and w.left.replies:  # its client asks again, whatever happened meanwhile
            yield f"{who}: {call.label} -> REPLY LOST, asks again", _running(spend(after, replies=1), others, proc)


def _deliveries(w: Any) -> Iterator[tuple[str, Any]]:
    for message in w.messages:
        name, again, arg = message
        if len(w.procs) < SLOTS:
            yield f"{name}: receives", started(w._replace(messages=w.messages - {message}), name, arg, again)
            if w.left.dups:
                yield f"{name}: receives a DUPLICATE", started(spend(w, dups=1), name, arg, again)
        if w.left.losses:
            yield f"{name}: message LOST", spend(w, losses=1)._replace(messages=w.messages - {message}, excused=True)


class Explored(NamedTuple):
    """`violation` is empty where all properties hold, and `way` is a shortest way to it."""

    worlds: int
    violation: str = ""
    way: tuple[str, ...] = ()


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the garbage collector, which would go through millions of tuples that have no cycles, again and again."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


@uncollected()
def explore(
    first: Any,
    successors: Callable[[Any], Iterable[tuple[str, Any]]],
    wrong: Callable[[Any, bool], str | None],
    rests: Callable[[Any], bool],
) -> Explored:
    """Looks at every reachable world: `wrong(world, at rest?)` names a violation. Every world must also reach a rest."""
    order, index, parent, before, calm = [first], {first: 0}, [(0, "")], [list[int]()], list[int]()

    def found(number: int, violation: str) -> Explored:
        way = []
        while number:
            number, step = parent[number]
            way.append(step)
        return Explored(len(order), violation, tuple(reversed(way)))

    for number, w in enumerate(order):  # it grows while it is read: it is also the queue
        rest = rests(w)
        if violation := wrong(w, rest):
            return found(number, violation)
        if rest:
            calm.append(number)
        for step, after in successors(w):
            to = index.setdefault(after, len(order))
            if to == len(order):
                order.append(after)
                parent.append((number, step))
                before.append([])
            before[to].append(number)
    reached = set(calm)
    while calm:
        for earlier in before[calm.pop()]:
            if earlier not in reached:
                reached.add(earlier)
                calm.append(earlier)
    stuck = next((number for number in range(len(order)) if number not in reached), None)
    return Explored(len(order)) if stuck is None else found(stuck, "Q4: never comes to rest")
