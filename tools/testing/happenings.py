"""Hypothesis strategies for what may happen to a run: events, outcomes, timers, and what a kernel decides.

Rule 1: what happens is drawn against the table and the snapshot, so that it mostly finds what it is meant for; some of
        it is meant for nothing, because that must be harmless too.
Rule 2: what ends or parks a run is seldom, and half of all walks have none of it: what a machine does by itself comes
        first.
"""

from typing import Any

from attrs import evolve, frozen
from hypothesis import strategies as st

from detent.kernel import (
    Abandoned,
    Admitted,
    AttemptFailed,
    Broke,
    Broken,
    BrokenBegin,
    Each,
    Ended,
    Event,
    Fan,
    Fired,
    Flight,
    Halted,
    Happened,
    Held,
    Parked,
    Problem,
    Queued,
    Record,
    Resumed,
    Shape,
    Signal,
    Snapshot,
    Table,
    advance,
    begin,
    outcome_shape,
    shape_of,
    unstorable,
)
from detent.tools.testing.drawing import Draw, index, one_in, pick
from detent.tools.testing.echoes import echoing
from detent.tools.testing.payloads import values
from detent.tools.testing.samples import EVENTS, STATUSES, Tally
from detent.tools.testing.watchdog import watchdog

__all__ = ["Walk", "signals", "walks"]

AnyTable = Table[Any, Any, Any]
Now = Snapshot[Any]

CHILD_STATUSES = (*STATUSES, "cancelled", "timed_out")
TALLIES = st.integers(0, 9).map(Tally)
MADE_UP = Problem("MadeUp", "nobody knows why")
HALTED = (Halted("cancelled"), Halted("cancelled", "nobody needs it"), Halted("timed_out"))


@frozen
class Walk:
    """What a run begins with, and what happens to it: signals with their times."""

    input: Any
    signals: tuple[tuple[Signal, int], ...] = ()


@st.composite
def signals(draw: Draw, table: AnyTable, snapshot: Now, decided: bool = True) -> Signal:
    """What may happen to a run that is at a snapshot; now and then something that cannot.

    Unless decisions are `decided` too, it is an event, an outcome or a timer.
    """
    if not decided:
        return _happening(draw, table, snapshot)
    if snapshot.pending.parked is not None and not one_in(draw, 5):
        if one_in(draw, 2):
            return Resumed(one_in(draw, 3))
        return Queued(_happening(draw, table, snapshot))
    if one_in(draw, 4 if snapshot.effects else 8):
        return _decision(draw, table, snapshot)
    return _happening(draw, table, snapshot)


def _happening(draw: Draw, table: AnyTable, snapshot: Now) -> Signal:
    """An event, an outcome or a timer."""
    flying = _flying(snapshot)
    kinds = ["sent"] * 4 * bool(table.events) + ["came"] * 4 * bool(flying)
    kinds += ["fired"] * 2 * bool(snapshot.timers)
    kind = pick(draw, [*kinds, "nothing"])
    if kind == "sent" and table.events:
        sent: Event = draw(values(shape_of(pick(draw, table.events))))
        return echoing(draw, sent, snapshot.data)
    if kind == "fired":
        return Fired(pick(draw, snapshot.timers).id)
    if kind == "came":
        flight, id = pick(draw, flying)
        return Happened(id, _outcome(draw, table, snapshot, flight, id))
    id = index(draw, snapshot.pending.count + 2) - 1
    return Fired(id) if one_in(draw, 2) else Happened(id, EVENTS[0]())


def _decision(draw: Draw, table: AnyTable, snapshot: Now) -> Signal:
    """What a kernel may decide."""
    flying = _flying(snapshot)
    kinds = ["held", "held", "admitted", "failed", "failed", "failed", "abandoned"]
    kind = pick(draw, [*kinds * bool(flying), "parked", "halted", "nonsense", "broke"])
    if kind == "parked":
        broke = _happening(draw, table, snapshot) if one_in(draw, 2) else None
        return Parked("somewhere", "update", "somebody", MADE_UP, broke)
    if kind == "halted":
        return pick(draw, HALTED)
    if kind == "broke":
        broke = _happening(draw, table, snapshot) if one_in(draw, 2) else None
        return Broke("somewhere", "guard", "", MADE_UP, broke)
    if kind == "nonsense":
        return _nonsense(draw, snapshot)
    flight, id = pick(draw, flying)
    return _about(draw, table, snapshot, kind, flight, id)


