"""One step of one run.

Rule 1: `step` is pure and total. It asks no clock and no chance, calls nothing of the author's but guards, updates,
        factories and `result`, and no exception leaves it.
Rule 2: one signal is one macrostep is one entry of the log: it is taken whole, or nothing has happened.
Rule 3: an outcome is offered to the state that ordered its effect and to those around it, and to nobody else.
Rule 4: what happened while a run was parked, and events that were deferred, are offered (`recall`) before anything
        new; `advance` sees to that.
Rule 5: a run that is parked takes nothing but decisions.
Left out on purpose: what an effect does, when a timer fires, and who is listening.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from detent.kernel.calls import Broke, chosen, updated
from detent.kernel.deciding import Here, decide, expected, halt, tried_again
from detent.kernel.decisions import AttemptFailed, Halted, Signal
from detent.kernel.draft import Draft
from detent.kernel.endings import unhandled
from detent.kernel.errors import BrokenBegin, WrongInput
from detent.kernel.facts import but
from detent.kernel.flights import Fan, Ordered
from detent.kernel.layout import Layout, first_plan, lay_out
from detent.kernel.names import shown
from detent.kernel.signals import Event, Fired, Happened, Settled
from detent.kernel.snapshot import DEADLINE, LIMIT, Kept, Snapshot
from detent.kernel.steps import Broken, Deferred, Ignored, Moved, Rejected, Stepped
from detent.kernel.swift import gather, is_swift, leap
from detent.kernel.table import Table

__all__ = ["advance", "begin", "follow_up", "has_to_wait", "recall", "step"]

I = TypeVar("I")  # noqa: E741 - input, data, result, as in Machine
D = TypeVar("D")
R = TypeVar("R")

OF_THE_RUN = (DEADLINE, LIMIT)


def begin(table: Table[I, D, R], input: I, at: int = 0, deadline: int | None = None) -> Moved[D]:
    """The first snapshot of a run, and what it orders. Raises what is wrong with the input, or with `begin`.

    `at` is the time in microseconds since 1970; at the `deadline` the run is halted.
    """
    machine = table.machine
    data: Any = input
    if machine.begin is not None:
        try:
            data = machine.begin(input)
        except Exception as error:
            raise BrokenBegin(f"machine {table.name!r}: begin raised {shown(error)}") from error
    if type(data) is not table.data:
        wanted = f"machine {table.name!r} begins with data of class {table.data.__name__}"
        if machine.begin is not None:
            raise BrokenBegin(f"{wanted}, but its begin made {shown(data)}")
        raise WrongInput(f"{wanted}, not with {shown(data)}")
    plan = first_plan(table)
    draft = Draft(table, Snapshot((), data, at=at), plan.layout, at)
    if deadline is not None:
        draft.start(DEADLINE, deadline)
    try:
        draft.follow(plan, None)
        draft.work(table.nodes[0])
        draft.settle()
        return draft.finish(None)
    except Broke as broke:
        raise BrokenBegin(f"machine {table.name!r}: {broke.bug}") from broke.bug.error


def step(
    table: Table[I, D, R],
    snapshot: Snapshot[D],
    signal: Signal,
    at: int | None = None,
    *,
    backwards: bool = False,
) -> Stepped[D]:
    """What becomes of a run when something happens: an event, an outcome with its address, a timer, or a decision.

    `at` is the time in microseconds since 1970; it never goes back. With `backwards` the updates of rows that are
    taken together run in the opposite order, which must make no difference.
    """
    layout = table.layouts.get(snapshot.configuration) or lay_out(table, snapshot.configuration)
    if layout is None:
        return Rejected(snapshot, signal, f"the snapshot is not one of machine {table.name!r}")
    now = snapshot.at if at is None or at < snapshot.at else at
    pending = snapshot.pending
    if pending.parked is not None and has_to_wait(snapshot, signal):
        return Rejected(snapshot, signal, "the run is parked")
    base = _caught_up(snapshot) if pending.deferred and not pending.line else snapshot
    try:
        if isinstance(signal, Happened):
            answered = _happened(table, base, layout, signal, now, backwards)
        elif isinstance(signal, Fired):
            answered = _fired(table, base, layout, signal, now, backwards)
        elif issubclass(type(signal), Event):
            sent: Any = signal
            answered = _sent(table, base, layout, sent, now, backwards)
        elif isinstance(signal, AttemptFailed):
            answered = _attempted(table, base, layout, signal, now, backwards)
        else:
            return decide(Here(table, snapshot, layout, now, backwards), signal)
    except Broke as broke:
        return Broken(snapshot, signal, broke.bug)
    if base is not snapshot and answered.snapshot is base:
        return but(answered, snapshot=snapshot)
    return answered


def recall(
    table: Table[I, D, R], snapshot: Snapshot[D], at: int | None = None, *, backwards: bool = False
) -> Stepped[D] | None:
    """What becomes of what waits: the oldest in line, or else the oldest event that is not deferred again, if any."""
    pending = snapshot.pending
    layout = lay_out(table, snapshot.configuration)
    if layout is None or pending.parked is not None:
        return None
    now = snapshot.at if at is None or at < snapshot.at else at
    if pending.line:
        return _from_line(table, snapshot, now, backwards)
    if snapshot.end is not None:
        return None
    for place in range(pending.offered, len(pending.deferred)):
        kept = pending.deferred[place]
        left = pending.deferred[:place] + pending.deferred[place + 1 :]
        base = but(snapshot, pending=but(pending, deferred=left, offered=place))
        try:
            answered = _sent(table, base, layout, kept.event, now, backwards)
        except Broke as broke:
            return Broken(snapshot, kept.event, broke.bug, kept.seq)
        if isinstance(answered, Moved):
            return but(answered, cause=kept.seq)
        if isinstance(answered, Ignored | Rejected):
            after = but(base, seq=base.seq + 1, at=now)
            return but(answered, snapshot=after, cause=kept.seq)
    return None


def _from_line(
    table: Table[I, D, R], snapshot: Snapshot[D], at: int, backwards: bool
) -> Stepped[D]:
    """What becomes of the oldest in the line."""
    oldest = snapshot.pending.line[0]
    answered = step(table, snapshot, oldest.signal, at, backwards=backwards)
    if isinstance(answered, Broken):
        return Broken(snapshot, oldest.signal, answered.bug, oldest.seq)
    after = answered.snapshot
    if isinstance(answered, Ignored | Rejected):
        after = but(after, seq=after.seq + 1, at=at)
    line = after.pending.line
    if line and line[0] is oldest:  # it may be that the run has ended, and nothing waits any more
        after = but(after, pending=but(after.pending, line=line[1:]))
    return but(answered, snapshot=after, cause=oldest.seq)


def advance(
    table: Table[I, D, R], snapshot: Snapshot[D], signal: Signal, at: int | None = None
) -> Iterator[Stepped[D]]:
    """A step, and then whatever becomes of what waited because of it: one answer for each entry."""
    first = step(table, snapshot, signal, at)
    return follow_up(snapshot, first, lambda after: recall(table, after, at))


def follow_up(
    before: Snapshot[D],
    first: Stepped[D],
    again: Callable[[Snapshot[D]], Stepped[D] | None],
) -> Iterator[Stepped[D]]:
    """A step that was taken, and the recalls that follow it until none is left or one breaks."""
    stepped: Stepped[D] | None = first
    while stepped is not None:
        yield stepped
        if isinstance(stepped, Broken) or stepped.snapshot is before:
            return
        if isinstance(stepped, Deferred) and stepped.cause is None:
            return
        before = stepped.snapshot
        stepped = again(before)


def _caught_up(snapshot: Snapshot[D]) -> Snapshot[D]:
    """The snapshot when all deferred events have been offered to its configuration."""
    pending = snapshot.pending
    if pending.offered == len(pending.deferred):
        return snapshot
    return but(snapshot, pending=but(pending, offered=len(pending.deferred)))


def has_to_wait(snapshot: Snapshot[Any], signal: Signal) -> bool:
    """Whether something cannot happen to a run because it is parked. Its own time passes, unless it is a fork's."""
    if snapshot.pending.parked is None:
        return False
    if isinstance(signal, Fired):
        timers = () if snapshot.pending.is_inert else snapshot.pending.timers
        return not any(one.id == signal.timer and one.row in OF_THE_RUN for one in timers)
    return issubclass(type(signal), Event | Happened | AttemptFailed)


