"""What follows for a run from what a kernel decides about it.

Rule 1: a decision that does not fit is Rejected, like every other signal: here, too, no exception leaves.
Rule 2: only Halted calls the author's code (rows for Cancelled, and what follows); if that breaks, the run ends anyway.
Rule 3: an outcome that is not stepped any more (its run was halted, or it was skipped) takes its effect with it, so
        that nobody waits for it.
Left out on purpose: attempts that are not tried again, which are outcomes (the stepper's).
"""

from collections.abc import Callable, Mapping
from typing import Any

from attrs import evolve, frozen

from detent.kernel.calls import Broke as Breaking
from detent.kernel.calls import chosen
from detent.kernel.decisions import (
    FAR,
    Abandoned,
    Admitted,
    AttemptFailed,
    Broke,
    Cancelled,
    Halted,
    Held,
    Life,
    Parked,
    Queued,
    Resumed,
    Signal,
    is_whole,
)
from detent.kernel.definition import Call, outcome_name
from detent.kernel.draft import Draft
from detent.kernel.endings import UNFINISHED, broken, halting
from detent.kernel.facts import but
from detent.kernel.flights import Fan, Flight
from detent.kernel.layout import Layout
from detent.kernel.signals import Fired, Happened, Stopped
from detent.kernel.snapshot import End, InLine, Pending, Snapshot, Timer
from detent.kernel.steps import Moved, Rejected, Stepped
from detent.kernel.stored import forms_of
from detent.kernel.table import Table

__all__ = ["Here", "decide", "expected", "halt", "tried_again"]

NO_ATTEMPT = "this is no attempt that anybody could have made"


@frozen
class Here:
    """Where something is decided: the table, where the run is, and when."""

    table: Table[Any, Any, Any]
    snapshot: Snapshot[Any]
    layout: Layout
    at: int
    backwards: bool

    @property
    def pending(self) -> Pending:
        """What the run has under way."""
        return self.snapshot.pending

    def awake(self) -> "Here":
        """The same for a run whose time goes on: of a fork everything waits for as long as it had left."""
        parked = self.pending.parked
        if parked is None or parked.since is None:
            return self
        late = self.at - parked.since
        timers = tuple(evolve(one, due=one.due + late) for one in self.pending.timers)
        effects = tuple(one.later(late) for one in self.pending.effects)
        pending = but(self.pending, timers=timers, effects=effects)
        return evolve(self, snapshot=but(self.snapshot, pending=pending))

    def draft(self) -> Draft:
        """A macrostep that begins."""
        return Draft(self.table, self.snapshot, self.layout, self.at, self.backwards)

    def refuse(self, signal: Signal, why: str) -> Rejected[Any]:
        """The answer to a decision that does not fit."""
        return Rejected(self.snapshot, signal, why)

    def note(self, signal: Signal, pending: Pending) -> Moved[Any]:
        """The answer to a decision that changes only what is under way."""
        seq = self.snapshot.seq + 1
        return Moved(but(self.snapshot, seq=seq, at=self.at, pending=pending), signal)


def decide(here: Here, signal: Signal) -> Stepped[Any]:
    """What becomes of a run when something is decided about it."""
    kind = type(signal)
    follows = DECIDING.get(kind)
    if follows is None:
        return here.refuse(signal, f"{kind.__name__} is no event")
    decision: Any = signal
    if not is_whole(decision):
        return here.refuse(signal, f"this is no {kind.__name__} that anybody could decide")
    return follows(here, decision)


# -- what is in flight


def _in_flight(snapshot: Snapshot[Any], effect: int) -> Flight | None:
    """What an effect that has no outcome so far is part of."""
    for one in snapshot.pending.effects:
        if one.has(effect):
            return one
    return None


def expected(
    table: Table[Any, Any, Any], snapshot: Snapshot[Any], signal: Happened | AttemptFailed
) -> Flight | str:
    """What an outcome is of, if it is in flight and the outcome is possible; otherwise why not."""
    if type(signal.effect) is not int:
        return "the id of an effect is an int"
    flight = _in_flight(snapshot, signal.effect)
    if flight is None:
        return "the effect is not in flight"
    kind = type(signal.event)
    possible = table.possible[flight.form, flight.part_of(signal.effect)]
    if kind not in possible and not (flight.stopping and kind is Stopped):
        names = ", ".join(outcome_name(flight.form, one) for one in possible)
        return f"{outcome_name(flight.form, kind)} is not possible, only {names}"
    return flight


def tried_again(here: Here, signal: AttemptFailed) -> Stepped[Any] | None:
    """What becomes of an attempt that is tried again, or that there never was; None if it was the last."""
    if not is_whole(signal):
        return here.refuse(signal, NO_ATTEMPT)
    flight = expected(here.table, here.snapshot, signal)
    if isinstance(flight, str):
        return here.refuse(signal, flight)
    if why := _other_attempt(flight, signal):
        return here.refuse(signal, why)
    until = _again(here, flight, signal)
    if until is None:
        return None
    life = Life(signal.attempt + 1, "retry", min(until, FAR))
    return _living(here, signal, {signal.effect: life})