def _about(
    draw: Draw, table: AnyTable, snapshot: Now, kind: str, flight: Flight, id: int
) -> Signal:
    """What may be decided about an effect in flight."""
    attempt = flight.life_of(id).attempt
    if kind == "held":
        ids = tuple(dict.fromkeys((id, *(pick(draw, _flying(snapshot))[1] for _ in range(2)))))
        until = pick(draw, (0, snapshot.at + 1, snapshot.at + 1_000_000))
        return Held(ids, pick(draw, ("limiter", "workers")), until)
    if kind == "admitted":
        return Admitted(id, attempt)
    if kind == "abandoned":
        return Abandoned(id)
    outcome = _outcome(draw, table, snapshot, flight, id)
    return AttemptFailed(id, attempt, outcome, pick(draw, (0.0, 0.5, 1.0)))


def _nonsense(draw: Draw, snapshot: Now) -> Signal:
    """What does not fit, or hardly ever."""
    id = index(draw, snapshot.pending.count + 2)
    options: list[Signal] = [
        Held((id,), "limiter"),
        Held((), "limiter"),
        Admitted(id, 2),
        AttemptFailed(id, 9, EVENTS[0]()),
        Abandoned(id),
        Queued(EVENTS[0]()),
        Resumed(),
        Parked("somewhere", "update", "", MADE_UP, entry=id),
    ]
    return pick(draw, options)


def _flying(snapshot: Now) -> list[tuple[Flight, int]]:
    """What waits for an outcome, of an Each the first few."""
    return [(flight, id) for flight in snapshot.effects for id in _open(flight)]


def _open(flight: Flight) -> list[int]:
    """The first few orders that wait for an outcome."""
    size = len(flight.orders) if isinstance(flight, Fan) else 1
    return [id for id in range(flight.id, flight.id + size) if flight.has(id)][:3]


def _outcome(draw: Draw, table: AnyTable, snapshot: Now, flight: Flight, id: int) -> Event:
    """Something that may come of an effect; if it is the end of a child, one of the ways in which runs end."""
    drawn: Any = draw(values(_shape(draw, table, flight, id)))
    is_end = issubclass(type(drawn), Ended)
    outcome: Event = evolve(drawn, status=pick(draw, CHILD_STATUSES)) if is_end else drawn
    return echoing(draw, outcome, snapshot.data)


def _shape(draw: Draw, table: AnyTable, flight: Flight, id: int) -> Shape:
    form, part = table.forms[flight.form], flight.part_of(id)
    inner = form.forms[part] if isinstance(form, Each) else form
    kind = pick(draw, table.possible[flight.form, part])
    shape = outcome_shape(inner, kind)
    if isinstance(shape, Record) and any(True for a in shape.arguments for _ in unstorable(a)):
        return Record(shape.kind, (shape_of(None),))
    return shape


@st.composite
def walks(
    draw: Draw,
    table: AnyTable,
    inputs: st.SearchStrategy[Any] = TALLIES,
    at_most: int = 20,
    decided: bool = True,
) -> Walk:
    """Walks of a machine, drawn as the run goes on; nothing happens to a run that cannot begin.

    `inputs` makes what runs begin with; left out, it makes what generated machines begin with. Unless decisions are
    `decided` too, as in every other walk, only events, outcomes and timers happen. What breaks may park the run, or
    end it.
    """
    input = draw(inputs)
    try:
        now = begin(table, input).snapshot
    except BrokenBegin:
        return Walk(input)
    is_decided = decided and one_in(draw, 2)
    walked: list[tuple[Signal, int]] = []
    broken: Broken[Any] | None = None
    for _ in range(index(draw, at_most + 1)):
        if broken is not None and is_decided and not one_in(draw, 3):
            signal = _mended(draw, broken)
        else:
            signal = draw(signals(table, now, is_decided))
        at = now.at + pick(draw, (0, 1, 500_000, 90_000_000))
        walked.append((signal, at))
        broken = None
        with watchdog():
            for stepped in advance(table, now, signal, at):
                now = stepped.snapshot
                broken = stepped if isinstance(stepped, Broken) else None
    return Walk(input, tuple(walked))


def _mended(draw: Draw, broken: Broken[Any]) -> Signal:
    """What is decided about a run whose machine broke."""
    bug, waited = broken.bug, broken.cause
    signal = broken.signal if waited is None else None
    said = (bug.place, bug.role, bug.callable, bug.problem, signal)
    if one_in(draw, 4):
        return Broke(*said)
    return Parked(*said, pick(draw, (0, waited or 0)))