def _sent(
    table: Table[Any, D, Any],
    snapshot: Snapshot[D],
    layout: Layout,
    event: Event,
    at: int,
    backwards: bool,
) -> Stepped[D]:
    """An event that somebody sent."""
    if snapshot.end is not None:
        return Rejected(snapshot, event, f"the run is over: it {snapshot.end.status}")
    kind = type(event)
    cell = layout.cells.get(kind) or layout.cell(kind)
    rows = chosen(cell.ladders, snapshot.data, event)
    if not rows:
        return _unanswered(table, snapshot, layout, event, at)
    pending = snapshot.pending
    plan = layout.plans.get(rows) or layout.plan(rows, pending.history)
    if not plan.is_plain or pending.offered or backwards:
        if not pending.effects and is_swift(plan, pending) and not backwards:
            return leap(table, snapshot, plan, at, (event, event, ""))
        draft = Draft(table, snapshot, layout, at, backwards)
        draft.follow(plan, event)
        draft.settle()
        return draft.finish(event)
    data = snapshot.data
    for row in plan.updates:
        data = updated(row, data, event, table.data)
    after = Snapshot(plan.layout.configuration, data, snapshot.seq + 1, at, snapshot.pending, None)
    return Moved(after, event, (plan.took,))


def _unanswered(
    table: Table[Any, D, Any], snapshot: Snapshot[D], layout: Layout, event: Event, at: int
) -> Stepped[D]:
    """An event for which no guard is true."""
    cell = layout.cells.get(type(event)) or layout.cell(type(event))
    pending = snapshot.pending
    if cell.otherwise == "ignored":
        return Ignored(snapshot, event)
    if cell.otherwise == "deferred":
        limit = table.machine.defer_limit
        if len(pending.deferred) >= limit:
            return Rejected(
                snapshot, event, f"{limit} events are deferred already", layout.accepts()
            )
        seq = snapshot.seq + 1
        waiting = (*pending.deferred, Kept(event, seq))
        is_last = pending.offered == len(pending.deferred)
        offered = len(waiting) if is_last else pending.offered
        kept = but(pending, deferred=waiting, offered=offered)
        return Deferred(but(snapshot, seq=seq, at=at, pending=kept), event)
    name = type(event).__name__
    if cell.ladders:
        return Rejected(snapshot, event, f"no guard for {name} is true", layout.accepts())
    return Rejected(snapshot, event, f"{name} is not expected here", layout.accepts())


