"""Walking a machine by hand, offline: for doctests, for trying things out, and for reading a machine aloud.

In a walk nothing is performed. Outcomes are given by hand, and are the last word: nothing is tried again, unless an
AttemptFailed says so. Time passes when it is told to, what is stopped stops at once, and what is stamped is made up:
time from the walk's own clock, ids and chance by counting.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Generic, TypeAlias, TypeVar

from attrs import define, field, frozen

from detent.kernel.compiler import compile_machine
from detent.kernel.decisions import Admitted, Signal
from detent.kernel.definition import Answer, Call, Definition, Doing, Each, Wait
from detent.kernel.errors import EndlessWalk, NoSuchEffect, WrongInput
from detent.kernel.flights import Fan, Flight, Ordered
from detent.kernel.signals import (
    Event,
    Fired,
    Happened,
    InDoubt,
    Stopped,
    TimedOut,
    stamp,
)
from detent.kernel.snapshot import DEADLINE, LIMIT, Snapshot
from detent.kernel.stepper import advance, begin
from detent.kernel.steps import Broken, Stepped
from detent.kernel.table import Table
from detent.kernel.values import moment

__all__ = ["Elapse", "due", "elapse", "walk"]

MANY = 10_000  # things due in one span of time: beyond it a walk is not read by anybody

I = TypeVar("I")  # noqa: E741 - input, data, result, as in Machine
D = TypeVar("D")
R = TypeVar("R")


@frozen
class Elapse:
    """Time that passes in a walk: what is due by then happens, in the order in which it is due."""

    microseconds: int


def elapse(seconds: float | timedelta) -> Elapse:
    """Let time pass in a walk."""
    span = seconds if isinstance(seconds, timedelta) else timedelta(seconds=seconds)
    if span < timedelta():
        raise WrongInput(f"time does not go back: elapse({seconds!r})")
    return Elapse(span // timedelta(microseconds=1))


Item: TypeAlias = Event | Answer | Signal | Elapse


def walk(
    definition: Definition[I, D, R] | Table[I, D, R], input: I, *items: Item
) -> tuple[Stepped[D], ...]:
    """What a run comes to that begins with an input and to which these things happen: one answer for each entry.

    An item is an event, an outcome of an effect (`charge.returned(Paid(5))`), time that passes (`elapse(30)`), or what
    a kernel decides (`Halted("cancelled")`).
    """
    table = definition if isinstance(definition, Table) else compile_machine(definition)
    first = begin(table, input)
    walker = _Walker(table, first.snapshot)
    steps: list[Stepped[D]] = [first]
    for item in items:
        steps += walker.go(item)
    return tuple(steps)


def due(table: Table[I, D, R], snapshot: Snapshot[D]) -> tuple[tuple[int, Signal], ...]:
    """What happens by itself if nothing else does, with the time at which it does, in order.

    These are timers, the deadlines of questions, the time-outs of effects, and the times until which effects are held.
    Time-outs are counted from the entry that ordered an effect; another attempt has none, since nobody knows when it
    began. Of a run that is parked, only its own time passes, and of a fork that nobody has resumed none.
    """
    if snapshot.pending.is_inert:
        return ()
    is_parked = snapshot.pending.parked is not None
    found: list[tuple[int, int, Signal]] = [
        (timer.due, timer.id, Fired(timer.id))
        for timer in snapshot.timers
        if timer.row in (DEADLINE, LIMIT) or not is_parked
    ]
    for flight in () if is_parked else snapshot.effects:
        for id, part in () if flight.stopping else _open_orders(flight):
            form = table.forms[flight.form]
            inner = form.forms[part] if isinstance(form, Each) else form
            coming = _coming(flight, id, inner)
            if coming is not None:
                found.append((coming[0], id, coming[1]))
    return tuple((at, signal) for at, _, signal in sorted(found, key=lambda one: one[:2]))


def _coming(flight: Flight, id: int, form: Doing[Any]) -> tuple[int, Signal] | None:
    """What comes by itself of one effect, and when."""
    life, limit = flight.life_of(id), _limit(form)
    if life.held:
        return (life.until, Admitted(id, life.attempt)) if life.until else None
    if limit is None or life.attempt > 1:
        return None
    at = flight.at + round(limit * 1_000_000)
    late = InDoubt("timeout", at=moment(at)) if _in_doubt(form) else TimedOut(at=moment(at))
    return at, Happened(id, late)


def _open_orders(flight: Flight) -> tuple[tuple[int, int], ...]:
    """The ids of the orders under way, and which form gave them."""
    if isinstance(flight, Ordered):
        return ((flight.id, flight.part),)
    return tuple((flight.id + index, flight.orders[index][0]) for index in flight.under_way())


def _limit(form: Doing[Any]) -> float | None:
    match form:
        case Call(timeout=limit) | Wait(deadline=limit):
            return limit
        case _:
            return None


def _in_doubt(form: Doing[Any]) -> bool:
    return isinstance(form, Call) and form.effect.recovery == "at_most_once"


@define
class _Walker(Generic[I, D, R]):
    """A run that is walked: where it is, and the walk's own clock and chance."""

    table: Table[I, D, R]
    now: Snapshot[D]
    at: int = 0
    stamps: int = field(default=0)

    def go(self, item: Item) -> Iterator[Stepped[D]]:
        """Let one thing happen, and what follows from it."""
        if isinstance(item, Elapse):
            yield from self._elapse(self.at + item.microseconds)
        elif isinstance(item, Answer):
            yield from self._take(Happened(self._addressed(item), self._stamped(item.event)))
        elif isinstance(item, Event):
            yield from self._take(self._stamped(item))
        else:
            yield from self._take(item)

    def _take(self, signal: Signal) -> Iterator[Stepped[D]]:
        """Let one signal happen; what it asks to stop stops, as long as nothing breaks."""
        waiting: Signal | None = signal
        while waiting is not None:
            stepped: Stepped[D] | None = None
            for stepped in advance(self.table, self.now, waiting, self.at):
                self.now = stepped.snapshot
                yield stepped
            is_stuck = isinstance(stepped, Broken) or self.now.pending.parked is not None
            stopping = None if is_stuck else next(self._stopping(), None)
            stopped = Stopped("exit", at=moment(self.at))
            waiting = None if stopping is None else Happened(stopping, stopped)

    def _stopping(self) -> Iterator[int]:
        for flight in self.now.effects:
            for id, _ in _open_orders(flight):
                if flight.stopping or (
                    isinstance(flight, Fan) and flight.asked >> (id - flight.id) & 1
                ):
                    yield id

    def _elapse(self, until: int) -> Iterator[Stepped[D]]:
        for _ in range(MANY):
            coming = due(self.table, self.now)
            if not coming or coming[0][0] > until:
                self.at = until
                return
            self.at, signal = max(coming[0][0], self.at), coming[0][1]
            before = self.now
            yield from self._take(signal)
            if self.now is before:  # it broke, and would break again
                return
        raise EndlessWalk(
            f"machine {self.table.name!r}: more than {MANY} things are due before time has passed"
        )

    def _addressed(self, answer: Answer) -> int:
        """The id of the effect that an answer is for."""
        for flight in self.now.effects:
            if flight.form == answer.form.key and not flight.stopping:
                ids = [id for id, _ in _open_orders(flight)]
                if answer.index is None:
                    return ids[0]
                if flight.id + answer.index in ids:
                    return flight.id + answer.index
        flying = ", ".join(sorted({flight.form for flight in self.now.effects})) or "nothing"
        where = f"machine {self.table.name!r} in {', '.join(self.now.configuration)}"
        name = answer.form.key
        if answer.index is not None and any(flight.form == name for flight in self.now.effects):
            raise NoSuchEffect(f"{where}: order {answer.index} of {name!r} is not under way")
        raise NoSuchEffect(f"{where}: {name!r} is not in flight, {flying} is")

    def _stamped(self, event: Event) -> Event:
        self.stamps += 1
        chance = self.stamps * GOLDEN % 1.0
        return stamp(
            event,
            at=moment(self.at),
            new_id=lambda: f"id-{self.stamps}",
            random=lambda: chance,
        )


GOLDEN = 0.6180339887498949  # multiples of it are spread evenly over the numbers from 0 to 1