def _other_attempt(flight: Flight, signal: AttemptFailed) -> str:
    """Which attempt is under way, if it is another one."""
    life = flight.life_of(signal.effect)
    if not life.held and life.attempt == signal.attempt:
        return ""
    so_far = "is held" if life.held else "is under way"
    return f"attempt {life.attempt} {so_far}, not attempt {signal.attempt}"


def _again(here: Here, flight: Flight, signal: AttemptFailed) -> int | None:
    """When an attempt is tried again, if it is."""
    is_over = here.snapshot.end is not None
    form = forms_of(here.table.forms[flight.form])[flight.part_of(signal.effect)]
    if is_over or flight.is_stopping(signal.effect) or not isinstance(form, Call):
        return None
    if form.retry is None:
        return None
    return form.retry.again(signal.attempt, signal.event, signal.chance, flight.at, here.at)


def _held(here: Here, signal: Held) -> Stepped[Any]:
    lives: dict[int, Life] = {}
    for effect in signal.effects:
        flight = _in_flight(here.snapshot, effect)
        if flight is None or flight.is_stopping(effect):
            what = "is not in flight" if flight is None else "was asked to stop"
            return here.refuse(signal, f"effect {effect} {what}")
        lives[effect] = Life(flight.life_of(effect).attempt, signal.why, signal.until)
    return _living(here, signal, lives)


def _admitted(here: Here, signal: Admitted) -> Stepped[Any]:
    flight = _in_flight(here.snapshot, signal.effect)
    if flight is None or not flight.life_of(signal.effect).held:
        return here.refuse(signal, f"effect {signal.effect} is not held")
    return _living(here, signal, {signal.effect: Life(signal.attempt)})


def _living(here: Here, signal: Signal, lives: Mapping[int, Life]) -> Moved[Any]:
    """Effects, by id, have come so far."""
    effects = tuple(
        flight.living(lives) if any(map(flight.has, lives)) else flight
        for flight in here.pending.effects
    )
    return here.note(signal, but(here.pending, effects=effects))


def _abandoned(here: Here, signal: Abandoned) -> Stepped[Any]:
    pending = here.pending
    if _in_flight(here.snapshot, signal.effect) is None or signal.effect in pending.abandoned:
        return here.refuse(signal, f"effect {signal.effect} is not in flight, or is given up")
    return here.note(signal, but(pending, abandoned=(*pending.abandoned, signal.effect)))


# -- the end


def halt(here: Here, halted: Halted, signal: Signal, timer: Timer | None = None) -> Stepped[Any]:
    """What becomes of a run that is to end. `signal` said so; perhaps it was a timer."""
    end = here.snapshot.end
    if end is not None and not here.pending.effects:
        return here.refuse(signal, f"the run is over: it {end.status}")
    if end is None and here.pending.halted is None:
        return _first_halted(here, halted, signal, timer)
    draft = _cleared(here, timer)
    if end is None:
        draft.end = End("failed", None, (UNFINISHED,))
    draft.stop()
    return draft.finish(signal)


def _first_halted(here: Here, halted: Halted, signal: Signal, timer: Timer | None) -> Stepped[Any]:
    """Offer Cancelled, and compensate if that leads to it; otherwise the run ends at once."""
    where = ", ".join(here.snapshot.configuration)
    is_told = halted.reason or halted.status != "timed_out"
    why = halted if is_told else evolve(halted, reason=f"in {where}")
    event = Cancelled(halted.reason)
    draft = _cleared(here, timer)
    draft.halted = why
    try:
        rows = chosen(here.layout.cell(Cancelled).ladders, draft.data, event)
        if rows:
            draft.take(rows, event)
            draft.leave_to_compensation()
            draft.settle()
        else:
            draft.end = End(why.status)
        return draft.finish(signal)
    except Breaking as breaking:
        draft = _cleared(here, timer)
        draft.end = End(why.status, None, (halting(why), broken(breaking.bug)))
        return draft.finish(signal)


def _broke(here: Here, signal: Broke) -> Stepped[Any]:
    if here.snapshot.end is not None:
        return here.refuse(signal, "the run has come to its end")
    if signal.signal is not None and (why := _kept_out(here, signal.signal)):
        return here.refuse(signal, why)
    also = () if here.pending.halted is None else (halting(here.pending.halted),)
    draft = _cleared(here, None)
    draft.halted = None
    _forget(draft, signal.signal)
    draft.end = End("failed", None, (broken(signal), *also))
    return draft.finish(signal)