def _fired(
    table: Table[Any, D, Any],
    snapshot: Snapshot[D],
    layout: Layout,
    signal: Fired,
    at: int,
    backwards: bool,
) -> Stepped[D]:
    """A timer whose time has come: its own row is asked, and no other."""
    if type(signal.timer) is not int:
        return Rejected(snapshot, signal, "the id of a timer is an int")
    timer = next((one for one in snapshot.pending.timers if one.id == signal.timer), None)
    if timer is None:
        return Rejected(snapshot, signal, "the timer is not running")
    if timer.row in OF_THE_RUN:
        here = Here(table, snapshot, layout, at, backwards)
        return halt(here, Halted("timed_out"), signal, timer)
    draft = Draft(table, snapshot, layout, at, backwards)
    draft.drop_timer(timer)
    own = tuple(row for row in table.nodes[table.index[timer.owner]].after if row.id == timer.row)
    rows = chosen((own,), snapshot.data, None)
    if rows:
        draft.take(rows, None)
        draft.settle()
    return draft.finish(signal)


def _happened(
    table: Table[Any, D, Any],
    snapshot: Snapshot[D],
    layout: Layout,
    signal: Happened | AttemptFailed,
    at: int,
    backwards: bool,
) -> Stepped[D]:
    """An outcome of an effect: of one that is in flight, and one that is possible."""
    flight = expected(table, snapshot, signal)
    if isinstance(flight, str):
        return Rejected(snapshot, signal, flight)
    event, form, pending = signal.event, flight.form, snapshot.pending
    if flight.stopping or snapshot.end is not None:
        draft = Draft(table, snapshot, layout, at, backwards)
        draft.record(flight, signal.effect, event)
        return draft.finish(signal, form)
    rows = chosen((layout.route((form, type(event)), flight.owner),), snapshot.data, event)
    if rows and type(flight) is Ordered and len(pending.effects) == 1:
        plan = layout.plans.get(rows) or layout.plan(rows, pending.history)
        if is_swift(plan, pending) and not backwards:
            return leap(table, snapshot, plan, at, (signal, event, form))
    if not rows and type(flight) is Fan and type(signal) is Happened and not backwards:
        gathered = gather(table, snapshot, layout, at, (signal, flight))
        if gathered is not None:
            return gathered
    draft = Draft(table, snapshot, layout, at, backwards)
    draft.offer(event, form)
    if isinstance(flight, Fan):
        draft.hear(flight, signal.effect - flight.id, event)
    else:
        draft.drop(flight)
    if rows:
        draft.take(rows, event)
    elif not (isinstance(flight, Fan) and layout.route((form, Settled), flight.owner)):
        draft.fail(unhandled(flight.owner, form, event))
    draft.settle()
    return draft.finish(signal, form)


def _attempted(
    table: Table[Any, D, Any],
    snapshot: Snapshot[D],
    layout: Layout,
    signal: AttemptFailed,
    at: int,
    backwards: bool,
) -> Stepped[D]:
    """An attempt of an effect that came to nothing: it is tried again, or that was its outcome."""
    tried = tried_again(Here(table, snapshot, layout, at, backwards), signal)
    if tried is not None:
        return tried
    return _happened(table, snapshot, layout, signal, at, backwards)
