"""Hypothesis strategies for machines, and for what may happen to a run of one.

Rule 1: a generated machine compiles. What it does when it runs is not restricted: it may fail, end, break, or go in
        circles.
Rule 2: a walk is drawn against the table it walks, so that outcomes and timers mostly find what they are meant for;
        some are meant for nothing, because that must be harmless too.
Rule 3: the simplest machine has one state, and shrinking goes there.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar

from attrs import define, evolve, field, frozen
from hypothesis import strategies as st

from detent.kernel import (
    After,
    Always,
    BrokenBegin,
    Defer,
    Doing,
    Done,
    Each,
    Ended,
    Event,
    Fan,
    Final,
    FinalStatus,
    Fired,
    Flight,
    Happened,
    History,
    Ignore,
    Machine,
    On,
    Outcome,
    Part,
    Record,
    Region,
    Reject,
    Shape,
    Signal,
    Snapshot,
    State,
    Table,
    advance,
    begin,
    outcome_shape,
    shape_of,
    unstorable,
)
from detent.tools.testing.echoes import echoing
from detent.tools.testing.payloads import values
from detent.tools.testing.samples import (
    EFFECTS,
    EVENTS,
    GUARDS,
    QUIET_GUARDS,
    QUIET_UPDATES,
    UPDATES,
    Tally,
)
from detent.tools.testing.watchdog import watchdog

__all__ = ["Features", "Walk", "machines", "signals", "walks"]

T = TypeVar("T")
Draw = st.DrawFn
STATUSES: tuple[FinalStatus, ...] = (
    "completed",
    "completed_with_failures",
    "stopped",
    "limit_reached",
    "failed",
)


CHILD_STATUSES = (*STATUSES, "cancelled", "timed_out")
TALLIES = st.integers(0, 9).map(Tally)


@frozen
class Features:
    """What a generated machine may have. Everything, unless something is turned off."""

    nested: bool = True
    parallel: bool = True
    history: bool = True
    effects: bool = True
    timers: bool = True
    deferral: bool = True
    eventless: bool = True
    guards: bool = True
    bugs: bool = True


@define(eq=False)
class _Plan:
    """A state of a machine that is being drawn."""

    name: str
    kind: type[State[Any]]
    inside: "list[_Plan]" = field(factory=lambda: list[_Plan]())
    rows: list[Part[Tally]] = field(factory=list[Part[Tally]])
    do: tuple[Doing[Tally], ...] = ()
    around: "tuple[_Plan, ...]" = ()
    extra: Any = None

    def everything(self) -> "list[_Plan]":
        """The state and all inside it."""
        return [self, *(inner for child in self.inside for inner in child.everything())]

    def written(self) -> State[Tally]:
        """The state as a person would write it."""
        if self.kind is Final:
            return Final(self.name, self.extra)
        if self.kind is History:
            return History(self.name, deep=self.extra)
        return self.kind(self.name, *self.rows, *(s.written() for s in self.inside), do=self.do)


@st.composite
def machines(draw: Draw, features: Features = Features()) -> Machine[Tally, Tally, Tally]:
    """Machines over one class of data and four events, which may have everything that `features` allows."""
    root = _Plan("", State)
    _fill(draw, root, features, 0, [0])
    states = [plan for plan in root.everything() if plan.kind in (State, Region)]
    for plan in states:
        _lead_to_all(draw, plan, features)
    for plan in states:
        _furnish(draw, plan, root, features)
    background = _effects(draw, root, features) if features.effects else ()
    for form in background:
        root.rows += _outcome_rows(draw, root, root, form, features)
    return Machine(
        "generated",
        *root.rows,
        *(plan.written() for plan in root.inside),
        data=Tally,
        background=background,
        defer_limit=_pick(draw, (100, 2)),
        microsteps=40,
    )


def _fill(draw: Draw, outer: _Plan, features: Features, depth: int, count: list[int]) -> None:
    """Put states inside a state."""
    parallel = features.parallel and depth < 3 and _one_in(draw, 6)
    around = (*outer.around, outer)
    for _ in range((2 + _index(draw, 2)) if parallel else (1 + _index(draw, 4))):
        count[0] += 1
        plan = _Plan(f"s{count[0]}", Region if parallel else State, around=around)
        outer.inside.append(plan)
        if features.nested and depth < 3 and _one_in(draw, 4 + depth):
            _fill(draw, plan, features, depth + 1, count)
    if not parallel and _one_in(draw, 3):
        status = _pick(draw, STATUSES)
        count[0] += 1
        outer.inside.append(_Plan(f"f{count[0]}", Final, around=around, extra=status))
    if features.history and depth and _one_in(draw, 3):
        deep = _one_in(draw, 2)
        count[0] += 1
        outer.inside.append(_Plan(f"h{count[0]}", History, around=around, extra=deep))


def _lead_to_all(draw: Draw, outer: _Plan, features: Features) -> None:
    """Give every state that is not entered by itself a row that leads to it."""
    for place, plan in enumerate(outer.inside):
        if place and plan.kind is not Region and plan.kind is not History:
            sources = [p for p in outer.inside[:place] if p.kind in (State, Region)] or [outer]
            source = _pick(draw, sources)
            source.rows.append(_on(draw, features, plan.name))
    for history in (plan for plan in outer.inside if plan.kind is History):
        sources = [
            p for p in (*outer.around[1:], outer, *outer.inside) if p.kind in (State, Region)
        ]
        usable = [source for source in sources if _may_lead(source, history)]
        _pick(draw, usable).rows.append(_on(draw, features, history.name))


def _may_lead(source: _Plan, target: _Plan) -> bool:
    """Whether a row of one state may lead to another: not into another region of a state that both are in."""
    mine = [*source.around, source]
    theirs = [*target.around, target]
    common = [plan for plan in mine if plan in theirs]
    meeting = common[-1]
    is_parallel = any(inner.kind is Region for inner in meeting.inside)
    return not is_parallel or meeting in (source, target)


def _furnish(draw: Draw, plan: _Plan, root: _Plan, features: Features) -> None:
    """Give a state rows, effects and timers."""
    targets = [other.name for other in root.everything()[1:] if _may_lead(plan, other)]
    to: list[str | None] = [None, *targets]
    plan.rows += [_on(draw, features, _pick(draw, to)) for _ in range(_index(draw, 3))]
    if features.eventless and _one_in(draw, 5):
        plan.rows.append(_always(draw, _pick(draw, to)))
    if any(inner.kind is Final for inner in plan.inside) and plan is not root:
        plan.rows.append(Done(to=_pick(draw, to)))
    if features.timers and _one_in(draw, 4):
        seconds = _pick(draw, (0.0, 1.5, 60.0))
        plan.rows.append(
            After(seconds, to=_pick(draw, to), update=_pick(draw, (None, *QUIET_UPDATES)))
        )
    if features.deferral:
        _excuse(draw, plan)
    if features.effects and plan is not root:
        plan.do = _effects(draw, root, features)
        for form in plan.do:
            owner = _pick(draw, (plan, *plan.around[1:]))
            plan.rows += (
                [] if owner is not plan else _outcome_rows(draw, plan, root, form, features)
            )
            if owner is not plan:
                owner.rows += _outcome_rows(draw, owner, root, form, features)


def _on(draw: Draw, features: Features, to: str | None) -> On[Tally]:
    event = _pick(draw, EVENTS)
    guards = (None, *(GUARDS if features.bugs else GUARDS[:-1])) if features.guards else (None,)
    updates = (None, *(UPDATES if features.bugs else UPDATES[:-1]))
    when: Any = _pick(draw, guards)
    update: Any = _pick(draw, updates)
    return On[Tally](event, to=to, when=when, update=update, reenter=_one_in(draw, 2))


def _always(draw: Draw, to: str | None) -> Always[Tally]:
    when = _pick(draw, QUIET_GUARDS)
    return Always(to=to, when=when, update=_pick(draw, (None, *QUIET_UPDATES)))


def _excuse(draw: Draw, plan: _Plan) -> None:
    """Let a state ignore, defer or reject some of the events it does not handle."""
    handled = {row.event for row in plan.rows if isinstance(row, On)}
    for event in EVENTS:
        if event not in handled:
            word = _pick(draw, (None, Defer, Ignore, Reject))
            if word is not None:
                plan.rows.append(word(event))


def _effects(draw: Draw, root: _Plan, features: Features) -> tuple[Doing[Tally], ...]:
    return tuple(dict.fromkeys(_pick(draw, EFFECTS) for _ in range(_index(draw, 3))))


def _outcome_rows(
    draw: Draw, plan: _Plan, root: _Plan, form: Doing[Tally], features: Features
) -> list[Part[Tally]]:
    """Rows for some of what may come of an effect; what has none will fail the run."""
    targets = [other.name for other in root.everything()[1:] if _may_lead(plan, other)]
    to: list[str | None] = [None, *targets]
    rows: list[Part[Tally]] = []
    for kind in form.possible:
        if not _one_in(draw, 5):
            outcome: Outcome[Event] = Outcome(((form, kind),))
            update: Any = _pick(draw, (None, Tally.add))
            rows.append(On[Tally](outcome, to=_pick(draw, to), update=update))
    return rows


# -- what may happen


@st.composite
def signals(draw: Draw, table: Table[Any, Any, Any], snapshot: Snapshot[Any]) -> Signal:
    """What may happen to a run that is at a snapshot; now and then something that cannot."""
    open_effects = [(flight, id) for flight in snapshot.effects for id in _open(flight)]
    kinds = ["sent"] * 4 * bool(table.events) + ["came"] * 4 * bool(open_effects)
    kinds += ["fired"] * 2 * bool(snapshot.timers)
    kind = _pick(draw, [*kinds, "nothing"])
    if kind == "sent" and table.events:
        sent: Event = draw(values(shape_of(_pick(draw, table.events))))
        return echoing(draw, sent, snapshot.data)
    if kind == "fired":
        return Fired(_pick(draw, snapshot.timers).id)
    if kind == "came":
        flight, id = _pick(draw, open_effects)
        outcome: Event = draw(values(_outcome(draw, table, flight, id)))
        return Happened(id, echoing(draw, _as_runs_end(draw, outcome), snapshot.data))
    id = _index(draw, snapshot.pending.count + 2) - 1
    return Fired(id) if _one_in(draw, 2) else Happened(id, EVENTS[0]())


def _as_runs_end(draw: Draw, event: Any) -> Event:
    """An outcome; if it is the end of a child, one of the ways in which runs end."""
    is_end = issubclass(type(event), Ended)
    outcome: Event = evolve(event, status=_pick(draw, CHILD_STATUSES)) if is_end else event
    return outcome


def _open(flight: Flight) -> list[int]:
    """The first few orders that wait for an outcome."""
    size = len(flight.orders) if isinstance(flight, Fan) else 1
    return [id for id in range(flight.id, flight.id + size) if flight.has(id)][:3]


def _outcome(draw: Draw, table: Table[Any, Any, Any], flight: Flight, id: int) -> Shape:
    """Something that may come of an effect."""
    form, part = table.forms[flight.form], flight.part_of(id)
    inner = form.forms[part] if isinstance(form, Each) else form
    kind = _pick(draw, table.possible[flight.form, part])
    shape = outcome_shape(inner, kind)
    if isinstance(shape, Record) and any(True for a in shape.arguments for _ in unstorable(a)):
        return Record(shape.kind, (shape_of(None),))
    return shape


@frozen
class Walk:
    """What a run begins with, and what happens to it: signals with their times."""

    input: Any
    signals: tuple[tuple[Signal, int], ...] = ()


@st.composite
def walks(
    draw: Draw,
    table: Table[Any, Any, Any],
    inputs: st.SearchStrategy[Any] = TALLIES,
    at_most: int = 20,
) -> Walk:
    """Walks of a machine, drawn as the run goes on; nothing happens to a run that cannot begin.

    `inputs` makes what runs begin with; left out, it makes what generated machines begin with.
    """
    input = draw(inputs)
    try:
        now = begin(table, input).snapshot
    except BrokenBegin:
        return Walk(input)
    walked: list[tuple[Signal, int]] = []
    for _ in range(_index(draw, at_most + 1)):
        signal = draw(signals(table, now))
        at = now.at + _pick(draw, (0, 1, 500_000, 90_000_000))
        walked.append((signal, at))
        with watchdog():
            for stepped in advance(table, now, signal, at):
                now = stepped.snapshot
    return Walk(input, tuple(walked))


# -- drawing: strategies are made once, because making them costs more than drawing from them


def _index(draw: Draw, size: int) -> int:
    return draw(_below(size))


def _pick(draw: Draw, options: Sequence[T]) -> T:
    return options[_index(draw, len(options))]


def _one_in(draw: Draw, odds: int) -> bool:
    return _index(draw, odds) == odds - 1


@cache
def _below(size: int) -> st.SearchStrategy[int]:
    return st.integers(0, size - 1)
