"""Hypothesis strategies for machines. What may happen to a run of one is beside it, and shown here too.

Rule 1: a generated machine compiles. What it does when it runs is not restricted: it may fail, end, break, or go in
        circles.
Rule 2: the simplest machine has one state, and shrinking goes there.
"""

from typing import Any

from attrs import define, field, frozen
from hypothesis import strategies as st

from detent.kernel import (
    After,
    Always,
    Cancelled,
    Defer,
    Doing,
    Done,
    Event,
    Final,
    History,
    Ignore,
    Machine,
    On,
    Outcome,
    Part,
    Region,
    Reject,
    State,
)
from detent.tools.testing.drawing import Draw, index, one_in, pick
from detent.tools.testing.happenings import Walk, signals, walks
from detent.tools.testing.samples import (
    EFFECTS,
    EVENTS,
    GUARDS,
    QUIET_GUARDS,
    QUIET_UPDATES,
    STATUSES,
    UPDATES,
    Tally,
)

__all__ = ["Features", "Walk", "machines", "signals", "walks"]


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
    compensation: bool = True


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
    compensates: bool = False

    def everything(self) -> "list[_Plan]":
        """The state and all inside it."""
        return [self, *(inner for child in self.inside for inner in child.everything())]

    def written(self) -> State[Tally]:
        """The state as a person would write it."""
        if self.kind is Final:
            return Final(self.name, self.extra)
        if self.kind is History:
            return History(self.name, deep=self.extra)
        inside = (state.written() for state in self.inside)
        flag = self.compensates
        return self.kind(self.name, *self.rows, *inside, do=self.do, compensates=flag)


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
        defer_limit=pick(draw, (100, 2)),
        microsteps=40,
        background_limit=pick(draw, (60.0, 0)),
    )


def _fill(draw: Draw, outer: _Plan, features: Features, depth: int, count: list[int]) -> None:
    """Put states inside a state."""
    parallel = features.parallel and depth < 3 and one_in(draw, 6)
    around = (*outer.around, outer)
    for _ in range((2 + index(draw, 2)) if parallel else (1 + index(draw, 4))):
        count[0] += 1
        plan = _Plan(f"s{count[0]}", Region if parallel else State, around=around)
        outer.inside.append(plan)
        if features.nested and depth < 3 and one_in(draw, 4 + depth):
            _fill(draw, plan, features, depth + 1, count)
    if not parallel and one_in(draw, 3):
        status = pick(draw, STATUSES)
        count[0] += 1
        outer.inside.append(_Plan(f"f{count[0]}", Final, around=around, extra=status))
    if features.history and depth and one_in(draw, 3):
        deep = one_in(draw, 2)
        count[0] += 1
        outer.inside.append(_Plan(f"h{count[0]}", History, around=around, extra=deep))


def _lead_to_all(draw: Draw, outer: _Plan, features: Features) -> None:
    """Give every state that is not entered by itself a row that leads to it."""
    for place, plan in enumerate(outer.inside):
        if place and plan.kind is not Region and plan.kind is not History:
            sources = [p for p in outer.inside[:place] if p.kind in (State, Region)] or [outer]
            source = pick(draw, sources)
            source.rows.append(_on(draw, features, plan.name))
    for history in (plan for plan in outer.inside if plan.kind is History):
        sources = [
            p for p in (*outer.around[1:], outer, *outer.inside) if p.kind in (State, Region)
        ]
        usable = [source for source in sources if _may_lead(source, history)]
        pick(draw, usable).rows.append(_on(draw, features, history.name))


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
    plan.rows += [_on(draw, features, pick(draw, to)) for _ in range(index(draw, 3))]
    if features.compensation and plan is not root:
        plan.compensates = one_in(draw, 4)
    if features.compensation and one_in(draw, 3):
        undoing: Any = pick(draw, (None, Tally.add))
        plan.rows.append(On[Tally](Cancelled, to=pick(draw, to), update=undoing))
    if features.eventless and one_in(draw, 5):
        plan.rows.append(_always(draw, pick(draw, to)))
    if any(inner.kind is Final for inner in plan.inside) and plan is not root:
        plan.rows.append(Done(to=pick(draw, to)))
    if features.timers and one_in(draw, 4):
        seconds = pick(draw, (0.0, 1.5, 60.0))
        plan.rows.append(
            After(seconds, to=pick(draw, to), update=pick(draw, (None, *QUIET_UPDATES)))
        )
    if features.deferral:
        _excuse(draw, plan)
    if features.effects and plan is not root:
        plan.do = _effects(draw, root, features)
        for form in plan.do:
            owner = pick(draw, (plan, *plan.around[1:]))
            plan.rows += (
                [] if owner is not plan else _outcome_rows(draw, plan, root, form, features)
            )
            if owner is not plan:
                owner.rows += _outcome_rows(draw, owner, root, form, features)


def _on(draw: Draw, features: Features, to: str | None) -> On[Tally]:
    event = pick(draw, EVENTS)
    guards = (None, *(GUARDS if features.bugs else GUARDS[:-1])) if features.guards else (None,)
    updates = (None, *(UPDATES if features.bugs else UPDATES[:-1]))
    when: Any = pick(draw, guards)
    update: Any = pick(draw, updates)
    return On[Tally](event, to=to, when=when, update=update, reenter=one_in(draw, 2))


def _always(draw: Draw, to: str | None) -> Always[Tally]:
    when = pick(draw, QUIET_GUARDS)
    return Always(to=to, when=when, update=pick(draw, (None, *QUIET_UPDATES)))


def _excuse(draw: Draw, plan: _Plan) -> None:
    """Let a state ignore, defer or reject some of the events it does not handle."""
    handled = {row.event for row in plan.rows if isinstance(row, On)}
    for event in EVENTS:
        if event not in handled:
            word = pick(draw, (None, Defer, Ignore, Reject))
            if word is not None:
                plan.rows.append(word(event))


def _effects(draw: Draw, root: _Plan, features: Features) -> tuple[Doing[Tally], ...]:
    return tuple(dict.fromkeys(pick(draw, EFFECTS) for _ in range(index(draw, 3))))


def _outcome_rows(
    draw: Draw, plan: _Plan, root: _Plan, form: Doing[Tally], features: Features
) -> list[Part[Tally]]:
    """Rows for some of what may come of an effect; what has none will fail the run."""
    targets = [other.name for other in root.everything()[1:] if _may_lead(plan, other)]
    to: list[str | None] = [None, *targets]
    rows: list[Part[Tally]] = []
    for kind in form.possible:
        if not one_in(draw, 5):
            outcome: Outcome[Event] = Outcome(((form, kind),))
            update: Any = pick(draw, (None, Tally.add))
            rows.append(On[Tally](outcome, to=pick(draw, to), update=update))
    return rows