def _cleared(here: Here, timer: Timer | None) -> Draft:
    """A macrostep of a run for which nothing waits any more."""
    draft = here.awake().draft()
    draft.parked, draft.line = None, ()
    if timer is not None:
        draft.drop_timer(timer)
    for waiting in here.pending.line:
        _forget(draft, waiting.signal)
    return draft


def _forget(draft: Draft, signal: Signal | None) -> None:
    """Take what will not be stepped: an outcome, or a timer, of which nobody hears."""
    if isinstance(signal, Happened | AttemptFailed):
        flight = next((one for one in draft.effects if one.has(signal.effect)), None)
        if isinstance(flight, Fan) and not flight.stopping and draft.end is None:
            draft.doubt(signal.effect, signal.event)
            draft.hear(flight, signal.effect - flight.id, signal.event)
        elif flight is not None:
            draft.record(flight, signal.effect, signal.event)
    elif isinstance(signal, Fired):
        draft.timers = tuple(one for one in draft.timers if one.id != signal.timer)


# -- the line


def _kept_out(here: Here, signal: Signal) -> str:
    """Why something cannot wait in the line; nothing, if it can."""
    waiting = [one.signal for one in here.pending.line]
    if isinstance(signal, Happened | AttemptFailed):
        flight = expected(here.table, here.snapshot, signal)
        if isinstance(flight, str):
            return flight
        if isinstance(signal, AttemptFailed):
            if not is_whole(signal):
                return NO_ATTEMPT
            if why := _other_attempt(flight, signal):
                return why
        outcomes = [one for one in waiting if isinstance(one, Happened | AttemptFailed)]
        is_there = any(one.effect == signal.effect for one in outcomes)
        return "the effect has an outcome already, which waits" if is_there else ""
    if isinstance(signal, Fired):
        runs = signal in [Fired(one.id) for one in here.pending.timers]
        is_one = runs and type(signal.timer) is int and signal not in waiting
        return "" if is_one else "the timer is not running"
    if type(signal) in here.table.events:
        return ""
    return f"{type(signal).__name__} is nothing that waits"


def _parked(here: Here, signal: Parked) -> Stepped[Any]:
    pending, seq = here.pending, here.snapshot.seq + 1
    if pending.parked is not None or here.snapshot.end is not None:
        return here.refuse(signal, "the run is parked already, or has come to its end")
    line, entry = pending.line, signal.entry
    if signal.signal is not None:
        if why := _kept_out(here, signal.signal):
            return here.refuse(signal, why)
        line, entry = (InLine(signal.signal, seq), *line), seq
    elif not entry:
        entry = next(iter(_waiting(pending)), 0)
    elif entry not in _waiting(pending):
        return here.refuse(signal, f"nothing waits of entry {entry} that could have broken")
    parked = evolve(signal, signal=None, entry=entry)
    return here.note(signal, but(pending, parked=parked, line=line))


def _waiting(pending: Pending) -> list[int]:
    """The entries of what may be offered next: the oldest in the line, or else a deferred event."""
    if pending.line:
        return [pending.line[0].seq]
    return [kept.seq for kept in pending.deferred[pending.offered :]]


def _queued(here: Here, signal: Queued) -> Stepped[Any]:
    pending = here.pending
    if pending.parked is None:
        return here.refuse(signal, "the run is not parked: nothing has to wait")
    if why := _kept_out(here, signal.signal):
        return here.refuse(signal, why)
    waiting = InLine(signal.signal, here.snapshot.seq + 1)
    return here.note(signal, but(pending, line=(*pending.line, waiting)))


def _resumed(here: Here, signal: Resumed) -> Stepped[Any]:
    parked = here.pending.parked
    if parked is None:
        return here.refuse(signal, "the run is not parked")
    here = here.awake()
    pending = here.pending
    line = pending.line
    if not signal.skip:
        return here.note(signal, but(pending, parked=None))
    if line and line[0].seq == parked.entry:
        return _skipped(here, signal, line[0].signal)
    kept = tuple(one for one in pending.deferred if one.seq != parked.entry)
    return here.note(signal, but(pending, parked=None, deferred=kept))


def _skipped(here: Here, signal: Resumed, broke: Signal) -> Stepped[Any]:
    """Take what broke out of the line."""
    draft = here.draft()
    draft.parked, draft.line = None, here.pending.line[1:]
    _forget(draft, broke)
    draft.queue = []
    return draft.finish(signal)


DECIDING: Mapping[type, Callable[[Here, Any], Stepped[Any]]] = {
    Held: _held,
    Admitted: _admitted,
    Abandoned: _abandoned,
    Halted: lambda here, signal: halt(here, signal, signal),
    Parked: _parked,
    Queued: _queued,
    Resumed: _resumed,
    Broke: _broke,
}
"""What follows from each."""
